/* SPDX-License-Identifier: Apache-2.0 */
/* A file system that is full, breaks, or has no links or locks. The linker
 * leads the library's calls to the functions here (--wrap): neither a mount nor
 * a privilege is needed. */
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "hubtest.h"

#define WEIGHTS "model.safetensors"
#define WEIGHTS_SIZE 1200000

static struct {
  gint64 room; /* bytes that can be written; < 0: any number */
  int write_error;
  int fsync_error;
  int symlink_error;
  int flock_error;
} disk;

ssize_t __real_write (int fd, const void *data, size_t size);
ssize_t __wrap_write (int fd, const void *data, size_t size);
int __real_fsync (int fd);
int __wrap_fsync (int fd);
int __real_symlink (const char *target, const char *path);
int __wrap_symlink (const char *target, const char *path);
int __real_flock (int fd, int operation);
int __wrap_flock (int fd, int operation);

static int
fail (int code)
{
  errno = code;
  return -1;
}

/* What still fits is written, as by a file system. */
ssize_t
__wrap_write (int fd, const void *data, size_t size)
{
  if (disk.room == 0)
    return fail (disk.write_error);
  if (disk.room > 0) {
    size = MIN (size, (size_t) disk.room);
    disk.room -= size;
  }
  return __real_write (fd, data, size);
}

int
__wrap_fsync (int fd)
{
  return disk.fsync_error ? fail (disk.fsync_error) : __real_fsync (fd);
}

int
__wrap_symlink (const char *target, const char *path)
{
  return disk.symlink_error ? fail (disk.symlink_error)
                            : __real_symlink (target, path);
}

int
__wrap_flock (int fd, int operation)
{
  return disk.flock_error ? fail (disk.flock_error)
                          : __real_flock (fd, operation);
}

static void
set_up (HubTest *test, gconstpointer data)
{
  hub_test_set_up (test, data);
  memset (&disk, 0, sizeof disk);
  disk.room = -1;
}

/* Nothing has a name that a reader would look for. */
static void
assert_nothing_published (HubTest *test)
{
  g_autoptr (OpensoraHub) local = opensora_hub_new (test->cache, NULL, TRUE);

  g_assert_null (
      opensora_hub_resolve (test->hub, "org/m", NULL, WEIGHTS, NULL));
  g_assert_null (opensora_hub_download (
      local, "org/m", NULL, WEIGHTS, NULL, NULL, NULL, NULL));
  g_assert_cmpuint (hub_test_count_files (test, WEIGHTS), ==, 0);
  g_assert_cmpuint (hub_test_count_files (test, "main"), ==, 0);
  g_assert_cmpuint (hub_test_count_files (test, ".tmp"), ==, 0);
}

static void
note_first (
    OpensoraStage stage, guint64 done, guint64 total, gpointer user_data)
{
  guint64 *first = user_data;

  if (*first == 0)
    *first = done;
}

typedef struct {
  const char *name;
  gint64 room;
  int write_error;
  int fsync_error;
  OpensoraHubError code;
  guint partials; /* files that are kept for the next time */
} Failure;

static const Failure failures[] = {
  { "full", 500000, ENOSPC, 0, OPENSORA_HUB_ERROR_NO_SPACE, 1 },
  { "full-at-once", 0, ENOSPC, 0, OPENSORA_HUB_ERROR_NO_SPACE, 0 },
  { "full-at-the-end", -1, 0, ENOSPC, OPENSORA_HUB_ERROR_NO_SPACE, 1 },
  { "quota", 500000, EDQUOT, 0, OPENSORA_HUB_ERROR_NO_SPACE, 1 },
  { "broken", 500000, EIO, 0, OPENSORA_HUB_ERROR_IO, 1 },
  { "broken-at-the-end", -1, 0, EIO, OPENSORA_HUB_ERROR_IO, 1 },
};

/* The error is clear, and once there is room the download goes on where it
 * stopped. */
static void
test_failure (HubTest *test, gconstpointer data)
{
  const Failure *failure = data;
  guint64 kept = failure->room < 0 ? WEIGHTS_SIZE : (guint64) failure->room;
  guint64 first = 0;
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;

  disk.room = failure->room;
  disk.write_error = failure->write_error;
  disk.fsync_error = failure->fsync_error;
  g_assert_null (hub_test_download (test, WEIGHTS, &error));
  g_assert_error (error, OPENSORA_HUB_ERROR, failure->code);
  g_assert_nonnull (strstr (error->message, test->cache));
  if (failure->code == OPENSORA_HUB_ERROR_NO_SPACE)
    g_assert_nonnull (strstr (error->message, "HF_HUB_CACHE"));
  g_clear_error (&error);
  assert_nothing_published (test);
  g_assert_cmpuint (
      hub_test_count_files (test, ".incomplete"), ==, failure->partials);

  disk.room = -1;
  disk.fsync_error = 0;
  hub_test_forget_log ();
  path = opensora_hub_download (
      test->hub, "org/m", NULL, WEIGHTS, NULL, note_first, &first, &error);
  g_assert_no_error (error);
  hub_test_assert_content (path, WEIGHTS);
  g_assert_true (first > kept || kept == WEIGHTS_SIZE);
  g_assert_cmpuint (
      hub_test_count ("cdn", "GET"), ==, kept == WEIGHTS_SIZE ? 0 : 1);
  g_assert_cmpuint (hub_test_count_files (test, ".incomplete"), ==, 0);
}

