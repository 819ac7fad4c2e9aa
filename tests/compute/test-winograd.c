/* SPDX-License-Identifier: Apache-2.0 */
/* Winograd's transforms and products of each instruction set that this CPU has,
 * against plain loops in double. */
#include "compute/winograd.h"

#include <math.h>

#include "compute/cpu.h"
#include "optest.h"

#define EDGE OS_WINOGRAD_EDGE
#define TILE OS_WINOGRAD_TILE
#define PLANES OS_WINOGRAD_PLANES
#define MAX_CHANNELS 32
/* From one plane to the next, and from a line of pixels to the next. */
#define PLANE (MAX_CHANNELS * MAX_CHANNELS + 5)
#define LINE (EDGE * MAX_CHANNELS + 3)

static void
fill (float *values, gint64 n)
{
  for (gint64 i = 0; i < n; i++)
    values[i] = optest_random ();
}

/* A tile, from pixels to pixels: C input channels, n output channels. */
static void
check_tile (const OsWinogradKernels *k, gint64 C, gint64 n)
{
  static float d[EDGE * LINE], g[MAX_CHANNELS * MAX_CHANNELS * 9];
  static float input[PLANES * PLANE], weights[PLANES * PLANE];
  static float product[PLANES * PLANE], y[TILE * TILE * MAX_CHANNELS];
  float bias[MAX_CHANNELS];
  const gint64 padded = (C + k->lanes - 1) / k->lanes * k->lanes;

  fill (d, G_N_ELEMENTS (d));
  fill (g, G_N_ELEMENTS (g));
  fill (bias, G_N_ELEMENTS (bias));
  k->input (d, EDGE * padded, padded, input, PLANE);
  k->weights (g, C * 9, 9, n, C, weights, PLANE);
  for (int p = 0; p < PLANES; p++)
    k->multiply (1, C, input + p * PLANE, padded, weights + p * PLANE,
        product + p * PLANE, k->panel, FALSE);
  k->output (product, PLANE, k->panel, bias, y);

  for (gint64 i = 0; i < TILE * TILE * k->panel; i++) {
    const gint64 o = i % k->panel, w = i / k->panel % TILE;
    const gint64 h = i / k->panel / TILE;
    double sum = bias[o];

    for (gint64 j = 0; o < n && j < 9 * C; j++) {
      const gint64 c = j / 9, dh = j / 3 % 3, dw = j % 3;

      sum += (double) g[o * C * 9 + j]
             * d[((h + dh) * EDGE + w + dw) * padded + c];
    }
    optest_assert_near (y[i], sum, 4e-6 * sqrt (9 * C), i);
  }
}

/* Sums and what they are added to, and nothing beyond M rows. */
static void
check_product (const OsWinogradKernels *k, gint64 M, gint64 K, gboolean add)
{
  const gint64 lda = K + 3, ldc = k->panel + 1;
  g_autofree float *a = g_new (float, M *lda);
  g_autofree float *panel = g_new (float, K * k->panel);
  g_autofree float *before = g_new (float, (M + 1) * ldc);
  g_autofree float *c = NULL;

  fill (a, M * lda);
  fill (panel, K * k->panel);
  fill (before, (M + 1) * ldc);
  c = g_memdup2 (before, (M + 1) * ldc * sizeof *c);
  k->multiply (M, K, a, lda, panel, c, ldc, add);
  for (gint64 i = 0; i < (M + 1) * ldc; i++) {
    const gint64 m = i / ldc, n = i % ldc;
    double sum = add ? before[i] : 0;

    if (m == M || n == k->panel) {
      g_assert_cmpfloat (c[i], ==, before[i]);
      continue;
    }
    for (gint64 j = 0; j < K; j++)
      sum += (double) a[m * lda + j] * panel[j * k->panel + n];
    optest_assert_near (c[i], sum, 1e-5, i);
  }
}

static void
test_tile (gconstpointer data)
{
  const OsWinogradKernels *k = data;
  const gint64 channels[] = { 1, 3, 8, 16, 19 };

  g_assert_cmpint (k->panel, <=, MAX_CHANNELS);
  for (guint i = 0; i < G_N_ELEMENTS (channels); i++) {
    check_tile (k, channels[i], k->panel);
    check_tile (k, channels[i], 1);
    check_tile (k, channels[i], k->panel - 1);
  }
}

static void
test_product (gconstpointer data)
{
  for (gint64 M = 1; M < 30; M++) {
    check_product (data, M, 1, FALSE);
    check_product (data, M, 37, FALSE);
    check_product (data, M, 37, TRUE);
  }
}

static void
add_tests (const char *name, const OsWinogradKernels *kernels)
{
  g_autofree char *tile = g_strdup_printf ("/compute/winograd/%s/tile", name);
  g_autofree char *product =
      g_strdup_printf ("/compute/winograd/%s/product", name);

  g_test_add_data_func (tile, kernels, test_tile);
  g_test_add_data_func (product, kernels, test_product);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add_tests ("generic", &os_winograd_generic);
#ifdef __x86_64__
  if (os_cpu_winograd_kernels () != &os_winograd_generic)
    add_tests ("avx2", &os_winograd_avx2);
  if (os_cpu_winograd_kernels () == &os_winograd_avx512)
    add_tests ("avx512", &os_winograd_avx512);
#endif
  return g_test_run ();
}
