/* SPDX-License-Identifier: Apache-2.0 */
/* Binding: what fits, the report of what does not, random weights. */
#include <opensora/opensora.h>
#include <string.h>

#include "weights/binder.h"

static const float values[64] = { 1, 2, 3, 4, 5, 6, 7, 8 };

static void
add (OsCheckpoint *checkpoint, const char *name, OsDType dtype, int n_dims,
    const gint64 *shape)
{
  OsTensor *tensor = os_tensor_new_wrapped (
      dtype, n_dims, shape, (gpointer) values, NULL, NULL);

  g_assert_true (os_checkpoint_add (checkpoint, name, tensor, NULL));
}

/* blocks.0: a linear layer, a norm, a convolution. */
static OsCheckpoint *
new_checkpoint (void)
{
  OsCheckpoint *checkpoint = os_checkpoint_new ("m.safetensors", "test");

  add (checkpoint, "blocks.0.fc.weight", OS_DTYPE_F32, OS_SHAPE (4, 2));
  add (checkpoint, "blocks.0.fc.bias", OS_DTYPE_BF16, OS_SHAPE (4));
  add (checkpoint, "blocks.0.norm.weight", OS_DTYPE_F16, OS_SHAPE (2));
  add (checkpoint, "blocks.0.norm.bias", OS_DTYPE_F64, OS_SHAPE (2));
  add (
      checkpoint, "blocks.0.conv2.weight", OS_DTYPE_F32, OS_SHAPE (2, 1, 3, 5));
  add (checkpoint, "blocks.0.conv3.weight", OS_DTYPE_F32,
      OS_SHAPE (1, 2, 4, 3, 2));
  add (checkpoint, "blocks.0.conv3.bias", OS_DTYPE_F32, OS_SHAPE (1));
  return checkpoint;
}

static void
bind_block (
    OsBinder *binder, OsLinear *fc, OsNorm *norm, OsConv *conv2, OsConv *conv3)
{
  static const int kernel2[3] = { 1, 3, 5 };
  static const int kernel3[3] = { 4, 3, 2 };

  os_binder_push (binder, "blocks.%d", 0);
  *fc = os_binder_linear (binder, "fc", 2, 4, TRUE);
  *norm = os_binder_norm (binder, "norm", 2);
  *conv2 = os_binder_conv (binder, "conv2", 1, 2, 2, kernel2, FALSE);
  *conv3 = os_binder_conv (binder, "conv3", 2, 1, 3, kernel3, TRUE);
  os_binder_pop (binder);
}

