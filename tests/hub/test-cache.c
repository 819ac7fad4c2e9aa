/* SPDX-License-Identifier: Apache-2.0 */
/* The cache: its layout, when the hub is asked and when it is not. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/lock.h"
#include "hubtest.h"

#define FOLDER "models--org--m"
#define WEIGHTS "model.safetensors"

static char *
download_at (HubTest *test, const char *revision, const char *file)
{
  g_autoptr (GError) error = NULL;
  char *path = opensora_hub_download (
      test->hub, "org/m", revision, file, NULL, NULL, NULL, &error);

  g_assert_no_error (error);
  return path;
}

static char *
read_text (HubTest *test, const char *below)
{
  g_autofree char *path = g_build_filename (test->cache, below, NULL);
  char *text = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return text;
}

static void
test_layout (HubTest *test, gconstpointer data)
{
  g_autofree char *commit = hub_test_commit ();
  g_autofree char *path = download_at (test, NULL, "vae/config.json");
  g_autofree char *wanted = g_build_filename (
      test->cache, FOLDER, "snapshots", commit, "vae", "config.json", NULL);
  g_autofree char *target = g_file_read_link (path, NULL);
  g_autofree char *etag = g_path_get_basename (target);
  g_autofree char *link = g_strconcat ("../../../blobs/", etag, NULL);
  g_autofree char *ref = read_text (test, FOLDER "/refs/main");
  g_autofree char *tag = read_text (test, "CACHEDIR.TAG");
  g_autofree char *lock =
      g_strconcat (test->cache, "/.locks/" FOLDER "/", etag, ".lock", NULL);
  struct stat status;

  g_assert_cmpstr (path, ==, wanted);
  g_assert_cmpstr (target, ==, link);
  g_assert_cmpuint (strlen (etag), ==, 40);
  g_assert_cmpstr (ref, ==, commit);
  g_assert_true (
      g_str_has_prefix (tag, "Signature: 8a477f597d28d172789f06886806bc55\n"));
  g_assert_cmpint (g_stat (lock, &status), ==, 0);
  g_assert_cmpint (status.st_size, ==, 0);
  hub_test_assert_content (path, "vae/config.json");
}

/* What a second download asks. */
static void
test_hits (HubTest *test, gconstpointer data)
{
  g_autofree char *commit = hub_test_commit ();
  g_autofree char *first = download_at (test, NULL, WEIGHTS);
  g_autofree char *second = NULL;
  g_autofree char *third = NULL;

  hub_test_forget_log ();
  second = download_at (test, NULL, WEIGHTS);
  g_assert_cmpstr (second, ==, first);
  g_assert_cmpuint (hub_test_count (NULL, "HEAD"), ==, 1);
  g_assert_cmpuint (hub_test_count (NULL, NULL), ==, 1);
  hub_test_forget_log ();
  third = download_at (test, commit, WEIGHTS);
  g_assert_cmpstr (third, ==, first);
  g_assert_cmpuint (hub_test_count (NULL, NULL), ==, 0);
}

static void
test_offline (HubTest *test, gconstpointer data)
{
  g_autofree char *first = download_at (test, NULL, WEIGHTS);
  g_autofree char *second = NULL;
  g_autofree char *resolved =
      opensora_hub_resolve (test->hub, "org/m", NULL, WEIGHTS, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_cmpstr (resolved, ==, first);
  hub_test_forget_log ();
  g_setenv ("HF_HUB_OFFLINE", "yes", TRUE);
  second = download_at (test, NULL, WEIGHTS);
  g_assert_cmpstr (second, ==, first);
  g_assert_null (hub_test_download (test, "config.json", &error));
  g_assert_error (
      error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "config.json"));
  g_assert_nonnull (strstr (error->message, test->cache));
  g_unsetenv ("HF_HUB_OFFLINE");
  g_assert_cmpuint (hub_test_count (NULL, NULL), ==, 0);
}

/* The cache helps out, at once, whatever the hub's trouble is. */
static void
test_hub_down (HubTest *test, gconstpointer fault)
{
  g_autofree char *first = download_at (test, NULL, WEIGHTS);
  g_autofree char *second = NULL;
  gint64 begin = g_get_monotonic_time ();

  if (fault != NULL)
    hub_test_fault (fault);
  else
    hub_test_config ("{'down': true}");
  second = download_at (test, NULL, WEIGHTS);
  g_assert_cmpstr (second, ==, first);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, 3 * G_USEC_PER_SEC);
}

