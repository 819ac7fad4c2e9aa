/* SPDX-License-Identifier: Apache-2.0 */
/* Times, messages and tags of a clip. The fields that say how it was made are
 * the properties of OpensoraParams, under their names. */
#include "gstopensoraclip.h"

#include <stdio.h>
#include <string.h>

#include "gstopensorasettings.h"

GST_DEBUG_CATEGORY_EXTERN (gst_opensora_src_debug);
#define GST_CAT_DEFAULT gst_opensora_src_debug

GstOpensoraClip *
gst_opensora_clip_new (OpensoraParams *params, guint n_frames,
    const GstOpensoraSize *size, guint index, const GstOpensoraClip *last)
{
  GstOpensoraClip *self = g_atomic_rc_box_new0 (GstOpensoraClip);

  self->params = g_object_ref (params);
  self->n_frames = n_frames;
  self->size = *size;
  self->index = index;
  if (last != NULL)
    gst_opensora_clip_place (self, last, last->first + last->n_frames);
  return self;
}

void
gst_opensora_clip_place (
    GstOpensoraClip *self, const GstOpensoraClip *last, guint64 first)
{
  const GstClockTime time = gst_opensora_clip_get_time (last, first);

  self->first = first;
  if (last->size.fps_n == self->size.fps_n
      && last->size.fps_d == self->size.fps_d) {
    self->base = last->base;
    self->base_time = last->base_time;
  } else {
    self->base = first;
    self->base_time = GST_CLOCK_TIME_IS_VALID (time) ? time : last->base_time;
  }
}

GstOpensoraClip *
gst_opensora_clip_ref (GstOpensoraClip *self)
{
  return g_atomic_rc_box_acquire (self);
}

static void
clear (GstOpensoraClip *self)
{
  g_object_unref (self->params);
}

void
gst_opensora_clip_unref (GstOpensoraClip *self)
{
  g_atomic_rc_box_release_full (self, (GDestroyNotify) clear);
}

gboolean
gst_opensora_clip_has_size_of (
    const GstOpensoraClip *self, const GstOpensoraClip *other)
{
  return memcmp (&self->size, &other->size, sizeof self->size) == 0;
}

GstClockTime
gst_opensora_clip_get_time (const GstOpensoraClip *self, guint64 n)
{
  if (!GST_CLOCK_TIME_IS_VALID (self->base_time))
    return GST_CLOCK_TIME_NONE;
  if (self->size.fps_n == 0)
    return n == self->base ? self->base_time : GST_CLOCK_TIME_NONE;
  return self->base_time
         + gst_util_uint64_scale (n - self->base,
             (guint64) self->size.fps_d * GST_SECOND, self->size.fps_n);
}

gboolean
gst_opensora_clip_find_frame (
    const GstOpensoraClip *self, GstClockTime time, guint *n)
{
  const GstClockTime begin = gst_opensora_clip_get_time (self, self->first);
  guint64 frame = self->first;

  if (time < begin)
    return FALSE;
  if (self->size.fps_n > 0)
    frame = self->base
            + gst_util_uint64_scale (time - self->base_time, self->size.fps_n,
                (guint64) self->size.fps_d * GST_SECOND);
  /* Both ways are rounded down. */
  if (gst_opensora_clip_get_time (self, frame + 1) <= time)
    frame++;
  *n = frame - self->first;
  return frame - self->first <= self->n_frames;
}

void
gst_opensora_clip_stamp (
    const GstOpensoraClip *self, GstBuffer *buffer, guint64 n)
{
  GST_BUFFER_PTS (buffer) = gst_opensora_clip_get_time (self, n);
  GST_BUFFER_DTS (buffer) = GST_CLOCK_TIME_NONE;
  GST_BUFFER_DURATION (buffer) = GST_CLOCK_TIME_NONE;
  if (self->size.fps_n > 0)
    GST_BUFFER_DURATION (buffer) =
        gst_opensora_clip_get_time (self, n + 1) - GST_BUFFER_PTS (buffer);
  GST_BUFFER_OFFSET (buffer) = n;
  GST_BUFFER_OFFSET_END (buffer) = n + 1;
}

/* ---- what it was made with ---- */

/* The name on the hub; the folder's name only: where it lies is nobody's
 * business. */
