/* SPDX-License-Identifier: Apache-2.0 */
/* inference_script: the reference's scripts/inference.py against the loop that
 * makes clips: its config is applied as any, and its random numbers, text
 * states and files are there in place of the product's sources. */
#include "cli/golden/golden.h"

#include <string.h>

#include "media/resize.h"
#include "pipeline/config-apply.h"
#include "pipeline/generate.h"
#include "pipeline/resolve.h"

typedef struct {
  GoldenRun *run;
  OsBundle bundle;
  JsonObject *config;
  JsonArray *texts;

  GPtrArray *draws; /* "003.renoise": the inputs "noise.…", in order */
  guint next_draw;
  guint row, n_rows; /* of the batch, which is drawn at once */
  guint n_samples;   /* of each prompt */

  /* Of the prompts of a batch, one after the other. */
  GPtrArray *latents; /* of each clip, [1, C, T, H, W] */
  GPtrArray *frames;  /* of each clip, [1, 1, H, W, 3] */
  GByteArray *saved;  /* of this sample */
  guint n_clips, n_saved;
} Script;

/* --- The sources --- */

/* The next draw, which must be for the same and of the same shape; of a batch
 * the prompt's row. */
static OsTensor *
draw (OsCompute *compute, OsDraw which, int n_dims, const gint64 *shape,
    gpointer data)
{
  static const char *const sites[] = {
    [OS_DRAW_SPATIAL_POSTERIOR] = ".spatial_posterior",
    [OS_DRAW_TEMPORAL_POSTERIOR] = ".temporal_posterior",
    [OS_DRAW_LATENTS] = ".initial",
    [OS_DRAW_STEP] = ".renoise",
  };
  Script *script = data;
  const char *draw = script->next_draw < script->draws->len
                         ? g_ptr_array_index (script->draws, script->next_draw)
                         : "";
  g_autofree char *name = g_strconcat ("noise.", draw, NULL);
  g_autoptr (OsTensor) batch = NULL, row = NULL;

  golden_check (script->run, g_str_has_suffix (draw, sites[which]),
      "draw %u is \"%s\", not one of %s", script->next_draw, draw,
      sites[which]);
  script->next_draw++;
  if (*draw) {
    batch = golden_input (script->run, name);
    row = os_tensor_slice (
        batch, 0, script->row, batch->shape[0] / script->n_rows);
    if (os_tensor_has_shape (row, n_dims, shape))
      return g_steal_pointer (&row);
    golden_fail (script->run->of, "%s has another shape", name);
  }
  return os_compute_zeros (compute, n_dims, shape);
}

static OsTensor *
encode_text (OsCompute *compute, const char *text, gpointer data)
{
  const Script *script = data;

  for (guint k = 0; k < json_array_get_length (script->texts); k++) {
    g_autofree char *y_name = g_strdup_printf ("text.%u.y", k);
    g_autofree char *mask_name = g_strdup_printf ("text.%u.mask", k);
    g_autoptr (OsTensor) y = NULL;
    g_autofree guint8 *mask = NULL;
    gint64 L, n = 0;

    if (!g_str_equal (json_array_get_string_element (script->texts, k), text))
      continue;
    y = golden_input (script->run, y_name);
    mask = golden_input_mask (script->run, mask_name, &L);
    while (n < L && mask[n])
      n++;
    return os_tensor_slice (y, 0, 0, n);
  }
  golden_fail (script->run->of, "the text is \"%s\"", text);
  return os_compute_zeros (compute,
      OS_SHAPE (1, os_stdit_get_caption_channels (script->bundle.transformer)));
}

/* Input "file.<path>", 8-bit: a picture [H, W, 3] or a video [T, H, W, 3]. */
static gboolean
read_reference (const char *path, guint width, guint height, OsPictureSink sink,
    gpointer sink_data, GError **error, gpointer data)
{
  const Script *script = data;
  g_autofree char *name = g_strconcat ("file.", path, NULL);
  const OsTensor *file =
      golden_find (script->run, script->run->of->inputs, name);
  g_autofree float *rgb = g_new (float, (gsize) 3 * width * height);
  gboolean is_video;
  gint64 H, W;

  if (!file) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND,
        "the golden has no %s", name);
    return FALSE;
  }
  is_video = file->n_dims == 4;
  H = file->shape[file->n_dims - 3];
  W = file->shape[file->n_dims - 2];
  for (gint64 t = 0; t < (is_video ? file->shape[0] : 1); t++) {
    const OsPicture picture = {
      (const guint8 *) os_tensor_data (file) + t * 3 * H * W, W, H, 3 * W
    };

    if (!(is_video ? os_resize_frame : os_resize_picture) (
            &picture, width, height, NULL, rgb, error))
      return FALSE;
    if (!sink (rgb, sink_data))
      break;
  }
  return TRUE;
}

