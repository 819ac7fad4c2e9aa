/* SPDX-License-Identifier: Apache-2.0 */
/* IDDPM: p (x_{i-1} | x_i) is normal around the posterior's mean at the
 * predicted x_0. Latents are small, so the arithmetic is plain C on the host,
 * in float as the reference's. */
#include "sampling/iddpm.h"

#include <math.h>
#include <opensora/opensora.h>

#include "sampling/guidance.h"

OsIddpmPosterior
os_iddpm_posterior (const OsIddpmStep *step, float x, float eps, float v)
{
  const float fraction = (v + 1) / 2;
  const float x0 = (float) step->sqrt_recip_alpha_bar * x
                   - (float) step->sqrt_recipm1_alpha_bar * eps;

  return (OsIddpmPosterior){
    .x0 = x0,
    .mean = (float) step->coef_x0 * x0 + (float) step->coef_x * x,
    .log_variance = fraction * (float) step->log_beta
                    + (1 - fraction) * (float) step->log_variance,
  };
}

gint
os_iddpm_first_index (float mask, guint n_steps)
{
  return mask * n_steps;
}

/* Latents on the host: [B, C, T, plane]. */
typedef struct {
  gint64 B, C, T, plane;
  float *x;
} Values;

/* The values of a tensor, or NULL and the compute's error. */
static float *
download (OsCompute *compute, const OsTensor *tensor)
{
  const gint64 n = os_tensor_count (tensor);
  float *values = g_try_new (float, n);

  if (!values) {
    os_compute_fail (compute,
        g_error_new (OPENSORA_ERROR, OPENSORA_ERROR_MEMORY,
            "No memory for %" G_GINT64_FORMAT " values of latents", n));
    return NULL;
  }
  os_compute_download (compute, tensor, values);
  return values;
}

/* Of the noise for both halves of guidance the first one counts. */
static float *
draw_noise (
    OsCompute *compute, const OsTensor *x, const OsSamplerCallbacks *callbacks)
{
  const gint64 *s = x->shape;
  g_autoptr (OsTensor) both = callbacks->noise (
      compute, OS_SHAPE (2 * s[0], s[1], s[2], s[3], s[4]), callbacks->data);
  g_autoptr (OsTensor) noise = os_tensor_slice (both, 0, 0, s[0]);

  return download (compute, noise);
}

/* Where each frame of a masked run stands in this step. */
typedef enum {
  FRAME_GIVEN,    /* its time has not come */
  FRAME_ENTERING, /* it has: noised, and taken as given by the network */
  FRAME_GENERATED,
} FrameState;

/* [B, T], or NULL without a mask. */
static guint8 *
find_frame_states (
    const float *frame_mask, gint64 n, guint index, guint n_steps)
{
  guint8 *states = frame_mask ? g_new (guint8, n) : NULL;

  for (gint64 i = 0; frame_mask && i < n; i++) {
    const gint first = os_iddpm_first_index (frame_mask[i], n_steps);

    states[i] = first > (gint) index    ? FRAME_GENERATED
                : first == (gint) index ? FRAME_ENTERING
                                        : FRAME_GIVEN;
  }
  return states;
}

/* sqrt (alpha_bar) x + sqrt (1 - alpha_bar) noise in frames that enter. */
static void
noise_frames (const Values *values, const OsIddpmStep *step,
    const guint8 *states, const float *noise)
{
  const gint64 C = values->C, T = values->T;
  const float keep = step->sqrt_alpha_bar;
  const float add = step->sqrt_one_minus_alpha_bar;

  for (gint64 row = 0; row < values->B * C * T; row++) {
    const gint64 b = row / (C * T), t = row % T;
    float *x = values->x + row * values->plane;
    const float *e = noise + row * values->plane;

    if (states[b * T + t] != FRAME_ENTERING)
      continue;
    for (gint64 i = 0; i < values->plane; i++)
      x[i] = keep * x[i] + add * e[i];
  }
}

/* A step of all frames but those given; prediction [B, 2 C, T, plane]. */
static void
move_frames (const Values *values, const OsIddpmStep *step, gboolean last,
    const guint8 *states, const float *prediction, const float *noise)
{
  const gint64 C = values->C, T = values->T;

  for (gint64 row = 0; row < values->B * C * T; row++) {
    const gint64 b = row / (C * T), c = row / T % C, t = row % T;
    const float *eps = prediction + ((b * 2 * C + c) * T + t) * values->plane;
    const float *v = eps + C * T * values->plane;
    const float *e = noise + row * values->plane;
    float *x = values->x + row * values->plane;

    if (states && states[b * T + t] == FRAME_GIVEN)
      continue;
    for (gint64 i = 0; i < values->plane; i++) {
      const OsIddpmPosterior p = os_iddpm_posterior (step, x[i], eps[i], v[i]);

      x[i] = last ? p.mean : p.mean + expf (0.5f * p.log_variance) * e[i];
    }
  }
}

