/* SPDX-License-Identifier: Apache-2.0 */
/* Ancestral sampling with a learned variance (arXiv 2102.09672), as Open-Sora
 * 1.0 and 1.1 do it (opensora/schedulers/iddpm). The network predicts the noise
 * and, in as many channels again, where the variance lies between its bounds.
 */
#pragma once

#include "sampling/iddpm-schedule.h"
#include "sampling/sampler.h"

typedef struct {
  const GArray *schedule; /* of os_iddpm_schedule() */
  double guidance_scale;
  gint64 n_guided; /* channels of the prediction that guidance moves */
} OsIddpm;

/* What a prediction says of one value: x_0, and the distribution of the value
 * after the step. */
typedef struct {
  float x0, mean, log_variance;
} OsIddpmPosterior;

/* eps: predicted noise; v: -1 for the lower bound of the variance, 1 for the
 * upper one. */
OsIddpmPosterior os_iddpm_posterior (
    const OsIddpmStep *step, float x, float eps, float v);

/* A frame with this mask is generated from this index of the schedule on. */
gint os_iddpm_first_index (float mask, guint n_steps);

/* z [B, C, T, H, W] noise -> sample. frame_mask [B, T] or NULL: 1 generate, 0
 * take z's frame and denoise it in the last step only, between: take it and
 * generate from there on. Noise is drawn once a step, twice with a mask, for
 * both halves of guidance as the reference does: [2 B, C, T, H, W]. */
OsTensor *os_iddpm_sample (const OsIddpm *iddpm, OsCompute *compute,
    const OsTensor *z, const float *frame_mask,
    const OsSamplerCallbacks *callbacks);

/* One step of it, index `index` of the schedule. */
OsTensor *os_iddpm_step (const OsIddpm *iddpm, OsCompute *compute, guint index,
    const OsTensor *x, const float *frame_mask,
    const OsSamplerCallbacks *callbacks);
