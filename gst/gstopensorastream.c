/* SPDX-License-Identifier: Apache-2.0 */
/* The streaming thread of opensorasrc: has clips made, takes their frames from
 * the worker and turns them into buffers. */
#include "gstopensorasrc-private.h"

#include "gstopensoramessages.h"

#define GST_CAT_DEFAULT gst_opensora_src_debug

/* Frames of a clip that are held without keep-clip too, two of the chunks in
 * which the Open-Sora 1.2 VAE decodes: whoever seeks to 0 when the first frame
 * is shown has no clip made anew. */
#define MAX_HELD_FRAMES 34

/* The model is loaded, and was not known before. */
static void
learn_model (GstOpensoraSrc *self)
{
  const GstOpensoraSize size = {
    .step = opensora_pipeline_get_size_step (self->pipeline),
  };

  gst_opensora_src_set_size (self, &size);
  if (opensora_pipeline_get_model (self->pipeline) == NULL
      && opensora_pipeline_is_demo (self->pipeline))
    gst_opensora_post_demo_info (GST_ELEMENT (self));
}

static void
update_duration (GstOpensoraSrc *self, const GstOpensoraClip *clip)
{
  const gint64 count = gst_opensora_plan_count (self->plan);
  gboolean changed;

  GST_OBJECT_LOCK (self);
  changed = gst_opensora_extent_update (&self->extent, clip, count);
  GST_OBJECT_UNLOCK (self);
  if (changed)
    gst_element_post_message (GST_ELEMENT (self),
        gst_message_new_duration_changed (GST_OBJECT (self)));
}

/* What controllers say of the properties when the next clip begins. */
static void
sync_values (GstOpensoraSrc *self)
{
  GstClockTime time = 0;

  if (self->live.on)
    time = gst_opensora_live_get_time (&self->live);
  else if (self->clip != NULL)
    time = gst_opensora_clip_get_time (
        self->clip, self->clip->first + self->clip->n_frames);
  if (GST_CLOCK_TIME_IS_VALID (time))
    gst_object_sync_values (GST_OBJECT (self), time);
}

/* Has the next clip made, or lets the worker end. What is wrong with it is told
 * once the frames that are there were pushed. */
static GstFlowReturn
begin_clip (GstOpensoraSrc *self)
{
  g_autoptr (GstOpensoraClip) clip = NULL;
  g_autoptr (GError) error = NULL;
  GstFlowReturn ret = GST_FLOW_OK;

  sync_values (self);
  if (gst_opensora_plan_count (self->plan) != 0)
    clip = gst_opensora_plan_make_clip (self->plan, self->pipeline,
        GST_BASE_SRC_PAD (self), self->clip, &error);
  if (GST_PAD_IS_FLUSHING (GST_BASE_SRC_PAD (self)))
    return GST_FLOW_FLUSHING;
  if (clip == NULL) {
    gst_opensora_worker_end (self->worker, error);
    return GST_FLOW_OK;
  }

  self->next = gst_opensora_clip_ref (clip);
  if (self->clip == NULL) {
    gst_opensora_src_set_size (self, &clip->size);
    ret = gst_opensora_src_negotiate_again (self);
  }
  if (ret != GST_FLOW_OK) {
    g_clear_pointer (&self->next, gst_opensora_clip_unref);
    return ret;
  }
  gst_opensora_plan_advance (self->plan);
  if (!self->live.on)
    update_duration (self, clip);
  gst_opensora_clip_post_started (
      clip, GST_ELEMENT (self), self->pipeline, self->n_threads);
  gst_opensora_worker_generate (self->worker, clip);
  return GST_FLOW_OK;
}

static void
send_tags (GstOpensoraSrc *self)
{
  gst_opensora_src_send_in_stream (
      self, gst_event_new_tag (
                gst_opensora_clip_make_tags (self->clip, self->pipeline)));
  self->tagged = TRUE;
}

/* Takes the clip. */
static void
set_clip (GstOpensoraSrc *self, GstOpensoraClip *clip)
{
  const gboolean keep =
      !self->live.on
      && gst_opensora_settings_get_boolean (&self->settings, "keep-clip");

  GST_OBJECT_LOCK (self);
  g_clear_pointer (&self->extent.kept, gst_opensora_clip_unref);
  if (keep)
    self->extent.kept = gst_opensora_clip_ref (clip);
  GST_OBJECT_UNLOCK (self);
  self->clip = clip;
  self->clip_done = FALSE;
  self->at = 0;
  g_clear_pointer (&self->frames, g_ptr_array_unref);
  self->frames =
      g_ptr_array_new_with_free_func ((GDestroyNotify) gst_buffer_unref);
}

