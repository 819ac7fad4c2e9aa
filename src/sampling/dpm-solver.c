/* SPDX-License-Identifier: Apache-2.0 */
/* DPM-Solver++(2M): with h = lambda_t - lambda_s and x_0 predicted at s,
 *
 *   x_t = sigma_t / sigma_s x_s - alpha_t (exp (-h) - 1) D
 *
 * where D is the prediction, from the second step on extrapolated through the
 * one before it. */
#include "sampling/dpm-solver.h"

#include <math.h>

#include "sampling/guidance.h"
#include "sampling/iddpm-schedule.h"

/* Fewer steps than this end with one of first order. */
#define FEW_STEPS 10

struct _OsDpmProcess {
  double log_alpha[OS_IDDPM_TIMESTEPS]; /* at t = (k + 1) / 1000 */
};

OsDpmProcess *
os_dpm_process_new (void)
{
  OsDpmProcess *process = g_new (OsDpmProcess, 1);
  double sum = 0;

  for (guint k = 0; k < OS_IDDPM_TIMESTEPS; k++) {
    sum += log (1 - os_iddpm_beta (k));
    process->log_alpha[k] = 0.5 * sum;
  }
  return process;
}

void
os_dpm_process_free (OsDpmProcess *process)
{
  g_free (process);
}

/* Between the timesteps it is linear. */
double
os_dpm_process_log_alpha (const OsDpmProcess *process, double t)
{
  const double position = t * OS_IDDPM_TIMESTEPS - 1;
  const int k = CLAMP ((int) floor (position), 0, OS_IDDPM_TIMESTEPS - 2);
  const double *a = process->log_alpha + k;

  return a[0] + (position - k) * (a[1] - a[0]);
}

static double
log_sigma (const OsDpmProcess *process, double t)
{
  return 0.5 * log1p (-exp (2 * os_dpm_process_log_alpha (process, t)));
}

double
os_dpm_process_lambda (const OsDpmProcess *process, double t)
{
  return os_dpm_process_log_alpha (process, t) - log_sigma (process, t);
}

/* x_0 as the network predicts it at time t: (x - sigma eps) / alpha. */
static OsTensor *
predict (const OsDpmSolver *solver, OsCompute *compute,
    const OsDpmProcess *process, const OsTensor *x, double t,
    const OsSamplerCallbacks *callbacks)
{
  const double alpha = exp (os_dpm_process_log_alpha (process, t));
  const double sigma = exp (log_sigma (process, t));
  const double timestep = t * OS_IDDPM_TIMESTEPS - 1;
  const gint64 C = x->shape[1];
  g_autoptr (OsTensor) both =
      callbacks->network (compute, x, timestep, NULL, callbacks->data);
  g_autoptr (OsTensor) noises = os_tensor_slice (both, 1, 0, C);
  g_autoptr (OsTensor) eps =
      os_guide (compute, noises, C, solver->guidance_scale);

  return os_lerp (compute, x, 1 / alpha, eps, -sigma / alpha);
}

/* Times and predictions so far. */
typedef struct {
  double t, before;         /* of the latest prediction, of the one before */
  OsTensor *x0, *x0_before; /* the latter NULL at first */
} History;

static void
history_push (History *history, double t, OsTensor *x0)
{
  g_clear_pointer (&history->x0_before, os_tensor_unref);
  history->x0_before = history->x0;
  history->before = history->t;
  history->x0 = x0;
  history->t = t;
}

static void
history_clear (History *history)
{
  g_clear_pointer (&history->x0_before, os_tensor_unref);
  g_clear_pointer (&history->x0, os_tensor_unref);
}

/* From the latest prediction's time to t. */
static OsTensor *
advance (OsCompute *compute, const OsDpmProcess *process,
    const History *history, const OsTensor *x, double t, gboolean second_order)
{
  const double lambda = os_dpm_process_lambda (process, history->t);
  const double h = os_dpm_process_lambda (process, t) - lambda;
  const double keep =
      exp (log_sigma (process, t) - log_sigma (process, history->t));
  const double add = -exp (os_dpm_process_log_alpha (process, t)) * expm1 (-h);
  g_autoptr (OsTensor) direction = NULL;

  if (second_order) {
    const double h_before =
        lambda - os_dpm_process_lambda (process, history->before);
    const double slope = 0.5 * h / h_before;

    direction =
        os_lerp (compute, history->x0, 1 + slope, history->x0_before, -slope);
  } else {
    direction = os_tensor_ref (history->x0);
  }
  return os_lerp (compute, x, keep, direction, add);
}

OsTensor *
os_dpm_solver_sample (const OsDpmSolver *solver, OsCompute *compute,
    const OsTensor *z, const OsSamplerCallbacks *callbacks)
{
  const guint n = solver->steps;
  const double end = 1.0 / OS_IDDPM_TIMESTEPS, length = 1 - end;
  const OsTask *task = os_compute_get_task (compute);
  g_autoptr (OsDpmProcess) process = os_dpm_process_new ();
  OsTensor *sample = os_tensor_ref (z);
  History history = { 0 };

  os_task_progress (task, OPENSORA_STAGE_SAMPLE, 0, n);
  for (guint i = 0; i < n && os_compute_ok (compute); i++) {
    const double from = 1 - length * i / n, to = 1 - length * (i + 1) / n;
    const gboolean first_order = i == 0 || (n < FEW_STEPS && i == n - 1);
    g_autoptr (OsTensor) before = sample;

    history_push (&history, from,
        predict (solver, compute, process, before, from, callbacks));
    if (callbacks->estimate)
      callbacks->estimate (compute, i, history.x0, callbacks->data);
    sample = advance (compute, process, &history, before, to, !first_order);
    os_task_progress (task, OPENSORA_STAGE_SAMPLE, i + 1, n);
  }
  history_clear (&history);
  return sample;
}