static char *
get_model_name (OpensoraPipeline *pipeline)
{
  g_autoptr (OpensoraConfig) config = NULL;
  g_autofree char *transformer = NULL;
  const char *name;

  g_object_get (pipeline, "transformer", &transformer, "config", &config, NULL);
  name = transformer != NULL ? transformer
                             : opensora_pipeline_get_model (pipeline);
  if (name == NULL && config != NULL)
    name = opensora_config_get_from_pretrained (
        config, OPENSORA_CONFIG_PART_TRANSFORMER);
  if (opensora_pipeline_get_commit (pipeline) != NULL)
    return g_strdup (name);
  return name != NULL ? g_path_get_basename (name) : g_strdup ("demo");
}

/* A parameter as the element has it. FALSE for a path that is no text. */
static gboolean
get_field (const GstOpensoraClip *self, GParamSpec *spec, GValue *value)
{
  const char *text;

  g_object_get_property (G_OBJECT (self->params), spec->name, value);
  if (!G_VALUE_HOLDS_STRING (value))
    return TRUE;
  text = g_value_get_string (value);
  if (g_str_equal (spec->name, "aspect-ratio") && text != NULL) {
    gint height, width;

    if (sscanf (text, "%d:%d", &height, &width) != 2)
      return FALSE;
    g_value_unset (value);
    g_value_init (value, GST_TYPE_FRACTION);
    gst_value_set_fraction (value, width, height);
    return TRUE;
  }
  return text == NULL || g_utf8_validate (text, -1, NULL);
}

/* The fields that are enough to make the clip again. */
static GstStructure *
describe (const GstOpensoraClip *self, const char *name,
    OpensoraPipeline *pipeline, guint n_threads)
{
  GObjectClass *klass = G_OBJECT_GET_CLASS (self->params);
  g_autofree char *model = get_model_name (pipeline);
  g_autofree GParamSpec **specs = NULL;
  GstStructure *structure;
  guint n;

  /* clang-format off */
  structure = gst_structure_new (name,
      "clip", G_TYPE_UINT, self->index,
      "timestamp", G_TYPE_UINT64,
      gst_opensora_clip_get_time (self, self->first),
      "framerate", GST_TYPE_FRACTION, self->size.fps_n, self->size.fps_d,
      "model", G_TYPE_STRING, model,
      "model-version", G_TYPE_STRING, opensora_pipeline_get_version (pipeline),
      "revision", G_TYPE_STRING, opensora_pipeline_get_commit (pipeline),
      "n-threads", G_TYPE_UINT, n_threads, NULL);
  /* clang-format on */
  specs = g_object_class_list_properties (klass, &n);
  for (guint i = 0; i < n; i++) {
    g_auto (GValue) value = G_VALUE_INIT;

    if (get_field (self, specs[i], &value))
      gst_structure_set_value (structure, specs[i]->name, &value);
  }
  return structure;
}

/* Takes the structure. */
static void
post (GstElement *element, GstStructure *structure)
{
  GST_INFO_OBJECT (element, "%" GST_PTR_FORMAT, structure);
  gst_element_post_message (
      element, gst_message_new_element (GST_OBJECT (element), structure));
}

void
gst_opensora_clip_post_started (const GstOpensoraClip *self,
    GstElement *element, OpensoraPipeline *pipeline, guint n_threads)
{
  post (element, describe (self, "opensora-clip-started", pipeline, n_threads));
}

/* How long what is new plays, by how long it took; 0 of a still picture. */
static double
get_realtime_factor (const GstOpensoraClip *self, OpensoraPipeline *pipeline)
{
  const guint n = opensora_pipeline_count_frames (pipeline, self->params);
  gint64 us = 0;

  for (guint i = 0; i < G_N_ELEMENTS (self->durations); i++)
    us += self->durations[i];
  return self->size.fps_n == 0 || us == 0
             ? 0
             : 1e6 * n * self->size.fps_d / self->size.fps_n / us;
}

void
gst_opensora_clip_post_done (const GstOpensoraClip *self, GstElement *element,
    OpensoraPipeline *pipeline, guint n_threads)
{
  GstStructure *structure =
      describe (self, "opensora-clip-done", pipeline, n_threads);
  const GstClockTime begin = gst_opensora_clip_get_time (self, self->first);
  const GstClockTime end =
      gst_opensora_clip_get_time (self, self->first + self->n_frames);
  const guint64 duration = GST_CLOCK_TIME_IS_VALID (end) ? end - begin : end;
  const gint64 *us = self->durations;

  /* clang-format off */
  gst_structure_set (structure,
      "duration", G_TYPE_UINT64, duration,
      "duration-reference", G_TYPE_UINT64,
      (guint64) us[OPENSORA_STAGE_REFERENCE] * 1000,
      "duration-encode", G_TYPE_UINT64,
      (guint64) us[OPENSORA_STAGE_ENCODE] * 1000,
      "duration-sample", G_TYPE_UINT64,
      (guint64) us[OPENSORA_STAGE_SAMPLE] * 1000,
      "duration-decode", G_TYPE_UINT64,
      (guint64) us[OPENSORA_STAGE_DECODE] * 1000,
      "realtime-factor", G_TYPE_DOUBLE, get_realtime_factor (self, pipeline),
      "repeated-frames", G_TYPE_UINT, self->n_repeated,
      "preview-frames", G_TYPE_UINT, self->n_previews, NULL);
  /* clang-format on */
  post (element, structure);
}

