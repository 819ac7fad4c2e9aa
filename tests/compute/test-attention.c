/* SPDX-License-Identifier: Apache-2.0 */
/* Attention and rotary embedding against plain loops. */
#include <math.h>

#include "optest.h"

/* Probabilities of one query's keys, in double. */
static void
soft_scores (const OsAttention *a, const gint64 *at, double *p)
{
  const gint64 b = at[0], g = at[1], n = at[2], l = at[3];
  const gint64 Lk = a->k->shape[2];
  double max = -INFINITY, sum = 0;

  for (gint64 k = 0; k < Lk; k++) {
    p[k] = 0;
    for (gint64 d = 0; d < a->q->shape[4]; d++)
      p[k] += (double) AT (a->q, b, g, l, n, d) * AT (a->k, b, g, k, n, d);
    p[k] *= a->scale;
    p[k] += a->bias ? AT (a->bias, n, l, k) : 0;
    p[k] += a->key_bias ? AT (a->key_bias, b, k) : 0;
    max = MAX (max, p[k]);
  }
  for (gint64 k = 0; k < Lk; k++)
    sum += p[k] = exp (p[k] - max);
  for (gint64 k = 0; k < Lk; k++)
    p[k] /= sum;
}

static void
check_query (const OsAttention *a, const gint64 *at)
{
  const gint64 b = at[0], g = at[1], n = at[2], l = at[3];
  const gint64 Lk = a->k->shape[2];
  g_autofree double *p = g_new (double, Lk);

  soft_scores (a, at, p);
  for (gint64 k = 0; k < Lk && a->probs; k++)
    optest_assert_near (AT (a->probs, b, g, n, l, k), p[k], 2e-6, k);
  for (gint64 d = 0; d < a->q->shape[4]; d++) {
    double sum = 0;

    for (gint64 k = 0; k < Lk; k++)
      sum += p[k] * AT (a->v, b, g, k, n, d);
    optest_assert_near (AT (a->out, b, g, l, n, d), sum, 1e-5, l);
  }
}

static void
run_and_check (OsCompute *compute, const OsAttention *a)
{
  const gint64 *s = a->q->shape;

  os_attention (compute, a);
  g_assert_true (os_compute_ok (compute));
  for (gint64 i = 0; i < s[0] * s[1] * s[2] * s[3]; i++) {
    const gint64 l = i % s[2], n = i / s[2] % s[3];
    const gint64 g = i / (s[2] * s[3]) % s[1], b = i / (s[2] * s[3] * s[1]);

    check_query (a, (gint64[]){ b, g, n, l });
  }
}

/* A row of q, k and v for every token, as networks have them; spatial or, with
 * tokens and groups changing roles, temporal. */
static void
check_qkv_views (OsCompute *compute, gboolean temporal)
{
  enum {
    B = 2,
    T = 3,
    S = 17,
    N = 2,
    D = 6
  };
  g_autoptr (OsTensor) qkv =
      optest_tensor (compute, OS_SHAPE (B, T, S, 3, N, D));
  g_autoptr (OsTensor) mixed =
      os_compute_tensor (compute, OS_SHAPE (B, T, S, N, D));
  const int turn[] = { 0, 2, 1, 3, 4 }, keep[] = { 0, 1, 2, 3, 4 };
  const int *order = temporal ? turn : keep;
  g_autoptr (OsTensor) q_rows = os_tensor_select (qkv, 3, 0);
  g_autoptr (OsTensor) k_rows = os_tensor_select (qkv, 3, 1);
  g_autoptr (OsTensor) v_rows = os_tensor_select (qkv, 3, 2);
  g_autoptr (OsTensor) q = os_tensor_permute (q_rows, order);
  g_autoptr (OsTensor) k = os_tensor_permute (k_rows, order);
  g_autoptr (OsTensor) v = os_tensor_permute (v_rows, order);
  g_autoptr (OsTensor) out = os_tensor_permute (mixed, order);

  run_and_check (compute,
      &(OsAttention){ .q = q, .k = k, .v = v, .out = out, .scale = 0.4f });
}

static void
test_views (OsCompute *compute)
{
  check_qkv_views (compute, FALSE);
  check_qkv_views (compute, TRUE);
}

/* Several blocks of queries, other lengths of keys, all biases. The bias is a
 * table of relative positions, read backwards. */
static void
check_biased (OsCompute *compute, gint64 Lq, gint64 Lk, gint64 N, gint64 D,
    gboolean with_probs)
{
  const gint64 B = 2;
  g_autoptr (OsTensor) q = optest_tensor (compute, OS_SHAPE (B, 1, Lq, N, D));
  g_autoptr (OsTensor) k = optest_tensor (compute, OS_SHAPE (B, 1, Lk, N, D));
  g_autoptr (OsTensor) v = optest_tensor (compute, OS_SHAPE (B, 1, Lk, N, D));
  g_autoptr (OsTensor) out = os_compute_tensor (compute, 5, q->shape);
  g_autoptr (OsTensor) probs =
      os_compute_tensor (compute, OS_SHAPE (B, 1, N, Lq, Lk));
  g_autoptr (OsTensor) rows =
      optest_tensor (compute, OS_SHAPE (Lq + Lk - 1, N));
  g_autoptr (OsTensor) bias = os_tensor_as_strided (
      rows, (Lq - 1) * N, OS_SHAPE (N, Lq, Lk), (gint64[]){ 1, -N, N });
  g_autoptr (OsTensor) keys = optest_tensor (compute, OS_SHAPE (B, Lk));

  run_and_check (compute, &(OsAttention){ .q = q,
                              .k = k,
                              .v = v,
                              .out = out,
                              .bias = bias,
                              .key_bias = keys,
                              .probs = with_probs ? probs : NULL,
                              .scale = 1 / sqrtf (D) });
}

