/* SPDX-License-Identifier: Apache-2.0 */
/* The clips of a run, one after the other, and what can be wrong with them
 * before a model is loaded. Nothing here waits for more than a small file. */
#include "gstopensoraplan.h"

#include <glib/gstdio.h>
#include <gst/gst.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_PROMPT_FILE (16 << 20)

/* ---- errors ---- */

static gboolean fail (GError **error, gint code, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

static gboolean
fail (GError **error, gint code, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  if (error != NULL)
    *error = g_error_new_valist (GST_RESOURCE_ERROR, code, format, args);
  va_end (args);
  return FALSE;
}

/* The error of a file that a property names: what is wrong with it is a
 * setting, not a damaged model. */
static gboolean
fail_file (GError **error, const char *property, const GError *cause)
{
  gint code = GST_RESOURCE_ERROR_SETTINGS;

  if (g_error_matches (cause, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND)
      || g_error_matches (cause, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    code = GST_RESOURCE_ERROR_NOT_FOUND;
  else if (g_error_matches (cause, OPENSORA_ERROR, OPENSORA_ERROR_READ)
           || cause->domain == G_FILE_ERROR)
    code = GST_RESOURCE_ERROR_OPEN_READ;
  return fail (error, code, "%s: %s", property, cause->message);
}

/* ---- requests ---- */

/* A config may have other references for every prompt. */
static gboolean
apply_config (GstOpensoraPlan *self, OpensoraParams *params, GError **error)
{
  const guint prompt = self->next.prompt % self->n_prompts;
  g_autoptr (GError) cause = NULL;

  if (!opensora_config_apply (self->config, params, &cause))
    return fail_file (error, "config", cause);
  g_object_set (params, "reference-path",
      opensora_config_get_reference_path (self->config, prompt),
      "mask-strategy", opensora_config_get_mask_strategy (self->config, prompt),
      NULL);
  return TRUE;
}

static OpensoraParams *
make_request (GstOpensoraPlan *self, GError **error)
{
  g_autoptr (OpensoraParams) params = opensora_params_new ();
  guint64 seed;

  if (self->config != NULL && !apply_config (self, params, error))
    return NULL;
  gst_opensora_settings_apply (self->settings, G_OBJECT (params));
  if (self->prompts != NULL)
    opensora_params_set_prompt (
        params, self->prompts[self->next.prompt % self->n_prompts]);
  g_object_set (params, "continue-previous",
      gst_opensora_settings_get_enum (self->settings, "continue-from")
          == GST_OPENSORA_CONTINUE_FROM_PREVIOUS,
      NULL);
  seed = opensora_params_get_seed (params);
  if (seed <= G_MAXINT64)
    opensora_params_set_seed (params, (seed + self->next.sample) & G_MAXINT64);
  return g_steal_pointer (&params);
}

/* ---- checks ---- */

static gboolean
check_prompt (GstOpensoraPlan *self, GError **error)
{
  g_autofree char *prompt =
      gst_opensora_settings_dup_string (self->settings, "prompt");
  g_autofree char *path =
      gst_opensora_settings_dup_string (self->settings, "prompt-path");

  if (prompt != NULL && path != NULL)
    return fail (error, GST_RESOURCE_ERROR_SETTINGS,
        "prompt and prompt-path are both set; set one of them");
  if (prompt != NULL && !g_utf8_validate (prompt, -1, NULL))
    return fail (error, GST_RESOURCE_ERROR_SETTINGS,
        "The prompt is not valid UTF-8; convert it");
  return TRUE;
}

/* Files separated by ";". Addresses on the network are the library's. */
static gboolean
check_references (const char *paths, GError **error)
{
  g_auto (GStrv) list = g_strsplit (paths != NULL ? paths : "", ";", -1);

  for (guint i = 0; list[i] != NULL; i++) {
    const char *path = g_strstrip (list[i]);

    if (*path != '\0' && strstr (path, "://") == NULL
        && !g_file_test (path, G_FILE_TEST_EXISTS))
      return fail (error, GST_RESOURCE_ERROR_NOT_FOUND,
          "reference-path: %s is not there", path);
  }
  return TRUE;
}

/* Of the first clip, and what a config has for the others. */
static gboolean
check_clips (GstOpensoraPlan *self, GError **error)
{
  g_autofree char *references = NULL;

  g_object_get (self->request, "reference-path", &references, NULL);
  if (!check_references (references, error))
    return FALSE;
  for (guint i = 1; self->config != NULL && i < self->n_prompts; i++) {
    if (!check_references (
            opensora_config_get_reference_path (self->config, i), error))
      return FALSE;
  }
  return TRUE;
}

/* ---- files ---- */

static gboolean
load_config (GstOpensoraPlan *self, GError **error)
{
  g_autofree char *path =
      gst_opensora_settings_dup_string (self->settings, "config");
  g_autoptr (GError) cause = NULL;

  if (path == NULL)
    return TRUE;
  self->config = opensora_config_load (path, &cause);
  return self->config != NULL || fail_file (error, "config", cause);
}

static gboolean
split_prompts (
    GstOpensoraPlan *self, const char *path, const char *text, GError **error)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autoptr (GStrvBuilder) prompts = g_strv_builder_new ();

  for (guint i = 0; lines[i] != NULL; i++) {
    if (*g_strstrip (lines[i]) != '\0')
      g_strv_builder_add (prompts, lines[i]);
  }
  self->prompts = g_strv_builder_end (prompts);
  return self->prompts[0] != NULL
         || fail (error, GST_RESOURCE_ERROR_SETTINGS,
             "prompt-path: %s has no prompt; write one a line", path);
}

static gboolean
load_prompt_file (GstOpensoraPlan *self, const char *path, GError **error)
{
  g_autoptr (GError) cause = NULL;
  g_autofree char *text = NULL;
  GStatBuf info;
  gsize length;

  /* A pipe could be waited for, and a device need not have an end. */
  if (g_stat (path, &info) == 0
      && (!S_ISREG (info.st_mode) || info.st_size > MAX_PROMPT_FILE))
    return fail (error, GST_RESOURCE_ERROR_OPEN_READ,
        "prompt-path: %s is no file of at most %d bytes", path,
        MAX_PROMPT_FILE);
  if (!g_file_get_contents (path, &text, &length, &cause))
    return fail_file (error, "prompt-path", cause);
  if (length > MAX_PROMPT_FILE || !g_utf8_validate_len (text, length, NULL))
    return fail (error, GST_RESOURCE_ERROR_SETTINGS,
        "prompt-path: %s is no text in UTF-8 of at most %d bytes", path,
        MAX_PROMPT_FILE);
  return split_prompts (self, path, text, error);
}

/* Of the file, or else of the config if the property is not set either. */
static gboolean
load_prompts (GstOpensoraPlan *self, GError **error)
{
  g_autofree char *prompt =
      gst_opensora_settings_dup_string (self->settings, "prompt");
  g_autofree char *path =
      gst_opensora_settings_dup_string (self->settings, "prompt-path");
  g_autoptr (GError) cause = NULL;

  if (path != NULL)
    return load_prompt_file (self, path, error);
  if (prompt != NULL || self->config == NULL)
    return TRUE;
  self->prompts = opensora_config_load_prompts (self->config, &cause);
  if (self->prompts == NULL)
    return fail_file (error, "config", cause);
  if (self->prompts[0] == NULL)
    g_clear_pointer (&self->prompts, g_strfreev);
  return TRUE;
}

GstOpensoraPlan *
gst_opensora_plan_new (GstOpensoraSettings *settings, GError **error)
{
  g_autoptr (GstOpensoraPlan) self = g_new0 (GstOpensoraPlan, 1);

  self->settings = settings;
  self->live = gst_opensora_settings_get_boolean (settings, "is-live");
  if (!check_prompt (self, error) || !load_config (self, error)
      || !load_prompts (self, error))
    return NULL;
  self->n_prompts = self->prompts != NULL ? g_strv_length (self->prompts) : 1;
  self->request = make_request (self, error);
  if (self->request == NULL || !check_clips (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
gst_opensora_plan_free (GstOpensoraPlan *self)
{
  g_clear_object (&self->config);
  g_clear_object (&self->request);
  g_clear_object (&self->first_params);
  g_strfreev (self->prompts);
  g_free (self);
}

/* ---- one after the other ---- */

/* -1: without end. */
static gint
get_num_clips (GstOpensoraPlan *self)
{
  gint num_clips = 1;

  if (self->config != NULL)
    num_clips = opensora_config_get_num_sample (self->config);
  gst_opensora_settings_get_int (self->settings, "num-clips", &num_clips);
  return num_clips;
}

gint64
gst_opensora_plan_count (GstOpensoraPlan *self)
{
  const gint64 num_clips = get_num_clips (self);
  GstOpensoraPlace *next = &self->next;

  if (num_clips < 0)
    return -1;
  if (next->sample >= num_clips) {
    next->sample = 0;
    next->prompt++;
  }
  return MAX (
      ((gint64) self->n_prompts - next->prompt) * num_clips - next->sample, 0);
}

void
gst_opensora_plan_advance (GstOpensoraPlan *self)
{
  GstOpensoraPlace *next = &self->next;

  g_clear_object (&self->request);
  next->index++;
  if (get_num_clips (self) < 0) {
    next->prompt = (next->prompt + 1) % self->n_prompts;
    next->sample += next->prompt == 0;
  } else {
    next->sample++;
  }
}

void
gst_opensora_plan_rewind (GstOpensoraPlan *self)
{
  if (self->first_params == NULL)
    return;
  self->next = self->first;
  g_set_object (&self->request, self->first_params);
}

/* ---- the next clip ---- */

/* An error of the prompt, which no other setting could put right, becomes one
 * of the resource domain. */
static OpensoraParams *
resolve (OpensoraPipeline *pipeline, OpensoraParams *request, GError **error)
{
  OpensoraParams *resolved =
      opensora_pipeline_resolve (pipeline, request, error);
  g_autoptr (OpensoraParams) prompt = NULL, probe = NULL;

  if (resolved != NULL)
    return resolved;
  prompt = opensora_params_new ();
  opensora_params_set_prompt (prompt, opensora_params_get_prompt (request));
  probe = opensora_pipeline_resolve (pipeline, prompt, NULL);
  if (probe == NULL) {
    (*error)->domain = GST_RESOURCE_ERROR;
    (*error)->code = GST_RESOURCE_ERROR_SETTINGS;
  }
  return NULL;
}

/* Downstream takes nothing of the template. A size that it fixed has others
 * near it that are possible; the library names them. */
static void
explain (GstPad *pad, OpensoraPipeline *pipeline, OpensoraParams *request,
    GError **error)
{
  g_autoptr (GstCaps) peer = gst_pad_peer_query_caps (pad, NULL);
  g_autoptr (OpensoraParams) resolved = NULL;
  g_autoptr (GError) cause = NULL;
  gint width = 0, height = 0;

  if (gst_caps_get_size (peer) > 0) {
    const GstStructure *structure = gst_caps_get_structure (peer, 0);

    gst_structure_get_int (structure, "width", &width);
    gst_structure_get_int (structure, "height", &height);
  }
  opensora_params_set_width (request, width);
  opensora_params_set_height (request, height);
  resolved = opensora_pipeline_resolve (pipeline, request, &cause);
  g_set_error (error, GST_CORE_ERROR, GST_CORE_ERROR_NEGOTIATION,
      "Downstream takes no raw video that can be made here%s%s",
      cause != NULL ? ": " : "", cause != NULL ? cause->message : "");
}

/* What both sides can do; what only downstream can when the model cannot, for
 * then the library says what the model can. */
static GstCaps *
find_caps (GstPad *pad, OpensoraPipeline *pipeline, OpensoraParams *request,
    GError **error)
{
  g_autoptr (GstCaps) all = gst_pad_get_pad_template_caps (pad);
  g_autoptr (GstCaps) ours = gst_opensora_caps_set_step (
      gst_caps_ref (all), opensora_pipeline_get_size_step (pipeline));
  g_autoptr (GstCaps) peer = gst_pad_peer_query_caps (pad, all);
  g_autoptr (GstCaps) theirs =
      gst_caps_intersect_full (peer, all, GST_CAPS_INTERSECT_FIRST);

  if (gst_caps_is_empty (theirs)) {
    explain (pad, pipeline, request, error);
    return NULL;
  }
  if (!gst_caps_can_intersect (theirs, ours))
    return g_steal_pointer (&theirs);
  return gst_caps_intersect_full (theirs, ours, GST_CAPS_INTERSECT_FIRST);
}

/* From what is wanted to what downstream takes. */
static gboolean
negotiate_size (GstPad *pad, OpensoraPipeline *pipeline,
    OpensoraParams *request, GstOpensoraSize *size, GError **error)
{
  GstCaps *caps = find_caps (pad, pipeline, request, error);
  const GstStructure *structure;

  if (caps == NULL)
    return FALSE;
  caps = gst_opensora_caps_fixate (caps, size);
  structure = gst_caps_get_structure (caps, 0);
  gst_structure_get_int (structure, "width", &size->width);
  gst_structure_get_int (structure, "height", &size->height);
  gst_structure_get_fraction (
      structure, "framerate", &size->fps_n, &size->fps_d);
  gst_caps_unref (caps);
  return TRUE;
}

/* The size and rate of what is asked for, as if downstream took everything. A
 * config may want another rate written than the motion is made for. */
static void
get_wanted_size (GstOpensoraPlan *self, OpensoraPipeline *pipeline,
    OpensoraParams *resolved, GstOpensoraSize *size)
{
  double rate = opensora_params_get_fps (resolved);

  if (self->config != NULL && opensora_config_get_save_fps (self->config) > 0)
    rate = opensora_config_get_save_fps (self->config);
  size->width = opensora_params_get_width (resolved);
  size->height = opensora_params_get_height (resolved);
  size->step = opensora_pipeline_get_size_step (pipeline);
  gst_util_double_to_fraction (rate, &size->fps_n, &size->fps_d);
}

/* Puts what was negotiated into the request. A rate of 0/1 is a still picture.
 */
static gboolean
set_size (GstOpensoraPlan *self, OpensoraParams *request,
    const GstOpensoraSize *wanted, const GstOpensoraSize *size, GError **error)
{
  if (self->live && size->fps_n == 0) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
        "The frame rate 0/1 means one still picture, and a live stream has a "
        "picture at every time; set a frame rate, or is-live=false");
    return FALSE;
  }
  opensora_params_set_width (request, size->width);
  opensora_params_set_height (request, size->height);
  if (size->fps_n == 0 && opensora_params_get_num_frames (request) == 0)
    opensora_params_set_num_frames (request, 1);
  else if (size->fps_n * (gint64) wanted->fps_d
           != wanted->fps_n * (gint64) size->fps_d)
    opensora_params_set_fps (request, (double) size->fps_n / size->fps_d);
  if (size->fps_n > 0 || opensora_params_get_num_frames (request) == 1)
    return TRUE;
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
      "The frame rate 0/1 means one still picture, and num-frames is %u; set "
      "num-frames=1, or a frame rate",
      opensora_params_get_num_frames (request));
  return FALSE;
}

/* A preview that is shown in the stream is one frame more, but in a live stream
 * it takes the place of a repeated one. */
static void
set_previews (GstOpensoraPlan *self, GstOpensoraClip *clip)
{
  const guint interval =
      gst_opensora_settings_get_uint (self->settings, "preview-interval");
  guint loop;

  clip->shows_previews =
      gst_opensora_settings_get_boolean (self->settings, "preview");
  clip->preview_interval = clip->shows_previews ? MAX (interval, 1) : interval;
  if (!clip->shows_previews || self->live)
    return;
  g_object_get (clip->params, "loop", &loop, NULL);
  clip->n_previews =
      opensora_params_get_steps (clip->params) / clip->preview_interval * loop;
  clip->n_frames += clip->n_previews;
}

/* Frames that wait have what computing leaves of the limit. */
static void
set_room (GstOpensoraClip *clip, OpensoraPipeline *pipeline)
{
  const guint64 needed =
      opensora_pipeline_estimate_memory (pipeline, clip->params);
  guint64 limit;

  g_object_get (pipeline, "memory-limit", &limit, NULL);
  clip->room = limit > 0 ? limit - MIN (limit, needed) : G_MAXUINT64;
}

GstOpensoraClip *
gst_opensora_plan_make_clip (GstOpensoraPlan *self, OpensoraPipeline *pipeline,
    GstPad *pad, const GstOpensoraClip *last, GError **error)
{
  g_autoptr (OpensoraParams) request =
      self->request != NULL ? opensora_params_copy (self->request)
                            : make_request (self, error);
  g_autoptr (OpensoraParams) natural = NULL, params = NULL;
  GstOpensoraSize wanted, size;
  GstOpensoraClip *clip;

  if (request == NULL)
    return NULL;
  natural = resolve (pipeline, request, error);
  if (natural == NULL)
    return NULL;
  get_wanted_size (self, pipeline, natural, &wanted);
  size = wanted;
  if (!negotiate_size (pad, pipeline, request, &size, error)
      || !set_size (self, request, &wanted, &size, error))
    return NULL;
  params = opensora_pipeline_resolve (pipeline, request, error);
  if (params == NULL)
    return NULL;
  if (last == NULL) {
    self->first = self->next;
    g_set_object (&self->first_params, params);
  }
  clip = gst_opensora_clip_new (params,
      opensora_pipeline_count_frames (pipeline, params), &size,
      self->next.index, last);
  if (self->live)
    clip->base_time = GST_CLOCK_TIME_NONE;
  set_previews (self, clip);
  set_room (clip, pipeline);
  return clip;
}
