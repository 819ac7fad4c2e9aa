/* SPDX-License-Identifier: Apache-2.0 */
/* The stages that opensora-bench times. */
#include "cli/bench/bench.h"

#include <math.h>
#include <opensora/opensora.h>

#include "cli/part.h"
#include "models/stdit.h"
#include "text/t5.h"
#include "vae/vae12.h"
#include "weights/safetensors.h"

/* Latents are an eighth of the picture's size; a chunk of 17 frames makes 5. */
#define SPACE_FACTOR OS_VAE12_SPACE_FACTOR
#define CHUNK_FRAMES 17
#define CHUNK_LATENTS 5
#define TIME_FACTOR 4

#define DEFAULT_TEXT_LENGTH 300
#define TIMESTEP 500.0f

/* --- parts --- */

/* A stage's part of a model folder, and what its configuration calls the
 * networks. */
static const struct {
  const char *stage, *part;
  const char *types[4];
} parts[] = {
  { "text", "text_encoder", { "t5" } },
  { "denoise", "transformer", { "STDiT", "STDiT2", "STDiT3" } },
  { "decode", "vae", { "VideoAutoencoderPipeline", "AutoencoderKL" } },
};

const char *
bench_stage_of (const char *config_path, GError **error)
{
  g_autoptr (OsConfig) config = os_config_load (config_path, error);
  g_autoptr (GString) known = g_string_new (NULL);
  const char *type;

  if (config == NULL)
    return NULL;
  /* diffusers has the latter. */
  type = os_config_string (
      config, "model_type", os_config_string (config, "_class_name", ""));
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++) {
    for (const char *const *t = parts[i].types; *t != NULL; t++) {
      if (g_str_equal (*t, type))
        return parts[i].stage;
      g_string_append_printf (known, " %s", *t);
    }
  }
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_UNSUPPORTED,
      "%s: model_type \"%s\"; known are%s", config_path, type, known->str);
  return NULL;
}

/* Random weights for the network of parts[index]. */
static gboolean
open_random (Bench *bench, guint index, Part *part, GError **error)
{
  const char *path = bench->options.random_weights;
  const char *stage = bench_stage_of (path, error);

  if (stage == NULL)
    return FALSE;
  if (!g_str_equal (stage, parts[index].stage)) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
        "%s describes a network for the stage %s, not %s", path, stage,
        parts[index].stage);
    return FALSE;
  }
  part->config = os_config_load (path, error);
  if (part->config == NULL)
    return FALSE;
  part->binder = os_binder_new_random (
      os_compute_get_pool (bench->compute), bench->options.seed);
  return TRUE;
}

static gboolean
open_part (Bench *bench, guint index, Part *part, GError **error)
{
  const BenchOptions *options = &bench->options;

  if (options->random_weights != NULL)
    return open_random (bench, index, part, error);
  if (options->transformer != NULL)
    return part_open (part, options->transformer, NULL, error);
  return part_open (part, options->model, parts[index].part, error);
}

static OsT5 *
open_t5 (Bench *bench, GError **error)
{
  Part part = { 0 };
  OsT5 *t5 = open_part (bench, 0, &part, error)
                 ? os_t5_new (part.config, part.binder, error)
                 : NULL;

  part_clear (&part);
  return t5;
}

static OsStdit *
open_stdit (Bench *bench, GError **error)
{
  Part part = { 0 };
  OsStdit *stdit = open_part (bench, 1, &part, error)
                       ? os_stdit_new (part.config, part.binder, error)
                       : NULL;

  part_clear (&part);
  return stdit;
}

static OsVae12 *
open_vae (Bench *bench, GError **error)
{
  Part part = { 0 };
  OsVae12 *vae = open_part (bench, 2, &part, error)
                     ? os_vae12_new (part.config, part.binder, error)
                     : NULL;

  part_clear (&part);
  return vae;
}

/* --- measuring --- */

static double
seconds_since (gint64 start)
{
  return (g_get_monotonic_time () - start) / 1e6;
}

typedef gboolean (*Call) (Bench *bench, gpointer data, GError **error);

static OsProfile *
start_profile (Bench *bench)
{
  OsProfile *profile = os_profile_new ();

  os_profile_start (profile, bench->compute);
  return profile;
}

