/* SPDX-License-Identifier: Apache-2.0 */
#include "optest.h"

#include <math.h>
#include <string.h>

typedef struct {
  char *backend;
  guint n_threads;
  OptestFunc func;
} Run;

static void
run_free (gpointer data)
{
  Run *run = data;

  g_free (run->backend);
  g_free (run);
}

static void
run_test (gconstpointer data)
{
  const Run *run = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (OsCompute) compute =
      os_compute_new (run->backend, run->n_threads, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (os_compute_get_backend (compute), ==, run->backend);
  g_assert_cmpuint (os_compute_get_n_threads (compute), ==, run->n_threads);
  run->func (compute);
  os_compute_check (compute, &error);
  g_assert_no_error (error);
}

static gboolean
uses_onednn (const OsBackend *backend)
{
  const OsBackend *onednn = os_backend_find ("onednn", NULL);

  return onednn && backend->sgemm == onednn->sgemm;
}

void
optest_add (const char *path, OptestFunc func)
{
  static const char *const backends[] = { "builtin", "openblas", "onednn",
    "ref" };
  static const guint threads[] = { 1, 2, 5 };

  for (guint i = 0; i < G_N_ELEMENTS (backends); i++) {
    const OsBackend *backend = os_backend_find (backends[i], NULL);

    if (!backend || (optest_on_valgrind () && uses_onednn (backend)))
      continue;
    for (guint j = 0; j < G_N_ELEMENTS (threads); j++) {
      g_autofree char *name =
          g_strdup_printf ("%s/%s/%u", path, backends[i], threads[j]);
      Run *run = g_new (Run, 1);

      *run = (Run){ g_strdup (backends[i]), threads[j], func };
      g_test_add_data_func_full (name, run, run_test, run_free);
    }
  }
}

gint64
optest_cancel_limit (void)
{
#ifdef __SANITIZE_ADDRESS__
  /* What is computed between two looks takes ten times as long. */
  return 1500;
#else
  return 200;
#endif
}

gboolean
optest_on_valgrind (void)
{
  const char *preload = g_getenv ("LD_PRELOAD");

  return preload && strstr (preload, "vgpreload");
}

float
optest_random (void)
{
  static guint64 state = 88172645463325252u;

  /* xorshift64 (Marsaglia 2003) */
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (gint32) (state >> 32) * 0x1p-31f;
}

OsTensor *
optest_tensor (OsCompute *compute, int n_dims, const gint64 *shape)
{
  OsTensor *tensor = os_compute_tensor (compute, n_dims, shape);

  for (gint64 i = 0; i < os_tensor_count (tensor); i++)
    os_tensor_f32 (tensor)[i] = optest_random ();
  return tensor;
}

OsWeight *
optest_weight (OsCompute *compute, int n_dims, const gint64 *shape)
{
  g_autoptr (OsTensor) source = optest_tensor (compute, n_dims, shape);

  return os_weight_new (source);
}

float
optest_at (const OsTensor *tensor, const gint64 *index)
{
  gint64 offset = 0;

  for (int i = 0; i < tensor->n_dims; i++)
    offset += index[i] * tensor->stride[i];
  return os_tensor_f32 (tensor)[offset];
}

void
optest_assert_near (
    float actual, double expected, double tolerance, gint64 where)
{
  /* Not the other way round: a NaN is never near. */
  if (!(fabs (actual - expected) <= tolerance * (1 + fabs (expected))))
    g_error ("value %" G_GINT64_FORMAT " is %.9g, not %.9g", where, actual,
        expected);
}

void
optest_assert_tensor (OsCompute *compute, const OsTensor *actual,
    const double *expected, double tolerance)
{
  const gint64 n = os_tensor_count (actual);
  g_autofree float *values = g_new (float, n);

  os_compute_download (compute, actual, values);
  g_assert_true (os_compute_ok (compute));
  for (gint64 i = 0; i < n; i++)
    optest_assert_near (values[i], expected[i], tolerance, i);
}

void
optest_assert_equal (OsCompute *compute, const OsTensor *a, const OsTensor *b)
{
  g_autoptr (OsTensor) x = os_contiguous (compute, a);
  g_autoptr (OsTensor) y = os_contiguous (compute, b);

  g_assert_true (os_compute_ok (compute));
  g_assert_true (os_tensor_has_shape (a, b->n_dims, b->shape));
  g_assert_cmpmem (os_tensor_f32 (x), os_tensor_count (x) * sizeof (float),
      os_tensor_f32 (y), os_tensor_count (y) * sizeof (float));
}

void
optest_assert_similar (
    OsCompute *compute, const OsTensor *a, const OsTensor *b, double tolerance)
{
  g_autoptr (OsTensor) x = os_contiguous (compute, a);
  g_autoptr (OsTensor) y = os_contiguous (compute, b);

  g_assert_true (os_compute_ok (compute));
  g_assert_true (os_tensor_has_shape (a, b->n_dims, b->shape));
  for (gint64 i = 0; i < os_tensor_count (x); i++)
    optest_assert_near (
        os_tensor_f32 (x)[i], os_tensor_f32 (y)[i], tolerance, i);
}

double
optest_activate (double x, OsActivation act)
{
  switch (act) {
    case OS_ACT_SILU:
      return x / (1 + exp (-x));
    case OS_ACT_GELU_TANH:
      return 0.5 * x
             * (1 + tanh (sqrt (2 / G_PI) * (x + 0.044715 * x * x * x)));
    default:
      return x;
  }
}
