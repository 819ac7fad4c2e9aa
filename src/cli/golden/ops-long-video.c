/* SPDX-License-Identifier: Apache-2.0 */
/* long_video: the reference's scripts/inference-long.py of Open-Sora 1.1
 * against the loop that makes clips. Its random numbers are drawn for all
 * prompts of a batch at once; here the prompts come one by one, each with its
 * rows of the same draws. */
#include "cli/golden/golden.h"

#include <string.h>

#include "pipeline/generate.h"
#include "pipeline/resolve.h"

typedef struct {
  GoldenRun *run;
  OsBundle bundle;
  JsonObject *args;
  guint row, n_rows; /* the prompt, of all */

  guint next_draw;
  guint next_reference_draw; /* those of references are of one prompt only */
  gboolean has_latents;      /* of a loop, so that references are over */
  GByteArray *frames;
} Script;

/* --- The sources --- */

/* The next draw, which must be for this. */
static OsTensor *
take_draw (Script *script, guint *next, const char *kind)
{
  JsonArray *draws = json_object_get_array_member (script->args, "draws");
  const char *drawn = *next < json_array_get_length (draws)
                          ? json_array_get_string_element (
                              json_array_get_array_element (draws, *next), 0)
                          : "nothing";
  g_autofree char *name = g_strdup_printf ("draw_%03u", *next);

  golden_check (script->run, g_str_equal (drawn, kind),
      "draw %u is of %s, not of %s", *next, drawn, kind);
  ++*next;
  return golden_has_input (script->run, name) ? golden_input (script->run, name)
                                              : NULL;
}

/* Frames of the clips of all prompts are encoded in groups: those of one. */
static OsTensor *
draw_clip_posterior (Script *script, OsCompute *compute, gint64 n_frames)
{
  g_autoptr (GPtrArray) groups =
      g_ptr_array_new_with_free_func ((GDestroyNotify) os_tensor_unref);
  g_autoptr (OsTensor) all = NULL;
  OsTensor *group;
  gint64 n = 0;

  while (n < n_frames * script->n_rows
         && (group = take_draw (script, &script->next_draw, "encode"))) {
    g_ptr_array_add (groups, group);
    n += group->shape[0];
  }
  if (n < n_frames * script->n_rows)
    return NULL;
  all =
      os_concat (compute, (const OsTensor *const *) groups->pdata, groups->len);
  return os_tensor_slice (all, 0, n_frames * script->row, n_frames);
}

/* Of the rows of both halves of guidance, the golden has the first. */
static OsTensor *
draw_row (Script *script, OsCompute *compute, const char *kind, gint64 n_rows)
{
  g_autoptr (OsTensor) batch = take_draw (script, &script->next_draw, kind);
  g_autoptr (OsTensor) row =
      batch ? os_tensor_slice (batch, 0, script->row, 1) : NULL;

  if (row == NULL || n_rows == 1)
    return g_steal_pointer (&row);
  return os_concat (compute, (const OsTensor *const[]){ row, row }, 2);
}

static OsTensor *
draw (OsCompute *compute, OsDraw which, int n_dims, const gint64 *shape,
    gpointer data)
{
  Script *script = data;
  g_autoptr (OsTensor) drawn = NULL;

  if (which == OS_DRAW_STEP) {
    drawn = draw_row (script, compute, "step", shape[0]);
  } else if (which == OS_DRAW_LATENTS) {
    script->has_latents = TRUE;
    drawn = draw_row (script, compute, "latent", shape[0]);
  } else if (script->has_latents) {
    drawn = draw_clip_posterior (script, compute, shape[0]);
  } else {
    drawn = take_draw (script, &script->next_reference_draw, "encode");
  }
  if (drawn != NULL && os_tensor_has_shape (drawn, n_dims, shape))
    return g_steal_pointer (&drawn);
  golden_fail (script->run->of, "a draw has another shape");
  return os_compute_zeros (compute, n_dims, shape);
}

/* Where a text is in a list of the arguments; its length if it is not. */
static guint
find (const Script *script, const char *list, const char *text)
{
  JsonArray *texts = json_object_get_array_member (script->args, list);
  guint k = 0;

  while (k < json_array_get_length (texts)
         && !g_str_equal (json_array_get_string_element (texts, k), text))
    k++;
  if (k == json_array_get_length (texts))
    golden_fail (script->run->of, "\"%s\" is not one of the %s", text, list);
  return k;
}

static OsTensor *
encode_text (OsCompute *compute, const char *text, gpointer data)
{
  Script *script = data;
  const guint k = find (script, "texts", text);
  g_autofree char *y_name = g_strdup_printf ("y_%u", k);
  g_autofree char *mask_name = g_strdup_printf ("mask_%u", k);
  g_autoptr (GPtrArray) captions =
      g_ptr_array_new_with_free_func ((GDestroyNotify) os_tensor_unref);
  g_autoptr (OsTensor) y = NULL, states = NULL;
  g_autofree guint8 *mask = NULL;
  gint64 n;

  if (!golden_has_input (script->run, y_name))
    return os_compute_zeros (compute,
        OS_SHAPE (
            1, os_stdit_get_caption_channels (script->bundle.transformer)));
  y = golden_input (script->run, y_name);
  states = os_tensor_select (y, 0, 0);
  mask = golden_input_mask (script->run, mask_name, &n);
  golden_add_caption (script->run, captions, states, mask);
  return os_tensor_ref (g_ptr_array_index (captions, 0));
}

