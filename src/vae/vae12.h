/* SPDX-License-Identifier: Apache-2.0 */
/* Video autoencoder of Open-Sora 1.2: a temporal autoencoder over the latents
 * of an image autoencoder, in chunks of micro_frame_size frames
 * (opensora/models/vae/vae.py VideoAutoencoderPipeline). That of 1.0 and 1.1 is
 * the image autoencoder alone, frame by frame (VideoAutoencoderKL). */
#pragma once

#include "compute/ops.h"
#include "weights/binder.h"
#include "weights/config.h"

typedef struct _OsVae12 OsVae12;
/* A clip being decoded, some frames at a time. */
typedef struct _OsVae12Decoder OsVae12Decoder;
/* A clip being encoded, some frames at a time. */
typedef struct _OsVae12Encoder OsVae12Encoder;

/* An image autoencoder alone is one whose configuration is diffusers', or whose
 * weights have no spatial_vae. */
OsVae12 *os_vae12_new (OsConfig *config, OsBinder *binder, GError **error);
void os_vae12_free (OsVae12 *vae);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsVae12, os_vae12_free)

/* Frames of a group, for which numbers are drawn together; 0: all of a clip.
 * The configuration's, or else 4. */
void os_vae12_set_micro_batch_size (OsVae12 *vae, gint64 n_frames);

#define OS_VAE12_SPACE_FACTOR 8

/* Latent frames of n frames. */
gint64 os_vae12_latent_frames (const OsVae12 *vae, gint64 n_frames);
/* Frames from one to the next of the chunks, which do not see each other; 0:
 * the whole clip is one. */
gint64 os_vae12_get_chunk_frames (const OsVae12 *vae);

/* About how many bytes decoding n_frames frames of height x width takes. */
guint64 os_vae12_estimate_bytes (
    const OsVae12 *vae, gint64 n_frames, gint64 height, gint64 width);

/* z [B, 4, T, H, W]; referenced until the decoder is freed. */
OsVae12Decoder *os_vae12_decoder_new (
    OsVae12 *vae, const OsTensor *z, gint64 n_frames);
void os_vae12_decoder_free (OsVae12Decoder *decoder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsVae12Decoder, os_vae12_decoder_free)

/* The next frames, [B, f, 8H, 8W, 3], about -1 .. 1; NULL after the last. */
OsTensor *os_vae12_decoder_next (OsVae12Decoder *decoder, OsCompute *compute);

/* Encoding samples two posteriors: that of the image latents, in groups of
 * micro_batch_size frames [f, 4, h, w], and at the end, with a temporal
 * autoencoder, that of the latents, a chunk [B, 4, t, h, w] after the other. */
typedef enum {
  OS_VAE_DRAW_SPATIAL,
  OS_VAE_DRAW_TEMPORAL,
} OsVaeDraw;
/* Standard normal numbers of this shape (transfer full). */
typedef OsTensor *(*OsVaeNoise) (OsCompute *compute, OsVaeDraw which,
    int n_dims, const gint64 *shape, gpointer data);

OsVae12Encoder *os_vae12_encoder_new (
    OsVae12 *vae, OsVaeNoise noise, gpointer data);
void os_vae12_encoder_free (OsVae12Encoder *encoder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsVae12Encoder, os_vae12_encoder_free)

/* The next frames [n, H, W, 3], -1 .. 1, of the same size all, at least 8 x 8.
 * Numbers are drawn as soon as a group of frames is complete. */
void os_vae12_encoder_push (
    OsVae12Encoder *encoder, OsCompute *compute, const OsTensor *frames);
/* Latents [B, 4, T, floor (H / 8), floor (W / 8)] of what was pushed: B clips
 * of equal length, one after the other. */
OsTensor *os_vae12_encoder_finish (
    OsVae12Encoder *encoder, OsCompute *compute, gint64 B);