static void
test_biased (OsCompute *compute)
{
  check_biased (compute, 1, 1, 1, 1, TRUE);
  check_biased (compute, 17, 3, 3, 65, TRUE);
  check_biased (compute, 3, 65, 1, 17, TRUE);
  check_biased (compute, 130, 601, 1, 4, TRUE);
}

/* What one item does not hold: queries, or keys, of which the last block has
 * few. */
static void
test_blocks (OsCompute *compute)
{
  check_biased (compute, 515, 30, 1, 100, TRUE);
  check_biased (compute, 515, 30, 1, 100, FALSE);
  check_biased (compute, 7, 4100, 1, 3, FALSE);
  check_biased (compute, 30, 203, 1, 400, FALSE);
}

/* Keys that are masked weigh nothing, exactly, and their values do not count.
 */
static void
test_masked (OsCompute *compute)
{
  const gint64 L = 37;
  g_autoptr (OsTensor) q = optest_tensor (compute, OS_SHAPE (1, 1, L, 2, 8));
  g_autoptr (OsTensor) v = optest_tensor (compute, OS_SHAPE (1, 1, L, 2, 8));
  g_autoptr (OsTensor) out = os_compute_tensor (compute, 5, q->shape);
  g_autoptr (OsTensor) probs =
      os_compute_tensor (compute, OS_SHAPE (1, 1, 2, L, L));
  g_autoptr (OsTensor) keys = os_compute_zeros (compute, OS_SHAPE (1, L));

  for (gint64 k = 20; k < L; k++) {
    os_tensor_f32 (keys)[k] = -3.4028235e38f;
    for (gint64 i = 0; i < 16; i++)
      os_tensor_f32 (v)[k * 16 + i] = 1e6f;
  }
  run_and_check (compute, &(OsAttention){ .q = q,
                              .k = q,
                              .v = v,
                              .out = out,
                              .key_bias = keys,
                              .probs = probs,
                              .scale = 2 });
  for (gint64 i = 0; i < 2 * L; i++) {
    for (gint64 k = 20; k < L; k++)
      g_assert_cmpfloat (os_tensor_f32 (probs)[i * L + k], ==, 0);
  }
  for (gint64 i = 0; i < os_tensor_count (out); i++)
    g_assert_cmpfloat (fabsf (os_tensor_f32 (out)[i]), <=, 1);
}

static void
test_empty (OsCompute *compute)
{
  g_autoptr (OsTensor) q = os_compute_zeros (compute, OS_SHAPE (1, 1, 0, 2, 8));
  g_autoptr (OsTensor) k = optest_tensor (compute, OS_SHAPE (1, 1, 3, 2, 8));

  os_attention (
      compute, &(OsAttention){ .q = q, .k = k, .v = k, .out = q, .scale = 1 });
  os_rope (compute, q, k);
}

static void
check_rope (OsCompute *compute, gint64 L, gint64 N, gint64 D)
{
  const gint64 B = 3;
  g_autoptr (OsTensor) rows = optest_tensor (compute, OS_SHAPE (B, L, 2, N, D));
  g_autoptr (OsTensor) table = optest_tensor (compute, OS_SHAPE (L, D / 2, 2));
  g_autoptr (OsTensor) x = os_tensor_select (rows, 2, 1);
  g_autofree double *expected = g_new (double, os_tensor_count (rows));

  for (gint64 i = 0; i < os_tensor_count (rows); i++) {
    const gint64 d = i % D, l = i / (2 * N * D) % L;
    const float *values = os_tensor_f32 (rows);
    const double c = AT (table, l, d / 2, 0), s = AT (table, l, d / 2, 1);

    if (i / (N * D) % 2 == 0)
      expected[i] = values[i];
    else if (d % 2 == 0)
      expected[i] = values[i] * c - values[i + 1] * s;
    else
      expected[i] = values[i] * c + values[i - 1] * s;
  }
  os_rope (compute, x, table);
  optest_assert_tensor (compute, rows, expected, 1e-6);
}

static void
test_rope (OsCompute *compute)
{
  check_rope (compute, 1, 1, 2);
  check_rope (compute, 5, 3, 6);
  check_rope (compute, 17, 4, 72);
  /* More rows than an item has. */
  check_rope (compute, 1200, 1, 8);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  optest_add ("/compute/attention/views", test_views);
  optest_add ("/compute/attention/biased", test_biased);
  optest_add ("/compute/attention/blocks", test_blocks);
  optest_add ("/compute/attention/masked", test_masked);
  optest_add ("/compute/attention/empty", test_empty);
  optest_add ("/compute/attention/rope", test_rope);
  return g_test_run ();
}
