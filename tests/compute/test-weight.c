/* SPDX-License-Identifier: Apache-2.0 */
/* Weights from all types that checkpoints have, at any address. */
#include <opensora/opensora.h>
#include <string.h>

#include "base/half.h"
#include "optest.h"

/* More than one chunk of widening. */
#define N 70001

/* `count` random values that all types can hold, as bytes of `dtype` that
 * start `shift` bytes off. */
static guint8 *
encode (OsDType dtype, gint64 count, int shift, float *values)
{
  const gsize size = os_dtype_size (dtype);
  guint8 *bytes = g_malloc (count * size + shift);

  for (gint64 i = 0; i < count; i++) {
    const float value = (int) (optest_random () * 127) / 64.0f;
    const guint16 f16 = os_f32_to_f16 (value), bf16 = os_f32_to_bf16 (value);
    const double f64 = value;
    const gconstpointer from = dtype == OS_DTYPE_F16    ? (gpointer) &f16
                               : dtype == OS_DTYPE_BF16 ? (gpointer) &bf16
                               : dtype == OS_DTYPE_F64  ? (gpointer) &f64
                                                        : (gpointer) &value;

    memcpy (bytes + shift + i * size, from, size);
    values[i] = value;
  }
  return bytes;
}

static void
check_source (OsCompute *compute, OsDType dtype, int shift)
{
  g_autofree float *values = g_new (float, N);
  guint8 *bytes = encode (dtype, N, shift, values);
  OsTensor *source =
      os_tensor_new_wrapped (dtype, OS_SHAPE (N), bytes + shift, bytes, g_free);
  g_autoptr (OsWeight) weight = os_weight_new (source);
  const OsTensor *prepared;

  os_tensor_unref (source);
  g_assert_cmpint (os_weight_count (weight), ==, N);
  prepared = os_weight_get (weight, compute);
  g_assert_true (os_compute_ok (compute));
  g_assert_cmpint (prepared->dtype, ==, OS_DTYPE_F32);
  g_assert_cmpuint (
      GPOINTER_TO_SIZE (os_tensor_data (prepared)) % sizeof (float), ==, 0);
  g_assert_cmpmem (
      os_tensor_f32 (prepared), N * sizeof (float), values, N * sizeof (float));
  g_assert_true (os_weight_get (weight, compute) == prepared);
}

static void
test_sources (OsCompute *compute)
{
  static const OsDType dtypes[] = { OS_DTYPE_F32, OS_DTYPE_F16, OS_DTYPE_BF16,
    OS_DTYPE_F64 };

  for (guint i = 0; i < G_N_ELEMENTS (dtypes); i++) {
    check_source (compute, dtypes[i], 0);
    check_source (compute, dtypes[i], 2);
    check_source (compute, dtypes[i], 4);
  }
}

/* Float32 that is aligned is used where it lies; the rest is copied once. */
static void
test_in_place (OsCompute *compute)
{
  OsMemPool *pool = os_compute_get_pool (compute);
  const guint64 before = os_mem_pool_get_in_use (pool);
  float values[9] = { 1, 2, 3 };
  g_autoptr (OsTensor) aligned =
      os_tensor_new_wrapped (OS_DTYPE_F32, OS_SHAPE (8), values, NULL, NULL);
  g_autoptr (OsTensor) shifted = os_tensor_new_wrapped (
      OS_DTYPE_F32, OS_SHAPE (8), (guint8 *) values + 1, NULL, NULL);
  OsWeight *a = os_weight_new (aligned);
  OsWeight *b = os_weight_new (shifted);

  g_assert_true (os_tensor_data (os_weight_get (a, compute)) == values);
  g_assert_cmpuint (os_mem_pool_get_in_use (pool), ==, before);
  os_weight_get (b, compute);
  g_assert_cmpuint (os_mem_pool_get_in_use (pool), >, before);
  os_weight_free (a);
  os_weight_free (b);
  g_assert_cmpuint (os_mem_pool_get_in_use (pool), ==, before);
}

/* A streamed weight gives its memory back after use and comes again; a resident
 * one stays. */
