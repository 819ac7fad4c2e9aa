/* SPDX-License-Identifier: Apache-2.0 */
/* From tokens to 8-bit frames with a model folder: inference_with_states. It
 * calls the networks and the sampler one by one. */
#include "cli/golden/golden.h"

#include <string.h>

#include "cli/part.h"
#include "pipeline/frames.h"
#include "text/t5.h"

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

/* The sample of video [1, 3, T, H, W] as frames [T, H, W, 3]. */
static void
output_frames (GoldenRun *run, const char *name, const OsTensor *video)
{
  g_autoptr (OsTensor) clip = os_tensor_select (video, 0, 0);
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

/* The model folder that "weights" names, which may have a remark after it: in
 * the folder of the case or the nearest one above it that has it, or the one of
 * the command line. */
static char *
find_model (GoldenRun *run, GError **error)
{
  const char *weights =
      json_object_get_string_member_with_default (run->json, "weights", "");
  g_autofree char *name = g_strndup (weights, strcspn (weights, " "));
  g_autoptr (GFile) at = g_file_new_for_path (run->of->folder);

  while (*name != '\0' && at != NULL) {
    g_autoptr (GFile) model = g_file_resolve_relative_path (at, name);
    g_autoptr (GFile) above = g_file_get_parent (at);

    if (g_file_query_file_type (model, G_FILE_QUERY_INFO_NONE, NULL)
        == G_FILE_TYPE_DIRECTORY)
      return g_file_get_path (model);
    g_set_object (&at, above);
  }
  if (run->of->setup->demo_model != NULL)
    return g_strdup (run->of->setup->demo_model);
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
    /* No frame mask: the demo model does without. */
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
  output_frames (run, "frames", video);
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
