/* SPDX-License-Identifier: Apache-2.0 */
/* The image autoencoder as 1.0 and 1.1 use it, and what follows it: vae2d,
 * save_sample, pipeline. */
#include "cli/golden/golden.h"

#include <string.h>

#include "pipeline/frames.h"
#include "vae/sd2d.h"

/* [.., C, T, H, W] as contiguous [.., T, H, W, C]. */
static OsTensor *
channels_last (GoldenRun *run, const OsTensor *x)
{
  g_autoptr (OsTensor) view =
      x->n_dims == 4 ? os_tensor_permute (x, (const int[]){ 1, 2, 3, 0 })
                     : os_tensor_permute (x, (const int[]){ 0, 2, 3, 4, 1 });

  return os_contiguous (run->compute, view);
}

/* The frames of a batch of clips [B, C, T, H, W], one after the other:
 * [B T, H, W, C]. */
static OsTensor *
fold_frames (GoldenRun *run, const OsTensor *x)
{
  g_autoptr (OsTensor) frames = channels_last (run, x);
  const gint64 *s = frames->shape;

  return os_tensor_reshape (frames, OS_SHAPE (s[0] * s[1], s[2], s[3], s[4]));
}

static void
output_frames (GoldenRun *run, const OsTensor *video)
{
  g_autoptr (OsTensor) frames = channels_last (run, video);
  gint64 n = os_tensor_count (frames);
  g_autofree float *values = g_new (float, n);
  g_autofree guint8 *bytes = g_new (guint8, n);

  os_compute_download (run->compute, frames, values);
  os_frames_to_u8 (values, n, OS_DTYPE_F32, bytes);
  golden_output_u8 (run, "frames", n, bytes);
}

/* --- vae2d --- */

static const struct {
  const char *module, *output;
} taps[] = {
  { "encoder.conv_in", "enc_conv_in" },
  { "encoder.down_blocks.0", "enc_down0" },
  { "encoder.mid_block.attentions.0", "enc_mid_attn" },
  { "encoder.mid_block", "enc_mid" },
  { "encoder.conv_out", "enc_conv_out" },
  { "decoder.conv_in", "dec_conv_in" },
  { "decoder.mid_block.attentions.0", "dec_mid_attn" },
  { "decoder.mid_block", "dec_mid" },
  { "decoder.up_blocks.0", "dec_up0" },
};

static const char *
rename_tap (GoldenRun *run, const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (taps); i++)
    if (g_str_equal (name, taps[i].module))
      return taps[i].output;
  return name;
}

/* [F, 1, H, W, C] as [F, C, H, W]. */
static OsTensor *
view_channels_first (
    const char *name, const OsTensor *got, const OsTensor *want)
{
  g_autoptr (OsTensor) frames = os_tensor_select (got, 1, 0);

  return os_tensor_permute (frames, (const int[]){ 0, 3, 1, 2 });
}

/* Results of submodules, of all frames at once; mean and logvar. */
static gboolean
run_submodules (GoldenRun *run, const OsTensor *frames, const OsTensor *latents,
    GError **error)
{
  static const char *const names[] = { "mean", "logvar" };
  g_autoptr (OsConfig) config = golden_config (run, "config", error);
  g_autoptr (OsBinder) binder = golden_binder (run, error);
  g_autoptr (OsSd2d) vae = NULL;
  g_autoptr (GPtrArray) weights = NULL;
  g_autoptr (OsTensor) moments = NULL, pictures = NULL, view = NULL;

  if (config == NULL || binder == NULL)
    return FALSE;
  vae = os_sd2d_new (config, binder);
  if ((weights = os_binder_finish (binder, error)) == NULL)
    return FALSE;
  run->rename = rename_tap;
  golden_watch (run, view_channels_first, "");
  moments = os_sd2d_encode (vae, run->compute, frames);
  pictures = os_sd2d_decode (vae, run->compute, latents);
  golden_unwatch (run);
  view = os_tensor_permute (moments, (const int[]){ 0, 3, 1, 2 });
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    gint64 C = view->shape[1] / 2;
    g_autoptr (OsTensor) half = os_tensor_slice (view, 1, i * C, C);

    golden_output (run, names[i], half);
  }
  return TRUE;
}

