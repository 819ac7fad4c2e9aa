/* SPDX-License-Identifier: Apache-2.0 */
/* Norms against plain loops in double. */
#include <math.h>

#include "optest.h"

/* Mean and 1 / sqrt (variance + eps) of n values. */
static void
moments (const float *x, gint64 n, double eps, double *mean, double *inverse)
{
  double square = 0;

  *mean = 0;
  for (gint64 i = 0; i < n; i++)
    *mean += (double) x[i] / n;
  for (gint64 i = 0; i < n; i++)
    square += (x[i] - *mean) * (x[i] - *mean) / n;
  *inverse = 1 / sqrt (square + eps);
}

/* R rows of shift and scale, as views into a table of six. */
static void
check_layer_norm (OsCompute *compute, gint64 M, gint64 C, gint64 R)
{
  g_autoptr (OsTensor) x = optest_tensor (compute, OS_SHAPE (M, C));
  g_autoptr (OsTensor) table = optest_tensor (compute, OS_SHAPE (R, 6, C));
  g_autoptr (OsTensor) shift = os_tensor_select (table, 1, 3);
  g_autoptr (OsTensor) scale = os_tensor_select (table, 1, 4);
  g_autofree double *expected = g_new (double, M *C);
  g_autoptr (OsTensor) y = NULL;

  for (gint64 row = 0; row < M; row++) {
    const float *values = os_tensor_f32 (x) + row * C;
    const gint64 r = row / (M / R);
    double mean, inverse;

    moments (values, C, 1e-6, &mean, &inverse);
    for (gint64 c = 0; c < C; c++)
      expected[row * C + c] =
          (values[c] - mean) * inverse * (1 + AT (scale, r, c))
          + AT (shift, r, c);
  }
  y = os_layer_norm_modulate (compute, x, shift, scale, 1e-6f);
  g_assert_true (os_tensor_has_shape (y, 2, x->shape));
  optest_assert_tensor (compute, y, expected, 1e-5);
}

static void
test_layer_norm (OsCompute *compute)
{
  check_layer_norm (compute, 1, 3, 1);
  check_layer_norm (compute, 6, 17, 2);
  check_layer_norm (compute, 65, 65, 65);
  check_layer_norm (compute, 300, 128, 3);
}

static void
check_rms_norm (OsCompute *compute, gint64 M, gint64 C)
{
  g_autoptr (OsTensor) pairs = optest_tensor (compute, OS_SHAPE (M, 2, C));
  g_autoptr (OsTensor) x = os_tensor_select (pairs, 1, 1);
  g_autoptr (OsTensor) before = os_tensor_select (pairs, 1, 0);
  g_autoptr (OsTensor) rows = os_contiguous (compute, before);
  g_autoptr (OsTensor) kept =
      os_compute_upload (compute, os_tensor_f32 (rows), 2, rows->shape);
  g_autoptr (OsWeight) weight = optest_weight (compute, OS_SHAPE (C));
  const OsTensor *gain = os_weight_get (weight, compute);
  g_autofree double *expected = g_new (double, M *C);
  g_autoptr (OsTensor) y = NULL;

  for (gint64 row = 0; row < M; row++) {
    double square = 0;

    for (gint64 c = 0; c < C; c++)
      square += (double) AT (x, row, c) * AT (x, row, c) / C;
    for (gint64 c = 0; c < C; c++)
      expected[row * C + c] =
          AT (x, row, c) / sqrt (square + 1e-5) * AT (gain, c);
  }
  y = os_rms_norm (compute, x, weight, 1e-5f);
  optest_assert_tensor (compute, y, expected, 1e-5);
  os_rms_norm_inplace (compute, x, weight, 1e-5f);
  optest_assert_equal (compute, x, y);
  /* What lies between the rows is left alone. */
  optest_assert_equal (compute, before, kept);
}

static void
test_rms_norm (OsCompute *compute)
{
  check_rms_norm (compute, 1, 1);
  check_rms_norm (compute, 3, 17);
  check_rms_norm (compute, 65, 72);
  check_rms_norm (compute, 700, 33);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  optest_add ("/compute/norm/layer-norm", test_layer_norm);
  optest_add ("/compute/norm/rms-norm", test_rms_norm);
  return g_test_run ();
}