/* --- The options --- */

/* Options of the command line, pairs of texts, take the place of the config's.
 */
static void
merge_command_line (JsonObject *config)
{
  JsonObject *scheduler = json_object_get_object_member (config, "scheduler");
  JsonArray *line = json_object_has_member (config, "command_line")
                        ? json_object_get_array_member (config, "command_line")
                        : NULL;

  for (guint i = 0; line != NULL && i < json_array_get_length (line); i += 2) {
    g_autofree char *key =
        g_strdup (json_array_get_string_element (line, i) + strlen ("--"));

    g_strdelimit (key, "-", '_');
    json_object_set_member (
        json_object_has_member (scheduler, key) ? scheduler : config, key,
        json_from_string (json_array_get_string_element (line, i + 1), NULL));
  }
}

static OpensoraParams *
resolve (const Script *script, guint prompt, GError **error)
{
  JsonObject *config = script->config;
  g_autoptr (OpensoraParams) params = opensora_params_new ();

  if (!os_config_apply (config, "1.2", params, error))
    return NULL;
  g_object_set (params, "prompt", os_config_text (config, "prompt", prompt),
      "reference-path", os_config_text (config, "reference_path", prompt),
      "mask-strategy", os_config_text (config, "mask_strategy", prompt), NULL);
  return os_resolve (&script->bundle, params, error);
}

/* --- The run --- */

static void
collect (const char *name, const OsTensor *tensor, gpointer data)
{
  Script *script = data;

  if (g_str_equal (name, "latents"))
    g_ptr_array_add (script->latents, os_tensor_ref (tensor));
  else if (g_str_equal (name, "frame"))
    g_ptr_array_add (script->frames, os_tensor_ref (tensor));
}

static gboolean
on_frame (GBytes *rgb, guint width, guint height, guint index, gpointer data)
{
  Script *script = data;

  g_byte_array_append (
      script->saved, g_bytes_get_data (rgb, NULL), g_bytes_get_size (rgb));
  return TRUE;
}

/* All samples of a prompt, which share its references. */
static gboolean
run_prompt (Script *script, guint prompt, GError **error)
{
  const OsSources sources = { draw, encode_text, read_reference, script };
  OsCompute *compute = script->run->compute;
  g_autoptr (OpensoraParams) resolved = resolve (script, prompt, error);
  g_autoptr (OsClip) clip = resolved != NULL ? os_clip_new (&script->bundle,
                                compute, resolved, &sources, NULL, error)
                                             : NULL;

  for (guint k = 0; clip != NULL && k < script->n_samples; k++) {
    g_autofree char *name = g_strdup_printf (
        "saved%u.frames", script->n_saved + k * script->n_rows + script->row);

    g_byte_array_set_size (script->saved, 0);
    if (!os_clip_generate (clip, on_frame, script, error))
      return FALSE;
    golden_output_u8 (
        script->run, name, script->saved->len, script->saved->data);
  }
  return clip != NULL;
}

/* Parts `first` to `first + n` as one tensor. */
static OsTensor *
concat (Script *script, GPtrArray *parts, guint first, guint n)
{
  return os_concat (
      script->run->compute, (const OsTensor *const *) parts->pdata + first, n);
}

/* Clip c of n_clips of the batch: [B, C, T, H, W] and [B, 3, T, H, W]. */
static void
output_clip (Script *script, guint c, guint n_clips)
{
  const guint n_frames = script->frames->len / script->latents->len;

  g_autofree char *latent =
      g_strdup_printf ("clip%u.latent", script->n_clips + c);
  g_autofree char *video =
      g_strdup_printf ("clip%u.video", script->n_clips + c);
  g_autoptr (GPtrArray) rows =
      g_ptr_array_new_with_free_func ((GDestroyNotify) os_tensor_unref);
  g_autoptr (GPtrArray) videos =
      g_ptr_array_new_with_free_func ((GDestroyNotify) os_tensor_unref);
  g_autoptr (OsTensor) latents = NULL, frames = NULL;

  for (guint row = 0; row < script->n_rows; row++) {
    const guint clip = row * n_clips + c;
    g_autoptr (OsTensor) clip_frames =
        concat (script, script->frames, clip * n_frames, n_frames);

    g_ptr_array_add (
        rows, os_tensor_ref (g_ptr_array_index (script->latents, clip)));
    /* [T, 1, H, W, 3] -> [1, 3, T, H, W] */
    g_ptr_array_add (videos,
        os_tensor_permute (clip_frames, (const int[]){ 1, 4, 0, 2, 3 }));
  }
  latents = concat (script, rows, 0, rows->len);
  frames = concat (script, videos, 0, videos->len);
  golden_output (script->run, latent, latents);
  golden_output (script->run, video, frames);
}

