/* SPDX-License-Identifier: Apache-2.0 */
/* DPM-Solver++ where the solution is known. */
#include "sampling/dpm-solver.h"

#include <math.h>
#include <opensora/opensora.h>

#include "optest.h"
#include "samplertest.h"

#define END 0.001 /* the last time */

/* The process ends in noise and begins in the sample. */
static void
test_process (void)
{
  g_autoptr (OsDpmProcess) process = os_dpm_process_new ();
  const double first = os_dpm_process_log_alpha (process, 0.001);

  g_assert_cmpfloat_with_epsilon (exp (2 * first), 1 - 1e-4, 1e-12);
  g_assert_cmpfloat_with_epsilon (
      exp (2 * os_dpm_process_log_alpha (process, 1)), 4.036e-5, 1e-7);
  /* Linear between timesteps and before the first one. */
  g_assert_cmpfloat_with_epsilon (os_dpm_process_log_alpha (process, 0.0015),
      0.5 * (first + os_dpm_process_log_alpha (process, 0.002)), 1e-14);
  for (double t = 0.01; t < 1; t += 0.01)
    g_assert_cmpfloat (os_dpm_process_lambda (process, t), >,
        os_dpm_process_lambda (process, t + 0.01));
  g_assert_cmpfloat_with_epsilon (
      os_dpm_process_lambda (process, 1), -5.06, 0.01);
}

/* A network that knows the sample is followed exactly. */
static void
test_finds_sample (OsCompute *compute)
{
  const OsDpmSolver solver = { 7, 7 };
  SamplerTest test = { .target = 0.7f, .error = 1, .n_variances = 4 };
  const OsSamplerCallbacks callbacks = samplertest_callbacks (&test);
  g_autoptr (OsDpmProcess) process = os_dpm_process_new ();
  g_autoptr (OsTensor) z = optest_tensor (compute, OS_SHAPE (2, 4, 2, 3, 2));
  g_autoptr (OsTensor) out =
      os_dpm_solver_sample (&solver, compute, z, &callbacks);
  const double start = exp (os_dpm_process_log_alpha (process, 1));
  const double end = exp (os_dpm_process_log_alpha (process, END));
  const double shrink = sqrt (1 - end * end) / sqrt (1 - start * start);

  g_assert_true (os_tensor_has_shape (out, 5, z->shape));
  for (gint64 i = 0; i < os_tensor_count (out); i++)
    optest_assert_near (os_tensor_f32 (out)[i],
        end * 0.7 + shrink * (os_tensor_f32 (z)[i] - start * 0.7), 1e-4, i);
  g_assert_cmpuint (test.calls, ==, 7);
  g_assert_cmpuint (test.noise_calls, ==, 0);
  g_assert_cmpfloat (test.t[0], ==, 999);
  g_assert_cmpfloat_with_epsilon (test.t[3], 999 - 3 * 999.0 / 7, 1e-3);
  g_assert_cmpuint (test.n_estimates, ==, 7);
  for (guint i = 0; i < 7; i++)
    g_assert_cmpfloat_with_epsilon (test.estimates[i][1], 0.7, 1e-3);
}

/* The noise in a normal sample of this deviation, known for any x. */
#define DEVIATION 0.5

static OsTensor *
predict_normal (OsCompute *compute, const OsTensor *x, float t,
    const guint8 *x_mask, gpointer data)
{
  const double a = exp (os_dpm_process_log_alpha (data, (t + 1) / 1000));
  const double variance = a * a * DEVIATION * DEVIATION + 1 - a * a;
  g_autoptr (OsTensor) eps =
      os_lerp (compute, x, sqrt (1 - a * a) / variance, x, 0);

  return os_concat (compute, (const OsTensor *const[]){ eps, eps }, 2);
}

/* How far the solution is off, for this number of steps: the deviation has to
 * become that of the sample. */
static double
find_error (OsCompute *compute, guint steps)
{
  const OsDpmSolver solver = { steps, 1 };
  g_autoptr (OsDpmProcess) process = os_dpm_process_new ();
  const OsSamplerCallbacks callbacks = { predict_normal, NULL, process };
  const float one = 1;
  const double a = exp (2 * os_dpm_process_log_alpha (process, 1));
  const double b = exp (2 * os_dpm_process_log_alpha (process, END));
  const double square = DEVIATION * DEVIATION;
  g_autoptr (OsTensor) z =
      os_compute_upload (compute, &one, OS_SHAPE (1, 1, 1, 1, 1));
  g_autoptr (OsTensor) out =
      os_dpm_solver_sample (&solver, compute, z, &callbacks);

  return ABS (os_tensor_f32 (out)[0]
              - sqrt ((b * square + 1 - b) / (a * square + 1 - a)));
}

/* Twice the steps, a fourth of the error. */
static void
test_second_order (void)
{
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
  const double coarse = find_error (compute, 80);
  const double fine = find_error (compute, 160);

  g_assert_cmpfloat (coarse, <, 0.02);
  g_assert_cmpfloat (coarse / fine, >, 3.5);
}

static void
test_progress_and_cancel (OsCompute *compute)
{
  const OsDpmSolver solver = { 12, 4 };
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  SamplerTestProgress progress = { .total = 12 };
  g_autoptr (OsTask) task =
      os_task_new (cancellable, samplertest_count_progress, &progress);
  SamplerTest whole = { .error = 1 }, cut = { .error = 1 };
  const OsSamplerCallbacks of_whole = samplertest_callbacks (&whole);
  const OsSamplerCallbacks of_cut = samplertest_callbacks (&cut);
  g_autoptr (OsTensor) z = optest_tensor (compute, OS_SHAPE (1, 4, 1, 2, 2));
  g_autoptr (OsTensor) done = NULL;
  g_autoptr (OsTensor) stopped = NULL;
  g_autoptr (GError) error = NULL;

  os_compute_set_task (compute, task);
  done = os_dpm_solver_sample (&solver, compute, z, &of_whole);
  g_assert_cmpuint (progress.reports, ==, 13);
  progress.reports = 0;
  cut.cancel_at_second = cancellable;
  stopped = os_dpm_solver_sample (&solver, compute, z, &of_cut);
  g_assert_cmpuint (cut.calls, ==, 2);
  g_assert_true (os_tensor_has_shape (stopped, 5, z->shape));
  g_assert_false (os_compute_check (compute, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  os_compute_set_task (compute, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sampling/dpm-solver/process", test_process);
  g_test_add_func ("/sampling/dpm-solver/second-order", test_second_order);
  optest_add ("/sampling/dpm-solver/finds-sample", test_finds_sample);
  optest_add (
      "/sampling/dpm-solver/progress-and-cancel", test_progress_and_cancel);
  return g_test_run ();
}
