/* SPDX-License-Identifier: Apache-2.0 */
/* Progress of opensorasrc on the bus. */
#include "gstopensoraprogress.h"

#include <string.h>

GST_DEBUG_CATEGORY_EXTERN (gst_opensora_src_debug);
#define GST_CAT_DEFAULT gst_opensora_src_debug

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

/* ---- messages ---- */

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
add_fields (
    const GstOpensoraProgress *self, GstStructure *structure, guint64 done)
{
  const gboolean in_bytes = stages[self->stage].unit == NULL;

  /* clang-format off */
  gst_structure_set (structure,
      "percent", G_TYPE_INT, (gint) (100.0 * done / self->total),
      "eta", G_TYPE_INT64, estimate (self, done),
      in_bytes ? "bytes" : "step", G_TYPE_UINT64, done,
      in_bytes ? "total-bytes" : "steps", G_TYPE_UINT64, self->total, NULL);
  /* clang-format on */
}

static void
post_progress (GstOpensoraProgress *self, GstProgressType type,
    const char *text, guint64 done)
{
  GstMessage *message = gst_message_new_progress (
      GST_OBJECT (self->element), type, stages[self->stage].code, text);

  add_fields (self, gst_message_writable_structure (message), done);
  gst_element_post_message (self->element, message);
}

static void
post_clip_progress (GstOpensoraProgress *self, guint64 done)
{
  GstStructure *structure =
      gst_structure_new ("opensora-progress", "clip", G_TYPE_UINT, self->clip,
          "phase", G_TYPE_STRING, stages[self->stage].code, NULL);

  add_fields (self, structure, done);
  gst_element_post_message (self->element,
      gst_message_new_element (GST_OBJECT (self->element), structure));
}

/* One line that a person can read. */
static char *
describe (const GstOpensoraProgress *self, guint64 done)
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

/* ---- stages ---- */

static void
begin_stage (
    GstOpensoraProgress *self, guint stage, guint64 done, guint64 total)
{
  self->stage = stage;
  self->total = total;
  self->begin = done;
  self->stage_begin = g_get_monotonic_time ();
  self->last_post = self->stage_begin;
  GST_INFO_OBJECT (
      self->element, "clip %u: %s", self->clip, stages[stage].doing);
  self->running = g_atomic_int_get (&self->open);
  if (self->running)
    post_progress (self, GST_PROGRESS_TYPE_START, stages[stage].doing, done);
  else if (self->clip > 0 || self->streaming)
    post_clip_progress (self, done);
}

static void
end_operation (
    GstOpensoraProgress *self, GstProgressType type, const char *text)
{
  if (self->running)
    post_progress (
        self, type, text, type == GST_PROGRESS_TYPE_COMPLETE ? self->total : 0);
  self->running = FALSE;
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
gst_opensora_progress_begin_stream (GstOpensoraProgress *self)
{
  gst_opensora_progress_close (self, GST_PROGRESS_TYPE_COMPLETE);
  self->streaming = TRUE;
}

void
gst_opensora_progress_begin_clip (GstOpensoraProgress *self, guint clip)
{
  end_operation (self, GST_PROGRESS_TYPE_COMPLETE, "done");
  self->stage = GST_OPENSORA_STAGE_NONE;
  self->clip = clip;
  memset (self->durations, 0, sizeof self->durations);
}

void
gst_opensora_progress_drop_clip (GstOpensoraProgress *self)
{
  end_operation (self, GST_PROGRESS_TYPE_CANCELED, "cancelled");
}

void
gst_opensora_progress_end_stage (GstOpensoraProgress *self)
{
  self->durations[self->stage] += g_get_monotonic_time () - self->stage_begin;
}

void
gst_opensora_progress_add_pause (GstOpensoraProgress *self, gint64 us)
{
  self->stage_begin += us;
}

void
gst_opensora_progress_update (
    GstOpensoraProgress *self, OpensoraStage stage, guint64 done, guint64 total)
{
  gint64 now = g_get_monotonic_time ();
  g_autofree char *text = NULL;

  if ((guint) stage != self->stage) {
    gst_opensora_progress_end_stage (self);
    end_operation (self, GST_PROGRESS_TYPE_COMPLETE, "done");
    begin_stage (self, stage, stages[stage].unit ? 0 : done, total);
  }
  /* The next part is downloaded, or a damaged file again. */
  if (stages[stage].unit == NULL
      && (total != self->total || done < self->begin)) {
    self->begin = done;
    self->stage_begin = now;
  }
  self->total = total;
  GST_DEBUG_OBJECT (self->element,
      "clip %u: %s, %" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT, self->clip,
      stages[stage].doing, done, total);
  if (done == 0 || now - self->last_post < MIN_POST_INTERVAL)
    return;

  self->last_post = now;
  text = describe (self, done);
  if (g_atomic_int_get (&self->open))
    post_progress (self, GST_PROGRESS_TYPE_CONTINUE, text, done);
  else if (self->clip > 0 || self->streaming)
    post_clip_progress (self, done);
}

void
gst_opensora_progress_close (GstOpensoraProgress *self, GstProgressType type)
{
  static const char *const texts[] = {
    [GST_PROGRESS_TYPE_COMPLETE] = "ready",
    [GST_PROGRESS_TYPE_CANCELED] = "cancelled",
    [GST_PROGRESS_TYPE_ERROR] = "failed",
  };

  if (g_atomic_int_compare_and_exchange (&self->open, TRUE, FALSE))
    end_operation (self, type, texts[type]);
}
