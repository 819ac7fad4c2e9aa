/* SPDX-License-Identifier: Apache-2.0 */
/* The video autoencoder of Open-Sora 1.0 to 1.2. What is large, full-size
 * activations of the image autoencoder, exists for one frame at a time in both
 * directions.
 *
 * Encoding: frame by frame to features, some frames together from these to
 * moments of image latents; in groups to samples of them; when all frames are
 * there, chunk by chunk to samples of latents, of which (z - shift) / scale is
 * the result. Decoding: the reverse, chunk by chunk, some frames together to
 * features, each of them to a frame. */
#include "vae/vae12.h"

#include <opensora/opensora.h>

#include "base/size.h"
#include "vae/sd2d.h"
#include "vae/temporal.h"

/* Of the image latents; the reference uses it whatever the checkpoint's
 * config says. */
#define SCALING_FACTOR 0.18215f
#define LATENT_CHANNELS 4

/* Of a group of frames, eight of 144 x 256. */
#define GROUP_LATENTS (8 * 18 * 32)

#define SPATIAL_ROOT "spatial_vae.module"

struct _OsVae12 {
  OsSd2d *spatial;
  OsTemporalVae *temporal; /* NULL: the image autoencoder alone */
  OsWeightSet *weights;
  char *origin;            /* of the configuration, for messages */
  gint64 micro_frame_size; /* 0: the whole clip is one chunk */
  gint64 micro_batch_size; /* frames of a group; 0: the whole clip */
  float scale[LATENT_CHANNELS], shift[LATENT_CHANNELS];
};

struct _OsVae12Encoder {
  OsVae12 *vae; /* not owned */
  OsVaeNoise noise;
  gpointer data;
  gint64 n_frames, h, w; /* h, w: of the latents */
  gint64 in_group;       /* frames of the group */
  GPtrArray *features;   /* of its last frames, [1, ..] */
  GPtrArray *moments;    /* of those before, [f, h, w, 8] */
  GPtrArray *latents;    /* of complete groups, [f, h, w, 4] */
};

struct _OsVae12Decoder {
  OsVae12 *vae; /* not owned */
  OsTensor *z;  /* [B, 4, T, H, W] */
  gint64 n_frames, chunk_start;
  OsTensor *chunk; /* image latents of the chunk, [B, f, H, W, 4] */
  gint64 next;     /* frame within the chunk */
  OsTensor *group; /* features of some frames, [f B, ..] */
  gint64 next_of_group;
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

/* The image autoencoder, and what it hands on and takes; its configuration is
 * this section. */
static void
bind_spatial (OsVae12 *vae, OsConfig *config, const char *section,
    OsBinder *binder, const char *root)
{
  static const struct {
    const char *key;
    gint64 n;
  } expected[] = {
    { "in_channels", 3 },
    { "out_channels", 3 },
    { "latent_channels", LATENT_CHANNELS },
  };

  os_config_set_section (config, section);
  os_binder_push (binder, "%s", root);
  vae->spatial = os_sd2d_new (config, binder);
  os_binder_pop (binder);
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++) {
    const gint64 n = expected[i].n;

    os_config_int (config, expected[i].key, n, n, n);
  }
  if (os_sd2d_get_factor (vae->spatial) != OS_VAE12_SPACE_FACTOR)
    os_config_problem (config, "block_out_channels",
        "make latents 1/%" G_GINT64_FORMAT
        " of a picture's size, 1/%d expected",
        os_sd2d_get_factor (vae->spatial), OS_VAE12_SPACE_FACTOR);
  os_config_set_section (config, NULL);
}

static void
bind_temporal (OsVae12 *vae, OsConfig *config, OsBinder *binder)
{
  static const char *const keys[] = { "in_out_channels", "embed_dim" };

  os_config_set_section (config, "vae_temporal");
  os_binder_push (binder, "temporal_vae");
  vae->temporal = os_temporal_vae_new (config, binder);
  os_binder_pop (binder);
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    os_config_int (
        config, keys[i], LATENT_CHANNELS, LATENT_CHANNELS, LATENT_CHANNELS);
  os_config_set_section (config, NULL);
}

