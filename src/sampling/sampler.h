/* SPDX-License-Identifier: Apache-2.0 */
/* What samplers ask of their caller: a network, and noise; and what they may
 * tell him. */
#pragma once

#include "compute/ops.h"

/* x [B, C, T, H, W] at time t -> [2 B, C' >= C, T, H, W], rows of the prompts,
 * then unconditional rows. x_mask [B, T] or NULL: frames with 0 are given. */
typedef OsTensor *(*OsSamplerNetwork) (OsCompute *compute, const OsTensor *x,
    float t, const guint8 *x_mask, gpointer data);
/* randn (shape). */
typedef OsTensor *(*OsSamplerNoise) (
    OsCompute *compute, int n_dims, const gint64 *shape, gpointer data);

/* x0 [B, C, T, H, W]: the sample as it is predicted in step `step`, from 0. */
typedef void (*OsSamplerEstimate) (
    OsCompute *compute, guint step, const OsTensor *x0, gpointer data);

typedef struct {
  OsSamplerNetwork network;
  OsSamplerNoise noise;
  gpointer data;
  OsSamplerEstimate estimate; /* NULL: nobody asks for it */
} OsSamplerCallbacks;
