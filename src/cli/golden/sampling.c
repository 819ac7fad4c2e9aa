/* SPDX-License-Identifier: Apache-2.0 */
/* What the sampling cases share: STDiT3 as the network of rectified flow, with
 * every step's data as outputs. */
#include "cli/golden/golden.h"

#include <string.h>

#include "sampling/rflow.h"

typedef struct {
  GoldenRun *run;
  OsStditClip *clip;
  GPtrArray *renoise;
  guint step;
} Denoiser;

/* Values of `x_mask` and `t` as the doubled batch of the golden has them. */
static void
output_conditions (Denoiser *denoiser, const char *stem, gint64 B, gint64 T,
    const float *t, const guint8 *x_mask)
{
  g_autofree char *t_name = g_strconcat (stem, "t", NULL);
  g_autofree char *mask_name = g_strconcat (stem, "x_mask", NULL);
  g_autofree double *values = g_new (double, B *T);

  golden_output_floats (denoiser->run, t_name, B, t);
  if (x_mask == NULL)
    return;
  for (gint64 i = 0; i < B * T; i++)
    values[i] = x_mask[i];
  golden_output_doubles (denoiser->run, mask_name, B * T, values);
}

static OsTensor *
denoise (OsCompute *compute, const OsTensor *x, float t, const guint8 *x_mask,
    gpointer data)
{
  Denoiser *denoiser = data;
  gint64 B = x->shape[0], T = x->shape[2];
  g_autofree char *stem = g_strdup_printf ("step%u.", denoiser->step++);
  g_autofree char *z_name = g_strconcat (stem, "z_in", NULL);
  g_autofree char *pred_name = g_strconcat (stem, "pred", NULL);
  g_autofree float *times = g_new (float, 2 * B);
  g_autofree guint8 *masks = g_new (guint8, 2 * B * T);
  const OsTensor *const halves[] = { x, x };
  g_autoptr (OsTensor) doubled = os_concat (compute, halves, 2);
  OsTensor *pred;

  for (gint64 b = 0; b < 2 * B; b++)
    times[b] = t;
  for (gint64 i = 0; x_mask != NULL && i < 2 * B * T; i++)
    masks[i] = x_mask[i % (B * T)];

  pred = os_stdit_forward (
      denoiser->clip, compute, doubled, times, x_mask != NULL ? masks : NULL);
  golden_output (denoiser->run, z_name, x);
  golden_output (denoiser->run, pred_name, pred);
  output_conditions (
      denoiser, stem, 2 * B, T, times, x_mask != NULL ? masks : NULL);
  return pred;
}

static OsTensor *
draw (OsCompute *compute, int n_dims, const gint64 *shape, gpointer data)
{
  Denoiser *denoiser = data;

  /* The sampler draws before it calls the network: `step` is the current. */
  if (denoiser->renoise == NULL || denoiser->step >= denoiser->renoise->len)
    return os_compute_zeros (compute, n_dims, shape);
  return os_tensor_ref (g_ptr_array_index (denoiser->renoise, denoiser->step));
}

OsTensor *
golden_sample (GoldenRun *run, const GoldenSampling *sampling)
{
  const OsTensor *z = sampling->z;
  const OsStditFormat format = { sampling->height, sampling->width,
    sampling->num_frames, sampling->fps };
  OsStditClipInfo info = {
    .B = 2 * z->shape[0],
    .T = z->shape[2],
    .H = z->shape[3],
    .W = z->shape[4],
    .captions = (const OsTensor *const *) sampling->captions->pdata,
    .formats = &format,
    .n_formats = 1,
  };
  OsRflow rflow = {
    .steps = sampling->steps,
    .num_timesteps = 1000.0,
    .guidance_scale = sampling->guidance_scale,
    .discrete_timesteps = sampling->discrete_timesteps,
    .timestep_transform = sampling->timestep_transform,
    .height = sampling->height,
    .width = sampling->width,
    .num_frames = sampling->num_frames,
  };
  g_autoptr (OsStditClip) clip =
      os_stdit_clip_new (sampling->stdit, run->compute, &info);
  Denoiser denoiser = {
    .run = run, .clip = clip, .renoise = sampling->renoise
  };
  OsSamplerCallbacks callbacks = {
    .network = denoise, .noise = draw, .data = &denoiser
  };

  return os_rflow_sample (
      &rflow, run->compute, z, sampling->frame_mask, &callbacks);
}