GstFlowReturn
gst_opensora_src_enter_clip (GstOpensoraSrc *self)
{
  g_autoptr (GstOpensoraClip) last = self->clip;

  set_clip (self, g_steal_pointer (&self->next));
  if (self->live.on)
    gst_opensora_live_place (&self->live, self->clip);
  send_tags (self);
  if (last == NULL)
    return GST_FLOW_OK;

  gst_opensora_src_send_in_stream (
      self, gst_opensora_clip_make_key_unit_event (self->clip));
  if (gst_opensora_clip_has_size_of (self->clip, last))
    return GST_FLOW_OK;
  gst_opensora_src_set_size (self, &self->clip->size);
  return gst_opensora_src_negotiate_again (self);
}

/* The clip in work is no more. What was pushed of it stays; while the model is
 * being loaded it is the one that would have come first. */
static void
drop_clip (GstOpensoraSrc *self)
{
  if (self->next != NULL) {
    g_clear_pointer (&self->next, gst_opensora_clip_unref);
  } else if (self->clip == NULL) {
    gst_opensora_post_cancelled (GST_ELEMENT (self), self->plan->next.index);
    gst_opensora_plan_advance (self->plan);
  } else {
    GST_OBJECT_LOCK (self);
    self->clip->n_frames = self->at;
    g_atomic_int_set (&self->clip->whole, TRUE);
    GST_OBJECT_UNLOCK (self);
    if (self->frames != NULL)
      g_ptr_array_set_size (self->frames, self->at);
    self->clip_done = TRUE;
  }
  if (gst_opensora_plan_count (self->plan) != 0)
    return;
  gst_opensora_worker_end (self->worker, NULL);
  if (self->clip != NULL && !self->live.on)
    update_duration (self, self->clip);
}

/* ---- frames ---- */

GstFlowReturn
gst_opensora_src_make_buffer (GstOpensoraSrc *self, GstBuffer *rgb,
    const GstOpensoraClip *clip, guint64 n, GstBuffer **out)
{
  GstFlowReturn ret = GST_FLOW_OK;

  if (!self->tagged && self->clip != NULL)
    send_tags (self);
  /* Downstream may have changed while the frame was made. */
  if (gst_pad_needs_reconfigure (GST_BASE_SRC_PAD (self)))
    ret = gst_opensora_src_negotiate_again (self);
  if (ret == GST_FLOW_OK)
    ret = GST_BASE_SRC_GET_CLASS (self)->alloc (
        GST_BASE_SRC (self), n, self->extent.info.size, out);
  if (ret != GST_FLOW_OK)
    return ret;
  if (!gst_opensora_writer_write (&self->writer, rgb, *out)) {
    g_autoptr (GError) error =
        g_error_new (GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_WRITE,
            "Frame %" G_GUINT64_FORMAT ": the buffer cannot be written", n);

    gst_clear_buffer (out);
    gst_opensora_src_fail (self, error);
    return GST_FLOW_ERROR;
  }
  gst_buffer_copy_into (*out, rgb, GST_BUFFER_COPY_META, 0, -1);
  gst_opensora_clip_stamp (clip, *out, n);
  GST_LOG_OBJECT (self, "%" GST_PTR_FORMAT, *out);
  return GST_FLOW_OK;
}

static gboolean
is_held (const GstOpensoraSrc *self)
{
  return self->frames != NULL && self->at < self->frames->len;
}

static void
hold_frame (GstOpensoraSrc *self, GstBuffer *rgb)
{
  if (self->frames == NULL)
    return;
  if (self->extent.kept == NULL && self->frames->len == MAX_HELD_FRAMES)
    g_clear_pointer (&self->frames, g_ptr_array_unref);
  else
    g_ptr_array_add (self->frames, gst_buffer_ref (rgb));
}

/* After the first frame: a wait is told if it is longer than half the time for
 * which a frame is shown. Still pictures are shown for ever. */
static void
tell_waiting (GstOpensoraSrc *self)
{
  const GstOpensoraSize *size = &self->extent.size;

  if (is_held (self)
      || !gst_opensora_settings_get_boolean (&self->settings, "use-buffering"))
    gst_opensora_buffering_end (&self->buffering);
  else if (self->clip != NULL && size->fps_n > 0)
    gst_opensora_buffering_wait (&self->buffering, self->worker,
        G_USEC_PER_SEC * size->fps_d / (2 * size->fps_n));
}

GstFlowReturn
gst_opensora_src_serve_worker (GstOpensoraSrc *self, GstBuffer **rgb)
{
  g_autoptr (GError) error = NULL;
  GstFlowReturn ret = gst_opensora_worker_pop (self->worker, rgb, &error);

  if (ret == GST_OPENSORA_FLOW_DROPPED) {
    drop_clip (self);
    return GST_OPENSORA_FLOW_SERVED;
  }
  if (ret == GST_OPENSORA_FLOW_WANTED) {
    if (self->extent.size.step == 0)
      learn_model (self);
    ret = begin_clip (self);
    return ret == GST_FLOW_OK ? GST_OPENSORA_FLOW_SERVED : ret;
  }
  if (ret == GST_FLOW_ERROR)
    gst_opensora_src_fail (self, error);
  return ret;
}

