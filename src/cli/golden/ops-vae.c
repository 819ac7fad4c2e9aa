/* SPDX-License-Identifier: Apache-2.0 */
/* The video autoencoder of Open-Sora 1.2 and what follows it: vae_spatial,
 * vae_temporal, vae_encode_decode, frames_u8. */
#include "cli/golden/golden.h"

#include <string.h>

#include "base/half.h"
#include "pipeline/frames.h"
#include "vae/sd2d.h"
#include "vae/temporal.h"

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

static void
encode_spatial (GoldenRun *run, OsSd2d *vae)
{
  g_autoptr (OsTensor) image = input_channels_last (run, "image");
  g_autoptr (OsTensor) odd_image = input_channels_last (run, "odd_image");
  g_autoptr (OsTensor) moments = os_sd2d_encode (vae, run->compute, image);
  g_autoptr (OsTensor) mean =
      os_tensor_slice (moments, 3, 0, moments->shape[3] / 2);
  g_autoptr (OsTensor) mode =
      os_lerp (run->compute, mean, SCALING_FACTOR, mean, 0.0f);
  g_autoptr (OsTensor) odd_moments = NULL;

  output_channels_first (run, "moments", moments);
  output_channels_first (run, "mode_scaled", mode);
  golden_unwatch (run);
  odd_moments = os_sd2d_encode (vae, run->compute, odd_image);
  output_channels_first (run, "odd_moments", odd_moments);
}

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
  encode_spatial (run, vae);
  return TRUE;
}

/* --- vae_temporal --- */

static void
run_temporal (GoldenRun *run, OsTemporalVae *vae, const char *n_frames)
{
  g_autofree char *x_name = g_strconcat ("x.", n_frames, NULL);
  g_autofree char *z_name = g_strconcat ("z.", n_frames, NULL);
  g_autofree char *moments_name = g_strconcat ("moments.", n_frames, NULL);
  g_autofree char *out_name = g_strconcat ("decoded.", n_frames, NULL);
  g_autoptr (OsTensor) x = input_channels_last (run, x_name);
  g_autoptr (OsTensor) moments = os_temporal_vae_encode (vae, run->compute, x);
  g_autoptr (OsTensor) z = input_channels_last (run, z_name);
  g_autoptr (OsTensor) out = os_temporal_vae_decode (
      vae, run->compute, z, g_ascii_strtoll (n_frames, NULL, 10));

  output_channels_first (run, moments_name, moments);
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
    run_temporal (run, vae, g_ptr_array_index (counts, i));
    golden_unwatch (run);
  }
  return TRUE;
}

/* --- vae_encode_decode --- */

/* A member that the golden leaves out is null, which is the default; one that
 * it has as null is `none`. */
static char *
member_text (JsonObject *object, const char *key, const char *none)
{
  JsonNode *node = json_object_get_member (object, key);

  if (node != NULL && JSON_NODE_HOLDS_NULL (node))
    return g_strdup (none);
  return node != NULL ? json_to_string (node, FALSE) : g_strdup ("null");
}

OsConfig *
golden_vae12_config (GoldenRun *run, const char *path, GError **error)
{
  JsonNode *node = json_parser_get_root (run->of->parser);
  g_auto (GStrv) members = g_strsplit (path, ".", -1);
  g_autofree char *spatial = NULL, *temporal = NULL, *chunk = NULL,
                  *batch = NULL;
  g_autofree char *text = NULL;
  JsonObject *vae;

  for (char **member = members; *member != NULL; member++)
    node = json_object_get_member (json_node_get_object (node), *member);
  vae = json_node_get_object (node);
  spatial = member_text (vae, "vae_2d", "null");
  temporal = member_text (vae, "vae_temporal", "null");
  chunk = member_text (vae, "micro_frame_size", "null");
  batch = member_text (vae, "micro_batch_size", "0");
  text = g_strdup_printf ("{\"vae_2d\": {\"config\": %s, "
                          "\"micro_batch_size\": %s}, "
                          "\"vae_temporal\": %s, \"micro_frame_size\": %s}",
      spatial, batch, temporal, chunk);
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

/* The recorded numbers: "<frames>.noise.<k>.<site>". */
typedef struct {
  GoldenRun *run;
  const char *count;
  guint k;
} Draws;

static OsTensor *
draw (OsCompute *compute, OsVaeDraw which, int n_dims, const gint64 *shape,
    gpointer data)
{
  Draws *draws = data;
  g_autofree char *name =
      g_strdup_printf ("%s.noise.%03u.%s_posterior", draws->count, draws->k++,
          which == OS_VAE_DRAW_SPATIAL ? "spatial" : "temporal");
  g_autoptr (OsTensor) noise = golden_has_input (draws->run, name)
                                   ? golden_input (draws->run, name)
                                   : NULL;

  if (noise != NULL && os_tensor_has_shape (noise, n_dims, shape))
    return g_steal_pointer (&noise);
  golden_fail (draws->run->of, "no %s of the shape that is drawn", name);
  return os_compute_zeros (compute, n_dims, shape);
}

/* Latents of "video.<count>", which is [B, 3, n, H, W]. */
static void
encode_video (GoldenRun *run, OsVae12 *vae, const char *count)
{
  g_autofree char *in = g_strconcat ("video.", count, NULL);
  g_autofree char *out_name = g_strconcat ("encoded.", count, NULL);
  g_autoptr (OsTensor) video = input_channels_last (run, in);
  const gint64 *s = video->shape;
  g_autoptr (OsTensor) frames =
      os_tensor_reshape (video, OS_SHAPE (s[0] * s[1], s[2], s[3], s[4]));
  Draws draws = { run, count, 0 };
  g_autoptr (OsVae12Encoder) encoder = os_vae12_encoder_new (vae, draw, &draws);
  g_autoptr (OsTensor) z = NULL;

  os_vae12_encoder_push (encoder, run->compute, frames);
  z = os_vae12_encoder_finish (encoder, run->compute, s[0]);
  golden_output (run, out_name, z);
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
    encode_video (run, vae, count);
  }
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
