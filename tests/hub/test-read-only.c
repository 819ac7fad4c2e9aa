/* SPDX-License-Identifier: Apache-2.0 */
/* A cache that belongs to somebody else: it serves what it has, without a lock
 * and without a write. The reader is a process that may not write there; root,
 * who may always, becomes nobody first. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <grp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hubtest.h"

#define WEIGHTS "model.safetensors"
#define READER "--reader" /* argument of the process */
#define NOBODY 65534

static const char *program;

/* --- The reader --- */

static void
become_nobody (void)
{
  if (geteuid () != 0)
    return;
  g_assert_cmpint (setgroups (0, NULL), ==, 0);
  g_assert_cmpint (setgid (NOBODY), ==, 0);
  g_assert_cmpint (setuid (NOBODY), ==, 0);
  prctl (PR_SET_DUMPABLE, 1); /* the leak checker looks at its own process */
}

static void
read_file (OpensoraHub *hub, const char *revision)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *resolved =
      opensora_hub_resolve (hub, "org/m", revision, WEIGHTS, &error);
  g_autofree char *path = NULL;
  g_auto (GStrv) paths = NULL;
  g_auto (GStrv) names = NULL;

  g_assert_no_error (error);
  path = opensora_hub_download (
      hub, "org/m", revision, WEIGHTS, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (path, ==, resolved);
  paths = opensora_hub_download_component (hub, "org/m", revision, NULL,
      OPENSORA_HUB_COMPONENT_TRANSFORMERS, NULL, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (paths[1], ==, path);
  names = opensora_hub_list_files (hub, "org/m", revision, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_strv_contains ((const char *const *) names, "config.json"));
  g_assert_true (opensora_hub_verify (
      hub, "org/m", revision, WEIGHTS, NULL, NULL, NULL, &error));
  g_assert_no_error (error);
}

/* What would have to be written is an error that names the folder. */
static void
miss_file (OpensoraHub *hub, const char *cache)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (opensora_hub_download (
      hub, "org/m", NULL, "empty.txt", NULL, NULL, NULL, &error));
  g_assert_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_IO);
  g_assert_nonnull (strstr (error->message, cache));
}

/* Without a commit the hub is down. */
static int
reader (const char *cache, const char *endpoint, const char *commit)
{
  g_autoptr (OpensoraHub) hub = opensora_hub_new (cache, endpoint, FALSE);
  g_autoptr (OpensoraHub) local = opensora_hub_new (cache, endpoint, TRUE);
  g_autofree char *probe = g_build_filename (cache, "probe", NULL);

  become_nobody ();
  g_assert_cmpint (g_open (probe, O_CREAT | O_WRONLY, 0666), ==, -1);
  g_assert_true (errno == EACCES || errno == EROFS);
  read_file (local, NULL);
  read_file (hub, NULL);
  if (commit != NULL) {
    read_file (hub, commit);
    miss_file (hub, cache);
  }
  return 0;
}

/* --- The owner --- */

/* Names, times and permissions of everything below. */
static void
describe (const char *path, GString *text)
{
  g_autoptr (GDir) dir = NULL;
  const char *name;
  struct stat status;

  g_assert_cmpint (lstat (path, &status), ==, 0);
  g_string_append_printf (text, "%s %o %ld.%09ld\n", path, status.st_mode,
      (long) status.st_ctim.tv_sec, status.st_ctim.tv_nsec);
  if (!S_ISDIR (status.st_mode))
    return;
  dir = g_dir_open (path, 0, NULL);
  while ((name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *below = g_build_filename (path, name, NULL);

    describe (below, text);
  }
}

static void
allow_writing (const char *path, gboolean allow)
{
  g_autoptr (GDir) dir = NULL;
  const char *name;

  if (g_file_test (path, G_FILE_TEST_IS_SYMLINK))
    return;
  if (!g_file_test (path, G_FILE_TEST_IS_DIR)) {
    g_assert_cmpint (g_chmod (path, allow ? 0644 : 0444), ==, 0);
    return;
  }
  g_assert_cmpint (g_chmod (path, 0755), ==, 0);
  dir = g_dir_open (path, 0, NULL);
  while ((name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *below = g_build_filename (path, name, NULL);

    allow_writing (below, allow);
  }
  g_assert_cmpint (g_chmod (path, allow ? 0755 : 0555), ==, 0);
}

static void
run_reader (HubTest *test, const char *commit)
{
  g_autoptr (GString) before = g_string_new (NULL);
  g_autoptr (GString) after = g_string_new (NULL);
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;

  describe (test->cache, before);
  process = g_subprocess_new (G_SUBPROCESS_FLAGS_NONE, &error, program, READER,
      test->cache, hub_test_address ("hub"), commit, NULL);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_wait_check (process, NULL, &error));
  g_assert_no_error (error);
  describe (test->cache, after);
  g_assert_cmpstr (after->str, ==, before->str);
}

/* data: is the hub down? */
static void
test_read_only (HubTest *test, gconstpointer down)
{
  g_autofree char *commit = hub_test_commit ();
  g_auto (GStrv) paths =
      opensora_hub_download_component (test->hub, "org/m", NULL, NULL,
          OPENSORA_HUB_COMPONENT_TRANSFORMERS, NULL, NULL, NULL, NULL, NULL);

  g_assert_nonnull (paths);
  g_assert_cmpint (g_chmod (test->folder, 0755), ==, 0);
  allow_writing (test->cache, FALSE);
  if (down != NULL)
    hub_test_config ("{'down': true}");
  hub_test_forget_log ();
  run_reader (test, down == NULL ? commit : NULL);
  if (down == NULL) {
    /* Of main: HEAD for the file, GET for the component and for the list. Of
     * the commit: the list, for what is there need not be all. And HEAD for the
     * file that is missing. */
    g_assert_cmpuint (hub_test_count (NULL, "GET"), ==, 3);
    g_assert_cmpuint (hub_test_count (NULL, NULL), ==, 5);
  }
  allow_writing (test->cache, TRUE);
}

int
main (int argc, char **argv)
{
  int status;

  if (argc >= 4 && g_str_equal (argv[1], READER))
    return reader (argv[2], argv[3], argv[4]);
  g_test_init (&argc, &argv, NULL);
  program = argv[0];
  if (!hub_test_start (NULL))
    return hub_test_skip ();
  g_test_add ("/hub/read-only/up", HubTest, NULL, hub_test_set_up,
      test_read_only, hub_test_tear_down);
  g_test_add ("/hub/read-only/down", HubTest, "down", hub_test_set_up,
      test_read_only, hub_test_tear_down);
  status = g_test_run ();
  hub_test_stop ();
  return status;
}