static void
test_binds (void)
{
  g_autoptr (OsCheckpoint) checkpoint = new_checkpoint ();
  g_autoptr (OsBinder) binder = os_binder_new (checkpoint);
  g_autoptr (GPtrArray) weights = NULL;
  g_autoptr (GError) error = NULL;
  OsLinear fc;
  OsNorm norm;
  OsConv conv2, conv3;

  bind_block (binder, &fc, &norm, &conv2, &conv3);
  weights = os_binder_finish (binder, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (weights->len, ==, 7);
  g_assert_cmpint (os_weight_dim (fc.weight, 0), ==, 4);
  g_assert_cmpint (os_weight_dim (fc.weight, 1), ==, 2);
  g_assert_cmpint (os_weight_count (fc.bias), ==, 4);
  g_assert_cmpint (os_weight_count (norm.weight), ==, 2);
  g_assert_cmpint (os_weight_count (norm.bias), ==, 2);
  g_assert_cmpint (os_weight_count (conv2.weight), ==, 30);
  g_assert_null (conv2.bias);
  g_assert_cmpint (conv2.kernel[0], ==, 1);
  g_assert_cmpint (conv2.kernel[2], ==, 5);
  g_assert_cmpint (os_weight_count (conv3.weight), ==, 48);
  g_assert_cmpint (conv3.kernel[0], ==, 4);
  g_assert_nonnull (conv3.bias);
}

static void
test_prefixes (void)
{
  g_autoptr (OsCheckpoint) checkpoint = new_checkpoint ();
  g_autoptr (OsBinder) binder = os_binder_new (checkpoint);

  g_assert_true (os_binder_has (binder, "blocks.0.fc.weight"));
  /* A layer at the root. */
  os_binder_push (binder, "%s", "");
  g_assert_true (os_binder_has (binder, "blocks.0.fc.weight"));
  os_binder_pop (binder);
  os_binder_push (binder, "blocks");
  os_binder_push (binder, "%d", 0);
  g_assert_true (os_binder_has (binder, "fc.weight"));
  g_assert_false (os_binder_has (binder, "blocks.0.fc.weight"));
  os_binder_pop (binder);
  g_assert_true (os_binder_has (binder, "0.fc.weight"));
  os_binder_pop (binder);
  g_assert_false (os_binder_has (binder, "0.fc.weight"));
}

static void
test_report (void)
{
  g_autoptr (OsCheckpoint) checkpoint = new_checkpoint ();
  g_autoptr (OsBinder) binder = os_binder_new (checkpoint);
  g_autoptr (GError) error = NULL;

  add (checkpoint, "ids", OS_DTYPE_I64, OS_SHAPE (2));
  os_binder_push (binder, "blocks.0");
  /* A placeholder has the shape that was asked for. */
  g_assert_cmpint (
      os_weight_count (os_binder_weight (binder, "fc.weight", OS_SHAPE (8, 4))),
      ==, 32);
  os_binder_weight (binder, "fc.bias", OS_SHAPE (4));
  os_binder_norm (binder, "norm", 2);
  for (int i = 0; i < 6; i++) {
    g_autofree char *name = g_strdup_printf ("m%d", i);
    g_assert_nonnull (os_binder_weight (binder, name, OS_SHAPE (1)));
  }
  os_binder_pop (binder);
  os_binder_weight (binder, "ids", OS_SHAPE (2));
  os_binder_ignore (binder, "blocks.0.conv3");
  g_assert_null (os_binder_finish (binder, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MISMATCH);
  g_assert_cmpstr (error->message, ==,
      "m.safetensors does not fit its configuration: "
      "6 tensors are missing (blocks.0.m0, blocks.0.m1, blocks.0.m2, "
      "blocks.0.m3, blocks.0.m4, ...), "
      "2 have other shapes (blocks.0.fc.weight is [4, 2] F32, "
      "[8, 4] expected, ids is [2] I64, "
      "[2] of a floating point type expected), "
      "1 is not known (blocks.0.conv2.weight)");
}

/* A version that is not the one asked for is named, and so is that. */
static void
test_versions (void)
{
  g_autoptr (OsCheckpoint) checkpoint = os_checkpoint_new ("m", "test");
  g_autoptr (OsBinder) binder = os_binder_new (checkpoint);
  g_autoptr (OsBinder) again = os_binder_new (checkpoint);
  g_autoptr (GError) error = NULL;

  add (checkpoint, "blocks.0.attn_temp.qkv.weight", OS_DTYPE_F32,
      OS_SHAPE (3, 1));
  add (checkpoint, "t_block_temp.1.weight", OS_DTYPE_F32, OS_SHAPE (3, 1));
  os_binder_weight (
      binder, "spatial_blocks.0.attn.qkv.weight", OS_SHAPE (3, 1));
  os_binder_weight (
      binder, "temporal_blocks.0.attn.qkv.weight", OS_SHAPE (3, 1));
  g_assert_null (os_binder_finish (binder, &error));
  g_assert_nonnull (
      strstr (error->message, "these are Open-Sora 1.1 transformer (STDiT2) "
                              "weights; this model expects "
                              "Open-Sora 1.2 transformer (STDiT3)"));
  g_clear_error (&error);
  os_binder_weight (again, "blocks.0.attn_temp.qkv.weight", OS_SHAPE (6, 1));
  os_binder_weight (again, "t_block_temp.1.weight", OS_SHAPE (3, 1));
  g_assert_null (os_binder_finish (again, &error));
  g_assert_nonnull (strstr (error->message, "of another size"));
}

/* Other names, other shapes and any strides; dropped tensors are not unknown.
 */
static void
test_adapted (void)
{
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
  g_autoptr (OsCheckpoint) checkpoint = os_checkpoint_new ("m", "test");
  g_autoptr (OsBinder) binder = os_binder_new (checkpoint);
  g_autoptr (OsTensor) rows = os_tensor_new_wrapped (
      OS_DTYPE_F32, OS_SHAPE (2, 3), (gpointer) values, NULL, NULL);
  g_autoptr (GPtrArray) weights = NULL;
  g_autoptr (GError) error = NULL;
  OsWeight *query;
  float out[6] = { 0 }, strided[6];

  os_checkpoint_add (checkpoint, "a.query.weight",
      os_tensor_permute (rows, (const int[]){ 1, 0 }), NULL);
  add (checkpoint, "pos_embed", OS_DTYPE_F32, OS_SHAPE (1, 2, 2));
  query = os_binder_weight (binder, "a.to_q.weight", OS_SHAPE (3, 2));
  g_assert_true (os_binder_has (binder, "a.to_q.weight"));
  g_assert_true (os_binder_values (binder, "a.to_q.weight", 6, strided));
  weights = os_binder_finish (binder, &error);
  g_assert_no_error (error);
  os_compute_download (compute, os_weight_get (query, compute), out);
  g_assert_true (os_compute_ok (compute));
  for (int i = 0; i < 6; i++) {
    g_assert_cmpfloat (out[i], ==, values[i % 2 * 3 + i / 2]);
    g_assert_cmpfloat (strided[i], ==, out[i]);
  }
}

/* Too many tensors are no error. */
static void
test_unknown (void)
{
  g_autoptr (OsCheckpoint) checkpoint = new_checkpoint ();
  g_autoptr (OsBinder) binder = os_binder_new (checkpoint);
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) weights = NULL;

  os_binder_weight (binder, "blocks.0.fc.bias", OS_SHAPE (4));
  weights = os_binder_finish (binder, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (weights->len, ==, 1);
}

static void
test_values (void)
{
  static const guint16 f16[] = { 0x3c00, 0xc000 };
  static const guint16 bf16[] = { 0x3f80, 0xc000 };
  static const double f64[] = { 1, -2 };
  static const gint32 i32[] = { 1, -2 };
  const struct {
    OsDType dtype;
    gconstpointer data;
  } cases[] = { { OS_DTYPE_F16, f16 }, { OS_DTYPE_BF16, bf16 },
    { OS_DTYPE_F64, f64 }, { OS_DTYPE_F32, (float[]){ 1, -2 } } };
  g_autoptr (OsCheckpoint) checkpoint = new_checkpoint ();
  g_autoptr (OsBinder) binder = os_binder_new (checkpoint);
  float out[3];

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *name = g_strdup_printf ("v%u", i);
    os_checkpoint_add (checkpoint, name,
        os_tensor_new_wrapped (
            cases[i].dtype, OS_SHAPE (2), (gpointer) cases[i].data, NULL, NULL),
        NULL);
    memset (out, 0, sizeof out);
    g_assert_true (os_binder_values (binder, name, 2, out));
    g_assert_cmpfloat (out[0], ==, 1);
    g_assert_cmpfloat (out[1], ==, -2);
    g_assert_false (os_binder_values (binder, name, 3, out));
  }
  os_checkpoint_add (checkpoint, "ints",
      os_tensor_new_wrapped (
          OS_DTYPE_I32, OS_SHAPE (2), (gpointer) i32, NULL, NULL),
      NULL);
  g_assert_false (os_binder_values (binder, "ints", 2, out));
  g_assert_false (os_binder_values (binder, "absent", 2, out));
}

/* Prepared values of a weight that belongs to the binder's set. */
static float *
get_values (OsWeight *weight, OsCompute *compute)
{
  float *out = g_new (float, os_weight_count (weight));

  os_compute_download (compute, os_weight_get (weight, compute), out);
  g_assert_true (os_compute_ok (compute));
  return out;
}

static void
test_random (void)
{
  enum {
    IN = 400,
    OUT = 100
  };
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
  OsMemPool *pool = os_compute_get_pool (compute);
  g_autoptr (OsBinder) binder = os_binder_new_random (pool, 42);
  g_autoptr (OsBinder) again = os_binder_new_random (pool, 42);
  g_autoptr (OsBinder) other = os_binder_new_random (pool, 43);
  OsLinear a = os_binder_linear (binder, "fc", IN, OUT, TRUE);
  OsLinear b = os_binder_linear (again, "fc", IN, OUT, TRUE);
  OsLinear c = os_binder_linear (other, "fc", IN, OUT, TRUE);
  OsNorm norm = os_binder_norm (binder, "norm", 2);
  g_autofree float *x = get_values (a.weight, compute);
  g_autofree float *y = get_values (b.weight, compute);
  g_autofree float *z = get_values (c.weight, compute);
  g_autofree float *gain = get_values (norm.weight, compute);
  g_autoptr (GPtrArray) weights = os_binder_finish (binder, NULL);
  double sum = 0, square = 0;

  g_assert_nonnull (weights);
  g_assert_cmpmem (x, IN * OUT * 4, y, IN * OUT * 4);
  g_assert_cmpint (memcmp (x, z, IN * OUT * 4), !=, 0);
  for (int i = 0; i < IN * OUT; i++) {
    sum += x[i];
    square += x[i] * x[i];
  }
  g_assert_cmpfloat_with_epsilon (sum / (IN * OUT), 0, 0.001);
  g_assert_cmpfloat_with_epsilon (square / OUT, 1, 0.03);
  g_assert_cmpfloat (gain[0], ==, 1);
  g_assert_true (os_binder_has (binder, "anything"));
  g_assert_false (os_binder_values (binder, "freqs", 2, x));
}

static void
test_no_memory (void)
{
  g_autoptr (OsMemPool) pool = os_mem_pool_new ();
  g_autoptr (OsBinder) binder = os_binder_new_random (pool, 1);
  g_autoptr (GError) error = NULL;

  os_mem_pool_set_limit (pool, 1024);
  g_assert_nonnull (
      os_binder_weight (binder, "large", OS_SHAPE (1 << 20, 1 << 20)));
  g_assert_nonnull (os_binder_weight (binder, "small", OS_SHAPE (2)));
  g_assert_null (os_binder_finish (binder, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MEMORY);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/weights/binder/binds", test_binds);
  g_test_add_func ("/weights/binder/prefixes", test_prefixes);
  g_test_add_func ("/weights/binder/report", test_report);
  g_test_add_func ("/weights/binder/versions", test_versions);
  g_test_add_func ("/weights/binder/adapted", test_adapted);
  g_test_add_func ("/weights/binder/unknown", test_unknown);
  g_test_add_func ("/weights/binder/values", test_values);
  g_test_add_func ("/weights/binder/random", test_random);
  g_test_add_func ("/weights/binder/no-memory", test_no_memory);
  return g_test_run ();
}
