/* SPDX-License-Identifier: Apache-2.0 */
/* The zip directory: records of good archives, and archives that are cut or
 * changed anywhere. */
#include <opensora/opensora.h>
#include <string.h>

#include "weights/zip.h"

static GBytes *
load (const char *name)
{
  g_autofree char *path =
      g_build_filename (g_getenv ("OPENSORA_TEST_DATA"), "weights", name, NULL);
  char *data;
  gsize size;

  g_assert_true (g_file_get_contents (path, &data, &size, NULL));
  return g_bytes_new_take (data, size);
}

static OsZip *
open_bytes (const guint8 *data, gsize size, GError **error)
{
  /* A block of its own, so that sanitizers see what is read beside it. */
  g_autofree guint8 *copy = g_memdup2 (data, size);
  OsZip *zip = os_zip_open (copy, size, "z", error);

  for (guint i = 0; zip != NULL && i < os_zip_get_n_records (zip); i++) {
    const OsZipRecord *record = os_zip_get_record (zip, i);
    g_assert_cmpint (record->offset, >=, 0);
    g_assert_cmpint (record->size, >=, 0);
    g_assert_cmpint (record->offset, <=, (gint64) size - record->size);
  }
  return zip;
}

static void
test_records (void)
{
  static const char *const names[] = { "zip-plain.pth", "zip-zip64.pth",
    "zip-comment.pth" };
  static const char *const roots[] = { "m", "a", "archive" };
  static const float want[] = { 1, 2, 3, 4 };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autoptr (GBytes) bytes = load (names[i]);
    gsize size;
    const guint8 *data = g_bytes_get_data (bytes, &size);
    g_autoptr (OsZip) zip = open_bytes (data, size, NULL);
    g_autofree char *name = g_strconcat (roots[i], "/data/0", NULL);
    const OsZipRecord *record;

    g_assert_nonnull (zip);
    record = os_zip_find (zip, name);
    g_assert_nonnull (record);
    g_assert_cmpmem (data + record->offset, record->size, want, sizeof want);
    g_assert_false (record->compressed);
    g_assert_null (os_zip_find (zip, "absent"));
  }
}

static void
test_cut (void)
{
  g_autoptr (GBytes) bytes = load ("zip-zip64.pth");
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  for (gsize i = 0; i < size; i++) {
    g_autoptr (GError) error = NULL;
    g_assert_null (open_bytes (data, i, &error));
    g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
    g_assert_true (g_str_has_prefix (error->message, "z: "));
  }
}

/* Whatever byte is changed: an error, or records that lie in the file. */
static void
test_changed (void)
{
  static const char *const names[] = { "zip-plain.pth", "zip-zip64.pth" };
  static const guint8 masks[] = { 0x01, 0x80, 0xff };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autoptr (GBytes) bytes = load (names[i]);
    gsize size = g_bytes_get_size (bytes);
    g_autofree guint8 *data = g_memdup2 (g_bytes_get_data (bytes, NULL), size);

    for (gsize k = 0; k < size * G_N_ELEMENTS (masks); k++) {
      guint8 mask = masks[k % G_N_ELEMENTS (masks)];
      guint8 *byte = &data[k / G_N_ELEMENTS (masks)];
      OsZip *zip;

      *byte ^= mask;
      zip = open_bytes (data, size, NULL);
      g_clear_pointer (&zip, os_zip_free);
      *byte ^= mask;
    }
  }
}

/* Where a name stands in the archive, from `from` on. */
static guint8 *
find_name (guint8 *data, gsize size, const guint8 *from, const char *name)
{
  return memmem (from, data + size - from, name, strlen (name));
}

/* A record that reaches over the next one. */
static void
test_overlap (void)
{
  g_autoptr (GBytes) bytes = load ("zip-plain.pth");
  gsize size = g_bytes_get_size (bytes);
  g_autofree guint8 *data = g_memdup2 (g_bytes_get_data (bytes, NULL), size);
  guint8 *local = find_name (data, size, data, "m/data/0");
  guint8 *entry = find_name (data, size, local + 1, "m/data/0") - 46;
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (entry[20], ==, 16);
  g_assert_cmpuint (entry[24], ==, 16);
  entry[20] = entry[24] = 17;
  g_assert_null (open_bytes (data, size, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
  g_assert_nonnull (strstr (error->message, "overlaps"));
}

static gboolean
opens_with_name (const char *name)
{
  g_autoptr (GBytes) bytes = load ("zip-plain.pth");
  gsize size = g_bytes_get_size (bytes);
  g_autofree guint8 *data = g_memdup2 (g_bytes_get_data (bytes, NULL), size);
  guint8 *at = find_name (data, size, data, "m/data/0");
  g_autoptr (OsZip) zip = NULL;

  memcpy (at, name, strlen ("m/data/0"));
  memcpy (find_name (data, size, at, "m/data/0"), name, strlen ("m/data/0"));
  zip = open_bytes (data, size, NULL);
  return zip != NULL;
}

static void
test_names (void)
{
  g_assert_true (opens_with_name ("m/data/1"));
  g_assert_true (opens_with_name ("m/a..b/c"));
  g_assert_false (opens_with_name ("m/a/../b"));
  g_assert_false (opens_with_name ("../abcde"));
  g_assert_false (opens_with_name ("m/abc/.."));
  g_assert_false (opens_with_name ("/mdata/0"));
  g_assert_false (opens_with_name ("m\\data/0"));
  g_assert_false (opens_with_name ("m/da\xff/a0"));
  g_assert_false (opens_with_name ("m/da\0a/0"));
}

/* The end record counts more records than are worth reading. */
static void
test_too_many (void)
{
  const gsize n = (1 << 18) + 1, entry = 46, size = n * entry + 56 + 20 + 22;
  g_autofree guint8 *data = g_malloc0 (size);
  guint8 *end = data + n * entry;
  guint64 count = GUINT64_TO_LE (n), length = GUINT64_TO_LE (n * entry);
  g_autoptr (GError) error = NULL;

  memcpy (end, "PK\6\6", 4);
  memcpy (end + 24, &count, 8);
  memcpy (end + 32, &count, 8);
  memcpy (end + 40, &length, 8);
  memcpy (end + 56, "PK\6\7", 4);
  memcpy (end + 56 + 8, &length, 8);
  memcpy (end + 76, "PK\5\6", 4);
  g_assert_null (os_zip_open (data, size, "z", &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
  g_assert_nonnull (strstr (error->message, "too many records"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/weights/zip/records", test_records);
  g_test_add_func ("/weights/zip/cut", test_cut);
  g_test_add_func ("/weights/zip/changed", test_changed);
  g_test_add_func ("/weights/zip/overlap", test_overlap);
  g_test_add_func ("/weights/zip/names", test_names);
  g_test_add_func ("/weights/zip/too-many", test_too_many);
  return g_test_run ();
}
