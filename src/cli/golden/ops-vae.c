/* SPDX-License-Identifier: Apache-2.0 */
/* The video autoencoder of Open-Sora 1.2 and what follows it: vae_spatial,
 * vae_temporal, vae_encode_decode, frames_u8. */
#include "cli/golden/golden.h"

#include <string.h>

#include "base/half.h"
#include "pipeline/frames.h"
#include "vae/sd2d.h"
#include "vae/temporal.h"

#define ENCODER "the VAE encoder"
/* What the reference multiplies latents of the image autoencoder with. */
#define SCALING_FACTOR 0.18215f

/* Channels-last [.., H, W, C] as the golden's [B, C, T, H, W] or [F, C, H, W].
 * A dimension of 1 among the first two of five may be anywhere. */
static OsTensor *
view_channels_first (
    const char *name, const OsTensor *got, const OsTensor *want)
{
  if (got->n_dims == 4)
    return os_tensor_permute (got, (const int[]){ 0, 3, 1, 2 });
  if (got->n_dims != 5)
    return os_tensor_ref (got);
  if (want->n_dims == 4)
    return os_tensor_permute (got, (const int[]){ 0, 1, 4, 2, 3 });
  return os_tensor_permute (got, (const int[]){ 0, 4, 1, 2, 3 });
}

/* Golden's channels-first input as the library's contiguous channels-last. */
static OsTensor *
input_channels_last (GoldenRun *run, const char *name)
{
  g_autoptr (OsTensor) x = golden_input (run, name);
  g_autoptr (OsTensor) view =
      x->n_dims == 4 ? os_tensor_permute (x, (const int[]){ 0, 2, 3, 1 })
                     : os_tensor_permute (x, (const int[]){ 0, 2, 3, 4, 1 });

  return os_contiguous (run->compute, view);
}

static void
output_channels_first (GoldenRun *run, const char *name, const OsTensor *got)
{
  const OsTensor *want = golden_wanted (run, name);
  g_autoptr (OsTensor) view =
      want != NULL ? view_channels_first (name, got, want) : NULL;

  if (view != NULL)
    golden_output (run, name, view);
}

/* --- vae_spatial --- */

gboolean
golden_vae_spatial (GoldenRun *run, GError **error)
{
  g_autoptr (OsConfig) config = golden_config (run, "config", error);
  g_autoptr (OsBinder) binder = golden_binder (run, error);
  g_autoptr (GPtrArray) weights = NULL;
  g_autoptr (OsSd2d) vae = NULL;
  g_autoptr (OsTensor) latent = NULL, z = NULL, out = NULL;

  if (config == NULL || binder == NULL)
    return FALSE;
  os_binder_push (binder, "spatial_vae.module");
  vae = os_sd2d_new (config, binder);
  os_binder_pop (binder);
  if (!os_config_check (config, error)
      || (weights = os_binder_finish (binder, error)) == NULL)
    return FALSE;

  latent = input_channels_last (run, "latent");
  z = os_lerp (run->compute, latent, 1.0f / SCALING_FACTOR, latent, 0.0f);
  golden_watch (run, view_channels_first, "");
  out = os_sd2d_decode (vae, run->compute, z);
  output_channels_first (run, "decoded", out);

  golden_needs (run, "encoder.", ENCODER);
  golden_needs (run, "moments", ENCODER);
  golden_needs (run, "mode_scaled", ENCODER);
  golden_needs (run, "odd_moments", ENCODER);
  return TRUE;
}

/* --- vae_temporal --- */

static void
decode_temporal (GoldenRun *run, OsTemporalVae *vae, const char *n_frames)
{
  g_autofree char *in = g_strconcat ("z.", n_frames, NULL);
  g_autofree char *out_name = g_strconcat ("decoded.", n_frames, NULL);
  g_autoptr (OsTensor) z = input_channels_last (run, in);
  g_autoptr (OsTensor) out = os_temporal_vae_decode (
      vae, run->compute, z, g_ascii_strtoll (n_frames, NULL, 10));

  output_channels_first (run, out_name, out);
}

gboolean
golden_vae_temporal (GoldenRun *run, GError **error)
{
  g_autoptr (OsConfig) config = golden_config (run, "config", error);
  g_autoptr (OsBinder) binder = golden_binder (run, error);
  g_autoptr (GPtrArray) weights = NULL;
  g_autoptr (OsTemporalVae) vae = NULL;
  g_autoptr (GPtrArray) counts = NULL;

  if (config == NULL || binder == NULL)
    return FALSE;
  os_binder_push (binder, "temporal_vae");
  vae = os_temporal_vae_new (config, binder);
  os_binder_pop (binder);
  if (!os_config_check (config, error)
      || (weights = os_binder_finish (binder, error)) == NULL)
    return FALSE;

  counts = golden_input_names (run, "z.");
  for (guint i = 0; i < counts->len; i++) {
    /* Intermediate results in the golden are those of n = 3. */
    if (g_str_equal (g_ptr_array_index (counts, i), "3"))
      golden_watch (run, view_channels_first, "");
    decode_temporal (run, vae, g_ptr_array_index (counts, i));
    golden_unwatch (run);
  }
  golden_needs (run, "encoder.", ENCODER);
  golden_needs (run, "moments.", ENCODER);
  golden_needs (run, "quant_conv", ENCODER);
  return TRUE;
}

/* --- vae_encode_decode --- */

static char *
member_text (JsonObject *object, const char *key)
{
  JsonNode *node = json_object_get_member (object, key);

  return node != NULL ? json_to_string (node, FALSE) : g_strdup ("null");
}

