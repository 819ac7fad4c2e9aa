/* SPDX-License-Identifier: Apache-2.0 */
/* STDiT3 under rectified flow (scripts/inference.py of Open-Sora 1.2). */
#include "pipeline/denoise.h"

#include "pipeline/resolve.h"
#include "sampling/rflow.h"

typedef struct {
  OsStditClip *clip;
  const OsSources *sources;
} Denoiser;

static OsTensor *
predict_velocity (OsCompute *compute, const OsTensor *x, float t,
    const guint8 *x_mask, gpointer data)
{
  const Denoiser *denoiser = data;

  return os_stdit_forward_guided (denoiser->clip, compute, x, t, x_mask);
}

static OsTensor *
draw_step (OsCompute *compute, int n_dims, const gint64 *shape, gpointer data)
{
  const OsSources *sources = ((const Denoiser *) data)->sources;

  return sources->draw (compute, OS_DRAW_STEP, n_dims, shape, sources->data);
}

/* The model is told the nominal size, and the frame rate of pictures if this is
 * one. */
static OsStditClip *
prepare (OsBundle *bundle, OsCompute *compute, const OsParams *params,
    const OsRflow *rflow, const OsTensor *z, const OsTensor *text)
{
  const OsStditFormat format = {
    .height = rflow->height,
    .width = rflow->width,
    .num_frames = params->num_frames,
    .fps = params->num_frames == 1 ? bundle->family.picture_fps : params->fps,
  };
  g_autoptr (OsTensor) null =
      os_stdit_null_caption (bundle->transformer, compute, text->shape[0]);
  const OsStditClipInfo info = {
    .B = 2,
    .T = z->shape[2],
    .H = z->shape[3],
    .W = z->shape[4],
    .captions = (const OsTensor *[]){ text, null },
    .formats = &format,
    .n_formats = 1,
  };

  return os_stdit_clip_new (bundle->transformer, compute, &info);
}

OsTensor *
os_denoise (OsBundle *bundle, OsCompute *compute, const OsParams *params,
    const OsSources *sources, const OsTensor *z, const OsTensor *text,
    const float *mask)
{
  OsRflow rflow = {
    .steps = params->steps,
    .num_timesteps = 1000,
    .guidance_scale = params->guidance_scale,
    .timestep_transform = bundle->family.timestep_transform,
    .num_frames = params->num_frames,
  };
  g_autoptr (OsStditClip) clip = NULL;
  guint width, height;

  os_resolve_nominal_size (params, &width, &height);
  rflow.width = width;
  rflow.height = height;
  clip = prepare (bundle, compute, params, &rflow, z, text);
  return os_rflow_sample (&rflow, compute, z, mask,
      &(OsSamplerCallbacks){
          predict_velocity, draw_step, &(Denoiser){ clip, sources } });
}
