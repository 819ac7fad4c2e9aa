/* SPDX-License-Identifier: Apache-2.0 */
/* Rectified flow (arXiv 2209.03003) as Open-Sora 1.2 samples it, with
 * classifier-free guidance and the timestep transform of Stable Diffusion 3
 * (opensora/schedulers/rf). */
#pragma once

#include "compute/ops.h"

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

/* The network: x [B, C, T, H, W] at time t -> [2B, C' >= C, T, H, W], rows of
 * the prompt, then unconditional rows. x_mask [B, T] or NULL: frames with 0 are
 * given. */
typedef OsTensor *(*OsRflowNetwork) (OsCompute *compute, const OsTensor *x,
    float t, const guint8 *x_mask, gpointer data);
/* randn like z; called once a step if there is a frame mask. */
typedef OsTensor *(*OsRflowNoise) (
    OsCompute *compute, const OsTensor *z, gpointer data);

typedef struct {
  OsRflowNetwork network;
  OsRflowNoise noise;
  gpointer data;
} OsRflowCallbacks;

/* Timesteps and step sizes, `steps` of each. */
void os_rflow_schedule (const OsRflow *rflow, float *t, float *dt);

/* z [B, C, T, H, W] noise -> sample. frame_mask [B, T] or NULL: 1 generate, 0
 * keep z's frame, between: keep it until t falls to mask * num_timesteps. */
OsTensor *os_rflow_sample (const OsRflow *rflow, OsCompute *compute,
    const OsTensor *z, const float *frame_mask,
    const OsRflowCallbacks *callbacks);