static gboolean
is_image_vae (OsConfig *config, OsBinder *binder)
{
  if (os_config_has (config, "vae_2d"))
    return FALSE;
  return os_config_has (config, "block_out_channels")
         || !os_binder_has (binder, SPATIAL_ROOT ".decoder.conv_in.weight");
}

/* Of 1.0 and 1.1: one frame of latents for each frame. */
static void
bind_image_vae (OsVae12 *vae, OsConfig *config, OsBinder *binder)
{
  vae->micro_batch_size =
      os_config_int (config, "micro_batch_size", 4, 0, 1 << 20);
  for (int c = 0; c < LATENT_CHANNELS; c++)
    vae->scale[c] = 1;
  bind_spatial (vae, config, NULL, binder, "");
}

static void
bind_video_vae (OsVae12 *vae, OsConfig *config, OsBinder *binder)
{
  vae->micro_frame_size =
      os_config_int (config, "micro_frame_size", 0, 1, 1 << 20);
  vae->micro_batch_size =
      os_config_int (config, "vae_2d.micro_batch_size", 4, 0, 1 << 20);
  read_latent_statistics (vae, config, binder);
  bind_spatial (vae, config, "vae_2d.config", binder, SPATIAL_ROOT);
  bind_temporal (vae, config, binder);
}

OsVae12 *
os_vae12_new (OsConfig *config, OsBinder *binder, GError **error)
{
  g_autoptr (OsVae12) vae = g_new0 (OsVae12, 1);

  vae->origin = g_strdup (os_config_get_origin (config));
  os_binder_stream (binder);
  if (is_image_vae (config, binder))
    bind_image_vae (vae, config, binder);
  else
    bind_video_vae (vae, config, binder);
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
  g_free (vae->origin);
  g_free (vae);
}

void
os_vae12_set_micro_batch_size (OsVae12 *vae, gint64 n_frames)
{
  vae->micro_batch_size = n_frames;
}

/* Frames that one of the latents stands for. */
static gint64
time_factor (const OsVae12 *vae)
{
  return vae->temporal ? os_temporal_vae_get_factor (vae->temporal) : 1;
}

gint64
os_vae12_latent_frames (const OsVae12 *vae, gint64 n_frames)
{
  const gint64 factor = time_factor (vae);
  const gint64 micro = vae->micro_frame_size;

  if (micro == 0)
    return os_div_up (n_frames, factor);
  return n_frames / micro * os_div_up (micro, factor)
         + os_div_up (n_frames % micro, factor);
}

gint64
os_vae12_get_chunk_frames (const OsVae12 *vae)
{
  return vae->temporal ? vae->micro_frame_size : 1;
}

/* Of the chunk that begins when so many frames are left. */
static gint64
chunk_frames (const OsVae12 *vae, gint64 left)
{
  return vae->micro_frame_size ? MIN (left, vae->micro_frame_size) : left;
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
  g_clear_pointer (&decoder->group, os_tensor_unref);
  os_tensor_unref (decoder->z);
  g_free (decoder);
}

/* Frames that go through the deep part of the image autoencoder together. */
static gint64
group_frames (gint64 latents_of_frame)
{
  return MAX (1, GROUP_LATENTS / latents_of_frame);
}

/* Either of the autoencoders, and one of their convolutions. */
guint64
os_vae12_estimate_bytes (
    const OsVae12 *vae, gint64 n_frames, gint64 height, gint64 width)
{
  const gint64 H = height / OS_VAE12_SPACE_FACTOR;
  const gint64 W = width / OS_VAE12_SPACE_FACTOR;
  const gint64 chunk = chunk_frames (vae, n_frames);
  const gint64 group = MIN (chunk, group_frames (H * W));
  const gint64 largest =
      os_weight_set_get_largest (vae->weights, 0, vae->weights->len);
  guint64 features =
      os_sd2d_estimate_bytes (vae->spatial, height, width, group);

  if (vae->temporal)
    features = MAX (
        features, os_temporal_vae_estimate_bytes (vae->temporal, chunk, H, W));
  return features + os_conv_estimate_bytes (largest, features / sizeof (float));
}

