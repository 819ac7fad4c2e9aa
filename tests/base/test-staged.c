/* SPDX-License-Identifier: Apache-2.0 */
/* A staged file appears whole, or not at all. */
#include <glib/gstdio.h>
#include <opensora/opensora.h>
#include <string.h>

#include "base/staged.h"

typedef struct {
  char *folder;
  char *path;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->folder = g_dir_make_tmp ("opensora-XXXXXX", &error);
  g_assert_no_error (error);
  fixture->path = g_build_filename (fixture->folder, "file", NULL);
  g_assert_true (g_file_set_contents (fixture->path, "before", -1, NULL));
}

/* Nothing but the file itself may be in the folder. */
static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_unlink (fixture->path);
  g_assert_cmpint (g_rmdir (fixture->folder), ==, 0);
  g_free (fixture->folder);
  g_free (fixture->path);
}

static void
assert_contents (const Fixture *fixture, const char *want)
{
  g_autofree char *contents = NULL;

  g_assert_true (g_file_get_contents (fixture->path, &contents, NULL, NULL));
  g_assert_cmpstr (contents, ==, want);
}

static void
test_commit (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (OsStagedFile) file = os_staged_file_new (fixture->path, &error);

  g_assert_no_error (error);
  g_assert_true (os_staged_file_write (file, "af", 2, &error));
  g_assert_true (os_staged_file_write (file, NULL, 0, &error));
  g_assert_true (os_staged_file_write (file, "ter", 3, &error));
  assert_contents (fixture, "before");
  g_assert_true (os_staged_file_sync (file, &error));
  assert_contents (fixture, "before");
  g_assert_true (os_staged_file_commit (file, &error));
  assert_contents (fixture, "after");
}

static void
test_free (Fixture *fixture, gconstpointer data)
{
  OsStagedFile *file = os_staged_file_new (fixture->path, NULL);

  g_assert_true (os_staged_file_write (file, "after", 5, NULL));
  os_staged_file_free (file);
  assert_contents (fixture, "before");

  file = os_staged_file_new (fixture->path, NULL);
  g_assert_true (os_staged_file_sync (file, NULL));
  os_staged_file_free (file);
  assert_contents (fixture, "before");
  os_staged_file_free (NULL);
}

static void
test_errors (Fixture *fixture, gconstpointer data)
{
  g_autofree char *missing =
      g_build_filename (fixture->folder, "absent", "x", NULL);
  g_autofree char *busy = g_build_filename (fixture->folder, "busy", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (OsStagedFile) file = NULL;

  g_assert_null (os_staged_file_new (missing, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_WRITE);
  g_assert_nonnull (strstr (error->message, missing));
  g_clear_error (&error);

  /* A folder has the name. */
  g_assert_cmpint (g_mkdir (busy, 0777), ==, 0);
  file = os_staged_file_new (busy, &error);
  g_assert_true (os_staged_file_sync (file, &error));
  g_assert_false (os_staged_file_commit (file, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_WRITE);
  g_assert_cmpint (g_rmdir (busy), ==, 0);
}

#define ADD(name, function)                                                    \
  g_test_add ("/base/staged/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("commit", test_commit);
  ADD ("free", test_free);
  ADD ("errors", test_errors);
  return g_test_run ();
}
