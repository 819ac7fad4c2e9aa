/* SPDX-License-Identifier: Apache-2.0 */
/* The context: sticky errors, failed allocations, cancellation, probes. */
#include <opensora/opensora.h>
#include <string.h>

#include "optest.h"

/* What a chain of ops computes with. */
typedef struct {
  OsWeight *fc, *kernel, *gain;
} Weights;

static void
weights_init (Weights *w, OsCompute *compute)
{
  g_autoptr (OsTensor) source = NULL;

  w->fc = optest_weight (compute, OS_SHAPE (32, 32));
  w->gain = optest_weight (compute, OS_SHAPE (32));
  source = optest_tensor (compute, OS_SHAPE (32, 32, 3, 3, 3));
  w->kernel = os_weight_new_conv (source);
}

static void
weights_clear (Weights *w)
{
  os_weight_free (w->fc);
  os_weight_free (w->gain);
  os_weight_free (w->kernel);
}

/* All kinds of ops, one upon the other: [2, 4, 6, 8, 32] -> the same shape. */
static OsTensor *
run_chain (OsCompute *compute, const Weights *w, const OsTensor *x)
{
  const OsConvGeometry causal = { 2, 1, 1, 1, 1 };
  const OsConvGeometry strided = { 0, 0, 1, 0, 1, 0, 2, 2 };
  const OsLinear fc = { w->fc, w->gain };
  const OsNorm norm = { w->gain, w->gain };
  const OsConv conv = { w->kernel, w->gain, { 3, 3, 3 } };
  g_autoptr (OsTensor) zeros = os_compute_zeros (compute, OS_SHAPE (2, 32));
  g_autoptr (OsTensor) a = os_linear (compute, &fc, x, OS_ACT_SILU);
  g_autoptr (OsTensor) b = os_group_norm (compute, a, &norm, 4, 1e-5f);
  g_autoptr (OsTensor) table =
      os_group_norm_table (compute, b, &norm, 4, 1e-5f);
  g_autoptr (OsTensor) c = os_conv (compute, &conv, b, &causal, table);
  g_autoptr (OsTensor) small = os_conv (compute, &conv, c, &strided, NULL);
  g_autoptr (OsTensor) d =
      os_layer_norm_modulate (compute, c, zeros, zeros, 1e-5f);
  g_autoptr (OsTensor) heads = os_tensor_reshape (d, OS_SHAPE (2, 4, 48, 4, 8));
  g_autoptr (OsTensor) out = os_compute_tensor (compute, 5, heads->shape);
  g_autoptr (OsTensor) turned =
      os_tensor_permute (out, (int[]){ 0, 2, 1, 3, 4 });
  g_autoptr (OsTensor) copy = os_contiguous (compute, turned);
  g_autoptr (OsTensor) rows = os_tensor_reshape (copy, OS_SHAPE (384, 32));
  g_autoptr (OsTensor) both =
      os_concat (compute, (const OsTensor *[]){ rows, rows }, 2);
  g_autoptr (OsTensor) half = os_tensor_slice (both, 0, 0, 384);
  g_autoptr (OsTensor) sum = NULL;

  os_attention (compute,
      &(OsAttention){
          .q = heads, .k = heads, .v = heads, .out = out, .scale = 1 });
  os_rms_norm_inplace (compute, half, w->gain, 1e-5f);
  sum = os_add (compute, half, zeros);
  os_linear_add (compute, &fc, rows, zeros, sum);
  return os_tensor_reshape (sum, 5, x->shape);
}

/* With the least memory that suffices for all, and each smaller amount, the
 * chain ends in time and says why. */
static void
test_memory_limits (OsCompute *compute)
{
  OsMemPool *pool = os_compute_get_pool (compute);
  const gint64 shape[] = { 2, 4, 6, 8, 32 };
  g_autoptr (OsTensor) x = optest_tensor (compute, 5, shape);
  guint failures = 0;
  gboolean done = FALSE;

  for (guint64 limit = 1; !done; limit += 20000) {
    const guint64 before = os_mem_pool_get_in_use (pool);
    g_autoptr (GError) error = NULL;
    g_autoptr (OsTensor) y = NULL;
    Weights weights;

    weights_init (&weights, compute);
    os_mem_pool_trim (pool);
    os_mem_pool_set_limit (pool, os_mem_pool_get_in_use (pool) + limit);
    y = run_chain (compute, &weights, x);
    g_assert_true (os_tensor_has_shape (y, 5, shape));
    done = os_compute_check (compute, &error);
    if (!done) {
      g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MEMORY);
      failures++;
    }
    os_mem_pool_set_limit (pool, 0);
    weights_clear (&weights);
    g_clear_pointer (&y, os_tensor_unref);
    /* Scratch memory may stay. */
    g_assert_cmpuint (
        os_mem_pool_get_in_use (pool), <=, before + 4 * 1024 * 1024);
    g_assert_true (os_compute_ok (compute));
  }
  g_assert_cmpuint (failures, >, 5);
}

