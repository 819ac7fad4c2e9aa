/* SPDX-License-Identifier: Apache-2.0 */
/* Mapped files: once each, and what is new under an old name is another. */
#include "base/mapped-file.h"

#include <glib/gstdio.h>
#include <opensora/opensora.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *folder;

static char *
write_file (const char *name, const char *text)
{
  char *path = g_build_filename (folder, name, NULL);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  return path;
}

static void
assert_contents (const OsMappedFile *file, const char *text)
{
  g_assert_cmpmem (os_mapped_file_get_contents (file),
      os_mapped_file_get_length (file), text, strlen (text));
}

static void
test_once (void)
{
  g_autofree char *path = write_file ("a", "some bytes");
  g_autofree char *link = g_build_filename (folder, "link", NULL);
  g_autofree char *copy = write_file ("b", "some bytes");
  g_autoptr (OsMappedFile) file = os_mapped_file_open (path, NULL);
  g_autoptr (OsMappedFile) again = os_mapped_file_open (path, NULL);
  g_autoptr (OsMappedFile) held = os_mapped_file_ref (file);
  g_autoptr (OsMappedFile) linked = NULL;
  g_autoptr (OsMappedFile) copied = os_mapped_file_open (copy, NULL);

  g_assert_cmpint (symlink (path, link), ==, 0);
  linked = os_mapped_file_open (link, NULL);
  assert_contents (file, "some bytes");
  assert_contents (copied, "some bytes");
  g_assert_true (again == file);
  g_assert_true (held == file);
  g_assert_true (linked == file);
  g_assert_true (copied != file);
}

static void
test_replaced (void)
{
  g_autofree char *path = write_file ("c", "old");
  g_autoptr (OsMappedFile) old = os_mapped_file_open (path, NULL);
  g_autoptr (OsMappedFile) new = NULL;

  g_free (write_file ("c", "new"));
  new = os_mapped_file_open (path, NULL);
  assert_contents (old, "old");
  assert_contents (new, "new");
}

static void
test_empty (void)
{
  g_autofree char *path = write_file ("d", "");
  g_autoptr (OsMappedFile) file = os_mapped_file_open (path, NULL);

  g_assert_nonnull (file);
  g_assert_cmpuint (os_mapped_file_get_length (file), ==, 0);
}

static void
test_errors (void)
{
  g_autoptr (GError) missing = NULL;
  g_autoptr (GError) is_folder = NULL;

  g_assert_null (os_mapped_file_open ("/no/such/file", &missing));
  g_assert_error (missing, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (missing->message, "/no/such/file: "));
  g_assert_null (os_mapped_file_open (folder, &is_folder));
  g_assert_error (is_folder, OPENSORA_ERROR, OPENSORA_ERROR_READ);
  g_assert_nonnull (strstr (is_folder->message, folder));
}

/* What a read could wait for, or would never come to the end of. */
static void
test_no_file (void)
{
  g_autofree char *pipe = g_build_filename (folder, "pipe", NULL);
  g_autoptr (GError) is_pipe = NULL, is_device = NULL;

  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);
  g_assert_null (os_mapped_file_open (pipe, &is_pipe));
  g_assert_error (is_pipe, OPENSORA_ERROR, OPENSORA_ERROR_READ);
  g_assert_null (os_mapped_file_open ("/dev/zero", &is_device));
  g_assert_error (is_device, OPENSORA_ERROR, OPENSORA_ERROR_READ);
}

static void
remove_folder (void)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *path = g_build_filename (folder, name, NULL);

    g_unlink (path);
  }
  g_rmdir (folder);
  g_free (folder);
}

int
main (int argc, char **argv)
{
  int failed;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("opensora-XXXXXX", NULL);
  g_test_add_func ("/base/mapped-file/once", test_once);
  g_test_add_func ("/base/mapped-file/replaced", test_replaced);
  g_test_add_func ("/base/mapped-file/empty", test_empty);
  g_test_add_func ("/base/mapped-file/errors", test_errors);
  g_test_add_func ("/base/mapped-file/no-file", test_no_file);
  failed = g_test_run ();
  remove_folder ();
  return failed;
}
