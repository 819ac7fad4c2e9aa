/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels of each instruction set that this CPU has, against formulas in
 * double, on all lengths that vectors have a rest in; the choice among them. */
#include "compute/kernels.h"

#include <math.h>
#include <string.h>

#include "base/half.h"
#include "compute/cpu.h"
#include "optest.h"

#define MAX_N 100
/* Guard values behind each row. */
#define GUARD 12345.0f

/* Rows of random values, off by one float from any alignment. */
typedef struct {
  float values[6][MAX_N + 2];
} Rows;

static void
fill (Rows *rows, gint64 n, float range)
{
  for (guint i = 0; i < G_N_ELEMENTS (rows->values); i++) {
    for (gint64 j = 0; j < MAX_N + 2; j++)
      rows->values[i][j] = j <= n ? range * optest_random () : GUARD;
  }
}

static void
assert_guarded (const float *out, gint64 n)
{
  g_assert_cmpfloat (out[n], ==, GUARD);
}

static void
check_sums (const OsKernels *k, Rows *r, gint64 n)
{
  float *out = r->values[0] + 1, *acc = r->values[5] + 1;
  const float *x = r->values[1] + 1, *y = r->values[2] + 1;
  const float *z = r->values[3] + 1;
  float before[MAX_N + 1], sums[MAX_N + 1];

  memcpy (before, out, sizeof before);
  k->add (out, x, n);
  for (gint64 i = 0; i < n; i++)
    g_assert_cmpfloat (out[i], ==, before[i] + x[i]);
  memcpy (before, out, sizeof before);
  k->mul (out, x, n);
  for (gint64 i = 0; i < n; i++)
    g_assert_cmpfloat (out[i], ==, before[i] * x[i]);
  k->lerp (out, x, 0.3f, y, -1.7f, n);
  for (gint64 i = 0; i < n; i++)
    optest_assert_near (
        out[i], 0.3f * (double) x[i] - 1.7f * (double) y[i], 1e-6, i);

  memcpy (before, acc, sizeof before);
  memcpy (sums, out, sizeof sums);
  k->accumulate_moments (out, acc, x, y, n);
  for (gint64 i = 0; i < n; i++) {
    optest_assert_near (out[i], sums[i] + (double) x[i] - y[i], 1e-6, i);
    optest_assert_near (
        acc[i], before[i] + pow ((double) x[i] - y[i], 2), 1e-6, i);
  }
  for (int form = 0; form < 2; form++) {
    double sum = 0;

    for (gint64 i = 0; i < n; i++)
      sum += fabs ((double) x[i] - (form ? y[i] : 0));
    optest_assert_near (k->l1_distance (x, form ? y : NULL, n), sum, 1e-6, n);
  }
  for (int form = 0; form < 4; form++) {
    memcpy (before, acc, sizeof before);
    k->gated_add (acc, x, form & 1 ? y : NULL, form & 2 ? z : NULL, n);
    for (gint64 i = 0; i < n; i++)
      optest_assert_near (acc[i],
          before[i]
              + (form & 2 ? z[i] : 1.0)
                    * ((double) x[i] + (form & 1 ? y[i] : 0)),
          1e-6, i);
  }
  assert_guarded (out, n);
  assert_guarded (acc, n);
}

static void
check_activations (const OsKernels *k, Rows *r, gint64 n)
{
  static const OsActivation acts[] = { OS_ACT_NONE, OS_ACT_SILU,
    OS_ACT_GELU_TANH };
  float *out = r->values[0] + 1;
  const float *x = r->values[1] + 1, *y = r->values[2] + 1;
  const float *z = r->values[3] + 1;
  float before[MAX_N + 1];

  for (int i = 0; i < 6; i++) {
    const float *bias = i < 3 ? y : NULL;

    memcpy (out, x, n * sizeof *out);
    k->bias_act (out, bias, n, acts[i % 3]);
    for (gint64 j = 0; j < n; j++)
      optest_assert_near (out[j],
          optest_activate (bias ? x[j] + bias[j] : x[j], acts[i % 3]), 4e-6, j);
    /* In place and out of place are the same. */
    k->scale_shift_act (out, x, y, z, n, acts[i % 3]);
    for (gint64 j = 0; j < n; j++)
      optest_assert_near (out[j],
          optest_activate ((double) x[j] * y[j] + z[j], acts[i % 3]), 8e-6, j);
    memcpy (before, x, sizeof before);
    k->scale_shift_act (before, before, y, z, n, acts[i % 3]);
    g_assert_cmpmem (before, n * sizeof *out, out, n * sizeof *out);
  }
  assert_guarded (out, n);
}

static void
check_norms (const OsKernels *k, Rows *r, gint64 n)
{
  float *out = r->values[0] + 1;
  const float *x = r->values[1] + 1, *shift = r->values[2] + 1;
  const float *scale = r->values[3] + 1;
  double mean = 0, var = 0, square = 0;

  for (gint64 i = 0; i < n; i++)
    mean += (double) x[i] / n;
  for (gint64 i = 0; i < n; i++) {
    var += (x[i] - mean) * (x[i] - mean) / n;
    square += (double) x[i] * x[i] / n;
  }
  k->layer_norm (out, x, shift, scale, n, 0.01f);
  for (gint64 i = 0; i < n; i++)
    optest_assert_near (out[i],
        (x[i] - mean) / sqrt (var + 0.01f) * (1.0 + scale[i]) + shift[i], 2e-5,
        i);
  k->rms_norm (out, x, scale, n, 0.01f);
  for (gint64 i = 0; i < n; i++)
    optest_assert_near (
        out[i], x[i] / sqrt (square + 0.01f) * scale[i], 1e-5, i);
  assert_guarded (out, n);
}

