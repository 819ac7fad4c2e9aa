/* SPDX-License-Identifier: Apache-2.0 */
/* Bus messages and tags of opensorasrc. */
#include "gstopensoramessages.h"

#include <string.h>

#define MIN_POST_INTERVAL (G_USEC_PER_SEC / 4)

static const struct {
  const char *code;
  const char *doing;
  const char *unit; /* NULL: bytes */
} stages[GST_OPENSORA_N_STAGES] = {
  [GST_OPENSORA_STAGE_RESOLVE] = { "resolve", "looking for the model", "part" },
  [OPENSORA_STAGE_DOWNLOAD] = { "download", "downloading the model", NULL },
  [OPENSORA_STAGE_LOAD] = { "open", "opening the model", "part" },
  [OPENSORA_STAGE_REFERENCE] = { "reference", "encoding references", "file" },
  [OPENSORA_STAGE_ENCODE] = { "encode", "encoding the prompt", "block" },
  [OPENSORA_STAGE_SAMPLE] = { "sample", "denoising", "step" },
  [OPENSORA_STAGE_DECODE] = { "decode", "decoding", "frame" },
};

/* Nanoseconds until the stage is done, -1 when unknown. */
static gint64
estimate (const GstOpensoraProgress *self, guint64 done)
{
  gint64 elapsed = g_get_monotonic_time () - self->stage_begin;

  if (done <= self->begin || done > self->total)
    return -1;
  return gst_util_uint64_scale (
      elapsed * 1000, self->total - done, done - self->begin);
}

static void
post_progress (GstOpensoraProgress *self, GstProgressType type,
    const char *text, guint64 done)
{
  GstMessage *message = gst_message_new_progress (
      GST_OBJECT (self->element), type, stages[self->stage].code, text);
  GstStructure *structure = gst_message_writable_structure (message);

  /* clang-format off */
  gst_structure_set (structure,
      "percent", G_TYPE_INT, (gint) (100.0 * done / self->total),
      "eta", G_TYPE_INT64, estimate (self, done),
      stages[self->stage].unit ? "step" : "bytes", G_TYPE_UINT64, done,
      stages[self->stage].unit ? "steps" : "total-bytes", G_TYPE_UINT64,
      self->total, NULL);
  /* clang-format on */
  gst_element_post_message (self->element, message);
}

static void
begin_stage (
    GstOpensoraProgress *self, guint stage, guint64 done, guint64 total)
{
  self->stage = stage;
  self->total = total;
  self->begin = done;
  self->stage_begin = g_get_monotonic_time ();
  self->last_post = self->stage_begin;
  if (g_atomic_int_get (&self->open))
    post_progress (self, GST_PROGRESS_TYPE_START, stages[stage].doing, done);
}

/* One line that a person can read. */
static char *
describe_progress (const GstOpensoraProgress *self, guint64 done)
{
  double seconds = MAX (self->last_post - self->stage_begin, 1000) * 1e-6;
  g_autofree char *done_text = g_format_size (done);
  g_autofree char *total_text = g_format_size (self->total);
  g_autofree char *rate =
      g_format_size ((guint64) ((done - self->begin) / seconds));

  if (stages[self->stage].unit != NULL)
    return g_strdup_printf ("%s, %s %" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT
                            ", %.2g s a %s",
        stages[self->stage].doing, stages[self->stage].unit, done, self->total,
        seconds / done, stages[self->stage].unit);
  return g_strdup_printf ("%s, %s of %s, %s/s", stages[self->stage].doing,
      done_text, total_text, rate);
}

void
gst_opensora_progress_start (GstOpensoraProgress *self, GstElement *element)
{
  memset (self, 0, sizeof *self);
  self->element = element;
  g_atomic_int_set (&self->open, TRUE);
  begin_stage (self, GST_OPENSORA_STAGE_RESOLVE, 0, 1);
}

void
gst_opensora_progress_end_stage (GstOpensoraProgress *self)
{
  self->durations[self->stage] += g_get_monotonic_time () - self->stage_begin;
}

void
gst_opensora_progress_update (
    GstOpensoraProgress *self, OpensoraStage stage, guint64 done, guint64 total)
{
  gint64 now = g_get_monotonic_time ();
  g_autofree char *text = NULL;

  if ((guint) stage != self->stage) {
    gst_opensora_progress_end_stage (self);
    if (g_atomic_int_get (&self->open))
      post_progress (self, GST_PROGRESS_TYPE_COMPLETE, "done", self->total);
    begin_stage (self, stage, stages[stage].unit ? 0 : done, total);
  }
  /* The next part is downloaded, or a damaged file again. */
  if (stages[stage].unit == NULL
      && (total != self->total || done < self->begin)) {
    self->begin = done;
    self->stage_begin = now;
  }
  self->total = total;
  if (!g_atomic_int_get (&self->open) || done == 0
      || now - self->last_post < MIN_POST_INTERVAL)
    return;

  self->last_post = now;
  text = describe_progress (self, done);
  post_progress (self, GST_PROGRESS_TYPE_CONTINUE, text, done);
}

