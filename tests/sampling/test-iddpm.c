/* SPDX-License-Identifier: Apache-2.0 */
/* IDDPM with networks that know the sample. */
#include "sampling/iddpm.h"

#include <math.h>
#include <opensora/opensora.h>

#include "optest.h"
#include "samplertest.h"

static OsTensor *
sample (OsCompute *compute, SamplerTest *test, const char *steps,
    const OsTensor *z, const float *frame_mask)
{
  g_autoptr (GArray) schedule = os_iddpm_schedule (steps, OS_DTYPE_F64, NULL);
  const OsIddpm iddpm = { schedule, 7, z->shape[1] };
  const OsSamplerCallbacks callbacks = samplertest_callbacks (test);

  return os_iddpm_sample (&iddpm, compute, z, frame_mask, &callbacks);
}

/* Whatever it starts from, and whatever noise is added. */
static void
test_finds_sample (OsCompute *compute)
{
  SamplerTest test = { .target = 0.7f, .error = 1, .n_variances = 3 };
  g_autoptr (OsTensor) z = optest_tensor (compute, OS_SHAPE (2, 3, 2, 3, 5));
  g_autoptr (OsTensor) out = sample (compute, &test, "5", z, NULL);

  g_assert_true (os_tensor_has_shape (out, 5, z->shape));
  for (gint64 i = 0; i < os_tensor_count (out); i++)
    optest_assert_near (os_tensor_f32 (out)[i], 0.7, 1e-5, i);
  g_assert_cmpuint (test.calls, ==, 5);
  g_assert_cmpuint (test.noise_calls, ==, 5);
  g_assert_cmpint (test.noise_rows, ==, 4);
  g_assert_false (test.masked);
  g_assert_cmpfloat (test.t[0], ==, 999);
  g_assert_cmpfloat (test.t[2], ==, 500);
  g_assert_cmpfloat (test.t[4], ==, 0);
  g_assert_cmpuint (test.n_estimates, ==, 5);
  for (guint i = 0; i < 5; i++)
    g_assert_cmpfloat_with_epsilon (test.estimates[i][1], 0.7, 1e-4);
}

/* One step by hand: guidance in the first channels, the noise of the variance
 * that is asked for. */
static void
test_step (OsCompute *compute)
{
  g_autoptr (GArray) schedule = os_iddpm_schedule ("10", OS_DTYPE_F64, NULL);
  const OsIddpmStep *step = &g_array_index (schedule, OsIddpmStep, 6);
  const OsIddpm iddpm = { schedule, 3, 1 };
  SamplerTest test = { .target = -0.4f, .error = 0.5f, .n_variances = 2 };
  const OsSamplerCallbacks callbacks = samplertest_callbacks (&test);
  g_autoptr (OsTensor) x = optest_tensor (compute, OS_SHAPE (1, 2, 1, 2, 2));
  g_autoptr (OsTensor) out =
      os_iddpm_step (&iddpm, compute, 6, x, NULL, &callbacks);

  for (gint64 i = 0; i < 8; i++) {
    const double now = os_tensor_f32 (x)[i];
    const double noise = (now - step->sqrt_alpha_bar * test.target)
                         / step->sqrt_one_minus_alpha_bar;
    /* 0.5 noise + 3 (noise - 0.5 noise) */
    const OsIddpmPosterior p =
        os_iddpm_posterior (step, now, i < 4 ? 2 * noise : noise, -1);

    g_assert_cmpfloat_with_epsilon (p.log_variance, step->log_variance, 1e-6);
    optest_assert_near (os_tensor_f32 (out)[i],
        p.mean + exp (0.5 * step->log_variance), 1e-5, i);
  }
}

static void
test_posterior (void)
{
  g_autoptr (GArray) schedule = os_iddpm_schedule ("10", OS_DTYPE_F64, NULL);
  const OsIddpmStep *step = &g_array_index (schedule, OsIddpmStep, 3);
  const double x0 = 0.3, eps = -1.5;
  const double x =
      step->sqrt_alpha_bar * x0 + step->sqrt_one_minus_alpha_bar * eps;
  OsIddpmPosterior p = os_iddpm_posterior (step, x, eps, 1);

  g_assert_cmpfloat_with_epsilon (p.x0, x0, 1e-5);
  g_assert_cmpfloat_with_epsilon (
      p.mean, step->coef_x0 * x0 + step->coef_x * x, 1e-5);
  g_assert_cmpfloat_with_epsilon (p.log_variance, log (step->beta), 1e-6);
  p = os_iddpm_posterior (step, x, eps, 0);
  g_assert_cmpfloat_with_epsilon (
      p.log_variance, 0.5 * (step->log_beta + step->log_variance), 1e-6);
}

/* Frames: generated; given, and denoised in the last step alone; given until
 * half of the steps are done. */
