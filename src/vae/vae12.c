/* SPDX-License-Identifier: Apache-2.0 */
/* The video autoencoder of Open-Sora 1.2, decoding chunk by chunk. */
#include "vae/vae12.h"

#include <opensora/opensora.h>

#include "base/size.h"
#include "vae/sd2d.h"
#include "vae/temporal.h"

/* Of the image latents; the reference uses it whatever the checkpoint's
 * config says. */
#define SCALING_FACTOR 0.18215f
#define LATENT_CHANNELS 4

struct _OsVae12 {
  OsSd2d *spatial;
  OsTemporalVae *temporal;
  OsWeightSet *weights;
  gint64 micro_frame_size; /* 0: the whole clip is one chunk */
  float scale[LATENT_CHANNELS], shift[LATENT_CHANNELS];
};

struct _OsVae12Decoder {
  OsVae12 *vae; /* not owned */
  OsTensor *z;  /* [B, 4, T, H, W] */
  gint64 n_frames, chunk_start;
  OsTensor *chunk; /* image latents of the chunk, [B, f, H, W, 4] */
  gint64 next;     /* frame within the chunk */
};

/* scale and shift of the latents: from the weights, else from the config. */
static void
read_latent_statistics (OsVae12 *vae, OsConfig *config, OsBinder *binder)
{
  const double published[2][LATENT_CHANNELS] = { { 3.85, 2.32, 2.33, 3.06 },
    { -0.10, 0.34, 0.27, 0.98 } };
  const char *names[] = { "scale", "shift" };
  float *values[] = { vae->scale, vae->shift };

  for (int i = 0; i < 2; i++) {
    double from_config[LATENT_CHANNELS];
    gboolean found =
        os_config_doubles (config, names[i], LATENT_CHANNELS, from_config)
        == LATENT_CHANNELS;

    if (os_binder_values (binder, names[i], LATENT_CHANNELS, values[i]))
      continue;
    for (int c = 0; c < LATENT_CHANNELS; c++)
      values[i][c] = found ? from_config[c] : published[i][c];
  }
}

OsVae12 *
os_vae12_new (OsConfig *config, OsBinder *binder, GError **error)
{
  g_autoptr (OsVae12) vae = g_new0 (OsVae12, 1);

  vae->micro_frame_size =
      os_config_int (config, "micro_frame_size", 0, 1, 1 << 20);
  read_latent_statistics (vae, config, binder);
  os_binder_push (binder, "spatial_vae.module");
  os_config_set_section (config, "vae_2d.config");
  vae->spatial = os_sd2d_new (config, binder);
  os_binder_pop (binder);
  os_binder_push (binder, "temporal_vae");
  os_config_set_section (config, "vae_temporal");
  vae->temporal = os_temporal_vae_new (config, binder);
  os_config_set_section (config, NULL);
  os_binder_pop (binder);
  os_binder_ignore (binder, "spatial_vae.module.encoder.");
  os_binder_ignore (binder, "spatial_vae.module.quant_conv.");
  os_binder_ignore (binder, "temporal_vae.encoder.");
  os_binder_ignore (binder, "temporal_vae.quant_conv.");

  if (!os_config_check (config, error))
    return NULL;
  vae->weights = os_binder_finish (binder, error);
  return vae->weights ? g_steal_pointer (&vae) : NULL;
}

void
os_vae12_free (OsVae12 *vae)
{
  g_clear_pointer (&vae->spatial, os_sd2d_free);
  g_clear_pointer (&vae->temporal, os_temporal_vae_free);
  g_clear_pointer (&vae->weights, g_ptr_array_unref);
  g_free (vae);
}

gint64
os_vae12_latent_frames (const OsVae12 *vae, gint64 n_frames)
{
  const gint64 factor = os_temporal_vae_get_factor (vae->temporal);
  const gint64 micro = vae->micro_frame_size;

  if (micro == 0)
    return os_div_up (n_frames, factor);
  return n_frames / micro * os_div_up (micro, factor)
         + os_div_up (n_frames % micro, factor);
}

OsVae12Decoder *
os_vae12_decoder_new (OsVae12 *vae, const OsTensor *z, gint64 n_frames)
{
  OsVae12Decoder *decoder = g_new0 (OsVae12Decoder, 1);

  decoder->vae = vae;
  decoder->z = os_tensor_ref (z);
  decoder->n_frames = n_frames;
  return decoder;
}