typedef struct {
  GoldenRun *run;
  gint64 n_drawn; /* frames */
} Draws;

static OsTensor *
draw (OsCompute *compute, OsVaeDraw which, int n_dims, const gint64 *shape,
    gpointer data)
{
  Draws *draws = data;
  g_autoptr (OsTensor) noise = golden_input (draws->run, "noise");
  gint64 first = draws->n_drawn;

  draws->n_drawn += shape[0];
  return os_tensor_slice (noise, 0, first, shape[0]);
}

gboolean
golden_vae2d (GoldenRun *run, GError **error)
{
  g_autoptr (OsConfig) config = golden_config (run, "config", error);
  g_autoptr (OsBinder) binder = golden_binder (run, error);
  g_autoptr (OsVae12) vae = NULL;
  g_autoptr (OsVae12Encoder) encoder = NULL;
  g_autoptr (OsTensor) x = golden_input (run, "x");
  g_autoptr (OsTensor) z = golden_input (run, "z");
  g_autoptr (OsTensor) frames = fold_frames (run, x);
  g_autoptr (OsTensor) all = fold_frames (run, z);
  g_autoptr (OsTensor) latents =
      os_lerp (run->compute, all, 1 / 0.18215f, all, 0);
  g_autoptr (OsTensor) encoded = NULL, decoded = NULL;
  Draws draws = { .run = run };

  if (config == NULL || binder == NULL
      || (vae = os_vae12_new (config, binder, error)) == NULL)
    return FALSE;
  encoder = os_vae12_encoder_new (vae, draw, &draws);
  os_vae12_encoder_push (encoder, run->compute, frames);
  encoded = os_vae12_encoder_finish (encoder, run->compute, x->shape[0]);
  golden_output (run, "encoded", encoded);
  decoded = golden_decode (run, vae, z, z->shape[2]);
  golden_output (run, "decoded", decoded);
  return run_submodules (run, frames, latents, error);
}

/* --- save_sample --- */

gboolean
golden_save_sample (GoldenRun *run, GError **error)
{
  g_autoptr (OsTensor) video = golden_input (run, "x"); /* [C, T, H, W] */

  output_frames (run, video);
  return TRUE;
}

/* --- pipeline --- */

static OsStdit *
open_stdit (GoldenRun *run, GError **error)
{
  g_autoptr (OsConfig) config = golden_config (run, "config.model", error);
  g_autoptr (OsBinder) binder = golden_binder (run, error);

  if (config == NULL || binder == NULL)
    return NULL;
  os_binder_push (binder, "model");
  return os_stdit_new (config, binder, error);
}

static OsVae12 *
open_vae (GoldenRun *run, GError **error)
{
  g_autoptr (OsConfig) config = golden_config (run, "config.vae", error);
  g_autoptr (OsBinder) binder = golden_binder (run, error);

  if (config == NULL || binder == NULL)
    return NULL;
  os_binder_push (binder, "vae");
  return os_vae12_new (config, binder, error);
}

gboolean
golden_pipeline (GoldenRun *run, GError **error)
{
  g_autoptr (OsStdit) stdit = open_stdit (run, error);
  g_autoptr (OsVae12) vae = stdit != NULL ? open_vae (run, error) : NULL;
  g_autoptr (OsTensor) latent =
      vae != NULL ? golden_iddpm (run, stdit, error) : NULL;
  g_autoptr (OsTensor) video = NULL;

  if (latent == NULL)
    return FALSE;
  golden_output (run, "latent", latent);
  video = golden_decode (run, vae, latent, latent->shape[2]);
  golden_output (run, "video", video);
  output_frames (run, video);
  return TRUE;
}
