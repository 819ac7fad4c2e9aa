/* SPDX-License-Identifier: Apache-2.0 */
/* Ops on values and rows. */
#include <math.h>

#include "optest.h"

/* b again and again, over the borders of the work's pieces. */
static void
check_add (OsCompute *compute, gint64 rows, gint64 n)
{
  g_autoptr (OsTensor) a = optest_tensor (compute, OS_SHAPE (rows, n));
  g_autoptr (OsTensor) b = optest_tensor (compute, OS_SHAPE (n));
  g_autoptr (OsTensor) y = os_add (compute, a, b);

  g_assert_true (os_tensor_has_shape (y, 2, a->shape));
  for (gint64 i = 0; i < rows * n; i++)
    g_assert_cmpfloat (os_tensor_f32 (y)[i], ==,
        os_tensor_f32 (a)[i] + os_tensor_f32 (b)[i % n]);
}

static void
test_add (OsCompute *compute)
{
  check_add (compute, 1, 1);
  check_add (compute, 17, 1);
  check_add (compute, 3, 65);
  check_add (compute, 500, 101);
  check_add (compute, 2, 20000);
}

static void
test_in_place (OsCompute *compute)
{
  const gint64 n = 33333;
  g_autoptr (OsTensor) a = optest_tensor (compute, OS_SHAPE (3, n / 3));
  g_autoptr (OsTensor) b = optest_tensor (compute, OS_SHAPE (3, n / 3));
  g_autoptr (OsTensor) y =
      os_compute_upload (compute, os_tensor_f32 (a), 2, a->shape);

  os_mul_inplace (compute, y, b);
  for (gint64 i = 0; i < n; i++)
    g_assert_cmpfloat (
        os_tensor_f32 (y)[i], ==, os_tensor_f32 (a)[i] * os_tensor_f32 (b)[i]);
}

static void
test_activate (OsCompute *compute)
{
  g_autoptr (OsTensor) x = optest_tensor (compute, OS_SHAPE (7, 17));
  g_autoptr (OsTensor) silu = os_activate (compute, x, OS_ACT_SILU);
  g_autoptr (OsTensor) gelu = os_activate (compute, x, OS_ACT_GELU_TANH);
  g_autoptr (OsTensor) none = os_activate (compute, x, OS_ACT_NONE);

  for (gint64 i = 0; i < 119; i++) {
    const double value = os_tensor_f32 (x)[i];

    optest_assert_near (
        os_tensor_f32 (silu)[i], optest_activate (value, OS_ACT_SILU), 1e-6, i);
    optest_assert_near (os_tensor_f32 (gelu)[i],
        optest_activate (value, OS_ACT_GELU_TANH), 1e-6, i);
  }
  optest_assert_equal (compute, none, x);
}

static void
test_lerp (OsCompute *compute)
{
  g_autoptr (OsTensor) wide = optest_tensor (compute, OS_SHAPE (5, 4, 17));
  g_autoptr (OsTensor) high = optest_tensor (compute, OS_SHAPE (3, 9, 17));
  g_autoptr (OsTensor) x = os_tensor_slice (wide, 1, 1, 3);
  g_autoptr (OsTensor) some = os_tensor_slice (high, 1, 2, 5);
  g_autoptr (OsTensor) y = os_tensor_permute (some, (int[]){ 1, 0, 2 });
  g_autoptr (OsTensor) out = os_lerp (compute, x, 0.25f, y, -3);

  g_assert_true (os_tensor_has_shape (out, OS_SHAPE (5, 3, 17)));
  for (gint64 i = 0; i < 255; i++)
    optest_assert_near (os_tensor_f32 (out)[i],
        0.25 * AT (x, i / 51, i / 17 % 3, i % 17)
            - 3.0 * AT (y, i / 51, i / 17 % 3, i % 17),
        1e-6, i);
}

