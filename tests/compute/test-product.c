/* SPDX-License-Identifier: Apache-2.0 */
/* Packing, and products that are cut on all sides, against plain loops in
 * double. */
#include "compute/product.h"

#include "optest.h"

#define GUARD 12345.0f

static void
fill (float *values, gint64 n)
{
  for (gint64 i = 0; i < n; i++)
    values[i] = optest_random ();
}

/* --- packing --- */

static void
check_pack (gint64 n, gint64 k, gint64 width)
{
  const gint64 ld = k + 3;
  g_autofree float *from = g_new (float, n *ld);
  g_autofree float *to = g_new (float, k *width + 1);

  fill (from, n * ld);
  for (gint64 i = 0; i <= k * width; i++)
    to[i] = GUARD;
  os_pack (from, ld, n, k, width, to);
  for (gint64 l = 0; l < k; l++)
    for (gint64 i = 0; i < width; i++)
      g_assert_cmpfloat (
          to[l * width + i], ==, i < n ? from[i * ld + l] : 0.0f);
  g_assert_cmpfloat (to[k * width], ==, GUARD);
}

static void
test_pack (void)
{
  for (gint64 n = 1; n <= 12; n++)
    for (gint64 k = 1; k <= 9; k++)
      check_pack (n, k, 12);
  check_pack (24, 33, 24);
}

/* --- products --- */

/* y, and how often each of its values was finished. */
typedef struct {
  gint64 N;
  float *y;
  gint *finished;
} Result;

static void
finish (gpointer data, float *y, gint64 ld, gint64 row, gint64 m, gint64 column,
    gint64 n)
{
  const Result *result = data;

  for (gint64 i = 0; i < m; i++) {
    for (gint64 j = 0; j < n; j++) {
      const gint64 at = (row + i) * result->N + column + j;

      result->y[at] = y[i * ld + j];
      g_atomic_int_inc (&result->finished[at]);
    }
  }
}

static void
check_product (OsCompute *compute, gint64 M, gint64 N, gint64 K, gboolean out)
{
  g_autoptr (OsTensor) x = optest_tensor (compute, OS_SHAPE (M, K));
  g_autoptr (OsTensor) w = optest_tensor (compute, OS_SHAPE (N, K));
  g_autofree float *held = g_new (float, M *N);
  g_autofree float *y = g_new (float, M *N);
  g_autofree gint *finished = g_new0 (gint, M * N);
  Result result = { N, y, finished };

  os_product_run (
      compute, &(OsProduct){ M, N, K, os_tensor_f32 (x), os_tensor_f32 (w),
                   out ? held : NULL, finish, &result });
  for (gint64 i = 0; i < M * N; i++) {
    double expected = 0;

    for (gint64 k = 0; k < K; k++)
      expected += (double) os_tensor_f32 (x)[i / N * K + k]
                  * os_tensor_f32 (w)[i % N * K + k];
    g_assert_cmpint (finished[i], ==, 1);
    optest_assert_near (y[i], expected, 5e-5, i);
    if (out)
      g_assert_cmpfloat (held[i], ==, y[i]);
  }
}

/* M, N, K: smaller than a tile; a panel and a bit; several blocks of x, depths
 * and groups of panels. */
static void
test_product (OsCompute *compute)
{
  static const gint64 sizes[][3] = { { 1, 1, 1 }, { 3, 5, 2 }, { 9, 49, 40 },
    { 1, 500, 300 }, { 700, 250, 37 }, { 530, 30, 600 } };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    check_product (compute, sizes[i][0], sizes[i][1], sizes[i][2], FALSE);
    check_product (compute, sizes[i][0], sizes[i][1], sizes[i][2], TRUE);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/compute/product/pack", test_pack);
  optest_add ("/compute/product/values", test_product);
  return g_test_run ();
}
