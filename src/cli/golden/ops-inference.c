/* SPDX-License-Identifier: Apache-2.0 */
/* From text states or tokens to 8-bit frames: inference_script (the reference's
 * scripts/inference.py) and inference_with_states (a model folder). */
#include "cli/golden/golden.h"

#include <string.h>

#include "cli/part.h"
#include "pipeline/frames.h"
#include "text/t5.h"

/* The reference tells the network this frame rate for single pictures. */
#define IMAGE_FPS 120

static double
number (JsonObject *json, const char *key, double fallback)
{
  return json_object_get_double_member_with_default (json, key, fallback);
}

static GPtrArray *
tensor_array_new (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) os_tensor_unref);
}

/* As the reference does without references: generate every frame. */
static float *
generate_all (const OsTensor *z)
{
  gint64 n = z->shape[0] * z->shape[2];
  float *mask = g_new (float, n);

  for (gint64 i = 0; i < n; i++)
    mask[i] = 1.0f;
  return mask;
}

/* Sample b of video [B, 3, T, H, W] as frames [T, H, W, 3]. */
static void
output_frames (
    GoldenRun *run, const char *name, const OsTensor *video, gint64 b)
{
  g_autoptr (OsTensor) clip = os_tensor_select (video, 0, b);
  g_autoptr (OsTensor) view =
      os_tensor_permute (clip, (const int[]){ 1, 2, 3, 0 });
  gint64 n = os_tensor_count (view);
  g_autofree float *values = g_new (float, n);
  g_autofree guint8 *frames = g_new (guint8, n);

  if (!os_compute_ok (run->compute))
    return;
  os_compute_download (run->compute, view, values);
  os_frames_to_u8 (values, n, OS_DTYPE_F32, frames);
  golden_output_u8 (run, name, n, frames);
}

/* --- inference_script --- */

typedef struct {
  GoldenRun *run;
  OsStdit *stdit;
  OsVae12 *vae;
  JsonObject *config; /* inference_config */
  GPtrArray *draws;   /* names of the noise inputs, in order */
  guint next_draw;
  guint n_clips, n_saved;
} Script;

/* The next draw of noise: "noise.003.renoise". */
static OsTensor *
draw (Script *script)
{
  g_autofree char *name = NULL;

  if (script->next_draw >= script->draws->len)
    return NULL;
  name = g_strconcat (
      "noise.", g_ptr_array_index (script->draws, script->next_draw++), NULL);
  return golden_input (script->run, name);
}

/* A number that may be written as a string. */
static gint64
read_count (JsonObject *json, const char *key)
{
  JsonNode *node = json_object_get_member (json, key);

  if (node == NULL)
    return 0;
  return json_node_get_value_type (node) == G_TYPE_STRING
             ? g_ascii_strtoll (json_node_get_string (node), NULL, 10)
             : json_node_get_int (node);
}

static gint64
find_text (JsonArray *texts, const char *text)
{
  for (guint i = 0; i < json_array_get_length (texts); i++)
    if (g_str_equal (json_array_get_string_element (texts, i), text))
      return i;
  return -1;
}

/* Text states of one batch of prompts, then the unconditional ones. */
static GPtrArray *
read_captions (Script *script, JsonArray *prompts)
{
  GoldenRun *run = script->run;
  JsonArray *texts = json_object_get_array_member (run->json, "text_list");
  g_autoptr (GPtrArray) masks = g_ptr_array_new_with_free_func (g_free);
  GPtrArray *captions = tensor_array_new ();
  gint64 n;

  for (guint b = 0; b < json_array_get_length (prompts); b++) {
    gint64 k = find_text (texts, json_array_get_string_element (prompts, b));
    g_autofree char *y_name = g_strdup_printf ("text.%d.y", (int) k);
    g_autofree char *mask_name = g_strdup_printf ("text.%d.mask", (int) k);
    g_autoptr (OsTensor) y = NULL;

    if (!golden_has_input (run, y_name) || !golden_has_input (run, mask_name))
      continue;
    y = golden_input (run, y_name);
    g_ptr_array_add (masks, golden_input_mask (run, mask_name, &n));
    golden_add_caption (run, captions, y, g_ptr_array_index (masks, b));
  }
  for (guint b = 0; b < masks->len; b++)
    golden_add_null_captions (
        run, script->stdit, captions, g_ptr_array_index (masks, b), 1);
  return captions;
}