/* Image latents of the chunk that starts at chunk_start. Chunks do not see
 * each other. */
static void
decode_chunk (OsVae12Decoder *decoder, OsCompute *compute)
{
  OsVae12 *vae = decoder->vae;
  const gint64 frames =
      chunk_frames (vae, decoder->n_frames - decoder->chunk_start);
  const gint64 first = os_vae12_latent_frames (vae, decoder->chunk_start);
  const gint64 n = os_div_up (frames, time_factor (vae));
  g_autoptr (OsTensor) part = os_tensor_slice (decoder->z, 2, first, n);
  g_autoptr (OsTensor) view =
      os_tensor_permute (part, (int[]){ 0, 2, 3, 4, 1 });
  g_autoptr (OsTensor) z = os_contiguous (compute, view);
  g_autoptr (OsTensor) scaled =
      os_scale_shift (compute, z, vae->scale, vae->shift);

  decoder->chunk = vae->temporal ? os_temporal_vae_decode (
                       vae->temporal, compute, scaled, frames)
                                 : os_tensor_ref (scaled);
  decoder->next = 0;
}

/* The deep part of the image autoencoder for the next frames of the chunk. */
static void
decode_group (OsVae12Decoder *decoder, OsCompute *compute)
{
  const float scale[LATENT_CHANNELS] = { 1 / SCALING_FACTOR, 1 / SCALING_FACTOR,
    1 / SCALING_FACTOR, 1 / SCALING_FACTOR };
  const float shift[LATENT_CHANNELS] = { 0 };
  const gint64 *s = decoder->chunk->shape;
  const gint64 B = s[0];
  const gint64 n = MIN (s[1] - decoder->next, group_frames (B * s[2] * s[3]));
  g_autoptr (OsTensor) view =
      os_tensor_slice (decoder->chunk, 1, decoder->next, n);
  g_autoptr (OsTensor) turned =
      os_tensor_permute (view, (int[]){ 1, 0, 2, 3, 4 });
  g_autoptr (OsTensor) latents = os_contiguous (compute, turned);
  g_autoptr (OsTensor) frames =
      os_tensor_reshape (latents, OS_SHAPE (n * B, s[2], s[3], s[4]));
  g_autoptr (OsTensor) z = os_scale_shift (compute, frames, scale, shift);

  decoder->group = os_sd2d_decode_deep (decoder->vae->spatial, compute, z);
  decoder->next_of_group = 0;
  decoder->next += n;
}

/* One frame at a time: the decoder's activations at full size are what memory
 * is spent on, and a frame that is done can be shown. */
OsTensor *
os_vae12_decoder_next (OsVae12Decoder *decoder, OsCompute *compute)
{
  const gint64 B = decoder->z->shape[0];
  g_autoptr (OsTensor) picture = NULL;
  OsTensor *features;

  if (decoder->chunk_start == decoder->n_frames)
    return NULL;
  if (!decoder->chunk)
    decode_chunk (decoder, compute);
  if (!decoder->group)
    decode_group (decoder, compute);

  features = os_tensor_slice (decoder->group, 0, decoder->next_of_group * B, B);
  if (++decoder->next_of_group * B == decoder->group->shape[0])
    g_clear_pointer (&decoder->group, os_tensor_unref);
  picture = os_sd2d_decode_outer (decoder->vae->spatial, compute, features);

  if (!decoder->group && decoder->next == decoder->chunk->shape[1]) {
    decoder->chunk_start += decoder->next;
    g_clear_pointer (&decoder->chunk, os_tensor_unref);
  }
  return os_tensor_split (picture, 0, OS_SHAPE (B, 1));
}

static GPtrArray *
tensor_array_new (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) os_tensor_unref);
}

static OsTensor *
concat (OsCompute *compute, const GPtrArray *tensors)
{
  return os_concat (
      compute, (const OsTensor *const *) tensors->pdata, tensors->len);
}

OsVae12Encoder *
os_vae12_encoder_new (OsVae12 *vae, OsVaeNoise noise, gpointer data)
{
  OsVae12Encoder *encoder = g_new0 (OsVae12Encoder, 1);

  encoder->vae = vae;
  encoder->noise = noise;
  encoder->data = data;
  encoder->features = tensor_array_new ();
  encoder->moments = tensor_array_new ();
  encoder->latents = tensor_array_new ();
  return encoder;
}

