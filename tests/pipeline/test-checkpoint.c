/* SPDX-License-Identifier: Apache-2.0 */
/* The public loader, by way of files that it has written itself. */
#include <glib/gstdio.h>
#include <opensora/opensora.h>
#include <string.h>

#include "weights/safetensors.h"

typedef struct {
  char *folder;
  char *path;
  float values[6];
  guint8 bytes[2];
} Fixture;

/* "plain" [2, 3] F32, "turned" [3, 2] F32, "small" [2] U8. */
static void
set_up (Fixture *fixture, gconstpointer data)
{
  static const char *const names[] = { "plain", "turned", "small" };
  static const int order[] = { 1, 0 };
  g_autoptr (GHashTable) metadata = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GError) error = NULL;
  g_autoptr (OsTensor) plain = NULL;
  g_autoptr (OsTensor) turned = NULL;
  g_autoptr (OsTensor) small = NULL;

  fixture->folder = g_dir_make_tmp ("opensora-XXXXXX", &error);
  g_assert_no_error (error);
  fixture->path = g_build_filename (fixture->folder, "model.safetensors", NULL);
  for (guint i = 0; i < 6; i++)
    fixture->values[i] = (float) i;
  plain = os_tensor_new_wrapped (
      OS_DTYPE_F32, OS_SHAPE (2, 3), fixture->values, NULL, NULL);
  turned = os_tensor_permute (plain, order);
  small = os_tensor_new_wrapped (
      OS_DTYPE_U8, OS_SHAPE (2), fixture->bytes, NULL, NULL);
  g_hash_table_insert (metadata, "format", "pt");
  os_safetensors_write (fixture->path, names,
      (const OsTensor *[]){ plain, turned, small }, 3, metadata, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_unlink (fixture->path);
  g_assert_cmpint (g_rmdir (fixture->folder), ==, 0);
  g_free (fixture->folder);
  g_free (fixture->path);
}

static OpensoraCheckpoint *
open_checkpoint (const char *path)
{
  g_autoptr (GError) error = NULL;
  OpensoraCheckpoint *checkpoint =
      opensora_checkpoint_open (path, NULL, &error);

  g_assert_no_error (error);
  return checkpoint;
}

static void
assert_tensor (OpensoraTensorInfo *tensor, const char *name, const char *dtype,
    guint n_dims, const gint64 *shape)
{
  g_autoptr (GVariant) path = opensora_tensor_info_get_path (tensor);
  g_autoptr (GVariant) want = g_variant_ref_sink (
      g_variant_new_parsed ("[<%s>]", opensora_tensor_info_get_name (tensor)));
  const gint64 *found_shape;
  guint found;

  g_assert_cmpstr (opensora_tensor_info_get_name (tensor), ==, name);
  g_assert_cmpvariant (path, want);
  g_assert_cmpstr (opensora_tensor_info_get_dtype (tensor), ==, dtype);
  found_shape = opensora_tensor_info_get_shape (tensor, &found);
  g_assert_cmpmem (
      found_shape, found * sizeof *shape, shape, n_dims * sizeof *shape);
}

static void
test_list (Fixture *fixture, gconstpointer data)
{
  g_autoptr (OpensoraCheckpoint) checkpoint = open_checkpoint (fixture->folder);
  g_autoptr (OpensoraTensorInfo) first = NULL;
  g_autoptr (OpensoraTensorInfo) last = NULL;

  g_assert_cmpstr (
      opensora_checkpoint_get_path (checkpoint), ==, fixture->path);
  g_assert_cmpstr (
      opensora_checkpoint_get_format (checkpoint), ==, "safetensors");
  g_assert_null (opensora_checkpoint_get_state_dict (checkpoint)[0]);
  g_assert_cmpstr (g_hash_table_lookup (
                       opensora_checkpoint_get_metadata (checkpoint), "format"),
      ==, "pt");
  g_assert_cmpuint (opensora_checkpoint_get_n_tensors (checkpoint), ==, 3);
  first = opensora_checkpoint_get_tensor (checkpoint, 0);
  assert_tensor (first, "plain", "F32", 2, (const gint64[]){ 2, 3 });
  g_assert_cmpstr (opensora_tensor_info_get_file (first), ==, fixture->path);
  g_assert_cmpuint (opensora_tensor_info_get_size (first), ==, 24);
  last = opensora_checkpoint_get_tensor (checkpoint, 2);
  assert_tensor (last, "small", "U8", 1, (const gint64[]){ 2 });
}

