/* SPDX-License-Identifier: Apache-2.0 */
/* Linear layers against a plain loop. */
#include "optest.h"

static const OsActivation acts[] = { OS_ACT_NONE, OS_ACT_SILU,
  OS_ACT_GELU_TANH };
/* M, K, N. The last is cut into tiles on all sides. */
static const gint64 sizes[][3] = { { 1, 1, 1 }, { 3, 17, 5 }, { 17, 65, 33 },
  { 65, 3, 130 }, { 2, 300, 1 }, { 259, 40, 211 } };

/* Row-major x W^T + b, in double. */
static double *
multiply (const OsTensor *x, const OsTensor *weight, const OsTensor *bias,
    gint64 M, gint64 K, gint64 N)
{
  double *out = g_new (double, M *N);

  for (gint64 i = 0; i < M * N; i++) {
    const float *row = os_tensor_f32 (x) + i / N * K;
    const float *column = os_tensor_f32 (weight) + i % N * K;

    out[i] = bias ? os_tensor_f32 (bias)[i % N] : 0;
    for (gint64 k = 0; k < K; k++)
      out[i] += (double) row[k] * column[k];
  }
  return out;
}

static void
check_linear (OsCompute *compute, const gint64 *size, gboolean with_bias)
{
  const gint64 M = size[0], K = size[1], N = size[2];
  g_autoptr (OsTensor) x = optest_tensor (compute, OS_SHAPE (M, K));
  g_autoptr (OsWeight) weight = optest_weight (compute, OS_SHAPE (N, K));
  g_autoptr (OsWeight) bias = optest_weight (compute, OS_SHAPE (N));
  const OsLinear linear = { weight, with_bias ? bias : NULL };
  g_autofree double *product = multiply (x, os_weight_get (weight, compute),
      with_bias ? os_weight_get (bias, compute) : NULL, M, K, N);
  g_autofree double *expected = g_new (double, M *N);
  const guint64 flops = os_compute_get_flops (compute);

  for (guint a = 0; a < G_N_ELEMENTS (acts); a++) {
    g_autoptr (OsTensor) y = os_linear (compute, &linear, x, acts[a]);

    g_assert_true (os_tensor_has_shape (y, OS_SHAPE (M, N)));
    for (gint64 i = 0; i < M * N; i++)
      expected[i] = optest_activate (product[i], acts[a]);
    optest_assert_tensor (compute, y, expected, 1e-5);
  }
  g_assert_cmpuint (
      os_compute_get_flops (compute) - flops, ==, 3 * 2 * M * N * K);
}

static void
test_linear (OsCompute *compute)
{
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    check_linear (compute, sizes[i], FALSE);
    check_linear (compute, sizes[i], TRUE);
  }
}

/* Leading dimensions of x stay; the weight's trailing ones are all inputs. */
static void
test_shapes (OsCompute *compute)
{
  g_autoptr (OsTensor) x = optest_tensor (compute, OS_SHAPE (2, 3, 5, 24));
  g_autoptr (OsTensor) none = optest_tensor (compute, OS_SHAPE (0, 24));
  g_autoptr (OsWeight) weight =
      optest_weight (compute, OS_SHAPE (7, 4, 1, 3, 2));
  const OsLinear linear = { weight, NULL };
  g_autoptr (OsTensor) y = os_linear (compute, &linear, x, OS_ACT_NONE);
  g_autoptr (OsTensor) empty = os_linear (compute, &linear, none, OS_ACT_NONE);
  g_autofree double *expected =
      multiply (x, os_weight_get (weight, compute), NULL, 30, 24, 7);

  g_assert_true (os_tensor_has_shape (y, OS_SHAPE (2, 3, 5, 7)));
  optest_assert_tensor (compute, y, expected, 1e-5);
  g_assert_true (os_tensor_has_shape (empty, OS_SHAPE (0, 7)));
}

/* n_gates 0: no gate. The gate is a view with rows further apart. */
static void
check_add (OsCompute *compute, const gint64 *size, gint64 n_gates)
{
  const gint64 M = size[0], K = size[1], N = size[2];
  g_autoptr (OsTensor) x = optest_tensor (compute, OS_SHAPE (M, K));
  g_autoptr (OsTensor) acc = optest_tensor (compute, OS_SHAPE (M, N));
  g_autoptr (OsTensor) table =
      optest_tensor (compute, OS_SHAPE (MAX (n_gates, 1), 3, N));
  g_autoptr (OsTensor) gate = os_tensor_select (table, 1, 2);
  g_autoptr (OsWeight) weight = optest_weight (compute, OS_SHAPE (N, K));
  g_autoptr (OsWeight) bias = optest_weight (compute, OS_SHAPE (N));
  const OsLinear linear = { weight, M % 2 ? bias : NULL };
  g_autofree double *expected = multiply (x, os_weight_get (weight, compute),
      M % 2 ? os_weight_get (bias, compute) : NULL, M, K, N);

  for (gint64 i = 0; i < M * N; i++) {
    if (n_gates)
      expected[i] *= AT (gate, i / N / (M / n_gates), i % N);
    expected[i] += os_tensor_f32 (acc)[i];
  }
  os_linear_add (compute, &linear, x, n_gates ? gate : NULL, acc);
  optest_assert_tensor (compute, acc, expected, 1e-5);
}

static void
test_add (OsCompute *compute)
{
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    check_add (compute, sizes[i], 0);
    check_add (compute, sizes[i], 1);
    check_add (compute, sizes[i], sizes[i][0]);
  }
  check_add (compute, (gint64[]){ 12, 9, 70 }, 3);
  check_add (compute, (gint64[]){ 400, 9, 70 }, 2);
}

/* With plain C and the own tiles, a value is the same however the work was
 * cut. */
static void
test_independent_of_threads (gconstpointer data)
{
  g_autoptr (OsCompute) one = os_compute_new (data, 1, NULL);
  g_autoptr (OsCompute) seven = os_compute_new (data, 7, NULL);
  g_autoptr (OsTensor) x = optest_tensor (one, OS_SHAPE (301, 64));
  g_autoptr (OsWeight) weight = optest_weight (one, OS_SHAPE (190, 64));
  const OsLinear linear = { weight, NULL };
  g_autoptr (OsTensor) a = os_linear (one, &linear, x, OS_ACT_GELU_TANH);
  g_autoptr (OsTensor) b = os_linear (seven, &linear, x, OS_ACT_GELU_TANH);

  optest_assert_equal (one, a, b);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  optest_add ("/compute/linear/values", test_linear);
  optest_add ("/compute/linear/shapes", test_shapes);
  optest_add ("/compute/linear/add", test_add);
  g_test_add_data_func ("/compute/linear/independent-of-threads/ref", "ref",
      test_independent_of_threads);
  g_test_add_data_func ("/compute/linear/independent-of-threads/builtin",
      "builtin", test_independent_of_threads);
  return g_test_run ();
}