/* Before the first byte: what is needed, what there is, and where. */
static void
test_too_small (HubTest *test, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  hub_test_fault ("{'match': {'method': 'HEAD'}, 'times': -1, 'do': "
                  "{'set_headers': {'X-Linked-Size': '4000000000000000'}}}");
  g_assert_null (hub_test_download (test, WEIGHTS, &error));
  g_assert_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_NO_SPACE);
  g_assert_true (g_regex_match_simple (
      "model\\.safetensors: .*\\(4000000000000000 bytes\\).*/blobs has "
      ".*\\([0-9]+ bytes\\) free",
      error->message, 0, 0));
  g_assert_nonnull (strstr (error->message, test->cache));
  g_assert_cmpuint (hub_test_count (NULL, "GET"), ==, 0);
  assert_nothing_published (test);
}

/* As on FAT: the content is moved to the revision that needs it. */
static void
test_no_links (HubTest *test, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  g_autofree char *second = NULL;
  g_autofree char *found = NULL;

  disk.symlink_error = EPERM;
  path = hub_test_download (test, WEIGHTS, &error);
  g_assert_no_error (error);
  g_assert_false (g_file_test (path, G_FILE_TEST_IS_SYMLINK));
  hub_test_assert_content (path, WEIGHTS);
  found = opensora_hub_resolve (test->hub, "org/m", NULL, WEIGHTS, &error);
  g_assert_cmpstr (found, ==, path);
  hub_test_forget_log ();
  second = hub_test_download (test, WEIGHTS, &error);
  g_assert_cmpstr (second, ==, path);
  g_assert_cmpuint (hub_test_count (NULL, "GET"), ==, 0);
  g_assert_cmpuint (hub_test_count_files (test, ".tmp"), ==, 0);
}

/* A revision has the content as a link, and another needs a copy. */
static void
test_copied (HubTest *test, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = hub_test_download (test, WEIGHTS, &error);
  g_autofree char *second = NULL;

  g_assert_true (g_file_test (path, G_FILE_TEST_IS_SYMLINK));
  hub_test_change_file (
      "{'repo': 'org/m', 'path': 'config.json', 'text': 'new'}");
  disk.symlink_error = EOPNOTSUPP;
  hub_test_forget_log ();
  second = hub_test_download (test, WEIGHTS, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (second, !=, path);
  g_assert_false (g_file_test (second, G_FILE_TEST_IS_SYMLINK));
  g_assert_cmpuint (hub_test_count (NULL, "GET"), ==, 0);
  hub_test_assert_content (path, WEIGHTS);
  hub_test_assert_content (second, WEIGHTS);
}

/* Without locks a partial file is nobody else's, and not continued. */
static void
test_no_locks (HubTest *test, gconstpointer code)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;

  disk.flock_error = GPOINTER_TO_INT (code);
  disk.room = 500000;
  disk.write_error = ENOSPC;
  g_assert_null (hub_test_download (test, WEIGHTS, &error));
  g_assert_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_NO_SPACE);
  g_clear_error (&error);
  assert_nothing_published (test);
  disk.room = -1;
  path = hub_test_download (test, WEIGHTS, &error);
  g_assert_no_error (error);
  hub_test_assert_content (path, WEIGHTS);
  g_assert_cmpuint (hub_test_count_files (test, ".incomplete"), ==, 0);
}

static void
test_lock_refused (HubTest *test, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  disk.flock_error = EIO;
  g_assert_null (hub_test_download (test, WEIGHTS, &error));
  g_assert_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_IO);
  assert_nothing_published (test);
}

#define ADD(name, data, func)                                                  \
  g_test_add (                                                                 \
      "/hub/disk/" name, HubTest, data, set_up, func, hub_test_tear_down)

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  if (!hub_test_start (NULL))
    return hub_test_skip ();
  for (guint i = 0; i < G_N_ELEMENTS (failures); i++) {
    g_autofree char *path = g_strconcat ("/hub/disk/", failures[i].name, NULL);

    g_test_add (
        path, HubTest, &failures[i], set_up, test_failure, hub_test_tear_down);
  }
  ADD ("too-small", NULL, test_too_small);
  ADD ("no-links", NULL, test_no_links);
  ADD ("copied", NULL, test_copied);
  ADD ("no-locks/enolck", GINT_TO_POINTER (ENOLCK), test_no_locks);
  ADD ("no-locks/enosys", GINT_TO_POINTER (ENOSYS), test_no_locks);
  ADD ("lock-refused", NULL, test_lock_refused);
  status = g_test_run ();
  hub_test_stop ();
  return status;
}