void
gst_opensora_progress_close (GstOpensoraProgress *self, GstProgressType type)
{
  if (!g_atomic_int_compare_and_exchange (&self->open, TRUE, FALSE))
    return;
  if (type == GST_PROGRESS_TYPE_COMPLETE)
    post_progress (self, type, "first frame ready", self->total);
  else
    post_progress (self, type,
        type == GST_PROGRESS_TYPE_ERROR ? "failed" : "cancelled", 0);
}

/* The name on the hub; the folder's name only: where it lies is nobody's
 * business. */
static char *
get_model_name (OpensoraPipeline *pipeline)
{
  const char *model = opensora_pipeline_get_model (pipeline);

  if (opensora_pipeline_get_commit (pipeline) != NULL)
    return g_strdup (model);
  return model != NULL ? g_path_get_basename (model) : g_strdup ("demo");
}

/* The fields that are enough to make the clip again. */
static GstStructure *
describe_clip (const GstOpensoraClip *clip, const char *name)
{
  g_autofree char *model = get_model_name (clip->pipeline);
  OpensoraParams *params = clip->params;

  /* clang-format off */
  return gst_structure_new (name,
      "clip", G_TYPE_UINT, 0,
      "prompt", G_TYPE_STRING, opensora_params_get_prompt (params),
      "seed", G_TYPE_INT64, opensora_params_get_seed (params),
      "steps", G_TYPE_UINT, opensora_params_get_steps (params),
      "guidance-scale", G_TYPE_DOUBLE,
      opensora_params_get_guidance_scale (params),
      "num-frames", G_TYPE_UINT, opensora_params_get_num_frames (params),
      "width", G_TYPE_UINT, opensora_params_get_width (params),
      "height", G_TYPE_UINT, opensora_params_get_height (params),
      "framerate", GST_TYPE_FRACTION, clip->fps_n, clip->fps_d,
      "model", G_TYPE_STRING, model,
      "model-version", G_TYPE_STRING,
      opensora_pipeline_get_version (clip->pipeline),
      "revision", G_TYPE_STRING, opensora_pipeline_get_commit (clip->pipeline),
      "n-threads", G_TYPE_UINT, clip->n_threads, NULL);
  /* clang-format on */
}

void
gst_opensora_post_clip_started (
    GstElement *element, const GstOpensoraClip *clip)
{
  gst_element_post_message (
      element, gst_message_new_element (GST_OBJECT (element),
                   describe_clip (clip, "opensora-clip-started")));
}

void
gst_opensora_post_clip_done (GstElement *element, const GstOpensoraClip *clip,
    const GstOpensoraProgress *progress, GstClockTime duration)
{
  const gint64 *us = progress->durations;
  GstStructure *structure = describe_clip (clip, "opensora-clip-done");

  gst_structure_set (structure, "duration-encode", G_TYPE_UINT64,
      (guint64) us[OPENSORA_STAGE_ENCODE] * 1000, "duration-sample",
      G_TYPE_UINT64, (guint64) us[OPENSORA_STAGE_SAMPLE] * 1000,
      "duration-decode", G_TYPE_UINT64,
      (guint64) us[OPENSORA_STAGE_DECODE] * 1000, "timestamp", G_TYPE_UINT64,
      (guint64) 0, "duration", G_TYPE_UINT64, duration, NULL);
  gst_element_post_message (
      element, gst_message_new_element (GST_OBJECT (element), structure));
}

/* Muxers keep the title and the comment (mp4, Matroska, AVI); so the comment
 * holds, in one line, what is needed to make the clip again. */