/* The reference draws for all prompts of a batch at once; here they come one by
 * one, each with its rows of the same draws. */
static gboolean
run_batch (Script *script, guint first, guint n_prompts, GError **error)
{
  const guint first_draw = script->next_draw;
  guint n_clips;

  script->n_rows = n_prompts;
  g_ptr_array_set_size (script->latents, 0);
  g_ptr_array_set_size (script->frames, 0);
  for (script->row = 0; script->row < n_prompts; script->row++) {
    script->next_draw = first_draw;
    if (!run_prompt (script, first + script->row, error))
      return FALSE;
  }
  n_clips = script->latents->len / n_prompts;
  for (guint c = 0; c < n_clips; c++)
    output_clip (script, c, n_clips);
  script->n_clips += n_clips;
  script->n_saved += script->n_samples * n_prompts;
  return TRUE;
}

gboolean
golden_open_networks (GoldenRun *run, const char *transformer, OsConfig *vae,
    OsBundle *bundle, GError **error)
{
  g_autofree char *section = g_strconcat ("config.", transformer, NULL);
  g_autoptr (OsConfig) config = golden_config (run, section, error);
  g_autoptr (OsBinder) binder =
      config != NULL ? golden_binder (run, error) : NULL;
  g_autoptr (OsBinder) vae_binder =
      binder != NULL ? golden_binder (run, error) : NULL;

  if (vae_binder == NULL)
    return FALSE;
  os_binder_push (binder, transformer);
  bundle->transformer = os_stdit_new (config, binder, error);
  if (bundle->transformer == NULL)
    return FALSE;
  os_binder_push (vae_binder, "vae");
  bundle->vae = os_vae12_new (vae, vae_binder, error);
  return bundle->vae != NULL;
}

static gboolean
open_networks (Script *script, GError **error)
{
  OsFamily *family = &script->bundle.family;
  g_autoptr (OsConfig) vae =
      golden_vae12_config (script->run, "config.vae", error);

  *family = *os_family_find ("1.2", NULL);
  family->timestep_transform = json_object_get_boolean_member_with_default (
      json_object_get_object_member (script->config, "scheduler"),
      "use_timestep_transform", FALSE);
  return vae != NULL
         && golden_open_networks (
             script->run, "stdit", vae, &script->bundle, error);
}

static gboolean
run_prompts (Script *script, GError **error)
{
  const guint n = json_array_get_length (
      json_object_get_array_member (script->config, "prompt"));
  guint batch = 1;

  script->n_samples = 1;
  if (!os_config_count (script->config, "batch_size", &batch, error)
      || !os_config_count (
          script->config, "num_sample", &script->n_samples, error))
    return FALSE;
  for (guint i = 0; i < n; i += batch)
    if (!run_batch (script, i, MIN (batch, n - i), error))
      return FALSE;
  golden_check (script->run, script->next_draw == script->draws->len,
      "%u of %u draws were made", script->next_draw, script->draws->len);
  return TRUE;
}

gboolean
golden_inference_script (GoldenRun *run, GError **error)
{
  g_autoptr (GPtrArray) draws = golden_input_names (run, "noise.");
  g_autoptr (GPtrArray) latents =
      g_ptr_array_new_with_free_func ((GDestroyNotify) os_tensor_unref);
  g_autoptr (GPtrArray) frames =
      g_ptr_array_new_with_free_func ((GDestroyNotify) os_tensor_unref);
  g_autoptr (GByteArray) saved = g_byte_array_new ();
  Script script = {
    .run = run,
    .config = json_object_get_object_member (run->json, "inference_config"),
    .texts = json_object_get_array_member (run->json, "text_list"),
    .draws = draws,
    .latents = latents,
    .frames = frames,
    .saved = saved,
  };
  gboolean ok;

  merge_command_line (script.config);
  ok = open_networks (&script, error);
  os_compute_set_probe (run->compute, collect, &script);
  ok = ok && run_prompts (&script, error);
  os_compute_set_probe (run->compute, NULL, NULL);
  g_clear_pointer (&script.bundle.transformer, os_stdit_free);
  g_clear_pointer (&script.bundle.vae, os_vae12_free);
  return ok;
}