/* A branch that moves gets another snapshot of the same blob. */
static void
test_moved_branch (HubTest *test, gconstpointer data)
{
  g_autofree char *first = download_at (test, NULL, WEIGHTS);
  g_autofree char *second = NULL;
  g_autofree char *commit = NULL;
  g_autofree char *ref = NULL;

  hub_test_change_file (
      "{'repo': 'org/m', 'path': 'config.json', 'text': 'new'}");
  commit = hub_test_commit ();
  hub_test_forget_log ();
  second = download_at (test, NULL, WEIGHTS);
  g_assert_cmpuint (hub_test_count (NULL, "GET"), ==, 0);
  g_assert_cmpstr (second, !=, first);
  g_assert_nonnull (strstr (second, commit));
  hub_test_assert_content (second, WEIGHTS);
  ref = read_text (test, FOLDER "/refs/main");
  g_assert_cmpstr (ref, ==, commit);
}

static void
test_damaged_size (HubTest *test, gconstpointer data)
{
  g_autofree char *first = download_at (test, NULL, WEIGHTS);
  g_autofree char *second = NULL;

  g_assert_cmpint (truncate (first, 5), ==, 0);
  second = download_at (test, NULL, WEIGHTS);
  hub_test_assert_content (second, WEIGHTS);
}

static void
test_no_symlinks (HubTest *test, gconstpointer data)
{
  g_autofree char *path = NULL;
  g_autofree char *again = NULL;

  g_setenv ("HF_HUB_DISABLE_SYMLINKS", "1", TRUE);
  path = download_at (test, NULL, WEIGHTS);
  g_assert_false (g_file_test (path, G_FILE_TEST_IS_SYMLINK));
  hub_test_assert_content (path, WEIGHTS);
  hub_test_forget_log ();
  again = download_at (test, NULL, WEIGHTS);
  g_assert_cmpstr (again, ==, path);
  g_assert_cmpuint (hub_test_count (NULL, "GET"), ==, 0);
  g_unsetenv ("HF_HUB_DISABLE_SYMLINKS");
}

static void
test_missing_file (HubTest *test, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *commit = hub_test_commit ();
  g_autofree char *note = g_build_filename (
      test->cache, FOLDER, ".no_exist", commit, "sub", "none.bin", NULL);

  g_assert_null (hub_test_download (test, "sub/none.bin", &error));
  g_assert_error (
      error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_ENTRY_NOT_FOUND);
  g_assert_true (g_file_test (note, G_FILE_TEST_IS_REGULAR));
}

static void
test_empty_file (HubTest *test, gconstpointer data)
{
  g_autofree char *path = download_at (test, NULL, "empty.txt");

  hub_test_assert_content (path, "empty.txt");
}

/* --- Locks --- */

static gpointer
download_in_thread (gpointer data)
{
  return download_at (data, NULL, WEIGHTS);
}

static void
test_at_once (HubTest *test, gconstpointer data)
{
  GThread *threads[6];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("download", download_in_thread, test);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++) {
    g_autofree char *path = g_thread_join (threads[i]);

    hub_test_assert_content (path, WEIGHTS);
  }
  g_assert_cmpuint (hub_test_count ("cdn", "GET"), ==, 1);
}

static void
test_lock (HubTest *test, gconstpointer data)
{
  g_autofree char *path = g_build_filename (test->folder, "a.lock", NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  gboolean held;
  int fd = os_hub_lock (path, &held, NULL, &error);

  g_assert_cmpint (fd, >=, 0);
  g_assert_true (held);
  g_cancellable_cancel (cancellable);
  g_assert_cmpint (os_hub_lock (path, &held, cancellable, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  close (fd);
  fd = os_hub_lock (path, &held, NULL, NULL);
  g_assert_cmpint (fd, >=, 0);
  close (fd);
}

#define ADD(name, data, func)                                                  \
  g_test_add ("/hub/cache/" name, HubTest, data, hub_test_set_up, func,        \
      hub_test_tear_down)

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  if (!hub_test_start (NULL))
    return hub_test_skip ();
  g_setenv ("HF_HUB_ETAG_TIMEOUT", "1", TRUE);
  ADD ("layout", NULL, test_layout);
  ADD ("hits", NULL, test_hits);
  ADD ("offline", NULL, test_offline);
  ADD ("hub-down", NULL, test_hub_down);
  ADD ("hub-down/busy", "{'times': -1, 'do': {'status': 503}}", test_hub_down);
  ADD ("hub-down/silent", "{'times': -1, 'do': {'hang': 9}}", test_hub_down);
  ADD ("hub-down/login-page", "{'times': -1, 'do': {'html': true}}",
      test_hub_down);
  ADD ("hub-down/loop", "{'times': -1, 'do': {'redirect_loop': 'relative'}}",
      test_hub_down);
  ADD ("moved-branch", NULL, test_moved_branch);
  ADD ("damaged-size", NULL, test_damaged_size);
  ADD ("no-symlinks", NULL, test_no_symlinks);
  ADD ("missing-file", NULL, test_missing_file);
  ADD ("empty-file", NULL, test_empty_file);
  ADD ("at-once", NULL, test_at_once);
  ADD ("lock", NULL, test_lock);
  status = g_test_run ();
  hub_test_stop ();
  return status;
}
