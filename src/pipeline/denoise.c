/* SPDX-License-Identifier: Apache-2.0 */
/* STDiT under rectified flow (scripts/inference.py of Open-Sora 1.2), IDDPM or
 * DPM-Solver++ (the same of 1.0 and 1.1, and inference-long.py). */
#include "pipeline/denoise.h"

#include "pipeline/preview.h"
#include "pipeline/resolve.h"
#include "sampling/dpm-solver.h"
#include "sampling/iddpm.h"
#include "sampling/rflow.h"

typedef struct {
  const OsFamily *family;
  const OsParams *params;
  guint width, height; /* that the model is told */
  OsStditClip *clip;
  const OsSources *sources;
} Denoiser;

static OsTensor *
predict (OsCompute *compute, const OsTensor *x, float t, const guint8 *x_mask,
    gpointer data)
{
  const Denoiser *self = data;

  return os_stdit_forward_guided (self->clip, compute, x, t, x_mask);
}

static OsTensor *
draw_step (OsCompute *compute, int n_dims, const gint64 *shape, gpointer data)
{
  const OsSources *sources = ((const Denoiser *) data)->sources;

  return sources->draw (compute, OS_DRAW_STEP, n_dims, shape, sources->data);
}

static void
show (OsCompute *compute, guint step, const OsTensor *x0, gpointer data)
{
  const Denoiser *self = data;
  const OsTask *task = os_compute_get_task (compute);
  g_autoptr (GBytes) rgb = NULL;

  if (!os_task_wants_preview (task, step + 1) || !os_compute_ok (compute))
    return;
  rgb = os_preview_render (self->family, compute, x0);
  if (!rgb)
    os_compute_fail (
        compute, g_error_new (OPENSORA_ERROR, OPENSORA_ERROR_MEMORY,
                     "No memory for a preview of %" G_GINT64_FORMAT " latents",
                     os_tensor_count (x0)));
  else
    os_task_preview (task, rgb, x0->shape[4], x0->shape[3], x0->shape[2],
        step + 1, self->params->steps);
}

/* The model is told the nominal size, and the frame rate of pictures if this is
 * one. */
static OsStditClip *
prepare (const Denoiser *self, OsBundle *bundle, OsCompute *compute,
    const OsTensor *z, const OsTensor *text)
{
  const OsParams *p = self->params;
  const OsFamily *f = self->family;
  const OsStditFormat format = {
    .height = self->height,
    .width = self->width,
    .num_frames = p->num_frames,
    .fps = p->num_frames == 1 ? f->picture_fps : p->fps * p->frame_interval,
  };
  OsStepCacheSettings step_cache;
  g_autoptr (OsTensor) null =
      os_stdit_null_caption (bundle->transformer, compute, text->shape[0]);
  OsStditClipInfo info = {
    .B = 2,
    .T = z->shape[2],
    .H = z->shape[3],
    .W = z->shape[4],
    .captions = (const OsTensor *[]){ text, null },
    .formats = &format,
    .n_formats = 1,
    .steps = p->steps,
  };

  if (os_resolve_step_cache (f, p, &step_cache, NULL)
      && step_cache.threshold > 0)
    info.step_cache = &step_cache;

  return os_stdit_clip_new (bundle->transformer, compute, &info);
}

static OsTensor *
sample_rflow (const Denoiser *self, OsCompute *compute, const OsTensor *z,
    const float *mask, const OsSamplerCallbacks *callbacks)
{
  const OsRflow rflow = {
    .steps = self->params->steps,
    .num_timesteps = 1000,
    .guidance_scale = self->params->guidance_scale,
    .timestep_transform = self->family->timestep_transform,
    .height = self->height,
    .width = self->width,
    .num_frames = self->params->num_frames,
  };

  return os_rflow_sample (&rflow, compute, z, mask, callbacks);
}

static OsTensor *
sample_iddpm (const Denoiser *self, OsCompute *compute, const OsTensor *z,
    const float *mask, const OsSamplerCallbacks *callbacks)
{
  g_autofree char *spacing = g_strdup_printf ("%u", self->params->steps);
  GError *error = NULL;
  g_autoptr (GArray) schedule =
      os_iddpm_schedule (spacing, self->family->schedule_dtype, &error);
  const OsIddpm iddpm = {
    .schedule = schedule,
    .guidance_scale = self->params->guidance_scale,
    .n_guided = self->family->n_guided,
  };

  if (schedule)
    return os_iddpm_sample (&iddpm, compute, z, mask, callbacks);
  os_compute_fail (compute, error);
  return os_tensor_ref ((OsTensor *) z);
}

static OsTensor *
sample_dpm_solver (const Denoiser *self, OsCompute *compute, const OsTensor *z,
    const float *mask, const OsSamplerCallbacks *callbacks)
{
  const OsDpmSolver solver = { self->params->steps,
    self->params->guidance_scale };

  return os_dpm_solver_sample (&solver, compute, z, callbacks);
}

OsTensor *
os_denoise (OsBundle *bundle, OsCompute *compute, const OsParams *params,
    const OsSources *sources, const OsTensor *z, const OsTensor *text,
    const float *mask)
{
  static OsTensor *(*const samplers[OS_N_SAMPLERS]) (const Denoiser *,
      OsCompute *, const OsTensor *, const float *,
      const OsSamplerCallbacks *) = {
    [OS_SAMPLER_RFLOW] = sample_rflow,
    [OS_SAMPLER_IDDPM] = sample_iddpm,
    [OS_SAMPLER_DPM_SOLVER] = sample_dpm_solver,
  };
  Denoiser self = { &bundle->family, params, .sources = sources };
  const OsSamplerCallbacks callbacks = { predict, draw_step, &self,
    os_task_has_preview (os_compute_get_task (compute)) ? show : NULL };
  g_autoptr (OsStditClip) clip = NULL;

  os_resolve_nominal_size (params, &self.width, &self.height);
  clip = self.clip = prepare (&self, bundle, compute, z, text);
  return samplers[self.family->sampler](&self, compute, z, mask, &callbacks);
}
