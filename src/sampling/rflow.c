/* SPDX-License-Identifier: Apache-2.0 */
/* Rectified flow: z moves along the predicted velocity from noise (t =
 * num_timesteps) to the sample (t = 0). Arithmetic is in float where the
 * reference's is, so that the same steps are taken. */
#include "sampling/rflow.h"

#include <math.h>

#include "sampling/guidance.h"

/* Frames of a VAE chunk and its latents, as the transform counts them. */
#define CHUNK_FRAMES 17
#define CHUNK_LATENTS 5

/* Larger videos spend more of the steps near the noise (arXiv 2403.03206,
 * section 5.3.2): u' = r u / (1 + (r - 1) u). */
static float
transform_timestep (const OsRflow *rflow, float t)
{
  const float n = rflow->num_timesteps;
  const float area = (float) rflow->height * (float) rflow->width;
  const float latents = rflow->num_frames == 1
                            ? 1
                            : rflow->num_frames / CHUNK_FRAMES * CHUNK_LATENTS;
  const float ratio = sqrtf (area / (512 * 512)) * sqrtf (latents);
  const float u = t / n;

  return ratio * u / (1 + (ratio - 1) * u) * n;
}

void
os_rflow_schedule (const OsRflow *rflow, float *t, float *dt)
{
  const guint n = rflow->steps;

  for (guint i = 0; i < n; i++) {
    double value = (1 - (double) i / n) * rflow->num_timesteps;

    if (rflow->discrete_timesteps)
      value = rint (value);
    t[i] = value;
    if (rflow->timestep_transform)
      t[i] = transform_timestep (rflow, t[i]);
  }
  for (guint i = 0; i < n; i++)
    dt[i] = (t[i] - (i + 1 < n ? t[i + 1] : 0)) / (float) rflow->num_timesteps;
}

/* Frames of [B, C, T, H, W] from a where choose [B, T] is 1, else from b. */
static OsTensor *
choose_frames (OsCompute *compute, const guint8 *choose, const OsTensor *a,
    const OsTensor *b)
{
  const gint64 *s = a->shape;
  const int by_frame[] = { 0, 2, 1, 3, 4 };
  const gint64 rows[] = { s[0] * s[2], s[1], s[3], s[4] };
  g_autoptr (OsTensor) a_view = os_tensor_permute (a, by_frame);
  g_autoptr (OsTensor) b_view = os_tensor_permute (b, by_frame);
  g_autoptr (OsTensor) a_frames = os_contiguous (compute, a_view);
  g_autoptr (OsTensor) b_frames = os_contiguous (compute, b_view);
  g_autoptr (OsTensor) a_rows = os_tensor_reshape (a_frames, 4, rows);
  g_autoptr (OsTensor) b_rows = os_tensor_reshape (b_frames, 4, rows);
  g_autoptr (OsTensor) chosen =
      os_select_rows (compute, choose, a_rows, b_rows);
  g_autoptr (OsTensor) split =
      os_tensor_split (chosen, 0, OS_SHAPE (s[0], s[2]));
  g_autoptr (OsTensor) view = os_tensor_permute (split, by_frame);

  return os_contiguous (compute, view);
}

/* Where each frame of a masked run stands. */
typedef struct {
  gint64 n;         /* B T */
  guint8 *upper;    /* being generated in this step: x_mask */
  guint8 *entering; /* for the first time */
  guint8 *added;    /* was being generated in the step before */
} FrameStates;

static void
frame_states_init (FrameStates *states, const float *mask, gint64 n)
{
  states->n = n;
  states->upper = g_new0 (guint8, n);
  states->entering = g_new0 (guint8, n);
  states->added = g_new0 (guint8, n);
  for (gint64 i = 0; i < n; i++)
    states->added[i] = mask[i] == 1;
}

static void
frame_states_clear (FrameStates *states)
{
  g_free (states->upper);
  g_free (states->entering);
  g_free (states->added);
}

/* Frames whose time has come by t. */
static void
frame_states_advance (
    FrameStates *states, const float *mask, float num_timesteps, float t)
{
  for (gint64 i = 0; i < states->n; i++) {
    states->upper[i] = mask[i] * num_timesteps >= t;
    states->entering[i] = states->upper[i] && !states->added[i];
    states->added[i] = states->upper[i];
  }
}

