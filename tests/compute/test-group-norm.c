/* SPDX-License-Identifier: Apache-2.0 */
/* Group norm against plain loops in double. */
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

/* Values of a group of a [B, pixels, C] tensor. */
static float *
group_values (
    const OsTensor *x, gint64 b, gint64 first, gint64 n, gint64 pixels)
{
  const gint64 C = x->shape[4];
  float *values = g_new (float, n *pixels);

  for (gint64 i = 0; i < n * pixels; i++)
    values[i] = os_tensor_f32 (x)[(b * pixels + i / n) * C + first + i % n];
  return values;
}

static void
check_group_norm (OsCompute *compute, const gint64 *shape, int n_groups,
    float offset, double tolerance)
{
  const gint64 C = shape[4], n = C / n_groups;
  const gint64 pixels = shape[1] * shape[2] * shape[3];
  g_autoptr (OsTensor) x = optest_tensor (compute, 5, shape);
  g_autoptr (OsWeight) weight = optest_weight (compute, OS_SHAPE (C));
  g_autoptr (OsWeight) bias = optest_weight (compute, OS_SHAPE (C));
  const OsNorm norm = { weight, bias };
  g_autofree double *expected = g_new (double, os_tensor_count (x));
  g_autoptr (OsTensor) y = NULL;

  for (gint64 i = 0; i < os_tensor_count (x); i++)
    os_tensor_f32 (x)[i] += offset;
  for (gint64 i = 0; i < shape[0] * n_groups; i++) {
    const gint64 b = i / n_groups, first = i % n_groups * n;
    g_autofree float *values = group_values (x, b, first, n, pixels);
    double mean, inverse;

    moments (values, n * pixels, 1e-6, &mean, &inverse);
    for (gint64 j = 0; j < n * pixels; j++) {
      const gint64 c = first + j % n;
      const double z =
          (values[j] - mean) * inverse * AT (os_weight_get (weight, compute), c)
          + AT (os_weight_get (bias, compute), c);
      expected[(b * pixels + j / n) * C + c] = z;
    }
  }
  y = os_group_norm (compute, x, &norm, n_groups, 1e-6f);
  optest_assert_tensor (compute, y, expected, tolerance);
}

static void
test_group_norm (OsCompute *compute)
{
  const gint64 one[] = { 1, 1, 1, 1, 4 }, odd[] = { 2, 3, 5, 7, 6 };
  const gint64 chunks[] = { 2, 1, 41, 53, 8 }; /* 3 chunks of 1024 pixels */

  check_group_norm (compute, one, 1, 0, 1e-5);
  check_group_norm (compute, odd, 6, 0, 1e-5);
  check_group_norm (compute, odd, 2, 0, 1e-5);
  check_group_norm (compute, odd, 1, 0, 1e-5);
  check_group_norm (compute, chunks, 4, 0, 1e-5);
}

/* A mean far from 0 costs no more digits than the input has lost already: one
 * pass over the squares would leave none. */
static void
test_group_norm_offset (OsCompute *compute)
{
  const gint64 shape[] = { 1, 2, 33, 31, 8 };

  check_group_norm (compute, shape, 2, 1000, 4e-4);
  check_group_norm (compute, shape, 2, -5000, 2e-3);
}

static void
test_independent_of_threads (void)
{
  g_autoptr (OsCompute) one = os_compute_new ("ref", 1, NULL);
  g_autoptr (OsCompute) six = os_compute_new ("ref", 6, NULL);
  g_autoptr (OsTensor) x = optest_tensor (one, OS_SHAPE (1, 3, 40, 41, 8));
  g_autoptr (OsWeight) weight = optest_weight (one, OS_SHAPE (8));
  const OsNorm norm = { weight, weight };
  g_autoptr (OsTensor) a = os_group_norm (one, x, &norm, 2, 1e-5f);
  g_autoptr (OsTensor) b = os_group_norm (six, x, &norm, 2, 1e-5f);

  optest_assert_equal (one, a, b);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  optest_add ("/compute/group-norm/values", test_group_norm);
  optest_add ("/compute/group-norm/offset", test_group_norm_offset);
  g_test_add_func ("/compute/group-norm/independent-of-threads",
      test_independent_of_threads);
  return g_test_run ();
}