/* Times options.runs calls. */
static gboolean
measure (Bench *bench, Call call, gpointer data, GError **error)
{
  double fastest = INFINITY;

  for (int i = 0; i < bench->options.runs; i++) {
    guint64 flops = os_compute_get_flops (bench->compute);
    g_autoptr (OsProfile) profile =
        bench->options.profile ? start_profile (bench) : NULL;
    gint64 start = g_get_monotonic_time ();
    gboolean ok = call (bench, data, error);
    double seconds = seconds_since (start);

    if (profile != NULL)
      os_profile_stop (profile, bench->compute);
    if (!os_compute_check (bench->compute, ok ? error : NULL) || !ok)
      return FALSE;
    if (seconds < fastest) {
      fastest = seconds;
      g_clear_pointer (&bench->profile, os_profile_free);
      bench->profile = g_steal_pointer (&profile);
    }
    bench->flops = os_compute_get_flops (bench->compute) - flops;
    g_array_append_val (bench->seconds, seconds);
  }
  return TRUE;
}

static gint64
text_length (const Bench *bench, gint64 max_length)
{
  return bench->options.text_length > 0 ? bench->options.text_length
                                        : MIN (max_length, DEFAULT_TEXT_LENGTH);
}

static void
set_picture_shape (Bench *bench)
{
  const BenchOptions *options = &bench->options;

  json_object_set_int_member (bench->shape, "height", options->height);
  json_object_set_int_member (bench->shape, "width", options->width);
  json_object_set_int_member (bench->shape, "num_frames", options->num_frames);
}

static void
set_latent_shape (Bench *bench, const OsTensor *z)
{
  JsonArray *latents = json_array_new ();

  for (int i = 0; i < z->n_dims; i++)
    json_array_add_int_element (latents, z->shape[i]);
  json_object_set_array_member (bench->shape, "latents", latents);
}

/* Normal noise [B, C, T, H, W], the latents of the options' size. */
static OsTensor *
draw_latents (Bench *bench, gint64 B, gint64 C, gint64 T)
{
  const BenchOptions *options = &bench->options;

  return os_noise_tensor (bench->noise, bench->compute,
      OS_SHAPE (B, C, T, options->height / SPACE_FACTOR,
          options->width / SPACE_FACTOR));
}

/* --- text --- */

typedef struct {
  OsT5 *t5;
  gint32 *ids;
  gint64 L;
} Text;

static gboolean
call_text (Bench *bench, gpointer data, GError **error)
{
  const Text *text = data;
  g_autoptr (OsTensor) states =
      os_t5_encode (text->t5, bench->compute, text->ids, NULL, 1, text->L);

  return TRUE;
}

gboolean
bench_text (Bench *bench, GError **error)
{
  g_autoptr (OsT5) t5 = open_t5 (bench, error);
  g_autofree gint32 *ids = NULL;
  Text text = { .t5 = t5 };

  if (t5 == NULL)
    return FALSE;
  text.L = text_length (bench, DEFAULT_TEXT_LENGTH);
  text.ids = ids = g_new (gint32, text.L);
  for (gint64 i = 0; i < text.L; i++)
    ids[i] = os_noise_next_u32 (bench->noise) % os_t5_get_vocab_size (t5);
  json_object_set_int_member (bench->shape, "text_length", text.L);
  return measure (bench, call_text, &text, error);
}

/* --- denoise: one guided step, a batch of prompt and unconditional --- */

typedef struct {
  OsStdit *stdit;
  OsStditClip *clip;
  OsTensor *x;   /* [2, C, T, H, W] */
  OsTensor *y;   /* [2, 1, L, caption channels] */
  OsTensor *out; /* of the last call */
} Denoise;

/* Of n frames, as the autoencoder of that version has them. */
static gint64
latent_frames (const OsStdit *stdit, gint64 n)
{
  if (os_stdit_get_version (stdit) != OS_STDIT_3)
    return n;
  return n / CHUNK_FRAMES * CHUNK_LATENTS
         + (n % CHUNK_FRAMES + TIME_FACTOR - 1) / TIME_FACTOR;
}

static void
prepare_clip (Bench *bench, Denoise *denoise)
{
  const BenchOptions *options = &bench->options;
  const OsTensor *x = denoise->x, *y = denoise->y;
  const OsStditFormat format = { options->height, options->width,
    options->num_frames, options->fps };
  g_autoptr (OsTensor) rows = os_tensor_select (y, 1, 0);
  g_autoptr (OsTensor) prompt = os_tensor_select (rows, 0, 0);
  g_autoptr (OsTensor) unconditional = os_tensor_select (rows, 0, 1);
  const OsTensor *const captions[] = { prompt, unconditional };
  OsStditClipInfo info = {
    .B = x->shape[0],
    .T = x->shape[2],
    .H = x->shape[3],
    .W = x->shape[4],
    .captions = captions,
    .formats = &format,
    .n_formats = 1,
  };
  gint64 start = g_get_monotonic_time ();

  denoise->clip = os_stdit_clip_new (denoise->stdit, bench->compute, &info);
  bench->prepare_seconds = seconds_since (start);
}