static void
test_frame_mask (OsCompute *compute)
{
  const float mask[] = { 1, 0, 0.5f };
  const guint8 expected[4][3] = { { 1, 0, 0 }, { 1, 0, 0 }, { 1, 0, 1 },
    { 1, 0, 1 } };
  SamplerTest test = { .target = 0.2f, .error = 1, .n_variances = 4 };
  g_autoptr (OsTensor) z = optest_tensor (compute, OS_SHAPE (1, 4, 3, 2, 2));
  g_autoptr (OsTensor) out = NULL;

  out = sample (compute, &test, "4", z, mask);
  for (gint64 i = 0; i < os_tensor_count (out); i++)
    optest_assert_near (os_tensor_f32 (out)[i], 0.2, 1e-5, i);
  g_assert_cmpuint (test.calls, ==, 4);
  g_assert_cmpuint (test.noise_calls, ==, 8);
  /* Index 3, 2, 1, 0; 0.5 x 4 is 2: noised at index 2 and generated after. */
  for (int i = 0; i < 4; i++)
    g_assert_cmpmem (test.x_mask[i], 3, expected[i], 3);
  /* A frame that is given is estimated to be what it is. */
  for (int i = 0; i < 4; i++) {
    g_assert_cmpfloat_with_epsilon (test.estimates[i][0], 0.2, 1e-4);
    g_assert_cmpfloat_with_epsilon (
        test.estimates[i][1], i < 3 ? AT (z, 0, 0, 1, 0, 0) : 0.2, 1e-4);
    g_assert_cmpfloat_with_epsilon (
        test.estimates[i][2], i < 1 ? AT (z, 0, 0, 2, 0, 0) : 0.2, 1e-4);
  }
}

/* Before its time a frame stays what it is, bit by bit; at it, it starts from
 * its own picture. */
static void
test_frame_enters (OsCompute *compute)
{
  const float mask[] = { 0.5f };
  g_autoptr (GArray) schedule = os_iddpm_schedule ("4", OS_DTYPE_F64, NULL);
  const OsIddpmStep *step = &g_array_index (schedule, OsIddpmStep, 2);
  const OsIddpm iddpm = { schedule, 1, 2 };
  SamplerTest test = { .error = 1, .n_variances = 2 };
  const OsSamplerCallbacks callbacks = samplertest_callbacks (&test);
  g_autoptr (OsTensor) x = optest_tensor (compute, OS_SHAPE (1, 2, 1, 2, 2));
  g_autoptr (OsTensor) before =
      os_iddpm_step (&iddpm, compute, 3, x, mask, &callbacks);
  g_autoptr (OsTensor) entered =
      os_iddpm_step (&iddpm, compute, 2, before, mask, &callbacks);

  optest_assert_equal (compute, before, x);
  for (gint64 i = 0; i < 8; i++) {
    const double noised = step->sqrt_alpha_bar * os_tensor_f32 (x)[i]
                          + step->sqrt_one_minus_alpha_bar;

    /* The network says that x_0 is 0. */
    optest_assert_near (os_tensor_f32 (entered)[i],
        step->coef_x * noised + exp (0.5 * step->log_variance), 1e-5, i);
  }
}

/* The product is one of float32: in double it would be 28. */
static void
test_first_index (void)
{
  g_assert_cmpint (os_iddpm_first_index (0.29f, 100), ==, 29);
  g_assert_cmpint (os_iddpm_first_index (1, 100), ==, 100);
  g_assert_cmpint (os_iddpm_first_index (0, 100), ==, 0);
  g_assert_cmpint (os_iddpm_first_index (0.999f, 100), ==, 99);
}

static void
test_progress_and_cancel (OsCompute *compute)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  SamplerTestProgress progress = { .total = 6 };
  g_autoptr (OsTask) task =
      os_task_new (cancellable, samplertest_count_progress, &progress);
  SamplerTest whole = { .n_variances = 4 }, cut = { .n_variances = 4 };
  g_autoptr (OsTensor) z = optest_tensor (compute, OS_SHAPE (1, 4, 1, 2, 2));
  g_autoptr (OsTensor) done = NULL;
  g_autoptr (OsTensor) stopped = NULL;
  g_autoptr (GError) error = NULL;

  os_compute_set_task (compute, task);
  done = sample (compute, &whole, "6", z, NULL);
  g_assert_cmpuint (progress.reports, ==, 7);
  progress.reports = 0;
  cut.cancel_at_second = cancellable;
  stopped = sample (compute, &cut, "6", z, (float[]){ 1 });
  g_assert_cmpuint (cut.calls, ==, 2);
  g_assert_true (os_tensor_has_shape (stopped, 5, z->shape));
  g_assert_false (os_compute_check (compute, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  os_compute_set_task (compute, NULL);
}

/* Whichever allocation fails, it ends with an error and gives all back. */
static void
test_memory_limits (void)
{
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
  OsMemPool *pool = os_compute_get_pool (compute);
  g_autoptr (OsTensor) z = optest_tensor (compute, OS_SHAPE (1, 2, 2, 4, 4));
  const guint64 before = os_mem_pool_get_in_use (pool);
  guint failures = 0;
  gboolean done = FALSE;

  for (guint64 limit = 64; !done; limit += 64) {
    SamplerTest test = { .n_variances = 2 };
    g_autoptr (OsTensor) out = NULL;
    g_autoptr (GError) error = NULL;

    os_mem_pool_set_limit (pool, before + limit);
    out = sample (compute, &test, "3", z, (float[]){ 1, 0 });
    done = os_compute_check (compute, &error);
    os_mem_pool_set_limit (pool, 0);
    if (!done) {
      g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MEMORY);
      failures++;
    }
  }
  g_assert_cmpuint (failures, >, 5);
  g_assert_cmpuint (os_mem_pool_get_in_use (pool), ==, before);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sampling/iddpm/posterior", test_posterior);
  g_test_add_func ("/sampling/iddpm/first-index", test_first_index);
  optest_add ("/sampling/iddpm/finds-sample", test_finds_sample);
  optest_add ("/sampling/iddpm/step", test_step);
  optest_add ("/sampling/iddpm/frame-mask", test_frame_mask);
  optest_add ("/sampling/iddpm/frame-enters", test_frame_enters);
  optest_add ("/sampling/iddpm/progress-and-cancel", test_progress_and_cancel);
  g_test_add_func ("/sampling/iddpm/memory-limits", test_memory_limits);
  return g_test_run ();
}