void
os_vae12_decoder_free (OsVae12Decoder *decoder)
{
  g_clear_pointer (&decoder->chunk, os_tensor_unref);
  os_tensor_unref (decoder->z);
  g_free (decoder);
}

/* Image latents of the chunk that starts at chunk_start. Chunks do not see
 * each other. */
static void
decode_chunk (OsVae12Decoder *decoder, OsCompute *compute)
{
  OsVae12 *vae = decoder->vae;
  const gint64 left = decoder->n_frames - decoder->chunk_start;
  const gint64 frames =
      vae->micro_frame_size ? MIN (left, vae->micro_frame_size) : left;
  const gint64 first = os_vae12_latent_frames (vae, decoder->chunk_start);
  const gint64 n =
      os_div_up (frames, os_temporal_vae_get_factor (vae->temporal));
  g_autoptr (OsTensor) part = os_tensor_slice (decoder->z, 2, first, n);
  g_autoptr (OsTensor) view =
      os_tensor_permute (part, (int[]){ 0, 2, 3, 4, 1 });
  g_autoptr (OsTensor) z = os_contiguous (compute, view);
  g_autoptr (OsTensor) scaled =
      os_scale_shift (compute, z, vae->scale, vae->shift);

  decoder->chunk =
      os_temporal_vae_decode (vae->temporal, compute, scaled, frames);
  decoder->next = 0;
}

/* One frame at a time: the decoder's activations at full size are what memory
 * is spent on, and a frame that is done can be shown. */
OsTensor *
os_vae12_decoder_next (OsVae12Decoder *decoder, OsCompute *compute)
{
  const float scale[LATENT_CHANNELS] = { 1 / SCALING_FACTOR, 1 / SCALING_FACTOR,
    1 / SCALING_FACTOR, 1 / SCALING_FACTOR };
  const float shift[LATENT_CHANNELS] = { 0 };
  g_autoptr (OsTensor) latent = NULL;
  g_autoptr (OsTensor) z = NULL;
  g_autoptr (OsTensor) picture = NULL;

  if (decoder->chunk_start == decoder->n_frames)
    return NULL;
  if (!decoder->chunk)
    decode_chunk (decoder, compute);

  latent = os_tensor_select (decoder->chunk, 1, decoder->next);
  z = os_scale_shift (compute, latent, scale, shift);
  picture = os_sd2d_decode (decoder->vae->spatial, compute, z);

  if (++decoder->next == decoder->chunk->shape[1]) {
    decoder->chunk_start += decoder->next;
    g_clear_pointer (&decoder->chunk, os_tensor_unref);
  }
  return os_tensor_split (picture, 0, OS_SHAPE (picture->shape[0], 1));
}

struct _OsVae12Encoder {
  OsVae12 *vae; /* not owned */
  gint64 n_frames, H, W;
};

OsVae12Encoder *
os_vae12_encoder_new (OsVae12 *vae, OsVaeNoise noise, gpointer data)
{
  OsVae12Encoder *encoder = g_new0 (OsVae12Encoder, 1);

  encoder->vae = vae;
  return encoder;
}

void
os_vae12_encoder_free (OsVae12Encoder *encoder)
{
  g_free (encoder);
}

void
os_vae12_encoder_push (
    OsVae12Encoder *encoder, OsCompute *compute, const OsTensor *frames)
{
  encoder->n_frames += frames->shape[0];
  encoder->H = frames->shape[1];
  encoder->W = frames->shape[2];
  os_compute_fail (
      compute, g_error_new_literal (OPENSORA_ERROR, OPENSORA_ERROR_UNSUPPORTED,
                   "The video autoencoder cannot encode yet"));
}

OsTensor *
os_vae12_encoder_finish (OsVae12Encoder *encoder, OsCompute *compute, gint64 B)
{
  return os_compute_tensor (
      compute, OS_SHAPE (B, LATENT_CHANNELS,
                   os_vae12_latent_frames (encoder->vae, encoder->n_frames / B),
                   encoder->H / OS_VAE12_SPACE_FACTOR,
                   encoder->W / OS_VAE12_SPACE_FACTOR));
}
