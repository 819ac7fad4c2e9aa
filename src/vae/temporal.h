/* SPDX-License-Identifier: Apache-2.0 */
/* The temporal autoencoder of Open-Sora 1.2: causal 3-D convolutions that make
 * one latent of four frames, and four frames of a latent
 * (opensora/models/vae/vae_temporal.py), channels last. */
#pragma once

#include "compute/ops.h"
#include "weights/binder.h"
#include "weights/config.h"

typedef struct _OsTemporalVae OsTemporalVae;

OsTemporalVae *os_temporal_vae_new (OsConfig *config, OsBinder *binder);
void os_temporal_vae_free (OsTemporalVae *vae);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsTemporalVae, os_temporal_vae_free)

/* Frames a latent stands for. */
gint64 os_temporal_vae_get_factor (const OsTemporalVae *vae);

/* About how many bytes of features there are while n_frames are decoded. */
guint64 os_temporal_vae_estimate_bytes (
    const OsTemporalVae *vae, gint64 n_frames, gint64 H, gint64 W);

/* FALSE if the checkpoint has the decoder alone. */
gboolean os_temporal_vae_can_encode (const OsTemporalVae *vae);

/* [B, n, H, W, 4] -> mean and logarithm of the variance of the latents,
 * [B, ceil (n / factor), H, W, 4 + 4]; the first latent is of fewer frames
 * where n does not divide. */
OsTensor *os_temporal_vae_encode (
    OsTemporalVae *vae, OsCompute *compute, const OsTensor *x);
/* [B, T, H, W, 4] -> [B, n_frames, H, W, 4], T = ceil (n_frames / factor); the
 * surplus leading frames are dropped. */
OsTensor *os_temporal_vae_decode (
    OsTemporalVae *vae, OsCompute *compute, const OsTensor *z, gint64 n_frames);
