/* SPDX-License-Identifier: Apache-2.0 */
/* Rectified flow (arXiv 2209.03003) as Open-Sora 1.2 samples it, with
 * classifier-free guidance and the timestep transform of Stable Diffusion 3
 * (opensora/schedulers/rf). */
#pragma once

#include "sampling/sampler.h"

typedef struct {
  guint steps;
  double num_timesteps; /* 1000 */
  double guidance_scale;
  gboolean discrete_timesteps;
  gboolean timestep_transform;
  /* For the transform: the size in pixels as asked for. */
  double height, width;
  gint64 num_frames;
} OsRflow;

/* Timesteps and step sizes, `steps` of each. */
void os_rflow_schedule (const OsRflow *rflow, float *t, float *dt);

/* z [B, C, T, H, W] noise -> sample. frame_mask [B, T] or NULL: 1 generate, 0
 * keep z's frame, between: keep it until t falls to mask * num_timesteps. With
 * a mask noise like z is drawn once a step. */
OsTensor *os_rflow_sample (const OsRflow *rflow, OsCompute *compute,
    const OsTensor *z, const float *frame_mask,
    const OsSamplerCallbacks *callbacks);