/* The first error stays until it is taken. */
static void
test_sticky (void)
{
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
  g_autoptr (OsTensor) x = optest_tensor (compute, OS_SHAPE (3, 4));
  g_autoptr (OsTensor) hollow = NULL;
  g_autoptr (GError) error = NULL;
  float host[12] = { 0 };

  os_compute_fail (compute, g_error_new_literal (OPENSORA_ERROR,
                                OPENSORA_ERROR_NUMERIC, "the first"));
  os_compute_fail (compute,
      g_error_new_literal (OPENSORA_ERROR, OPENSORA_ERROR_READ, "the second"));
  g_assert_false (os_compute_ok (compute));
  hollow = os_add (compute, x, x);
  g_assert_null (os_tensor_data (hollow));
  g_assert_true (os_tensor_has_shape (hollow, OS_SHAPE (3, 4)));
  os_compute_download (compute, x, host);
  g_assert_cmpfloat (host[11], ==, 0);
  g_assert_false (os_compute_check (compute, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_NUMERIC);
  g_assert_cmpstr (error->message, ==, "the first");

  g_assert_true (os_compute_ok (compute));
  os_compute_download (compute, x, host);
  g_assert_cmpmem (host, sizeof host, os_tensor_f32 (x), sizeof host);
}

static void
test_too_large (void)
{
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 2, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (OsTensor) x =
      os_compute_zeros (compute, OS_SHAPE (1 << 30, 1 << 30, 1 << 30));

  g_assert_null (os_tensor_data (x));
  g_assert_false (os_compute_check (compute, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MEMORY);
}

typedef struct {
  GCancellable *cancellable;
  gint64 at; /* in microseconds */
} Cancellation;

static gpointer
cancel_soon (gpointer data)
{
  Cancellation *cancellation = data;

  g_usleep (50 * 1000);
  cancellation->at = g_get_monotonic_time ();
  g_cancellable_cancel (cancellation->cancellable);
  return NULL;
}

/* A long computation, of x and kernels of zeros. */
typedef struct {
  const char *backend;
  int n_dims;
  gint64 x[5], weight[4];
} Long;

static const Long cancelled[] = {
  { "builtin", 2, { 4096, 4096 }, { 4096, 4096 } },
  { "openblas", 2, { 4096, 4096 }, { 4096, 4096 } },
  { "onednn", 2, { 4096, 4096 }, { 4096, 4096 } },
  { NULL, 5, { 1, 4, 64, 64, 512 }, { 1024, 512, 3, 3 } },
};

static OsTensor *
compute_long (
    OsCompute *compute, const Long *args, OsWeight *weight, const OsTensor *x)
{
  const OsConvGeometry same = { 0, 1, 1, 1, 1 };
  const OsLinear linear = { weight, NULL };
  const OsConv conv = { weight, NULL, { 1, 3, 3 } };

  return args->n_dims == 2 ? os_linear (compute, &linear, x, OS_ACT_NONE)
                           : os_conv (compute, &conv, x, &same, NULL);
}

/* Computes until another thread cancels, and tells how many milliseconds later
 * it ended. */
static gint64
lateness (
    OsCompute *compute, const Long *args, OsWeight *weight, const OsTensor *x)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (OsTask) task = os_task_new (cancellable, NULL, NULL);
  g_autoptr (GError) error = NULL;
  Cancellation cancellation = { cancellable };
  GThread *thread = g_thread_new ("cancel", cancel_soon, &cancellation);
  gint64 end;

  os_compute_set_task (compute, task);
  g_assert_true (os_compute_get_task (compute) == task);
  for (int i = 0; i < 1000 && os_compute_ok (compute); i++) {
    g_autoptr (OsTensor) y = compute_long (compute, args, weight, x);
  }
  end = g_get_monotonic_time ();
  g_thread_join (thread);
  g_assert_false (os_compute_check (compute, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  os_compute_set_task (compute, NULL);
  return (end - cancellation.at) / 1000;
}

/* It ends within 200 ms of a cancellation by another thread. A busy machine may
 * run that thread late, hence three attempts. */
static void
test_cancel (gconstpointer data)
{
  const Long *args = data;
  g_autoptr (OsCompute) compute = os_compute_new (args->backend, 0, NULL);
  g_autoptr (OsTensor) x = NULL;
  g_autoptr (OsTensor) source = NULL;
  g_autoptr (OsTensor) y = NULL;
  g_autoptr (OsWeight) weight = NULL;
  gint64 late = G_MAXINT64;

  if (!compute || optest_on_valgrind ()) {
    g_test_skip ("not in this build, or under valgrind");
    return;
  }
  x = os_compute_zeros (compute, args->n_dims, args->x);
  source = os_compute_zeros (compute, args->n_dims == 2 ? 2 : 4, args->weight);
  weight =
      args->n_dims == 2 ? os_weight_new (source) : os_weight_new_conv (source);
  for (int i = 0; i < 3 && late > optest_cancel_limit (); i++)
    late = MIN (late, lateness (compute, args, weight, x));
  g_assert_cmpint (late, <=, optest_cancel_limit ());

  /* Afterwards, and without the task, all is well. */
  g_assert_true (os_compute_check (compute, NULL));
  os_tensor_unref (x);
  x = os_compute_zeros (compute, args->n_dims,
      args->n_dims == 2 ? (gint64[]){ 1, args->x[1] }
                        : (gint64[]){ 1, 1, 1, 1, args->x[4] });
  y = compute_long (compute, args, weight, x);
  g_assert_true (os_compute_ok (compute));
  g_assert_cmpfloat (os_tensor_f32 (y)[os_tensor_count (y) - 1], ==, 0);
}

static void
collect (const char *name, const OsTensor *tensor, gpointer data)
{
  g_ptr_array_add (data, g_strdup_printf ("%s=%g", name, AT (tensor, 0)));
}

static void
test_probe (void)
{
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
  g_autoptr (GPtrArray) seen = g_ptr_array_new_with_free_func (g_free);
  const float value = 7;
  g_autoptr (OsTensor) x = os_compute_upload (compute, &value, OS_SHAPE (1));

  g_assert_false (os_compute_has_probe (compute));
  os_probe_push (compute, "unseen");
  os_probe (compute, x, "x");
  os_probe_pop (compute);
  os_compute_set_probe (compute, collect, seen);
  g_assert_true (os_compute_has_probe (compute));
  os_probe_push (compute, "blocks.%d", 3);
  os_probe_push (compute, "attn");
  os_probe (compute, x, "x%d", 1);
  os_probe_pop (compute);
  os_probe (compute, x, "y");
  os_probe_pop (compute);
  os_probe (compute, x, "z");
  /* What has no values is not shown. */
  os_compute_fail (compute,
      g_error_new_literal (OPENSORA_ERROR, OPENSORA_ERROR_MEMORY, "none"));
  os_probe (compute, x, "never");
  g_assert_cmpuint (seen->len, ==, 3);
  g_assert_cmpstr (seen->pdata[0], ==, "blocks.3.attn.x1=7");
  g_assert_cmpstr (seen->pdata[1], ==, "blocks.3.y=7");
  g_assert_cmpstr (seen->pdata[2], ==, "z=7");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  optest_add ("/compute/compute/memory-limits", test_memory_limits);
  g_test_add_func ("/compute/compute/sticky", test_sticky);
  g_test_add_func ("/compute/compute/too-large", test_too_large);
  g_test_add_data_func (
      "/compute/compute/cancel/builtin", &cancelled[0], test_cancel);
  g_test_add_data_func (
      "/compute/compute/cancel/openblas", &cancelled[1], test_cancel);
  g_test_add_data_func (
      "/compute/compute/cancel/onednn", &cancelled[2], test_cancel);
  g_test_add_data_func (
      "/compute/compute/cancel/conv", &cancelled[3], test_cancel);
  g_test_add_func ("/compute/compute/probe", test_probe);
  return g_test_run ();
}