static void
test_streamed (OsCompute *compute)
{
  OsMemPool *pool = os_compute_get_pool (compute);
  const guint64 before = os_mem_pool_get_in_use (pool);
  const guint16 values[] = { 0x3f80, 0xc000, 0x4040, 0x3f00 }; /* BF16 */
  g_autoptr (OsTensor) source = os_tensor_new_wrapped (
      OS_DTYPE_BF16, OS_SHAPE (4), (gpointer) values, NULL, NULL);
  OsWeight *resident = os_weight_new (source);
  OsWeight *streamed = os_weight_new (source);
  guint64 one;

  os_weight_get (resident, compute);
  one = os_mem_pool_get_in_use (pool);
  os_weight_drop (resident);
  g_assert_cmpuint (os_mem_pool_get_in_use (pool), ==, one);

  os_weight_stream (streamed);
  for (int i = 0; i < 2; i++) {
    const float *got;

    os_weight_read_ahead (streamed);
    got = os_tensor_f32 (os_weight_get (streamed, compute));
    g_assert_cmpfloat (got[0], ==, 1);
    g_assert_cmpfloat (got[1], ==, -2);
    g_assert_cmpfloat (got[3], ==, 0.5);
    g_assert_cmpuint (os_mem_pool_get_in_use (pool), >, one);
    os_weight_drop (streamed);
    g_assert_cmpuint (os_mem_pool_get_in_use (pool), ==, one);
  }
  os_weight_free (resident);
  os_weight_free (streamed);
  g_assert_cmpuint (os_mem_pool_get_in_use (pool), ==, before);
}

/* [C_out, C_in, kt, kh, kw] -> [C_out, kt, kh, kw, C_in] */
static void
test_conv (OsCompute *compute)
{
  const gint64 count = 2 * 5 * 3 * 4 * 2;
  g_autofree float *values = g_new (float, count);
  g_autofree guint8 *bytes = encode (OS_DTYPE_F16, count, 0, values);
  g_autoptr (OsTensor) source = os_tensor_new_wrapped (
      OS_DTYPE_F16, OS_SHAPE (2, 5, 3, 4, 2), bytes, NULL, NULL);
  g_autoptr (OsTensor) flat = os_tensor_new_wrapped (
      OS_DTYPE_F16, OS_SHAPE (6, 5, 4, 2), bytes, NULL, NULL);
  g_autoptr (OsWeight) weight = os_weight_new_conv (source);
  g_autoptr (OsWeight) weight_2d = os_weight_new_conv (flat);
  const OsTensor *w = os_weight_get (weight, compute);
  const OsTensor *w2 = os_weight_get (weight_2d, compute);

  g_assert_true (os_tensor_has_shape (w, OS_SHAPE (2, 3, 4, 2, 5)));
  g_assert_true (os_tensor_has_shape (w2, OS_SHAPE (6, 4, 2, 5)));
  /* Dimensions are those of the checkpoint. */
  g_assert_cmpint (os_weight_dim (weight, 1), ==, 5);
  g_assert_cmpint (os_weight_dim (weight, 2), ==, 3);
  for (gint64 i = 0; i < count; i++) {
    const gint64 kw = i % 2, kh = i / 2 % 4, kt = i / 8 % 3;

    g_assert_cmpfloat (values[i], ==, AT (w, i / 120, kt, kh, kw, i / 24 % 5));
    g_assert_cmpfloat (values[i], ==, AT (w2, i / 40, kh, kw, i / 8 % 5));
  }
}

/* What failed for want of memory is tried again. */
static void
test_no_memory (OsCompute *compute)
{
  OsMemPool *pool = os_compute_get_pool (compute);
  g_autofree float *values = g_new (float, N);
  g_autofree guint8 *bytes = encode (OS_DTYPE_BF16, N, 0, values);
  g_autoptr (OsTensor) source =
      os_tensor_new_wrapped (OS_DTYPE_BF16, OS_SHAPE (N), bytes, NULL, NULL);
  g_autoptr (OsWeight) weight = os_weight_new (source);
  g_autoptr (GError) error = NULL;

  os_mem_pool_set_limit (pool, 1000);
  os_weight_get (weight, compute);
  g_assert_false (os_compute_check (compute, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MEMORY);
  os_mem_pool_set_limit (pool, 0);
  g_assert_cmpmem (os_tensor_f32 (os_weight_get (weight, compute)),
      N * sizeof (float), values, N * sizeof (float));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  optest_add ("/compute/weight/sources", test_sources);
  optest_add ("/compute/weight/in-place", test_in_place);
  optest_add ("/compute/weight/streamed", test_streamed);
  optest_add ("/compute/weight/conv", test_conv);
  optest_add ("/compute/weight/no-memory", test_no_memory);
  return g_test_run ();
}