/* Input "reference_<k>" [3, T, H, W] is resized already. */
static gboolean
read_reference (const char *path, guint width, guint height, OsPictureSink sink,
    gpointer sink_data, GError **error, gpointer data)
{
  Script *script = data;
  g_autofree char *name =
      g_strdup_printf ("reference_%u", find (script, "references", path));
  const gint64 plane = (gint64) width * height;
  g_autofree float *values = NULL, *rgb = g_new (float, 3 * plane);
  gint64 n, T;

  if (!golden_has_input (script->run, name)) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND,
        "the golden has no %s", name);
    return FALSE;
  }
  values = golden_input_floats (script->run, name, &n);
  T = n / (3 * plane);
  for (gint64 t = 0; t < T; t++) {
    for (gint64 i = 0; i < 3 * plane; i++)
      rgb[i] = values[(i % 3 * T + t) * plane + i / 3];
    if (!sink (rgb, sink_data))
      break;
  }
  return TRUE;
}

/* --- The run --- */

static gboolean
on_frame (GBytes *rgb, guint width, guint height, guint index, gpointer data)
{
  Script *script = data;

  g_byte_array_append (
      script->frames, g_bytes_get_data (rgb, NULL), g_bytes_get_size (rgb));
  return TRUE;
}

static gint64
get_int (const Script *script, const char *name)
{
  return json_object_get_int_member (script->args, name);
}

static OpensoraParams *
resolve (const Script *script, const char *prompt, GError **error)
{
  JsonArray *size = json_object_get_array_member (script->args, "image_size");
  g_autofree char *resolution =
      g_strdup_printf ("%" G_GINT64_FORMAT "x%" G_GINT64_FORMAT,
          json_array_get_int_element (size, 1),
          json_array_get_int_element (size, 0));
  g_autoptr (OpensoraParams) params = g_object_new (OPENSORA_TYPE_PARAMS,
      "prompt", prompt, "resolution", resolution, "num-frames",
      (guint) get_int (script, "num_frames"), "fps",
      (double) get_int (script, "fps") / get_int (script, "frame_interval"),
      "frame-interval", (guint) get_int (script, "frame_interval"), "steps",
      (guint) get_int (script, "num_sampling_steps"), "guidance-scale",
      json_object_get_double_member (script->args, "cfg_scale"), "loop",
      (guint) get_int (script, "loop"), "condition-frame-length",
      (int) get_int (script, "condition_frame_length"), NULL);

  return os_resolve (&script->bundle, params, error);
}

static gboolean
run_prompt (Script *script, const char *prompt, GError **error)
{
  const OsSources sources = { draw, encode_text, read_reference, script };
  g_autofree char *name = g_strdup_printf ("frames_%u", script->row);
  g_autoptr (OpensoraParams) resolved = resolve (script, prompt, error);
  g_autoptr (OsClip) clip =
      resolved != NULL ? os_clip_new (&script->bundle, script->run->compute,
          resolved, &sources, NULL, error)
                       : NULL;

  g_byte_array_set_size (script->frames, 0);
  if (clip == NULL || !os_clip_generate (clip, on_frame, script, error))
    return FALSE;
  golden_output_u8 (
      script->run, name, script->frames->len, script->frames->data);
  return TRUE;
}

static gboolean
open_networks (Script *script, GError **error)
{
  OsFamily *family = &script->bundle.family;
  g_autoptr (OsConfig) vae = golden_config (script->run, "config.vae", error);

  *family = *os_family_find ("1.1", NULL);
  family->n_guided = get_int (script, "cfg_channel");
  return vae != NULL
         && golden_open_networks (
             script->run, "model", vae, &script->bundle, error);
}

/* The draws of references, of all prompts, come before those of the loops. */
static guint
count_reference_draws (const Script *script)
{
  JsonArray *draws = json_object_get_array_member (script->args, "draws");
  guint n = 0;

  while (n < json_array_get_length (draws)
         && g_str_equal (json_array_get_string_element (
                             json_array_get_array_element (draws, n), 0),
             "encode"))
    n++;
  return n;
}

gboolean
golden_long_video (GoldenRun *run, GError **error)
{
  g_autoptr (GByteArray) frames = g_byte_array_new ();
  JsonObject *args = json_object_get_object_member (run->json, "args");
  JsonArray *prompts = json_object_get_array_member (args, "prompts");
  Script script = { .run = run,
    .args = args,
    .n_rows = json_array_get_length (prompts),
    .frames = frames };
  gboolean ok = open_networks (&script, error);

  for (; ok && script.row < script.n_rows; script.row++) {
    script.next_draw = count_reference_draws (&script);
    script.has_latents = FALSE;
    ok = run_prompt (
        &script, json_array_get_string_element (prompts, script.row), error);
  }
  g_clear_pointer (&script.bundle.transformer, os_stdit_free);
  g_clear_pointer (&script.bundle.vae, os_vae12_free);
  return ok;
}