/* A tensor and its bytes outlive the checkpoint. */
static void
test_find (Fixture *fixture, gconstpointer data)
{
  static const float want[] = { 0, 3, 1, 4, 2, 5 };
  OpensoraCheckpoint *checkpoint = open_checkpoint (fixture->path);
  OpensoraTensorInfo *tensor =
      opensora_checkpoint_find_tensor (checkpoint, "turned");
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_null (opensora_checkpoint_find_tensor (checkpoint, "absent"));
  g_object_unref (checkpoint);
  assert_tensor (tensor, "turned", "F32", 2, (const gint64[]){ 3, 2 });
  bytes = opensora_tensor_info_get_bytes (tensor, &error);
  g_assert_no_error (error);
  opensora_tensor_info_unref (tensor);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
      want, sizeof want);
}

static void
test_boxed (Fixture *fixture, gconstpointer data)
{
  g_autoptr (OpensoraCheckpoint) checkpoint = open_checkpoint (fixture->path);
  g_autoptr (OpensoraTensorInfo) tensor =
      opensora_checkpoint_get_tensor (checkpoint, 1);
  g_auto (GValue) value = G_VALUE_INIT;

  g_value_init (&value, OPENSORA_TYPE_TENSOR_INFO);
  g_value_set_boxed (&value, tensor);
  g_assert_true (g_value_get_boxed (&value) == tensor);
}

static void
test_convert (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path =
      g_build_filename (fixture->folder, "half.safetensors", NULL);
  g_autoptr (OpensoraCheckpoint) checkpoint = open_checkpoint (fixture->path);
  g_autoptr (OpensoraCheckpoint) output = NULL;
  g_autoptr (OpensoraTensorInfo) tensor = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (opensora_checkpoint_convert (
      checkpoint, path, "bf16", 0, NULL, NULL, NULL, &error));
  g_assert_no_error (error);
  output = open_checkpoint (path);
  tensor = opensora_checkpoint_find_tensor (output, "plain");
  assert_tensor (tensor, "plain", "BF16", 2, (const gint64[]){ 2, 3 });
  bytes = opensora_tensor_info_get_bytes (tensor, NULL);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
      ((guint16[]){ 0, 0x3f80, 0x4000, 0x4040, 0x4080, 0x40a0 }), 12);
  g_assert_cmpint (g_unlink (path), ==, 0);

  g_assert_false (opensora_checkpoint_convert (
      checkpoint, path, "int3", 0, NULL, NULL, NULL, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
  g_assert_nonnull (strstr (error->message, "int3"));
}

static void
test_errors (Fixture *fixture, gconstpointer data)
{
  g_autofree char *absent = g_build_filename (fixture->folder, "absent", NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_assert_null (opensora_checkpoint_open (absent, NULL, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, absent));
  g_clear_error (&error);
  g_assert_null (
      opensora_checkpoint_open_at (fixture->path, "ema", NULL, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
  g_clear_error (&error);
  g_cancellable_cancel (cancellable);
  g_assert_null (opensora_checkpoint_open (fixture->path, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* Bindings can make one without opening anything. */
static void
test_empty (void)
{
  g_autoptr (OpensoraCheckpoint) checkpoint =
      g_object_new (OPENSORA_TYPE_CHECKPOINT, NULL);

  g_assert_cmpuint (opensora_checkpoint_get_n_tensors (checkpoint), ==, 0);
  g_assert_null (opensora_checkpoint_find_tensor (checkpoint, "x"));
  g_assert_true (opensora_checkpoint_verify (checkpoint, NULL, NULL));
}

#define ADD(name, function)                                                    \
  g_test_add ("/pipeline/checkpoint/" name, Fixture, NULL, set_up, function,   \
      tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("list", test_list);
  ADD ("find", test_find);
  ADD ("boxed", test_boxed);
  ADD ("convert", test_convert);
  ADD ("errors", test_errors);
  g_test_add_func ("/pipeline/checkpoint/empty", test_empty);
  return g_test_run ();
}
