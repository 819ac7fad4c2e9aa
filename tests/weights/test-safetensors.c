/* SPDX-License-Identifier: Apache-2.0 */
/* Writing safetensors and reading them back; headers with one thing wrong. */
#include <glib/gstdio.h>
#include <opensora/opensora.h>
#include <string.h>

#include "weights/safetensors.h"

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
  fixture->path = g_build_filename (fixture->folder, "x.safetensors", NULL);
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

static OsTensor *
wrap (OsDType dtype, int n_dims, const gint64 *shape, gpointer data)
{
  return os_tensor_new_wrapped (dtype, n_dims, shape, data, NULL, NULL);
}

static void
assert_values (
    const OsCheckpoint *checkpoint, const char *name, const float *want)
{
  OsTensor *tensor = os_checkpoint_get (checkpoint, name);

  g_assert_nonnull (tensor);
  g_assert_cmpint (tensor->dtype, ==, OS_DTYPE_F32);
  g_assert_cmpmem (os_tensor_data (tensor), os_tensor_count (tensor) * 4, want,
      os_tensor_count (tensor) * 4);
}

static void
test_write (Fixture *fixture, gconstpointer data)
{
  static const char *const names[] = { "plain", "turned", "part", "scalar",
    "none", "byte \"\\\n\u00e9" };
  static const int order[] = { 1, 0 };
  float values[] = { 1, 2, 3, 4, 5, 6 };
  guint8 byte = 7;
  g_autoptr (OsTensor) plain = wrap (OS_DTYPE_F32, OS_SHAPE (2, 3), values);
  g_autoptr (OsTensor) turned = os_tensor_permute (plain, order);
  g_autoptr (OsTensor) part = os_tensor_slice (plain, 1, 1, 2);
  g_autoptr (OsTensor) scalar = wrap (OS_DTYPE_F32, 0, plain->shape, values);
  g_autoptr (OsTensor) none = wrap (OS_DTYPE_F32, OS_SHAPE (0, 3), values);
  g_autoptr (OsTensor) one = wrap (OS_DTYPE_U8, OS_SHAPE (1), &byte);
  const OsTensor *tensors[] = { plain, turned, part, scalar, none, one };
  g_autoptr (GHashTable) metadata = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (OsCheckpoint) checkpoint = NULL;
  g_autoptr (GError) error = NULL;

  g_hash_table_insert (metadata, "format", "pt");
  os_safetensors_write (
      fixture->path, names, tensors, G_N_ELEMENTS (tensors), metadata, &error);
  g_assert_no_error (error);
  checkpoint = os_checkpoint_open (fixture->path, &error);
  g_assert_no_error (error);

  g_assert_cmpuint (os_checkpoint_get_n_tensors (checkpoint), ==, 6);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    OsTensor *read = os_checkpoint_get (checkpoint, names[i]);
    g_assert_cmpstr (os_checkpoint_get_names (checkpoint)[i], ==, names[i]);
    g_assert_true (
        os_tensor_has_shape (read, tensors[i]->n_dims, tensors[i]->shape));
  }
  assert_values (checkpoint, "plain", values);
  assert_values (checkpoint, "turned", (float[]){ 1, 4, 2, 5, 3, 6 });
  assert_values (checkpoint, "part", (float[]){ 2, 3, 5, 6 });
  assert_values (checkpoint, "scalar", values);
  g_assert_cmpstr (
      g_hash_table_lookup (os_checkpoint_get_metadata (checkpoint), "format"),
      ==, "pt");
}

static void
test_alignment (Fixture *fixture, gconstpointer data)
{
  float value = 1;
  g_autoptr (OsTensor) tensor = wrap (OS_DTYPE_F32, OS_SHAPE (1), &value);
  const OsTensor *tensors[] = { tensor };
  const char *names[] = { "" };

  for (guint n = 0; n < 8; n++) {
    g_autofree char *name = g_strnfill (n + 1, 'x');
    g_autofree char *bytes = NULL;
    guint64 length;

    names[0] = name;
    g_assert_true (
        os_safetensors_write (fixture->path, names, tensors, 1, NULL, NULL));
    g_assert_true (g_file_get_contents (fixture->path, &bytes, NULL, NULL));
    memcpy (&length, bytes, sizeof length);
    g_assert_cmpuint (GUINT64_FROM_LE (length) % 8, ==, 0);
  }
}