/* Of the worker, which gets more to do on the way. */
static GstFlowReturn
pop_frame (GstOpensoraSrc *self, GstBuffer **rgb)
{
  GstFlowReturn ret;

  do {
    tell_waiting (self);
    ret = gst_opensora_src_serve_worker (self, is_held (self) ? NULL : rgb);
  } while (ret == GST_OPENSORA_FLOW_SERVED);
  return ret;
}

/* The next to push: one that is held, or the worker's; after a seek some of
 * those are passed over. */
static GstFlowReturn
get_frame (GstOpensoraSrc *self, GstBuffer **rgb)
{
  GstFlowReturn ret;

  do {
    gst_clear_buffer (rgb);
    ret = pop_frame (self, rgb);
    if (ret != GST_FLOW_OK)
      return ret;
    if (*rgb == NULL) {
      *rgb = gst_buffer_ref (self->frames->pdata[self->at]);
    } else {
      if (GST_BUFFER_OFFSET (*rgb) == 0)
        ret = gst_opensora_src_enter_clip (self);
      hold_frame (self, *rgb);
    }
  } while (ret == GST_FLOW_OK && GST_BUFFER_OFFSET (*rgb) < self->at);
  self->at++;
  return ret;
}

void
gst_opensora_src_end_clip (GstOpensoraSrc *self)
{
  if (self->clip == NULL || self->clip_done || self->at < self->clip->n_frames)
    return;
  self->clip_done = TRUE;
  gst_opensora_clip_post_done (
      self->clip, GST_ELEMENT (self), self->pipeline, self->n_threads);
}

GstFlowReturn
gst_opensora_src_create (GstPushSrc *push, GstBuffer **out)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (push);
  g_autoptr (GstBuffer) rgb = NULL;
  GstFlowReturn ret;

  if (self->live.on)
    return gst_opensora_src_create_live (self, out);
  gst_opensora_src_end_clip (self);
  ret = get_frame (self, &rgb);
  if (ret != GST_FLOW_OK)
    return ret;
  return gst_opensora_src_make_buffer (
      self, rgb, self->clip, self->clip->first + GST_BUFFER_OFFSET (rgb), out);
}

/* ---- from elsewhere ---- */

/* From any thread. The message comes before that of the next clip. */
void
gst_opensora_src_cancel (GstOpensoraSrc *self)
{
  g_autoptr (GstOpensoraClip) clip = NULL;
  gboolean dropping = FALSE;

  GST_OBJECT_LOCK (self);
  if (self->worker != NULL)
    dropping = gst_opensora_worker_begin_drop (self->worker, &clip);
  GST_OBJECT_UNLOCK (self);
  if (!dropping)
    return;

  if (clip != NULL)
    gst_opensora_post_cancelled (GST_ELEMENT (self), clip->index);
  GST_OBJECT_LOCK (self);
  if (self->worker != NULL)
    gst_opensora_worker_end_drop (self->worker);
  GST_OBJECT_UNLOCK (self);
}

/* What follows is called while the streaming thread does not run. */

void
gst_opensora_src_clear_stream (GstOpensoraSrc *self)
{
  gst_opensora_live_clear (&self->live);
  GST_OBJECT_LOCK (self);
  g_clear_pointer (&self->extent.kept, gst_opensora_clip_unref);
  GST_OBJECT_UNLOCK (self);
  g_clear_pointer (&self->next, gst_opensora_clip_unref);
  g_clear_pointer (&self->clip, gst_opensora_clip_unref);
  g_clear_pointer (&self->frames, g_ptr_array_unref);
}

GstClockTime
gst_opensora_src_get_position (GstOpensoraSrc *self)
{
  return self->clip != NULL ? gst_opensora_clip_get_time (
             self->clip, self->clip->first + self->at)
                            : 0;
}

gboolean
gst_opensora_src_move_to (GstOpensoraSrc *self, GstClockTime time)
{
  gboolean possible;
  guint at;

  if (gst_opensora_worker_is_cancelled (self->worker))
    return time == 0 && gst_opensora_src_restart (self);
  if (self->clip == NULL) /* nothing was pushed: the work goes on */
    return time == 0;

  GST_OBJECT_LOCK (self);
  possible = gst_opensora_extent_can_seek (&self->extent, time);
  GST_OBJECT_UNLOCK (self);
  if (possible && self->frames != NULL
      && gst_opensora_clip_find_frame (self->clip, time, &at)) {
    self->at = at;
    return TRUE;
  }
  return time == 0 && gst_opensora_src_restart (self);
}