void
os_vae12_encoder_free (OsVae12Encoder *encoder)
{
  g_ptr_array_unref (encoder->features);
  g_ptr_array_unref (encoder->moments);
  g_ptr_array_unref (encoder->latents);
  g_free (encoder);
}

/* A sample of the posterior with these moments [N, .., 8]. Its numbers are
 * drawn as [N, 4, ..], as the reference has its channels. */
static OsTensor *
sample (OsVae12Encoder *encoder, OsCompute *compute, OsVaeDraw which,
    const OsTensor *moments)
{
  const int n = moments->n_dims;
  gint64 shape[OS_MAX_DIMS] = { moments->shape[0], LATENT_CHANNELS };
  int order[OS_MAX_DIMS] = { 0 };
  g_autoptr (OsTensor) drawn = NULL;
  g_autoptr (OsTensor) view = NULL;
  g_autoptr (OsTensor) noise = NULL;

  for (int i = 1; i < n - 1; i++) {
    shape[i + 1] = moments->shape[i];
    order[i] = i + 1;
  }
  order[n - 1] = 1;
  drawn = encoder->noise (compute, which, n, shape, encoder->data);
  view = os_tensor_permute (drawn, order);
  noise = os_contiguous (compute, view);
  return os_normal_sample (compute, moments, noise);
}

/* The deep part of the image autoencoder. */
static void
encode_features (OsVae12Encoder *encoder, OsCompute *compute)
{
  OsTensor *features = concat (compute, encoder->features);

  g_ptr_array_set_size (encoder->features, 0);
  g_ptr_array_add (encoder->moments,
      os_sd2d_encode_deep (encoder->vae->spatial, compute, features));
}

static void
complete_group (OsVae12Encoder *encoder, OsCompute *compute)
{
  g_autoptr (OsTensor) moments = NULL;

  if (encoder->features->len > 0)
    encode_features (encoder, compute);
  moments = concat (compute, encoder->moments);
  g_ptr_array_set_size (encoder->moments, 0);
  encoder->in_group = 0;
  g_ptr_array_add (encoder->latents,
      sample (encoder, compute, OS_VAE_DRAW_SPATIAL, moments));
}

/* FALSE, and the compute has failed, if the checkpoint had no encoder. */
static gboolean
require_encoder (const OsVae12 *vae, OsCompute *compute)
{
  const char *missing = NULL;

  if (!os_sd2d_can_encode (vae->spatial))
    missing = vae->temporal ? SPATIAL_ROOT ".encoder" : "encoder";
  else if (vae->temporal && !os_temporal_vae_can_encode (vae->temporal))
    missing = "temporal_vae.encoder";
  if (missing)
    os_compute_fail (compute,
        g_error_new (OPENSORA_ERROR, OPENSORA_ERROR_MISMATCH,
            "The video autoencoder of %s has no tensors %s.*, without which "
            "it cannot encode pictures; take all of it, such as %s",
            vae->origin, missing,
            vae->temporal ? "hpcai-tech/OpenSora-VAE-v1.2"
                          : "stabilityai/sd-vae-ft-ema"));
  return missing == NULL;
}

void
os_vae12_encoder_push (
    OsVae12Encoder *encoder, OsCompute *compute, const OsTensor *frames)
{
  const OsVae12 *vae = encoder->vae;

  encoder->n_frames += frames->shape[0];
  encoder->h = frames->shape[1] / OS_VAE12_SPACE_FACTOR;
  encoder->w = frames->shape[2] / OS_VAE12_SPACE_FACTOR;
  if (!require_encoder (vae, compute))
    return;
  for (gint64 i = 0; i < frames->shape[0]; i++) {
    g_autoptr (OsTensor) view = os_tensor_slice (frames, 0, i, 1);
    g_autoptr (OsTensor) frame = os_contiguous (compute, view);

    g_ptr_array_add (
        encoder->features, os_sd2d_encode_outer (vae->spatial, compute, frame));
    if (encoder->features->len == group_frames (encoder->h * encoder->w))
      encode_features (encoder, compute);
    if (++encoder->in_group == vae->micro_batch_size)
      complete_group (encoder, compute);
  }
}