static GoldenSampling
read_sampling (Script *script)
{
  JsonObject *config = script->config;
  JsonObject *scheduler = json_object_get_object_member (config, "scheduler");
  JsonArray *size = json_object_get_array_member (config, "image_size");
  gint64 num_frames = read_count (config, "num_frames");

  return (GoldenSampling){
    .stdit = script->stdit,
    .fps = num_frames == 1 ? IMAGE_FPS : number (config, "fps", 24),
    .height = json_array_get_double_element (size, 0),
    .width = json_array_get_double_element (size, 1),
    .num_frames = num_frames,
    .steps = number (scheduler, "num_sampling_steps", 10),
    .guidance_scale = number (scheduler, "cfg_scale", 4),
    .timestep_transform = json_object_get_boolean_member_with_default (
        scheduler, "use_timestep_transform", FALSE),
  };
}

/* One batch of prompts: sampled, decoded, saved. */
static gboolean
run_batch (Script *script, JsonArray *prompts, GError **error)
{
  GoldenRun *run = script->run;
  guint B = json_array_get_length (prompts), clip = script->n_clips++;
  g_autoptr (GPtrArray) captions = read_captions (script, prompts);
  g_autoptr (GPtrArray) renoise = tensor_array_new ();
  g_autoptr (OsTensor) z = draw (script), latent = NULL, video = NULL;
  g_autofree float *mask = NULL;
  g_autofree char *latent_name = g_strdup_printf ("clip%u.latent", clip);
  g_autofree char *video_name = g_strdup_printf ("clip%u.video", clip);
  GoldenSampling sampling = read_sampling (script);
  OsTensor *noise;

  if (z == NULL || z->shape[0] != B || captions->len != 2 * B) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
        "clip %u has no noise or text states for %u prompts", clip, B);
    return FALSE;
  }
  while (renoise->len < sampling.steps && (noise = draw (script)) != NULL)
    g_ptr_array_add (renoise, noise);
  sampling.z = z;
  sampling.captions = captions;
  sampling.renoise = renoise;
  sampling.frame_mask = mask = generate_all (z);

  latent = golden_sample (run, &sampling);
  golden_output (run, latent_name, latent);
  video = golden_decode (run, script->vae, latent, sampling.num_frames);
  golden_output (run, video_name, video);
  for (guint b = 0; b < B; b++) {
    g_autofree char *name =
        g_strdup_printf ("saved%u.frames", script->n_saved++);

    output_frames (run, name, video, b);
  }
  return TRUE;
}

static gboolean
open_networks (Script *script, GError **error)
{
  GoldenRun *run = script->run;
  g_autoptr (OsConfig) stdit = golden_config (run, "config.stdit", error);
  g_autoptr (OsConfig) vae =
      stdit != NULL ? golden_vae12_config (run, "config.vae", error) : NULL;
  g_autoptr (OsBinder) stdit_binder =
      vae != NULL ? golden_binder (run, error) : NULL;
  g_autoptr (OsBinder) vae_binder =
      stdit_binder != NULL ? golden_binder (run, error) : NULL;

  if (vae_binder == NULL)
    return FALSE;
  os_binder_push (stdit_binder, "stdit");
  script->stdit = os_stdit_new (stdit, stdit_binder, error);
  if (script->stdit == NULL)
    return FALSE;
  os_binder_push (vae_binder, "vae");
  script->vae = os_vae12_new (vae, vae_binder, error);
  return script->vae != NULL;
}

gboolean
golden_inference_script (GoldenRun *run, GError **error)
{
  JsonArray *batches =
      json_object_get_array_member (run->json, "text_encoder_calls");
  g_autoptr (GPtrArray) files = golden_input_names (run, "file.");
  g_autoptr (GPtrArray) draws = golden_input_names (run, "noise.");
  Script script = {
    .run = run,
    .config = json_object_get_object_member (run->json, "inference_config"),
    .draws = draws,
  };
  gboolean ok;

  if (files->len > 0 || number (script.config, "loop", 1) > 1) {
    golden_needs (run, "", "reference pictures and clips");
    return TRUE;
  }
  ok = open_networks (&script, error);
  for (guint i = 0; ok && i < json_array_get_length (batches); i++)
    ok = run_batch (&script, json_array_get_array_element (batches, i), error);
  g_clear_pointer (&script.stdit, os_stdit_free);
  g_clear_pointer (&script.vae, os_vae12_free);
  return ok;
}

