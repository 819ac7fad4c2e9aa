/* SPDX-License-Identifier: Apache-2.0 */
/* The generate loop. */
#include "pipeline/generate.h"

#include <math.h>

#include "compute/noise.h"
#include "pipeline/frames.h"
#include "sampling/rflow.h"
#include "text/clean.h"

/* A clip on its way. */
typedef struct {
  OsBundle *bundle;
  OsCompute *compute;
  OpensoraParams *params;
  OsNoise *noise;
  OsStdit3Clip *clip;
} Run;

/* [L, d_model], L the tokens of the prompt and the end token. */
static OsTensor *
encode_prompt (Run *run)
{
  g_autofree char *text =
      os_prompt_clean (opensora_params_get_prompt (run->params));
  g_autoptr (GArray) ids = os_t5_tokenizer_encode (
      run->bundle->tokenizer, text, -1, run->bundle->max_length);
  g_autoptr (OsTensor) states = os_t5_encode (run->bundle->text_encoder,
      run->compute, (const gint32 *) ids->data, NULL, 1, ids->len);

  return os_tensor_select (states, 0, 0);
}

static OsTensor *
predict_velocity (OsCompute *compute, const OsTensor *x, float t,
    const guint8 *x_mask, gpointer data)
{
  Run *run = data;

  return os_stdit3_forward_guided (run->clip, compute, x, t, x_mask);
}

/* What the sampler changes from step to step, [1, C, T, H, W]. */
static OsTensor *
initial_noise (Run *run)
{
  const guint frames = opensora_params_get_num_frames (run->params);

  return os_noise_tensor (run->noise, run->compute,
      OS_SHAPE (1, os_stdit3_get_in_channels (run->bundle->transformer),
          os_vae12_latent_frames (run->bundle->vae, frames),
          opensora_params_get_height (run->params) / OS_VAE12_SPACE_FACTOR,
          opensora_params_get_width (run->params) / OS_VAE12_SPACE_FACTOR));
}

static void
prepare_clip (Run *run, const OsTensor *z)
{
  const OsFamily *family = &run->bundle->family;
  const float fps = opensora_params_get_num_frames (run->params) == 1
                        ? family->picture_fps
                        : opensora_params_get_fps (run->params);
  g_autoptr (OsTensor) text = encode_prompt (run);
  g_autoptr (OsTensor) null = os_stdit3_null_caption (
      run->bundle->transformer, run->compute, text->shape[0]);
  OsStdit3ClipInfo info = {
    .B = 2,
    .T = z->shape[2],
    .H = z->shape[3],
    .W = z->shape[4],
    .captions = (const OsTensor *[]){ text, null },
    .fps = &fps,
    .n_fps = 1,
    .height = opensora_params_get_height (run->params),
    .width = opensora_params_get_width (run->params),
  };

  run->clip =
      os_stdit3_clip_new (run->bundle->transformer, run->compute, &info);
}

/* No frame mask, although the reference's script always passes one of ones: it
 * changes nothing but where the first timestep rounds to above 1000 (small
 * pictures), and there it throws the first step away. */
static OsTensor *
sample_latents (Run *run, const OsTensor *z)
{
  OsRflow rflow = {
    .steps = opensora_params_get_steps (run->params),
    .num_timesteps = 1000,
    .guidance_scale = opensora_params_get_guidance_scale (run->params),
    .timestep_transform = run->bundle->family.timestep_transform,
    .height = opensora_params_get_height (run->params),
    .width = opensora_params_get_width (run->params),
    .num_frames = opensora_params_get_num_frames (run->params),
  };
  OsRflowCallbacks callbacks = { predict_velocity, NULL, run };

  return os_rflow_sample (&rflow, run->compute, z, NULL, &callbacks);
}

/* One picture [1, 1, H, W, 3] to the receiver. */
static gboolean
emit_frame (Run *run, const OsTensor *picture, guint index,
    OpensoraFrameFunc frame, gpointer user_data, GError **error)
{
  const gint64 n = os_tensor_count (picture);
  g_autofree float *values = g_try_new (float, n);
  g_autofree guint8 *rgb = g_try_malloc (n);
  g_autoptr (GBytes) bytes = NULL;

  if (!values || !rgb) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MEMORY,
        "No memory for a frame of %" G_GINT64_FORMAT " values", n);
    return FALSE;
  }
  os_compute_download (run->compute, picture, values);
  if (!os_compute_check (run->compute, error))
    return FALSE;
  for (gint64 i = 0; i < n; i++) {
    if (!isfinite (values[i])) {
      g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_NUMERIC,
          "Frame %u has values that are not finite; the weights may be "
          "damaged",
          index);
      return FALSE;
    }
  }
  os_frames_to_u8 (values, n, OS_DTYPE_F32, rgb);
  bytes = g_bytes_new_take (g_steal_pointer (&rgb), n);
  if (!frame (bytes, picture->shape[3], picture->shape[2], index, user_data)) {
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED,
        "The receiver of the frames stopped the clip");
    return FALSE;
  }
  return TRUE;
}

static gboolean
decode_frames (Run *run, const OsTensor *latents, OpensoraFrameFunc frame,
    gpointer user_data, GError **error)
{
  const guint total = opensora_params_get_num_frames (run->params);
  const OsTask *task = os_compute_get_task (run->compute);
  g_autoptr (OsVae12Decoder) decoder =
      os_vae12_decoder_new (run->bundle->vae, latents, total);

  os_task_progress (task, OPENSORA_STAGE_DECODE, 0, total);
  for (guint index = 0; index < total; index++) {
    g_autoptr (OsTensor) picture =
        os_vae12_decoder_next (decoder, run->compute);

    if (!os_compute_check (run->compute, error)
        || !emit_frame (run, picture, index, frame, user_data, error))
      return FALSE;
    os_task_progress (task, OPENSORA_STAGE_DECODE, index + 1, total);
  }
  return TRUE;
}

gboolean
os_generate_clip (OsBundle *bundle, OsCompute *compute,
    OpensoraParams *resolved, OpensoraFrameFunc frame, gpointer user_data,
    GError **error)
{
  g_autoptr (OsNoise) noise = os_noise_new (
      OS_NOISE_CPU, opensora_params_get_seed (resolved), OS_DTYPE_F32);
  Run run = { bundle, compute, resolved, noise, NULL };
  g_autoptr (OsTensor) z = initial_noise (&run);
  g_autoptr (OsTensor) latents = NULL;

  prepare_clip (&run, z);
  latents = sample_latents (&run, z);
  g_clear_pointer (&run.clip, os_stdit3_clip_free);
  return os_compute_check (compute, error)
         && decode_frames (&run, latents, frame, user_data, error);
}