GstTagList *
gst_opensora_clip_tags (const GstOpensoraClip *clip)
{
  g_autofree char *model = get_model_name (clip->pipeline);
  OpensoraParams *params = clip->params;
  const char *prompt = opensora_params_get_prompt (params);
  const char *commit = opensora_pipeline_get_commit (clip->pipeline);
  char guidance[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree char *comment = g_strdup_printf (
      "opensora %s; model=%s;%s%s%s seed=%" G_GINT64_FORMAT "; steps=%u; "
      "guidance=%s; frames=%u; size=%ux%u; fps=%d/%d",
      OPENSORA_VERSION_STRING, model, commit ? " revision=" : "",
      commit ? commit : "", commit ? ";" : "",
      opensora_params_get_seed (params), opensora_params_get_steps (params),
      g_ascii_dtostr (guidance, sizeof guidance,
          opensora_params_get_guidance_scale (params)),
      opensora_params_get_num_frames (params),
      opensora_params_get_width (params), opensora_params_get_height (params),
      clip->fps_n, clip->fps_d);
  GstTagList *tags = gst_tag_list_new (GST_TAG_COMMENT, comment,
      GST_TAG_APPLICATION_NAME, "opensorasrc " OPENSORA_VERSION_STRING, NULL);

  /* A tag may not be the empty string. */
  if (prompt != NULL && *prompt != '\0')
    gst_tag_list_add (tags, GST_TAG_MERGE_APPEND, GST_TAG_TITLE, prompt, NULL);
  return tags;
}

void
gst_opensora_post_demo_info (GstElement *element)
{
  static const char text[] =
      "No model is set: this is the small bundled demo model. For Open-Sora "
      "1.2 set model=opensora-1.2, which downloads it, or model=FOLDER, a "
      "folder with its weights.";

  /* gst-launch-1.0 prints the debug text only. */
  GST_ELEMENT_INFO (element, RESOURCE, SETTINGS, ("%s", text), ("%s", text));
}

static const struct {
  GQuark (*domain) (void);
  gint code;
  const char *hint;
} error_table[] = {
  [OPENSORA_ERROR_SETTINGS] = { gst_library_error_quark,
      GST_LIBRARY_ERROR_SETTINGS, "" },
  [OPENSORA_ERROR_NOT_FOUND] = { gst_resource_error_quark,
      GST_RESOURCE_ERROR_NOT_FOUND,
      " Leave model unset for the bundled demo model." },
  [OPENSORA_ERROR_READ] = { gst_resource_error_quark, GST_RESOURCE_ERROR_READ,
      " Check the permissions and the disk." },
  [OPENSORA_ERROR_FORMAT] = { gst_stream_error_quark, GST_STREAM_ERROR_DECODE,
      " The file may be damaged or incomplete: fetch it again." },
  [OPENSORA_ERROR_UNSUPPORTED] = { gst_stream_error_quark,
      GST_STREAM_ERROR_WRONG_TYPE, " Use a model of the Open-Sora family." },
  [OPENSORA_ERROR_MISMATCH] = { gst_stream_error_quark, GST_STREAM_ERROR_FORMAT,
      " The weights do not belong to the model's configuration: fetch both "
      "from one place." },
  [OPENSORA_ERROR_MEMORY] = { gst_resource_error_quark,
      GST_RESOURCE_ERROR_FAILED,
      " Ask for a smaller picture or fewer frames." },
  [OPENSORA_ERROR_BACKEND] = { gst_library_error_quark, GST_LIBRARY_ERROR_INIT,
      " Set backend=auto." },
  [OPENSORA_ERROR_NUMERIC] = { gst_stream_error_quark, GST_STREAM_ERROR_FAILED,
      " The weights may be damaged." },
};

static const gint hub_error_codes[] = {
  [OPENSORA_HUB_ERROR_REPOSITORY_NOT_FOUND] = GST_RESOURCE_ERROR_NOT_FOUND,
  [OPENSORA_HUB_ERROR_GATED_REPO] = GST_RESOURCE_ERROR_NOT_AUTHORIZED,
  [OPENSORA_HUB_ERROR_UNAUTHORIZED] = GST_RESOURCE_ERROR_NOT_AUTHORIZED,
  [OPENSORA_HUB_ERROR_REVISION_NOT_FOUND] = GST_RESOURCE_ERROR_NOT_FOUND,
  [OPENSORA_HUB_ERROR_ENTRY_NOT_FOUND] = GST_RESOURCE_ERROR_NOT_FOUND,
  [OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND] = GST_RESOURCE_ERROR_NOT_FOUND,
  [OPENSORA_HUB_ERROR_INVALID_ARGUMENT] = GST_RESOURCE_ERROR_SETTINGS,
  [OPENSORA_HUB_ERROR_NETWORK] = GST_RESOURCE_ERROR_OPEN_READ,
  [OPENSORA_HUB_ERROR_TLS] = GST_RESOURCE_ERROR_OPEN_READ,
  [OPENSORA_HUB_ERROR_HTTP] = GST_RESOURCE_ERROR_OPEN_READ,
  [OPENSORA_HUB_ERROR_INTEGRITY] = GST_RESOURCE_ERROR_READ,
  [OPENSORA_HUB_ERROR_NO_SPACE] = GST_RESOURCE_ERROR_NO_SPACE_LEFT,
  [OPENSORA_HUB_ERROR_IO] = GST_RESOURCE_ERROR_OPEN_WRITE,
};

void
gst_opensora_post_error (GstElement *element, const GError *error)
{
  GQuark domain = gst_resource_error_quark ();
  gint code = GST_RESOURCE_ERROR_FAILED;
  const char *hint = "";
  GstStructure *details = NULL;

  if (error->domain == OPENSORA_ERROR
      && (guint) error->code < G_N_ELEMENTS (error_table)) {
    domain = error_table[error->code].domain ();
    code = error_table[error->code].code;
    hint = error_table[error->code].hint;
  } else if (error->domain == OPENSORA_HUB_ERROR
             && (guint) error->code < G_N_ELEMENTS (hub_error_codes)) {
    code = hub_error_codes[error->code];
    details = gst_structure_new ("details", "hub-error", G_TYPE_STRING,
        opensora_hub_error_get_name (error->code), NULL);
  } else if (error->domain == GST_RESOURCE_ERROR
             || error->domain == GST_CORE_ERROR) {
    domain = error->domain;
    code = error->code;
  }
  gst_element_message_full_with_details (element, GST_MESSAGE_ERROR, domain,
      code, g_strconcat (error->message, ".", hint, NULL),
      g_strdup_printf (
          "%s, code %d", g_quark_to_string (error->domain), error->code),
      __FILE__, GST_FUNCTION, __LINE__, details);
}
