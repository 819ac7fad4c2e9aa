/* SPDX-License-Identifier: Apache-2.0 */
/* Video autoencoder of Open-Sora 1.2: a temporal autoencoder over the latents
 * of an image autoencoder, in chunks of micro_frame_size frames
 * (opensora/models/vae/vae.py VideoAutoencoderPipeline). */
#pragma once

#include "compute/ops.h"
#include "weights/binder.h"
#include "weights/config.h"

typedef struct _OsVae12 OsVae12;
/* A clip being decoded, some frames at a time. */
typedef struct _OsVae12Decoder OsVae12Decoder;

OsVae12 *os_vae12_new (OsConfig *config, OsBinder *binder, GError **error);
void os_vae12_free (OsVae12 *vae);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsVae12, os_vae12_free)

#define OS_VAE12_SPACE_FACTOR 8

/* Latent frames of n frames. */
gint64 os_vae12_latent_frames (const OsVae12 *vae, gint64 n_frames);

/* z [B, 4, T, H, W]; referenced until the decoder is freed. */
OsVae12Decoder *os_vae12_decoder_new (
    OsVae12 *vae, const OsTensor *z, gint64 n_frames);
void os_vae12_decoder_free (OsVae12Decoder *decoder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsVae12Decoder, os_vae12_decoder_free)

/* The next frames, [B, f, 8H, 8W, 3], about -1 .. 1; NULL after the last. */
OsTensor *os_vae12_decoder_next (OsVae12Decoder *decoder, OsCompute *compute);