/* --- inference_with_states --- */

/* The model folder that "weights" names, which may have a remark after it:
 * relative to the case, or the demo model of the command line. */
static char *
find_model (GoldenRun *run, GError **error)
{
  const char *weights =
      json_object_get_string_member_with_default (run->json, "weights", "");
  g_autofree char *name = g_strndup (weights, strcspn (weights, " "));
  g_autofree char *path = g_build_filename (run->of->folder, name, NULL);
  const char *demo = run->of->setup->demo_model;

  if (g_file_test (path, G_FILE_TEST_IS_DIR))
    return g_steal_pointer (&path);
  if (demo != NULL)
    return g_strdup (demo);
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND,
      "%s needs the model %s: name its folder with --demo-model",
      run->of->folder, name);
  return NULL;
}

/* Text states of the padded row of tokens, all of which are compared. */
static OsTensor *
encode_text (GoldenRun *run, const char *model, GError **error)
{
  Part part = { 0 };
  g_autoptr (OsT5) t5 = NULL;
  gint64 L;
  g_autofree gint32 *ids = golden_input_ints (run, "input_ids", &L);
  g_autofree guint8 *mask = golden_input_mask (run, "attention_mask", &L);
  OsTensor *states;

  if (part_open (&part, model, "text_encoder", error))
    t5 = os_t5_new (part.config, part.binder, error);
  part_clear (&part);
  if (t5 == NULL)
    return NULL;
  states = os_t5_encode (t5, run->compute, ids, mask, 1, L);
  golden_output (run, "text_states", states);
  return states;
}

static OsTensor *
sample_latent (
    GoldenRun *run, const char *model, const OsTensor *states, GError **error)
{
  Part part = { 0 };
  g_autoptr (OsStdit) stdit = NULL;
  g_autoptr (GPtrArray) captions = tensor_array_new ();
  g_autoptr (OsTensor) z = golden_input (run, "noise");
  g_autoptr (OsTensor) rows = os_tensor_select (states, 0, 0);
  gint64 L;
  g_autofree guint8 *mask = golden_input_mask (run, "attention_mask", &L);
  GoldenSampling sampling = {
    .z = z,
    .captions = captions,
    .fps = number (run->json, "fps_fed_to_model", 24),
    .height = number (run->json, "height", 0),
    .width = number (run->json, "width", 0),
    .num_frames = number (run->json, "num_frames", 0),
    .steps = number (run->json, "num_sampling_steps", 30),
    .guidance_scale = number (run->json, "cfg_scale", 7),
    .timestep_transform = TRUE,
    /* No frame mask: these runs call the sampler, not the whole script. */
  };

  if (part_open (&part, model, "transformer", error))
    stdit = os_stdit_new (part.config, part.binder, error);
  part_clear (&part);
  if (stdit == NULL)
    return NULL;
  sampling.stdit = stdit;
  golden_add_caption (run, captions, rows, mask);
  golden_add_null_captions (run, stdit, captions, mask, 1);
  return golden_sample (run, &sampling);
}

static gboolean
decode_video (
    GoldenRun *run, const char *model, const OsTensor *latent, GError **error)
{
  Part part = { 0 };
  g_autoptr (OsVae12) vae = NULL;
  g_autoptr (OsTensor) video = NULL;

  if (part_open (&part, model, "vae", error))
    vae = os_vae12_new (part.config, part.binder, error);
  part_clear (&part);
  if (vae == NULL)
    return FALSE;
  video = golden_decode (run, vae, latent, number (run->json, "num_frames", 0));
  golden_output (run, "video", video);
  output_frames (run, "frames", video, 0);
  return TRUE;
}

gboolean
golden_inference_with_states (GoldenRun *run, GError **error)
{
  g_autofree char *model = find_model (run, error);
  g_autoptr (OsTensor) states =
      model != NULL ? encode_text (run, model, error) : NULL;
  g_autoptr (OsTensor) latent =
      states != NULL ? sample_latent (run, model, states, error) : NULL;

  if (latent == NULL)
    return FALSE;
  golden_output (run, "latent", latent);
  return decode_video (run, model, latent, error);
}
