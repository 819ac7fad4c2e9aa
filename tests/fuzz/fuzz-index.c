/* SPDX-License-Identifier: Apache-2.0 */
/* The input is the index of a folder with two shards: a.safetensors with the
 * tensor "a", and b.safetensors with "b". */
#include <glib/gstdio.h>
#include <string.h>

#include "fuzz.h"

static const char *const files[] = { "a.safetensors", "b.safetensors",
  "model.safetensors.index.json" };

static void
write_file (const char *path, const void *data, size_t size)
{
  g_assert_true (g_file_set_contents_full (
      path, data, size, G_FILE_SET_CONTENTS_NONE, 0666, NULL));
}

static void
write_shard (const char *path, const char *name)
{
  g_autofree char *header =
      g_strdup_printf ("{\"%s\":{\"dtype\":\"U8\","
                       "\"shape\":[4],\"data_offsets\":[0,4]}}",
          name);
  g_autoptr (GString) file = g_string_new (NULL);
  guint64 length = GUINT64_TO_LE (strlen (header));

  g_string_append_len (file, (const char *) &length, sizeof length);
  g_string_append (file, header);
  g_string_append (file, "data");
  write_file (path, file->str, file->len);
}

static void
check_index (
    const char *folder, char *const *paths, const uint8_t *data, size_t size)
{
  g_autoptr (OsCheckpoint) checkpoint = NULL;
  g_autoptr (GError) error = NULL;

  write_shard (paths[0], "a");
  write_shard (paths[1], "b");
  write_file (paths[2], data, size);
  checkpoint = os_checkpoint_open (paths[2], &error);
  if (checkpoint == NULL)
    fuzz_check_error (error, folder);
  else
    fuzz_check (checkpoint);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *folder = g_dir_make_tmp ("opensora-XXXXXX", NULL);
  char *paths[G_N_ELEMENTS (files)];

  g_assert_nonnull (folder);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    paths[i] = g_build_filename (folder, files[i], NULL);
  check_index (folder, paths, data, size);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_assert_cmpint (g_unlink (paths[i]), ==, 0);
    g_free (paths[i]);
  }
  g_assert_cmpint (g_rmdir (folder), ==, 0);
  return 0;
}