static void
check_rope (const OsKernels *k, Rows *r, gint64 n)
{
  float *x = r->values[0] + 1;
  const float *table = r->values[1] + 1;
  float before[MAX_N + 1];

  memcpy (before, x, sizeof before);
  k->rope (x, table, n / 2);
  for (gint64 i = 0; i < n / 2; i++) {
    const double even = before[2 * i], odd = before[2 * i + 1];
    const double c = table[2 * i], s = table[2 * i + 1];

    optest_assert_near (x[2 * i], even * c - odd * s, 2e-6, i);
    optest_assert_near (x[2 * i + 1], odd * c + even * s, 2e-6, i);
  }
  assert_guarded (x, n);
}

static void
test_lengths (gconstpointer data)
{
  const OsKernels *k = data;
  Rows rows;

  for (gint64 n = 0; n <= MAX_N; n++) {
    fill (&rows, n, 2);
    for (guint i = 0; i < G_N_ELEMENTS (rows.values); i++)
      rows.values[i][n + 1] = GUARD;
    check_sums (k, &rows, n);
    check_activations (k, &rows, n);
    check_norms (k, &rows, n);
    check_rope (k, &rows, n);
  }
}

static void
test_activation_range (gconstpointer data)
{
  const OsKernels *k = data;

  for (float x = -120; x <= 120; x += 0.37f) {
    float silu = x, gelu = x;

    k->bias_act (&silu, NULL, 1, OS_ACT_SILU);
    k->bias_act (&gelu, NULL, 1, OS_ACT_GELU_TANH);
    optest_assert_near (silu, optest_activate (x, OS_ACT_SILU), 1e-6, x);
    optest_assert_near (gelu, optest_activate (x, OS_ACT_GELU_TANH), 1e-6, x);
  }
}

/* All half precision numbers. */
static void
test_widen (gconstpointer data)
{
  const OsKernels *k = data;
  g_autofree guint16 *x = g_new (guint16, 65536 + 3);
  g_autofree float *out = g_new (float, 65536 + 3);

  for (int i = 0; i < 65536; i++)
    x[i + 3] = i;
  k->widen_bf16 (x + 3, 65536, out + 3);
  for (int i = 0; i < 65536; i++)
    g_assert_cmphex (
        os_f32_bits (out[i + 3]), ==, os_f32_bits (os_bf16_to_f32 (i)));
  k->widen_f16 (x + 3, 65536, out + 3);
  for (int i = 0; i < 65536; i++) {
    if (isnan (os_f16_to_f32 (i)))
      g_assert_true (isnan (out[i + 3]));
    else
      g_assert_cmphex (
          os_f32_bits (out[i + 3]), ==, os_f32_bits (os_f16_to_f32 (i)));
  }
}

static void
test_choice (void)
{
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
  const char *name = os_compute_get_kernels (compute);

  g_assert_cmpstr (name, ==, os_cpu_kernels ()->name);
  g_assert_cmpstr (os_kernels_generic.name, ==, "generic");
#ifdef __x86_64__
  g_assert_cmpstr (os_kernels_avx2.name, ==, "avx2");
  g_assert_cmpstr (os_kernels_avx512.name, ==, "avx512");
  if (!__builtin_cpu_supports ("avx2"))
    g_assert_cmpstr (name, ==, "generic");
  else if (!__builtin_cpu_supports ("avx512f"))
    g_assert_cmpstr (name, ==, "avx2");
#endif
}

static void
test_openblas_core (void)
{
  g_assert_cmpstr (os_cpu_openblas_core (FALSE, TRUE, FALSE), ==, "SkylakeX");
  g_assert_cmpstr (os_cpu_openblas_core (TRUE, TRUE, TRUE), ==, "SkylakeX");
  g_assert_cmpstr (os_cpu_openblas_core (TRUE, FALSE, FALSE), ==, "Haswell");
  g_assert_cmpstr (os_cpu_openblas_core (TRUE, FALSE, TRUE), ==, "Zen");
  g_assert_null (os_cpu_openblas_core (FALSE, FALSE, FALSE));
  g_assert_null (os_cpu_openblas_core (FALSE, FALSE, TRUE));
}

static void
add_tests (const OsKernels *kernels)
{
  static const struct {
    const char *name;
    GTestDataFunc func;
  } tests[] = { { "lengths", test_lengths },
    { "activation-range", test_activation_range }, { "widen", test_widen } };

  for (guint i = 0; i < G_N_ELEMENTS (tests); i++) {
    g_autofree char *path = g_strdup_printf (
        "/compute/kernels/%s/%s", kernels->name, tests[i].name);

    g_test_add_data_func (path, kernels, tests[i].func);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add_tests (&os_kernels_generic);
#ifdef __x86_64__
  if (os_cpu_kernels () != &os_kernels_generic)
    add_tests (&os_kernels_avx2);
  if (os_cpu_kernels () == &os_kernels_avx512)
    add_tests (&os_kernels_avx512);
#endif
  g_test_add_func ("/compute/kernels/choice", test_choice);
  g_test_add_func ("/compute/kernels/openblas-core", test_openblas_core);
  return g_test_run ();
}