OsConfig *
golden_vae12_config (GoldenRun *run, const char *path, GError **error)
{
  JsonNode *node = json_parser_get_root (run->of->parser);
  g_auto (GStrv) members = g_strsplit (path, ".", -1);
  g_autofree char *spatial = NULL, *temporal = NULL, *chunk = NULL;
  g_autofree char *text = NULL;
  JsonObject *vae;

  for (char **member = members; *member != NULL; member++)
    node = json_object_get_member (json_node_get_object (node), *member);
  vae = json_node_get_object (node);
  spatial = member_text (vae, "vae_2d");
  temporal = member_text (vae, "vae_temporal");
  chunk = member_text (vae, "micro_frame_size");
  text = g_strdup_printf ("{\"vae_2d\": {\"config\": %s}, "
                          "\"vae_temporal\": %s, \"micro_frame_size\": %s}",
      spatial, temporal, chunk);
  return os_config_parse (text, -1, run->of->folder, error);
}

/* Frames [B, f, H, W, 3] into place in frames [B, n, H, W, 3]. */
static void
put_frames (GoldenRun *run, const OsTensor *chunk, float *frames, gint64 n,
    gint64 first)
{
  gint64 B = chunk->shape[0], size = os_tensor_count (chunk) / B;
  gint64 frame = size / chunk->shape[1];
  g_autofree float *values = g_new (float, B *size);

  os_compute_download (run->compute, chunk, values);
  for (gint64 b = 0; b < B; b++)
    memcpy (frames + (b * n + first) * frame, values + b * size,
        size * sizeof *frames);
}

OsTensor *
golden_decode (GoldenRun *run, OsVae12 *vae, const OsTensor *z, gint64 n_frames)
{
  gint64 B = z->shape[0], H = OS_VAE12_SPACE_FACTOR * z->shape[3];
  gint64 W = OS_VAE12_SPACE_FACTOR * z->shape[4], done = 0;
  OsVae12Decoder *decoder = os_vae12_decoder_new (vae, z, n_frames);
  g_autofree float *frames = g_new0 (float, B *n_frames *H *W * 3);
  g_autoptr (OsTensor) video = NULL;
  OsTensor *chunk;

  while (os_compute_ok (run->compute)
         && (chunk = os_vae12_decoder_next (decoder, run->compute)) != NULL) {
    if (os_compute_ok (run->compute) && done + chunk->shape[1] <= n_frames)
      put_frames (run, chunk, frames, n_frames, done);
    done += chunk->shape[1];
    os_tensor_unref (chunk);
  }
  os_vae12_decoder_free (decoder);
  if (os_compute_ok (run->compute))
    golden_check (run, done == n_frames,
        "the decoder gave %" G_GINT64_FORMAT " frames, want %" G_GINT64_FORMAT,
        done, n_frames);
  video =
      os_compute_upload (run->compute, frames, OS_SHAPE (B, n_frames, H, W, 3));
  return os_tensor_permute (video, (const int[]){ 0, 4, 1, 2, 3 });
}

gboolean
golden_vae_encode_decode (GoldenRun *run, GError **error)
{
  g_autoptr (OsConfig) config = golden_vae12_config (run, "config", error);
  g_autoptr (OsBinder) binder = golden_binder (run, error);
  g_autoptr (OsVae12) vae = NULL;
  g_autoptr (GPtrArray) counts = NULL;

  if (config == NULL || binder == NULL
      || (vae = os_vae12_new (config, binder, error)) == NULL)
    return FALSE;

  counts = golden_input_names (run, "latent.");
  for (guint i = 0; i < counts->len; i++) {
    const char *count = g_ptr_array_index (counts, i);
    g_autofree char *in = g_strconcat ("latent.", count, NULL);
    g_autofree char *out_name = g_strconcat ("decoded.", count, NULL);
    gint64 n_frames = g_ascii_strtoll (count, NULL, 10);
    gint64 T = os_vae12_latent_frames (vae, n_frames);
    g_autoptr (OsTensor) z = golden_input (run, in);
    g_autoptr (OsTensor) out = NULL;

    golden_check (run, T == z->shape[2],
        "%s frames have %" G_GINT64_FORMAT " latents, want %" G_GINT64_FORMAT,
        count, T, z->shape[2]);
    out = golden_decode (run, vae, z, n_frames);
    golden_output (run, out_name, out);
  }
  golden_needs (run, "encoded.", ENCODER);
  return TRUE;
}

/* --- frames_u8 --- */

/* Values [n, H, W, 3] of a video or of its first frame. */
static void
output_frames (
    GoldenRun *run, const char *name, OsDType dtype, const float *values)
{
  const OsTensor *want = golden_wanted (run, name);
  gint64 n = want != NULL ? os_tensor_count (want) : 0;
  g_autofree float *rounded = g_new (float, n);
  g_autofree guint8 *out = g_new (guint8, n);

  for (gint64 i = 0; i < n; i++)
    rounded[i] = dtype == OS_DTYPE_BF16 ? os_round_bf16 (values[i]) : values[i];
  os_frames_to_u8 (rounded, n, dtype, out);
  golden_output_u8 (run, name, n, out);
}

gboolean
golden_frames_u8 (GoldenRun *run, GError **error)
{
  g_autoptr (OsTensor) video = golden_input (run, "video"); /* [3, T, H, W] */
  g_autoptr (OsTensor) view =
      os_tensor_permute (video, (const int[]){ 1, 2, 3, 0 });
  g_autofree float *values = g_new (float, os_tensor_count (video));

  os_compute_download (run->compute, view, values);
  output_frames (run, "video_f32", OS_DTYPE_F32, values);
  output_frames (run, "image_f32", OS_DTYPE_F32, values);
  output_frames (run, "video_bf16", OS_DTYPE_BF16, values);
  output_frames (run, "image_bf16", OS_DTYPE_BF16, values);
  return TRUE;
}