/* Frames that enter start from their own picture, noised to time t. */
static OsTensor *
renoise (const OsRflow *rflow, OsCompute *compute, const FrameStates *states,
    const OsTensor *z, float t, const OsSamplerCallbacks *callbacks)
{
  const float keep = 1 - t / (float) rflow->num_timesteps;
  g_autoptr (OsTensor) noise =
      callbacks->noise (compute, z->n_dims, z->shape, callbacks->data);
  g_autoptr (OsTensor) noised = os_lerp (compute, z, keep, noise, 1 - keep);

  return choose_frames (compute, states->entering, noised, z);
}

/* Where z is in step `index`, and how far it goes. */
typedef struct {
  guint index;
  float t, dt;
} Step;

/* At this velocity z is the sample at t = 0; given frames are that already. */
static void
tell_estimate (const OsRflow *rflow, OsCompute *compute, const OsTensor *z,
    const OsTensor *v, const Step *at, const guint8 *x_mask,
    const OsSamplerCallbacks *callbacks)
{
  g_autoptr (OsTensor) end =
      os_lerp (compute, z, 1, v, at->t / (float) rflow->num_timesteps);
  g_autoptr (OsTensor) x0 =
      x_mask ? choose_frames (compute, x_mask, end, z) : os_tensor_ref (end);

  callbacks->estimate (compute, at->index, x0, callbacks->data);
}

/* z + dt v */
static OsTensor *
step (const OsRflow *rflow, OsCompute *compute, const OsTensor *z,
    const Step *at, const guint8 *x_mask, const OsSamplerCallbacks *callbacks)
{
  g_autoptr (OsTensor) prediction =
      callbacks->network (compute, z, at->t, x_mask, callbacks->data);
  g_autoptr (OsTensor) velocities =
      os_tensor_slice (prediction, 1, 0, z->shape[1]);
  g_autoptr (OsTensor) v =
      os_guide (compute, velocities, z->shape[1], rflow->guidance_scale);

  if (callbacks->estimate)
    tell_estimate (rflow, compute, z, v, at, x_mask, callbacks);
  return os_lerp (compute, z, 1, v, at->dt);
}

/* The same where frames with upper = 0 stay what they are. */
static OsTensor *
step_masked (const OsRflow *rflow, OsCompute *compute, const OsTensor *z,
    const Step *at, const FrameStates *states,
    const OsSamplerCallbacks *callbacks)
{
  g_autoptr (OsTensor) noised =
      renoise (rflow, compute, states, z, at->t, callbacks);
  g_autoptr (OsTensor) moved =
      step (rflow, compute, noised, at, states->upper, callbacks);

  return choose_frames (compute, states->upper, moved, z);
}

OsTensor *
os_rflow_sample (const OsRflow *rflow, OsCompute *compute, const OsTensor *z,
    const float *frame_mask, const OsSamplerCallbacks *callbacks)
{
  g_autofree float *t = g_new (float, rflow->steps);
  g_autofree float *dt = g_new (float, rflow->steps);
  OsTensor *sample = os_tensor_ref (z);
  const OsTask *task = os_compute_get_task (compute);
  FrameStates states = { 0 };

  os_task_progress (task, OPENSORA_STAGE_SAMPLE, 0, rflow->steps);
  os_rflow_schedule (rflow, t, dt);
  if (frame_mask)
    frame_states_init (&states, frame_mask, z->shape[0] * z->shape[2]);
  for (guint i = 0; i < rflow->steps && os_compute_ok (compute); i++) {
    const Step at = { i, t[i], dt[i] };
    g_autoptr (OsTensor) before = sample;

    if (frame_mask) {
      frame_states_advance (&states, frame_mask, rflow->num_timesteps, t[i]);
      sample = step_masked (rflow, compute, before, &at, &states, callbacks);
    } else {
      sample = step (rflow, compute, before, &at, NULL, callbacks);
    }
    os_task_progress (task, OPENSORA_STAGE_SAMPLE, i + 1, rflow->steps);
  }
  frame_states_clear (&states);
  return sample;
}