static gboolean
call_denoise (Bench *bench, gpointer data, GError **error)
{
  Denoise *denoise = data;
  const float timestep[] = { TIMESTEP, TIMESTEP };

  g_clear_pointer (&denoise->out, os_tensor_unref);
  denoise->out = os_stdit_forward (
      denoise->clip, bench->compute, denoise->x, timestep, NULL);
  return TRUE;
}

/* What a PyTorch run needs to compute the same, and the result. */
static gboolean
write_denoise (Bench *bench, const Denoise *denoise, GError **error)
{
  const BenchOptions *options = &bench->options;
  const char *const names[] = { "x", "y", "timestep", "fps", "height", "width",
    "out" };
  const float values[] = { TIMESTEP, options->fps, options->height,
    options->width };
  OsTensor *tensors[G_N_ELEMENTS (names)] = { denoise->x, denoise->y };
  gboolean ok;

  for (int i = 0; i < 4; i++) {
    const float both[] = { values[i], values[i] };

    tensors[2 + i] = os_compute_upload (bench->compute, both, OS_SHAPE (2));
  }
  tensors[6] = denoise->out;
  ok =
      os_compute_check (bench->compute, error)
      && os_safetensors_write (options->output, names,
          (const OsTensor *const *) tensors, G_N_ELEMENTS (names), NULL, error);
  for (int i = 0; i < 4; i++)
    os_tensor_unref (tensors[2 + i]);
  return ok;
}

gboolean
bench_denoise (Bench *bench, GError **error)
{
  g_autoptr (OsStdit) stdit = open_stdit (bench, error);
  Denoise denoise = { .stdit = stdit };
  gint64 L;
  gboolean ok;

  if (stdit == NULL)
    return FALSE;
  L = text_length (bench, os_stdit_get_max_length (stdit));
  denoise.x = draw_latents (bench, 2, os_stdit_get_in_channels (stdit),
      latent_frames (stdit, bench->options.num_frames));
  denoise.y = os_noise_tensor (bench->noise, bench->compute,
      OS_SHAPE (2, 1, L, os_stdit_get_caption_channels (stdit)));
  set_picture_shape (bench);
  set_latent_shape (bench, denoise.x);
  json_object_set_int_member (bench->shape, "text_length", L);
  json_object_set_double_member (bench->shape, "fps", bench->options.fps);

  prepare_clip (bench, &denoise);
  ok = os_compute_check (bench->compute, error)
       && measure (bench, call_denoise, &denoise, error)
       && (bench->options.output == NULL
           || write_denoise (bench, &denoise, error));
  g_clear_pointer (&denoise.out, os_tensor_unref);
  g_clear_pointer (&denoise.clip, os_stdit_clip_free);
  os_tensor_unref (denoise.x);
  os_tensor_unref (denoise.y);
  return ok;
}

/* --- encode --- */

typedef struct {
  OsVae12 *vae;
  OsTensor *frames; /* [num_frames, H, W, 3] */
} Encode;

static OsTensor *
draw_posterior (OsCompute *compute, OsVaeDraw which, int n_dims,
    const gint64 *shape, gpointer data)
{
  return os_noise_tensor (data, compute, n_dims, shape);
}

static gboolean
call_encode (Bench *bench, gpointer data, GError **error)
{
  const Encode *encode = data;
  g_autoptr (OsVae12Encoder) encoder =
      os_vae12_encoder_new (encode->vae, draw_posterior, bench->noise);
  g_autoptr (OsTensor) z = NULL;

  os_vae12_encoder_push (encoder, bench->compute, encode->frames);
  z = os_vae12_encoder_finish (encoder, bench->compute, 1);
  return TRUE;
}

