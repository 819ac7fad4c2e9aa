/* SPDX-License-Identifier: Apache-2.0 */
/* Names and shapes of other networks' files. */
#include <opensora/opensora.h>

#include "weights/adaptations.h"

static const float values[32] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };

static OsTensor *
wrap (int n_dims, const gint64 *shape)
{
  return os_tensor_new_wrapped (
      OS_DTYPE_F32, n_dims, shape, (gpointer) values, NULL, NULL);
}

static void
assert_found (
    const OsCheckpoint *checkpoint, const char *name, const char *want)
{
  const OsCheckpointEntry *entry = os_adapt_find (checkpoint, name);

  g_assert_cmpstr (entry != NULL ? entry->name : NULL, ==, want);
}

static void
test_names (void)
{
  static const char *const names[] = { "blocks.0.attn.qkv.weight",
    "a.query.weight", "a.key.bias", "a.value.weight", "a.proj_attn.bias",
    "b.to_q.weight", "b.query.weight" };
  g_autoptr (OsCheckpoint) checkpoint = os_checkpoint_new ("x", "test");

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    os_checkpoint_add (checkpoint, names[i], wrap (OS_SHAPE (2)), NULL);
  assert_found (checkpoint, "spatial_blocks.0.attn.qkv.weight", names[0]);
  assert_found (checkpoint, "temporal_blocks.0.attn.qkv.weight", NULL);
  assert_found (checkpoint, "a.to_q.weight", "a.query.weight");
  assert_found (checkpoint, "a.to_k.bias", "a.key.bias");
  assert_found (checkpoint, "a.to_v.weight", "a.value.weight");
  assert_found (checkpoint, "a.to_out.0.bias", "a.proj_attn.bias");
  assert_found (checkpoint, "b.to_q.weight", "b.to_q.weight");
  assert_found (checkpoint, "b.into_q.weight", NULL);
  g_assert_true (os_adapt_is_dropped ("pos_embed"));
  g_assert_true (os_adapt_is_dropped ("pos_embed_temporal"));
  g_assert_false (os_adapt_is_dropped ("pos_embedder.weight"));
}

static void
assert_values (
    const OsTensor *tensor, int n_dims, const gint64 *shape, const float *want)
{
  g_assert_nonnull (tensor);
  g_assert_true (os_tensor_has_shape (tensor, n_dims, shape));
  g_assert_true (os_tensor_is_contiguous (tensor));
  for (gint64 i = 0; i < os_tensor_count (tensor); i++)
    g_assert_cmpfloat (os_tensor_f32 (tensor)[i], ==, want[i]);
}

/* The null caption: cut, and its last row repeated. */
static void
test_rows (void)
{
  static const char *const name = "y_embedder.y_embedding";
  static const float longer[] = { 0, 1, 2, 3, 4, 5, 4, 5, 4, 5 };
  g_autoptr (OsMemPool) pool = os_mem_pool_new ();
  g_autoptr (OsTensor) tensor = wrap (OS_SHAPE (3, 2));
  g_autoptr (OsTensor) same =
      os_adapt_shape (tensor, name, OS_SHAPE (3, 2), pool, NULL);
  g_autoptr (OsTensor) cut =
      os_adapt_shape (tensor, name, OS_SHAPE (2, 2), pool, NULL);
  g_autoptr (OsTensor) more =
      os_adapt_shape (tensor, name, OS_SHAPE (5, 2), pool, NULL);
  g_autoptr (GError) error = NULL;

  assert_values (same, OS_SHAPE (3, 2), values);
  assert_values (cut, OS_SHAPE (2, 2), values);
  assert_values (more, OS_SHAPE (5, 2), longer);
  g_assert_true (os_tensor_data (cut) == values);
  g_assert_null (os_adapt_shape (tensor, name, OS_SHAPE (3, 3), pool, NULL));
  g_assert_null (os_adapt_shape (tensor, "w", OS_SHAPE (5, 2), pool, NULL));
  os_mem_pool_set_limit (pool, 1);
  g_assert_null (os_adapt_shape (tensor, name, OS_SHAPE (5, 2), pool, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MEMORY);
}

static void
test_time_axis (void)
{
  static const char *const name = "x_embedder.proj.weight";
  g_autoptr (OsMemPool) pool = os_mem_pool_new ();
  g_autoptr (OsTensor) tensor = wrap (OS_SHAPE (2, 1, 2, 2));
  g_autoptr (OsTensor) frames =
      os_adapt_shape (tensor, name, OS_SHAPE (2, 1, 1, 2, 2), pool, NULL);

  assert_values (frames, OS_SHAPE (2, 1, 1, 2, 2), values);
  g_assert_null (
      os_adapt_shape (tensor, name, OS_SHAPE (2, 1, 2, 2, 2), pool, NULL));
  g_assert_null (
      os_adapt_shape (tensor, name, OS_SHAPE (2, 2, 1, 2, 1), pool, NULL));
}

/* Strided tensors come out row-major. */
static void
test_strides (void)
{
  static const float want[] = { 0, 3, 1, 4, 2, 5 };
  g_autoptr (OsMemPool) pool = os_mem_pool_new ();
  g_autoptr (OsTensor) rows = wrap (OS_SHAPE (2, 3));
  g_autoptr (OsTensor) columns =
      os_tensor_permute (rows, (const int[]){ 1, 0 });
  g_autoptr (OsTensor) copy =
      os_adapt_shape (columns, "w", OS_SHAPE (3, 2), pool, NULL);

  assert_values (copy, OS_SHAPE (3, 2), want);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/weights/adaptations/names", test_names);
  g_test_add_func ("/weights/adaptations/rows", test_rows);
  g_test_add_func ("/weights/adaptations/time-axis", test_time_axis);
  g_test_add_func ("/weights/adaptations/strides", test_strides);
  return g_test_run ();
}
