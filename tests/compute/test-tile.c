/* SPDX-License-Identifier: Apache-2.0 */
/* The tile kernels of each instruction set that this CPU has, against formulas
 * in double. */
#include "compute/tile.h"

#include <math.h>

#include "compute/cpu.h"
#include "optest.h"

#define GUARD 12345.0f

static void
fill (float *values, gint64 n, float range)
{
  for (gint64 i = 0; i < n; i++)
    values[i] = range * optest_random ();
}

/* a transposed or not; c has a column more than the tile, which stays. */
static void
check_multiply (const OsTileKernels *tile, gint64 k, gboolean transposed)
{
  const gint64 R = tile->rows, C = tile->columns, ldc = C + 1;
  const gint64 a_row = transposed ? 1 : k + 2, a_step = transposed ? R + 3 : 1;
  g_autofree float *a = g_new (float, (R + 3) * (k + 2));
  g_autofree float *b = g_new (float, k *C + 1);
  g_autofree float *c = g_new (float, R *ldc);

  fill (a, (R + 3) * (k + 2), 1);
  fill (b, k * C, 1);
  for (int add = 0; add < 2; add++) {
    for (gint64 i = 0; i < R * ldc; i++)
      c[i] = GUARD;
    tile->multiply (a, a_row, a_step, b, k, c, ldc, add);
    for (gint64 i = 0; i < R * ldc; i++) {
      const gint64 row = i / ldc, column = i % ldc;
      double expected = add || column == C ? GUARD : 0;

      for (gint64 l = 0; l < k && column < C; l++)
        expected += (double) a[row * a_row + l * a_step] * b[l * C + column];
      optest_assert_near (c[i], expected, 1e-5, i);
    }
  }
}

static void
test_multiply (gconstpointer data)
{
  const OsTileKernels *tile = data;

  g_assert_cmpint (tile->rows * tile->columns, <=, OS_TILE_MAX);
  for (gint64 k = 0; k < 9; k++) {
    check_multiply (tile, k, FALSE);
    check_multiply (tile, k, TRUE);
  }
}

/* A column of n scores that come in two parts. The exponential is as good as
 * float is, over all of its range. */
static void
check_column (const float *scores, gint64 n, gint64 C, gint64 column,
    const float *second, gint64 first, const float *sum)
{
  double p, total = 0;
  float max = -INFINITY;

  for (gint64 l = 0; l < n; l++)
    max = MAX (max, scores[l * C + column]);
  /* The difference is rounded to float, the exponential exact. */
  for (gint64 l = 0; l < n; l++)
    total += exp ((float) (scores[l * C + column] - max));
  g_assert_cmpfloat (fabs (sum[column] / total - 1), <, 2e-6);
  for (gint64 l = first; l < n; l++) {
    p = exp ((float) (scores[l * C + column] - max));
    /* Relative, down to where 0 is the answer. */
    if (p > 1e-37)
      g_assert_cmpfloat (fabs (second[l * C + column] / p - 1), <, 1e-6);
    else
      g_assert_cmpfloat (second[l * C + column], <=, 2e-37);
  }
}

static void
test_softmax (gconstpointer data)
{
  static const float ranges[] = { 0.5f, 3, 60 };
  const OsTileKernels *tile = data;
  const gint64 C = tile->columns, n = 40, first = 13;
  g_autofree float *scores = g_new (float, n *C);
  g_autofree float *x = g_new (float, n *C + 1);
  float max[OS_TILE_MAX], sum[OS_TILE_MAX], rescale[OS_TILE_MAX];

  for (guint r = 0; r < G_N_ELEMENTS (ranges); r++) {
    fill (scores, n * C, ranges[r]);
    for (gint64 i = 0; i < n * C; i++)
      x[i] = scores[i];
    x[n * C] = GUARD;
    for (gint64 j = 0; j < C; j++) {
      max[j] = -3.4028235e38f;
      sum[j] = 0;
    }
    tile->softmax (x, first, max, sum, rescale);
    for (gint64 j = 0; j < C; j++)
      g_assert_cmpfloat (rescale[j], ==, 0);
    tile->softmax (x + first * C, n - first, max, sum, rescale);
    /* What was computed with the old maximum meets the new one. */
    tile->scale (x, first, rescale);
    for (gint64 j = 0; j < C; j++)
      check_column (scores, n, C, j, x, ranges[r] < 10 ? 0 : first, sum);
    g_assert_cmpfloat (x[n * C], ==, GUARD);
  }
}

/* Masked scores weigh exactly nothing, also where they come first; scores too
 * large for exp() do not overflow. */
static void
test_extremes (gconstpointer data)
{
  const OsTileKernels *tile = data;
  const gint64 C = tile->columns;
  const float values[] = { -3.4028235e38f, 1, -3.4028235e38f, 3e38f, -3e38f,
    3e38f };
  float x[6 * OS_TILE_MAX], max[OS_TILE_MAX], sum[OS_TILE_MAX];
  float rescale[OS_TILE_MAX];

  for (gint64 i = 0; i < 6 * C; i++)
    x[i] = values[i / C];
  for (gint64 j = 0; j < C; j++) {
    max[j] = -3.4028235e38f;
    sum[j] = 0;
  }
  tile->softmax (x, 1, max, sum, rescale);
  tile->softmax (x + C, 2, max, sum, rescale);
  for (gint64 j = 0; j < C; j++) {
    g_assert_cmpfloat (rescale[j], ==, 0);
    g_assert_cmpfloat (sum[j], ==, 1);
    g_assert_cmpfloat (x[C + j], ==, 1);
    g_assert_cmpfloat (x[2 * C + j], ==, 0);
  }
  tile->softmax (x + 3 * C, 3, max, sum, rescale);
  for (gint64 j = 0; j < C; j++) {
    g_assert_cmpfloat (rescale[j], ==, 0);
    g_assert_cmpfloat (sum[j], ==, 2);
    g_assert_cmpfloat (x[4 * C + j], ==, 0);
  }
}

static void
add_tests (const OsTileKernels *tile)
{
  static const struct {
    const char *name;
    GTestDataFunc func;
  } tests[] = { { "multiply", test_multiply }, { "softmax", test_softmax },
    { "extremes", test_extremes } };

  for (guint i = 0; i < G_N_ELEMENTS (tests); i++) {
    g_autofree char *path =
        g_strdup_printf ("/compute/tile/%s/%s", tile->name, tests[i].name);

    g_test_add_data_func (path, tile, tests[i].func);
  }
}

static void
test_choice (void)
{
  g_assert_cmpstr (os_cpu_tile_kernels ()->name, ==, os_cpu_kernels ()->name);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add_tests (&os_tile_generic);
#ifdef __x86_64__
  if (os_cpu_kernels () != &os_kernels_generic)
    add_tests (&os_tile_avx2);
  if (os_cpu_kernels () == &os_kernels_avx512)
    add_tests (&os_tile_avx512);
  g_test_add_func ("/compute/tile/choice", test_choice);
#endif
  return g_test_run ();
}