gboolean
bench_encode (Bench *bench, GError **error)
{
  const BenchOptions *options = &bench->options;
  g_autoptr (OsVae12) vae = open_vae (bench, error);
  g_autoptr (OsTensor) frames = NULL;
  Encode encode = { .vae = vae };

  if (vae == NULL)
    return FALSE;
  encode.frames = frames = os_noise_tensor (bench->noise, bench->compute,
      OS_SHAPE (options->num_frames, options->height, options->width, 3));
  set_picture_shape (bench);
  return measure (bench, call_encode, &encode, error);
}

/* --- decode --- */

typedef struct {
  OsVae12 *vae;
  OsTensor *z;
} Decode;

static gboolean
call_decode (Bench *bench, gpointer data, GError **error)
{
  const Decode *decode = data;
  g_autoptr (OsVae12Decoder) decoder =
      os_vae12_decoder_new (decode->vae, decode->z, bench->options.num_frames);
  OsTensor *frames;

  while (os_compute_ok (bench->compute)
         && (frames = os_vae12_decoder_next (decoder, bench->compute)) != NULL)
    os_tensor_unref (frames);
  return TRUE;
}

gboolean
bench_decode (Bench *bench, GError **error)
{
  g_autoptr (OsVae12) vae = open_vae (bench, error);
  g_autoptr (OsTensor) z = NULL;
  Decode decode = { .vae = vae };

  if (vae == NULL)
    return FALSE;
  decode.z = z = draw_latents (
      bench, 1, 4, os_vae12_latent_frames (vae, bench->options.num_frames));
  set_picture_shape (bench);
  set_latent_shape (bench, z);
  return measure (bench, call_decode, &decode, error);
}

/* --- load: making the networks, whose weights are prepared when used --- */

static gboolean
call_load (Bench *bench, gpointer data, GError **error)
{
  const char *only = data;
  g_autoptr (OsT5) t5 = NULL;
  g_autoptr (OsStdit) stdit = NULL;
  g_autoptr (OsVae12) vae = NULL;

  if ((only == NULL || g_str_equal (only, "text"))
      && (t5 = open_t5 (bench, error)) == NULL)
    return FALSE;
  if ((only == NULL || g_str_equal (only, "denoise"))
      && (stdit = open_stdit (bench, error)) == NULL)
    return FALSE;
  return (only != NULL && !g_str_equal (only, "decode"))
         || (vae = open_vae (bench, error)) != NULL;
}

gboolean
bench_load (Bench *bench, GError **error)
{
  const BenchOptions *options = &bench->options;
  const char *only = NULL;

  if (options->transformer != NULL)
    only = "denoise";
  else if (options->random_weights != NULL
           && (only = bench_stage_of (options->random_weights, error)) == NULL)
    return FALSE;
  return measure (bench, call_load, (gpointer) only, error);
}

/* --- pipeline: a prompt to frames, through the public interface --- */

typedef struct {
  OpensoraPipeline *pipeline;
  OpensoraParams *params;
} Generation;

static gboolean
take_frame (
    GBytes *rgb, guint width, guint height, guint index, gpointer user_data)
{
  return TRUE;
}

static gboolean
call_pipeline (Bench *bench, gpointer data, GError **error)
{
  const Generation *generation = data;

  return opensora_pipeline_generate (generation->pipeline, generation->params,
      take_frame, NULL, NULL, NULL, NULL, error);
}

static OpensoraParams *
make_params (const BenchOptions *options)
{
  OpensoraParams *params = opensora_params_new ();

  opensora_params_set_prompt (
      params, "a red circle moving right on a blue background");
  opensora_params_set_seed (params, options->seed);
  opensora_params_set_width (params, options->width);
  opensora_params_set_height (params, options->height);
  opensora_params_set_num_frames (params, options->num_frames);
  opensora_params_set_fps (params, options->fps);
  return params;
}

gboolean
bench_pipeline (Bench *bench, GError **error)
{
  const BenchOptions *options = &bench->options;
  g_autoptr (OpensoraPipeline) pipeline = NULL;
  g_autoptr (OpensoraParams) params = make_params (options);
  Generation generation = { .params = params };
  gint64 start = g_get_monotonic_time ();

  if (options->model == NULL) {
    g_set_error_literal (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
        "--stage pipeline needs a whole model: --model DIR");
    return FALSE;
  }
  generation.pipeline = pipeline = opensora_pipeline_new (
      options->model, options->backend, options->threads);
  if (!opensora_pipeline_load (pipeline, NULL, NULL, NULL, error))
    return FALSE;
  bench->prepare_seconds = seconds_since (start);
  set_picture_shape (bench);
  return measure (bench, call_pipeline, &generation, error);
}