/* The sample as it is predicted; given frames are that already. */
static void
tell_estimate (const OsIddpm *iddpm, OsCompute *compute, guint index,
    const OsTensor *like, const Values *values, const guint8 *states,
    const float *prediction, const OsSamplerCallbacks *callbacks)
{
  const OsIddpmStep *step =
      &g_array_index (iddpm->schedule, OsIddpmStep, index);
  const gint64 C = values->C, T = values->T, plane = values->plane;
  g_autoptr (OsTensor) x0 =
      os_compute_upload (compute, values->x, like->n_dims, like->shape);

  for (gint64 row = 0; row < values->B * C * T && os_compute_ok (compute);
       row++) {
    const gint64 b = row / (C * T), c = row / T % C, t = row % T;
    const float *eps = prediction + ((b * 2 * C + c) * T + t) * plane;
    float *x = os_tensor_f32 (x0) + row * plane;

    if (states && states[b * T + t] == FRAME_GIVEN)
      continue;
    for (gint64 i = 0; i < plane; i++)
      x[i] = os_iddpm_posterior (step, x[i], eps[i], -1).x0;
  }
  callbacks->estimate (
      compute, iddpm->schedule->len - 1 - index, x0, callbacks->data);
}

/* The guided prediction for the values, as they are now. */
static float *
predict (const OsIddpm *iddpm, OsCompute *compute, const OsTensor *x,
    const Values *values, const OsIddpmStep *step, const guint8 *states,
    const OsSamplerCallbacks *callbacks)
{
  const gint64 n_frames = values->B * values->T;
  g_autoptr (OsTensor) input =
      os_compute_upload (compute, values->x, x->n_dims, x->shape);
  g_autofree guint8 *x_mask = states ? g_new (guint8, n_frames) : NULL;
  g_autoptr (OsTensor) both = NULL;
  g_autoptr (OsTensor) guided = NULL;

  for (gint64 i = 0; states && i < n_frames; i++)
    x_mask[i] = states[i] == FRAME_GENERATED;
  both = callbacks->network (
      compute, input, step->timestep, x_mask, callbacks->data);
  guided = os_guide (compute, both, iddpm->n_guided, iddpm->guidance_scale);
  return download (compute, guided);
}

OsTensor *
os_iddpm_step (const OsIddpm *iddpm, OsCompute *compute, guint index,
    const OsTensor *x, const float *frame_mask,
    const OsSamplerCallbacks *callbacks)
{
  const OsIddpmStep *step =
      &g_array_index (iddpm->schedule, OsIddpmStep, index);
  const gint64 *s = x->shape;
  g_autofree guint8 *states =
      find_frame_states (frame_mask, s[0] * s[2], index, iddpm->schedule->len);
  g_autofree float *now = download (compute, x);
  g_autofree float *mask_noise =
      states ? draw_noise (compute, x, callbacks) : NULL;
  g_autofree float *prediction = NULL;
  g_autofree float *noise = NULL;
  const Values values = { s[0], s[1], s[2], s[3] * s[4], now };

  if (os_compute_ok (compute)) {
    if (states)
      noise_frames (&values, step, states, mask_noise);
    prediction = predict (iddpm, compute, x, &values, step, states, callbacks);
    noise = draw_noise (compute, x, callbacks);
  }
  if (callbacks->estimate && os_compute_ok (compute))
    tell_estimate (
        iddpm, compute, index, x, &values, states, prediction, callbacks);
  if (!os_compute_ok (compute))
    return os_compute_tensor (compute, x->n_dims, s);
  move_frames (&values, step, index == 0, states, prediction, noise);
  return os_compute_upload (compute, now, x->n_dims, s);
}

OsTensor *
os_iddpm_sample (const OsIddpm *iddpm, OsCompute *compute, const OsTensor *z,
    const float *frame_mask, const OsSamplerCallbacks *callbacks)
{
  const guint n = iddpm->schedule->len;
  const OsTask *task = os_compute_get_task (compute);
  OsTensor *sample = os_tensor_ref (z);

  os_task_progress (task, OPENSORA_STAGE_SAMPLE, 0, n);
  for (guint i = 0; i < n && os_compute_ok (compute); i++) {
    g_autoptr (OsTensor) before = sample;

    sample = os_iddpm_step (
        iddpm, compute, n - 1 - i, before, frame_mask, callbacks);
    os_task_progress (task, OPENSORA_STAGE_SAMPLE, i + 1, n);
  }
  return sample;
}