/* Image latents of all frames, scaled, [B, n, h, w, 4]. */
static OsTensor *
take_image_latents (OsVae12Encoder *encoder, OsCompute *compute, gint64 B)
{
  const float scale[LATENT_CHANNELS] = { SCALING_FACTOR, SCALING_FACTOR,
    SCALING_FACTOR, SCALING_FACTOR };
  const float shift[LATENT_CHANNELS] = { 0 };
  g_autoptr (OsTensor) sampled = NULL;
  g_autoptr (OsTensor) scaled = NULL;

  if (encoder->in_group > 0)
    complete_group (encoder, compute);
  sampled = concat (compute, encoder->latents);
  scaled = os_scale_shift (compute, sampled, scale, shift);
  return os_tensor_split (scaled, 0, OS_SHAPE (B, encoder->n_frames / B));
}

/* A sample of the latents of a chunk of image latents. */
static OsTensor *
sample_chunk (OsVae12Encoder *encoder, OsCompute *compute, const OsTensor *part)
{
  g_autoptr (OsTensor) moments =
      os_temporal_vae_encode (encoder->vae->temporal, compute, part);

  return sample (encoder, compute, OS_VAE_DRAW_TEMPORAL, moments);
}

/* Latents of a chunk of frames, time first: [t, B, h, w, 4]. */
static OsTensor *
encode_chunk (OsVae12Encoder *encoder, OsCompute *compute,
    const OsTensor *latents, gint64 first, gint64 n)
{
  g_autoptr (OsTensor) view = os_tensor_slice (latents, 1, first, n);
  g_autoptr (OsTensor) part = os_contiguous (compute, view);
  g_autoptr (OsTensor) z = encoder->vae->temporal
                               ? sample_chunk (encoder, compute, part)
                               : os_tensor_ref (part);

  return os_tensor_permute (z, (int[]){ 1, 0, 2, 3, 4 });
}

/* Latents of all chunks, time first: [T, B, h, w, 4]. */
static OsTensor *
encode_chunks (OsVae12Encoder *encoder, OsCompute *compute, gint64 B)
{
  const gint64 n_frames = encoder->n_frames / B;
  g_autoptr (OsTensor) latents = take_image_latents (encoder, compute, B);
  g_autoptr (GPtrArray) chunks = tensor_array_new ();

  for (gint64 first = 0, n; first < n_frames; first += n) {
    n = chunk_frames (encoder->vae, n_frames - first);
    g_ptr_array_add (
        chunks, encode_chunk (encoder, compute, latents, first, n));
  }
  return concat (compute, chunks);
}

OsTensor *
os_vae12_encoder_finish (OsVae12Encoder *encoder, OsCompute *compute, gint64 B)
{
  const OsVae12 *vae = encoder->vae;
  float scale[LATENT_CHANNELS], shift[LATENT_CHANNELS];
  g_autoptr (OsTensor) sampled = NULL;
  g_autoptr (OsTensor) z = NULL;
  g_autoptr (OsTensor) view = NULL;

  g_return_val_if_fail (encoder->n_frames > 0, NULL);
  g_return_val_if_fail (B > 0 && encoder->n_frames % B == 0, NULL);

  if (!require_encoder (vae, compute))
    return os_compute_tensor (
        compute, OS_SHAPE (B, LATENT_CHANNELS,
                     os_vae12_latent_frames (vae, encoder->n_frames / B),
                     encoder->h, encoder->w));
  for (int c = 0; c < LATENT_CHANNELS; c++) {
    scale[c] = 1 / vae->scale[c];
    shift[c] = -vae->shift[c] / vae->scale[c];
  }
  sampled = encode_chunks (encoder, compute, B);
  z = os_scale_shift (compute, sampled, scale, shift);
  view = os_tensor_permute (z, (int[]){ 1, 4, 0, 2, 3 });
  return os_contiguous (compute, view);
}
