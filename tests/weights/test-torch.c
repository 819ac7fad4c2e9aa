/* SPDX-License-Identifier: Apache-2.0 */
/* PyTorch files that are cut or changed anywhere, and objects that are larger
 * when looked at than they seem. */
#include <glib/gstdio.h>
#include <opensora/opensora.h>
#include <string.h>

#include "weights/checkpoint.h"
#include "weights/gather.h"

typedef struct {
  char *folder;
  char *path;
  char *data;
  gsize size;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer name)
{
  g_autofree char *source =
      g_build_filename (g_getenv ("OPENSORA_TEST_DATA"), "weights", name, NULL);

  fixture->folder = g_dir_make_tmp ("opensora-XXXXXX", NULL);
  fixture->path = g_build_filename (fixture->folder, "x.pth", NULL);
  g_assert_true (
      g_file_get_contents (source, &fixture->data, &fixture->size, NULL));
}

static void
tear_down (Fixture *fixture, gconstpointer name)
{
  g_unlink (fixture->path);
  g_rmdir (fixture->folder);
  g_free (fixture->folder);
  g_free (fixture->path);
  g_free (fixture->data);
}

static OsCheckpoint *
open_bytes (Fixture *fixture, gsize size, GError **error)
{
  g_assert_true (g_file_set_contents_full (fixture->path, fixture->data, size,
      G_FILE_SET_CONTENTS_NONE, 0600, NULL));
  return os_checkpoint_open (fixture->path, error);
}

static void
read_all (const OsCheckpoint *checkpoint)
{
  const GPtrArray *entries = os_checkpoint_get_entries (checkpoint);

  for (guint i = 0; i < entries->len; i++) {
    const OsCheckpointEntry *entry = g_ptr_array_index (entries, i);
    gint64 count = os_tensor_count (entry->tensor);
    g_autofree guint8 *bytes =
        g_malloc (count * os_dtype_size (entry->tensor->dtype) + 1);

    os_gather (entry->tensor, 0, count, bytes);
  }
}

static void
test_cut (Fixture *fixture, gconstpointer name)
{
  for (gsize i = 0; i < fixture->size; i += 3) {
    g_autoptr (GError) error = NULL;
    g_assert_null (open_bytes (fixture, i, &error));
    g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
    g_assert_nonnull (strstr (error->message, fixture->path));
  }
}

/* Bytes that belong to nothing. */
static void
test_longer (Fixture *fixture, gconstpointer name)
{
  g_autoptr (GError) error = NULL;

  fixture->data = g_realloc (fixture->data, fixture->size + 1);
  fixture->data[fixture->size] = 0;
  g_assert_null (open_bytes (fixture, fixture->size + 1, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
}

/* Whatever byte is changed: an error, or tensors that can be read. */
static void
test_changed (Fixture *fixture, gconstpointer name)
{
  for (gsize i = 0; i < fixture->size; i++) {
    g_autoptr (OsCheckpoint) checkpoint = NULL;
    g_autoptr (GError) error = NULL;
    char byte = fixture->data[i];

    fixture->data[i] ^= i % 2 ? 1 : 0x84;
    checkpoint = open_bytes (fixture, fixture->size, &error);
    g_assert_true ((checkpoint != NULL) == (error == NULL));
    if (checkpoint != NULL)
      read_all (checkpoint);
    fixture->data[i] = byte;
  }
}

#define ADD(test, file)                                                        \
  g_test_add ("/weights/torch/" #test "/" file, Fixture, file, set_up,         \
      test_##test, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD (cut, "zip-plain.pth");
  ADD (cut, "zip-state-dict.pth");
  ADD (cut, "legacy-storage-view.pth");
  ADD (cut, "legacy-state-dict.pth");
  ADD (longer, "zip-plain.pth");
  ADD (longer, "legacy-storage-view.pth");
  ADD (changed, "zip-no-crc.pth");
  ADD (changed, "legacy-storage-view.pth");
  ADD (changed, "legacy-views.pth");
  return g_test_run ();
}