/* A failed write leaves nothing; a good one replaces what was there. */
static void
test_atomic (Fixture *fixture, gconstpointer data)
{
  g_autofree char *missing =
      g_build_filename (fixture->folder, "absent", "x", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (OsCheckpoint) checkpoint = NULL;

  g_assert_false (os_safetensors_write (missing, NULL, NULL, 0, NULL, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_WRITE);
  g_clear_error (&error);
  g_assert_true (g_file_set_contents (fixture->path, "before", -1, NULL));
  g_assert_true (
      os_safetensors_write (fixture->path, NULL, NULL, 0, NULL, &error));
  checkpoint = os_checkpoint_open (fixture->path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (os_checkpoint_get_n_tensors (checkpoint), ==, 0);
}

/* A file of this header and n_data bytes. */
static OsCheckpoint *
read_header (
    const Fixture *fixture, const char *header, gsize n_data, GError **error)
{
  g_autoptr (GString) file = g_string_new (NULL);
  guint64 length = GUINT64_TO_LE (strlen (header));
  g_autoptr (OsCheckpoint) checkpoint =
      os_checkpoint_new (fixture->path, "safetensors");

  g_string_append_len (file, (const char *) &length, sizeof length);
  g_string_append (file, header);
  for (gsize i = 0; i < n_data; i++)
    g_string_append_c (file, (char) i);
  g_assert_true (
      g_file_set_contents (fixture->path, file->str, file->len, NULL));
  if (!os_safetensors_read (checkpoint, fixture->path, error))
    return NULL;
  return g_steal_pointer (&checkpoint);
}

#define ENTRY(dtype, shape, offsets)                                           \
  "{\"w\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets  \
  "}}"

static void
test_good_headers (Fixture *fixture, gconstpointer data)
{
  static const char *const headers[] = { ENTRY ("\"F32\"", "[2]", "[0,8]"),
    ENTRY ("\"F32\"", "[1,2,1,1,1,1,1,1]", "[0,8]"),
    "{\"b\":{\"dtype\":\"U8\",\"shape\":[7],\"data_offsets\":[1,8]},"
    "\"a\":{\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
    "{\"w\":{\"shape\":[],\"new\":{\"x\":[]},\"data_offsets\":[0,8],"
    "\"dtype\":\"U64\"}}" };

  for (guint i = 0; i < G_N_ELEMENTS (headers); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (OsCheckpoint) checkpoint =
        read_header (fixture, headers[i], 8, &error);
    g_test_message ("%s", headers[i]);
    g_assert_no_error (error);
    g_assert_nonnull (checkpoint);
  }
}

static void
test_bad_headers (Fixture *fixture, gconstpointer data)
{
  static const char *const headers[] = { ENTRY ("\"F32\"", "[2]", "[0,9]"),
    ENTRY ("\"F32\"", "[2]", "[8,0]"), ENTRY ("\"F32\"", "[2]", "[0]"),
    ENTRY ("\"F32\"", "[2]", "[0,8,8]"), ENTRY ("\"F32\"", "[2]", "[0,8.0]"),
    ENTRY ("\"F32\"", "[3]", "[0,8]"), ENTRY ("\"F32\"", "[-2]", "[0,8]"),
    ENTRY ("\"F32\"", "[1]", "[0,4]"), ENTRY ("\"F32\"", "[1]", "[4,8]"),
    ENTRY ("\"F32\"", "[true]", "[0,8]"), ENTRY ("\"F32\"", "2", "[0,8]"),
    ENTRY ("\"C64\"", "[1]", "[0,8]"), ENTRY ("\"f32\"", "[2]", "[0,8]"),
    ENTRY ("4", "[2]", "[0,8]"), ENTRY ("null", "[2]", "[0,8]"),
    ENTRY ("\"F32\"", "[1,1,1,1,1,1,1,1,2]", "[0,8]"),
    ENTRY ("\"F32\"", "[4611686018427387906]", "[0,8]"),
    ENTRY ("\"F32\"", "[18446744073709551618]", "[0,8]"),
    ENTRY ("\"F32\"", "[0,9223372036854775807,9]", "[0,0]"), "{\"w\":[]}",
    "{\"w\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}" };

  for (guint i = 0; i < G_N_ELEMENTS (headers); i++) {
    g_autoptr (GError) error = NULL;

    g_test_message ("%s", headers[i]);
    g_assert_null (read_header (fixture, headers[i], 8, &error));
    g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
    g_assert_true (g_str_has_prefix (error->message, fixture->path));
    g_assert_nonnull (strstr (error->message, "tensor"));
  }
}

/* Every file that differs from a good one in one byte of length or header is
 * read or refused, and never read outside the mapping. */
static void
test_damaged (Fixture *fixture, gconstpointer data)
{
  const char *header = ENTRY ("\"F32\"", "[2]", "[0,8]");
  g_autofree char *bytes = NULL;
  gsize length;

  os_checkpoint_unref (read_header (fixture, header, 8, NULL));
  g_assert_true (g_file_get_contents (fixture->path, &bytes, &length, NULL));
  for (gsize i = 0; i < length - 8; i++) {
    for (guint bit = 0; bit < 8; bit++) {
      g_autoptr (OsCheckpoint) checkpoint = NULL;

      bytes[i] ^= 1 << bit;
      g_assert_true (g_file_set_contents (fixture->path, bytes, length, NULL));
      checkpoint = os_checkpoint_open (fixture->path, NULL);
      if (checkpoint != NULL && os_checkpoint_get_n_tensors (checkpoint) == 1) {
        OsTensor *tensor = os_checkpoint_get (
            checkpoint, os_checkpoint_get_names (checkpoint)[0]);
        g_assert_cmpuint (
            os_tensor_count (tensor) * os_dtype_size (tensor->dtype), ==, 8);
        g_assert_cmpint (((char *) os_tensor_data (tensor))[7], ==, 7);
      }
      bytes[i] ^= 1 << bit;
    }
  }
}

#define ADD(name, function)                                                    \
  g_test_add ("/weights/safetensors/" name, Fixture, NULL, set_up, function,   \
      tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("write", test_write);
  ADD ("alignment", test_alignment);
  ADD ("atomic", test_atomic);
  ADD ("good-headers", test_good_headers);
  ADD ("bad-headers", test_bad_headers);
  ADD ("damaged", test_damaged);
  return g_test_run ();
}