static void
test_scale_shift (OsCompute *compute)
{
  const float scale[] = { 2, -1, 0.5f }, shift[] = { 0, 10, -4 };
  g_autoptr (OsTensor) wide = optest_tensor (compute, OS_SHAPE (65, 5));
  g_autoptr (OsTensor) x = os_tensor_slice (wide, 1, 1, 3);
  g_autoptr (OsTensor) y = os_scale_shift (compute, x, scale, shift);

  g_assert_true (os_tensor_has_shape (y, OS_SHAPE (65, 3)));
  for (gint64 i = 0; i < 195; i++)
    optest_assert_near (os_tensor_f32 (y)[i],
        (double) AT (x, i / 3, i % 3) * scale[i % 3] + shift[i % 3], 1e-6, i);
}

static void
test_select_rows (OsCompute *compute)
{
  const guint8 choose[] = { 0, 1, 1, 0, 255 };
  g_autoptr (OsTensor) wide = optest_tensor (compute, OS_SHAPE (5, 2, 3, 4));
  g_autoptr (OsTensor) a = os_tensor_select (wide, 1, 1);
  g_autoptr (OsTensor) b = optest_tensor (compute, OS_SHAPE (5, 3, 4));
  g_autoptr (OsTensor) y = os_select_rows (compute, choose, a, b);

  g_assert_true (os_tensor_has_shape (y, OS_SHAPE (5, 3, 4)));
  for (gint64 i = 0; i < 60; i++)
    g_assert_cmpfloat (os_tensor_f32 (y)[i], ==,
        AT (choose[i / 12] ? a : b, i / 12, i / 4 % 3, i % 4));
}

/* More values than one thread takes at a time. */
static void
test_relative_change (OsCompute *compute)
{
  const gint64 n = 50001;
  g_autoptr (OsTensor) a = optest_tensor (compute, OS_SHAPE (1, n));
  g_autoptr (OsTensor) b = optest_tensor (compute, OS_SHAPE (n, 1));
  g_autoptr (OsTensor) zero = os_compute_zeros (compute, OS_SHAPE (n));
  double difference = 0, size = 0;

  for (gint64 i = 0; i < n; i++) {
    difference += fabs ((double) os_tensor_f32 (b)[i] - os_tensor_f32 (a)[i]);
    size += fabs ((double) os_tensor_f32 (a)[i]);
  }
  optest_assert_near (
      os_relative_change (compute, a, b), difference / size, 1e-6, 0);
  g_assert_cmpfloat (os_relative_change (compute, a, a), ==, 0);
  g_assert_cmpfloat (os_relative_change (compute, a, zero), ==, 1);
  g_assert_cmpfloat (os_relative_change (compute, zero, a), ==, 0);
}

/* Means and logarithms of variances side by side, the latter clamped. */
static void
test_normal_sample (OsCompute *compute)
{
  const float moments[] = { 1, -2, 0, 2 * logf (3), 5, 6, -1000, 1000 };
  const float numbers[] = { 0.5f, -1, 1, 1 };
  const double expected[] = { 1.5, -5, 5 + exp (-15), 6 + exp (10) };
  g_autoptr (OsTensor) m =
      os_compute_upload (compute, moments, OS_SHAPE (2, 1, 4));
  g_autoptr (OsTensor) e =
      os_compute_upload (compute, numbers, OS_SHAPE (2, 1, 2));
  g_autoptr (OsTensor) sample = os_normal_sample (compute, m, e);

  g_assert_true (os_tensor_has_shape (sample, OS_SHAPE (2, 1, 2)));
  optest_assert_tensor (compute, sample, expected, 1e-6);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  optest_add ("/compute/elementwise/add", test_add);
  optest_add ("/compute/elementwise/in-place", test_in_place);
  optest_add ("/compute/elementwise/activate", test_activate);
  optest_add ("/compute/elementwise/lerp", test_lerp);
  optest_add ("/compute/elementwise/scale-shift", test_scale_shift);
  optest_add ("/compute/elementwise/select-rows", test_select_rows);
  optest_add ("/compute/elementwise/normal-sample", test_normal_sample);
  optest_add ("/compute/elementwise/relative-change", test_relative_change);
  return g_test_run ();
}