/* ---- events ---- */

/* The segment of the stream begins at 0: stream time and running time are the
 * time of the frame. */
GstEvent *
gst_opensora_clip_make_key_unit_event (const GstOpensoraClip *self)
{
  const GstClockTime time = gst_opensora_clip_get_time (self, self->first);

  return gst_video_event_new_downstream_force_key_unit (
      time, time, time, TRUE, self->index);
}

/* Only the names of the files. */
static void
strip_folders (GValue *paths)
{
  const char *text = g_value_get_string (paths);
  g_auto (GStrv) list = g_strsplit (text, ";", -1);

  for (guint i = 0; list[i] != NULL; i++) {
    char *name = g_path_get_basename (list[i]);

    g_free (list[i]);
    list[i] = name;
  }
  g_value_take_string (paths, g_strjoinv (";", list));
}

/* "; name=value" of what has been set besides the usual. */
static void
append_fields (const GstOpensoraClip *self, GString *comment)
{
  static const char *const usual[] = { "prompt", "seed", "steps",
    "guidance-scale", "num-frames", "width", "height", "fps", NULL };
  GObjectClass *klass = G_OBJECT_GET_CLASS (self->params);
  g_autofree GParamSpec **specs = NULL;
  guint n;

  specs = g_object_class_list_properties (klass, &n);
  for (guint i = 0; i < n; i++) {
    g_auto (GValue) value = G_VALUE_INIT;
    g_autofree char *text = NULL;

    if (g_strv_contains (usual, specs[i]->name)
        || !get_field (self, specs[i], &value)
        || (G_VALUE_HOLDS (&value, specs[i]->value_type)
            && g_param_value_defaults (specs[i], &value)))
      continue;
    if (g_str_equal (specs[i]->name, "reference-path"))
      strip_folders (&value);
    text = gst_value_serialize (&value);
    g_string_append_printf (comment, "; %s=%s", specs[i]->name, text);
  }
}

/* Muxers keep the title and the comment (mp4, Matroska, AVI); so the comment
 * holds, in one line, what is needed to make the clip again. */
GstTagList *
gst_opensora_clip_make_tags (
    const GstOpensoraClip *self, OpensoraPipeline *pipeline)
{
  g_autofree char *model = get_model_name (pipeline);
  g_autoptr (GString) comment = g_string_new (NULL);
  OpensoraParams *params = self->params;
  const char *prompt = opensora_params_get_prompt (params);
  const char *commit = opensora_pipeline_get_commit (pipeline);
  char guidance[G_ASCII_DTOSTR_BUF_SIZE];
  GstTagList *tags;

  g_string_printf (comment,
      "opensora %s; model=%s;%s%s%s seed=%" G_GINT64_FORMAT "; steps=%u; "
      "guidance=%s; frames=%u; size=%ux%u; fps=%d/%d",
      OPENSORA_VERSION_STRING, model, commit ? " revision=" : "",
      commit ? commit : "", commit ? ";" : "",
      opensora_params_get_seed (params), opensora_params_get_steps (params),
      g_ascii_dtostr (guidance, sizeof guidance,
          opensora_params_get_guidance_scale (params)),
      opensora_params_get_num_frames (params),
      opensora_params_get_width (params), opensora_params_get_height (params),
      self->size.fps_n, self->size.fps_d);
  append_fields (self, comment);
  tags = gst_tag_list_new (GST_TAG_COMMENT, comment->str,
      GST_TAG_APPLICATION_NAME, "opensorasrc " OPENSORA_VERSION_STRING, NULL);
  /* A tag may not be the empty string. */
  if (prompt != NULL && *prompt != '\0')
    gst_tag_list_add (tags, GST_TAG_MERGE_APPEND, GST_TAG_TITLE, prompt, NULL);
  return tags;
}
