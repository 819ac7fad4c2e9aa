/* SPDX-License-Identifier: Apache-2.0 */
/* The streaming thread of opensorasrc: has clips made, takes their frames from
 * the worker and turns them into buffers. */
#include "gstopensorasrc-private.h"

#include "gstopensoramessages.h"

#define GST_CAT_DEFAULT gst_opensora_src_debug

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

/* Has the next clip made, or lets the worker end. What is wrong with it is told
 * once the frames that are there were pushed. */
static GstFlowReturn
begin_clip (GstOpensoraSrc *self)
{
  g_autoptr (GstOpensoraClip) clip = NULL;
  g_autoptr (GError) error = NULL;
  GstFlowReturn ret = GST_FLOW_OK;

  if (gst_opensora_plan_count (self->plan) != 0)
    clip = gst_opensora_plan_make_clip (self->plan, self->pipeline,
        GST_BASE_SRC_PAD (self), self->clip, &error);
  if (GST_PAD_IS_FLUSHING (GST_BASE_SRC_PAD (self)))
    return GST_FLOW_FLUSHING;
  if (clip == NULL) {
    gst_opensora_worker_end (self->worker, error);
    return GST_FLOW_OK;
  }

  self->next = clip;
  if (self->clip == NULL) {
    gst_opensora_src_set_size (self, &clip->size);
    ret = gst_opensora_src_negotiate_again (self);
  }
  if (ret != GST_FLOW_OK) {
    self->next = NULL;
    return ret;
  }
  gst_opensora_plan_advance (self->plan);
  update_duration (self, clip);
  gst_opensora_clip_post_started (
      clip, GST_ELEMENT (self), self->pipeline, self->n_threads);
  gst_opensora_worker_generate (self->worker, g_steal_pointer (&clip));
  return GST_FLOW_OK;
}

/* The first frame of the next clip is there. Encoders begin anew with it, so
 * that a stream can be cut between clips. */
static GstFlowReturn
enter_clip (GstOpensoraSrc *self)
{
  g_autoptr (GstOpensoraClip) last = self->clip;

  self->clip = g_steal_pointer (&self->next);
  gst_opensora_src_send_in_stream (
      self, gst_event_new_tag (
                gst_opensora_clip_make_tags (self->clip, self->pipeline)));
  if (last == NULL)
    return GST_FLOW_OK;

  gst_opensora_src_send_in_stream (
      self, gst_opensora_clip_make_key_unit_event (self->clip));
  if (gst_opensora_clip_has_size_of (self->clip, last))
    return GST_FLOW_OK;
  gst_opensora_src_set_size (self, &self->clip->size);
  return gst_opensora_src_negotiate_again (self);
}

static void
end_clip (GstOpensoraSrc *self)
{
  self->clip_ends = FALSE;
  gst_opensora_clip_post_done (
      self->clip, GST_ELEMENT (self), self->pipeline, self->n_threads);
}

static GstFlowReturn
make_buffer (GstOpensoraSrc *self, GstBuffer *rgb, GstBuffer **out)
{
  const guint64 n = self->clip->first + GST_BUFFER_OFFSET (rgb);
  GstFlowReturn ret = GST_BASE_SRC_GET_CLASS (self)->alloc (
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
  gst_opensora_clip_stamp (self->clip, *out, n);
  return GST_FLOW_OK;
}

/* The next frame of the worker, which gets more to do on the way. */
static GstFlowReturn
get_frame (GstOpensoraSrc *self, GstBuffer **rgb)
{
  g_autoptr (GError) error = NULL;
  GstFlowReturn ret;

  do {
    ret = gst_opensora_worker_pop (self->worker, rgb, &error);
    if (ret != GST_OPENSORA_FLOW_WANTED)
      break;
    if (self->extent.size.step == 0)
      learn_model (self);
    ret = begin_clip (self);
  } while (ret == GST_FLOW_OK);

  if (ret == GST_FLOW_ERROR)
    gst_opensora_src_fail (self, error);
  return ret;
}

GstFlowReturn
gst_opensora_src_create (GstPushSrc *push, GstBuffer **out)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (push);
  g_autoptr (GstBuffer) rgb = NULL;
  GstFlowReturn ret;

  if (self->clip_ends)
    end_clip (self);
  ret = get_frame (self, &rgb);
  if (ret == GST_FLOW_OK && GST_BUFFER_OFFSET (rgb) == 0)
    ret = enter_clip (self);
  /* Downstream may have changed while the frame was made. */
  if (ret == GST_FLOW_OK && gst_pad_needs_reconfigure (GST_BASE_SRC_PAD (push)))
    ret = gst_opensora_src_negotiate_again (self);
  if (ret == GST_FLOW_OK)
    ret = make_buffer (self, rgb, out);
  if (ret == GST_FLOW_OK)
    self->clip_ends = GST_BUFFER_OFFSET (rgb) + 1 == self->clip->n_frames;
  return ret;
}

void
gst_opensora_src_clear_stream (GstOpensoraSrc *self)
{
  g_clear_pointer (&self->next, gst_opensora_clip_free);
  g_clear_pointer (&self->clip, gst_opensora_clip_free);
  self->clip_ends = FALSE;
}
