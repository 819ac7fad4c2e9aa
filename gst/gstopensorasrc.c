/* SPDX-License-Identifier: Apache-2.0 */
/**
 * SECTION:element-opensorasrc
 * @title: opensorasrc
 * @short_description: makes video from a text
 *
 * opensorasrc runs an Open-Sora model on the CPU and pushes the clip it makes
 * of #GstOpensoraSrc:prompt, or one after the other those of
 * #GstOpensoraSrc:prompt-path. Without a #GstOpensoraSrc:model it runs the
 * small demo model that comes with it; a model that is no folder is taken from
 * the Hugging Face hub, or from its cache.
 *
 * Size, frame rate and pixel format are negotiated: fix them with a caps filter
 * or leave them to the model. The element converts to every format it offers,
 * so encoders link without a videoconvert between. A frame rate of 0/1 asks for
 * one still picture.
 *
 * The model is loaded and the clips computed in a thread of its own; state
 * changes never wait for either. Until the first frame the element posts
 * #GstMessage PROGRESS messages with the codes `resolve`, `download`, `open`,
 * `reference`, `encode`, `sample` and `decode`, whose structures also hold
 * `percent`, `step` and `steps` (`bytes` and `total-bytes` of a download) and
 * `eta` (in nanoseconds, -1 when unknown); later the element message
 * `opensora-progress`. The element messages `opensora-clip-started` and
 * `opensora-clip-done` hold all that is needed to make the same clip again. An
 * EOS event sent to the pipeline ends the computation.
 *
 * ## Example launch lines
 * |[
 * gst-launch-1.0 opensorasrc prompt="a red circle moving right" ! videoconvert
 * ! autovideosink
 * ]| Watch a clip of the demo model.
 * |[
 * gst-launch-1.0 -e opensorasrc prompt="a red circle moving right" seed=7 !
 * x264enc ! mp4mux ! filesink location=circle.mp4
 * ]| Write a clip to a file. With -e an interrupted file is still playable.
 * |[
 * gst-launch-1.0 opensorasrc prompt="a yellow star" num-frames=1 ! pngenc !
 * filesink location=star.png
 * ]| Make a still picture.
 * |[
 * gst-launch-1.0 -e opensorasrc model=hpcai-tech/OpenSora-STDiT-v3
 * prompt="waves at dusk" steps=10 ! video/x-raw,width=256,height=144 ! x264enc
 * ! mp4mux ! filesink location=waves.mp4
 * ]| Download Open-Sora 1.2, once, and run it at a size of one's own choice.
 * |[
 * gst-launch-1.0 -m opensorasrc seed=-1 ! y4menc ! filesink location=clip.y4m
 * ]| Let chance choose; the messages tell the seed.
 *
 * Since: 0.1
 */
#include "gstopensorasrc.h"

#include <gst/video/video.h>
#include <opensora/opensora.h>

#include "gstopensoracaps.h"
#include "gstopensoraextent.h"
#include "gstopensoramessages.h"
#include "gstopensoraplan.h"
#include "gstopensoraworker.h"
#include "gstopensorawriter.h"

GST_DEBUG_CATEGORY_STATIC (gst_opensora_src_debug);
#define GST_CAT_DEFAULT gst_opensora_src_debug

static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE (
    "src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS (GST_OPENSORA_CAPS));

struct _GstOpensoraSrc {
  GstPushSrc parent;

  GstOpensoraSettings settings;
  gint warned; /* atomic: of a property that was set too late */

  GstOpensoraExtent extent; /* under the object lock */

  /* Made and freed in state changes. */
  OpensoraPipeline *pipeline; /* kept from run to run, freed in NULL */
  GstOpensoraPlan *plan;
  GstOpensoraProgress progress;
  GstOpensoraWorker *worker;
  guint n_threads; /* as set when the run began */

  /* The streaming thread's own. */
  GstOpensoraClip *next; /* in work, no frame of it was pushed */
  GstOpensoraClip *clip; /* being pushed */
  gboolean clip_ends;    /* its last frame was given to the base class */
  GstOpensoraWriter writer;
};

G_DEFINE_TYPE (GstOpensoraSrc, gst_opensora_src, GST_TYPE_PUSH_SRC)
GST_ELEMENT_REGISTER_DEFINE (
    opensorasrc, "opensorasrc", GST_RANK_NONE, GST_TYPE_OPENSORA_SRC)

/* ---- properties ---- */

static void
gst_opensora_src_set_property (
    GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (object);

  gst_opensora_settings_set (&self->settings, pspec, value);
  if ((pspec->flags & GST_PARAM_MUTABLE_READY)
      && GST_STATE (self) > GST_STATE_READY
      && g_atomic_int_compare_and_exchange (&self->warned, FALSE, TRUE))
    gst_opensora_post_late_warning (GST_ELEMENT (self), pspec->name);
}

static void
gst_opensora_src_get_property (
    GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (object);

  gst_opensora_settings_get (&self->settings, pspec, value);
}

/* ---- start, stop, interruption ---- */

static void
fail (GstOpensoraSrc *self, const GError *error)
{
  GST_ERROR_OBJECT (self, "%s", error->message);
  gst_opensora_post_error (GST_ELEMENT (self), error);
  gst_opensora_progress_close (&self->progress, GST_PROGRESS_TYPE_ERROR);
}

static gboolean
gst_opensora_src_stop (GstBaseSrc *base)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (base);

  g_clear_pointer (&self->worker, gst_opensora_worker_free);
  g_clear_pointer (&self->plan, gst_opensora_plan_free);
  g_clear_pointer (&self->next, gst_opensora_clip_free);
  g_clear_pointer (&self->clip, gst_opensora_clip_free);
  gst_opensora_writer_clear (&self->writer);
  self->clip_ends = FALSE;

  GST_OBJECT_LOCK (self);
  self->extent.size = (GstOpensoraSize){ 0 };
  self->extent.n_frames = 0;
  GST_OBJECT_UNLOCK (self);
  return TRUE;
}

static gboolean
gst_opensora_src_start (GstBaseSrc *base)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (base);
  GstElement *element = GST_ELEMENT (self);
  g_autoptr (GError) error = NULL;

  g_atomic_int_set (&self->warned, FALSE);
  self->n_threads =
      gst_opensora_settings_get_uint (&self->settings, "n-threads");
  self->plan = gst_opensora_plan_new (&self->settings, &error);
  if (self->plan != NULL
      && gst_opensora_settings_update_pipeline (
          &self->settings, self->plan->config, &self->pipeline, &error)) {
    if (self->plan->config != NULL)
      gst_opensora_post_config_warnings (element, self->plan->config);
    gst_opensora_progress_start (&self->progress, element);
    self->worker =
        gst_opensora_worker_new (self->pipeline, &self->progress, &error);
  }
  if (self->worker == NULL) {
    fail (self, error);
    gst_opensora_src_stop (base);
    return FALSE;
  }
  return TRUE;
}

static gboolean
set_flushing (GstBaseSrc *base, gboolean flushing)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (base);

  if (self->worker != NULL)
    gst_opensora_worker_set_flushing (self->worker, flushing);
  return TRUE;
}

static gboolean
gst_opensora_src_unlock (GstBaseSrc *base)
{
  return set_flushing (base, TRUE);
}

static gboolean
gst_opensora_src_unlock_stop (GstBaseSrc *base)
{
  return set_flushing (base, FALSE);
}

/* An application that ends the stream wants no more frames: without this, the
 * rest of the clip would be computed first. */
static gboolean
gst_opensora_src_send_event (GstElement *element, GstEvent *event)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (element);

  if (GST_EVENT_TYPE (event) == GST_EVENT_EOS && self->worker != NULL)
    gst_opensora_worker_cancel (self->worker);
  return GST_ELEMENT_CLASS (gst_opensora_src_parent_class)
      ->send_event (element, event);
}

static GstStateChangeReturn
gst_opensora_src_change_state (GstElement *element, GstStateChange transition)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (element);
  GstStateChangeReturn ret = GST_ELEMENT_CLASS (gst_opensora_src_parent_class)
                                 ->change_state (element, transition);

  if (transition == GST_STATE_CHANGE_READY_TO_NULL)
    g_clear_object (&self->pipeline);
  return ret;
}

/* ---- negotiation ---- */

static GstCaps *
get_template (GstOpensoraSrc *self)
{
  return gst_pad_get_pad_template_caps (GST_BASE_SRC_PAD (self));
}

static GstCaps *
gst_opensora_src_get_caps (GstBaseSrc *base, GstCaps *filter)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (base);
  GstCaps *caps = get_template (self);
  GstCaps *filtered;

  GST_OBJECT_LOCK (self);
  if (self->extent.size.width > 0)
    caps = gst_opensora_caps_set_size (caps, &self->extent.size);
  else if (self->extent.size.step > 0)
    caps = gst_opensora_caps_set_step (caps, self->extent.size.step);
  GST_OBJECT_UNLOCK (self);

  if (filter == NULL)
    return caps;
  filtered = gst_caps_intersect_full (filter, caps, GST_CAPS_INTERSECT_FIRST);
  gst_caps_unref (caps);
  return filtered;
}

/* Takes caps: what of them downstream can do too, as it prefers. */
static GstCaps *
intersect_with_peer (GstOpensoraSrc *self, GstCaps *caps)
{
  g_autoptr (GstCaps) ours = caps;
  g_autoptr (GstCaps) peer =
      gst_pad_peer_query_caps (GST_BASE_SRC_PAD (self), ours);

  return gst_caps_intersect_full (peer, ours, GST_CAPS_INTERSECT_FIRST);
}

/* Never waits: a source that is interrupted in here reports a failed
 * negotiation as an error. While no clip is planned there is nothing to
 * negotiate; create () calls this again. During a clip only the format may
 * change. */
static gboolean
gst_opensora_src_negotiate (GstBaseSrc *base)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (base);
  const GstOpensoraClip *clip = self->clip != NULL ? self->clip : self->next;
  g_autoptr (GError) error = NULL;
  GstCaps *caps;
  gboolean done;

  if (clip == NULL)
    return TRUE;

  caps = intersect_with_peer (
      self, gst_opensora_caps_set_size (get_template (self), &clip->size));
  if (gst_caps_is_empty (caps)) {
    gst_caps_unref (caps);
    if (GST_PAD_IS_FLUSHING (GST_BASE_SRC_PAD (base)))
      return FALSE;
    error = g_error_new (GST_CORE_ERROR, GST_CORE_ERROR_NEGOTIATION,
        "Downstream takes %dx%d at %d/%d in no format that is made here",
        clip->size.width, clip->size.height, clip->size.fps_n,
        clip->size.fps_d);
    fail (self, error);
    return FALSE;
  }
  caps = gst_opensora_caps_fixate (caps, &clip->size);
  done = gst_base_src_set_caps (base, caps);
  gst_caps_unref (caps);
  return done;
}

static gboolean
gst_opensora_src_set_caps (GstBaseSrc *base, GstCaps *caps)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (base);
  GstVideoInfo info;

  if (!gst_video_info_from_caps (&info, caps))
    return FALSE;

  GST_INFO_OBJECT (self, "caps %" GST_PTR_FORMAT, caps);
  GST_OBJECT_LOCK (self);
  self->extent.info = info;
  GST_OBJECT_UNLOCK (self);
  gst_opensora_writer_set_output (&self->writer, &info);
  return TRUE;
}

static gboolean
gst_opensora_src_decide_allocation (GstBaseSrc *base, GstQuery *query)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (base);
  g_autofree char *name = g_strdup_printf ("%s-pool", GST_ELEMENT_NAME (self));
  GstCaps *caps;

  gst_query_parse_allocation (query, &caps, NULL);
  if (caps == NULL) /* nothing is negotiated before the model is loaded */
    return TRUE;
  gst_opensora_writer_configure_pool (&self->writer, query, caps, name);
  return GST_BASE_SRC_CLASS (gst_opensora_src_parent_class)
      ->decide_allocation (base, query);
}

/* ---- queries ---- */

static gboolean
gst_opensora_src_query (GstBaseSrc *base, GstQuery *query)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (base);
  GstOpensoraExtent extent;

  GST_OBJECT_LOCK (self);
  extent = self->extent;
  GST_OBJECT_UNLOCK (self);

  if (GST_QUERY_TYPE (query) == GST_QUERY_DURATION)
    return gst_opensora_extent_query_duration (&extent, query);
  if (GST_QUERY_TYPE (query) == GST_QUERY_CONVERT)
    return gst_opensora_extent_query_convert (&extent, query);
  return GST_BASE_SRC_CLASS (gst_opensora_src_parent_class)
      ->query (base, query);
}

/* ---- the stream ---- */

/* Negotiates again; a flush is no failure. */
static GstFlowReturn
negotiate_again (GstOpensoraSrc *self)
{
  if (gst_base_src_negotiate (GST_BASE_SRC (self)))
    return GST_FLOW_OK;
  return GST_PAD_IS_FLUSHING (GST_BASE_SRC_PAD (self))
             ? GST_FLOW_FLUSHING
             : GST_FLOW_NOT_NEGOTIATED;
}

static void
set_size (GstOpensoraSrc *self, const GstOpensoraSize *size)
{
  GST_OBJECT_LOCK (self);
  self->extent.size = *size;
  GST_OBJECT_UNLOCK (self);
}

/* The model is loaded, and was not known before. */
static void
learn_model (GstOpensoraSrc *self)
{
  const GstOpensoraSize size = {
    .step = opensora_pipeline_get_size_step (self->pipeline),
  };

  set_size (self, &size);
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
    set_size (self, &clip->size);
    ret = negotiate_again (self);
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

/* The base class queues it until after the segment. Its function and not
 * gst_element_send_event (), which takes the lock that a state change holds
 * while it waits for this thread. */
static void
send_in_stream (GstOpensoraSrc *self, GstEvent *event)
{
  GST_ELEMENT_CLASS (gst_opensora_src_parent_class)
      ->send_event (GST_ELEMENT (self), event);
}

/* The first frame of the next clip is there. Encoders begin anew with it, so
 * that a stream can be cut between clips. */
static GstFlowReturn
enter_clip (GstOpensoraSrc *self)
{
  g_autoptr (GstOpensoraClip) last = self->clip;

  self->clip = g_steal_pointer (&self->next);
  send_in_stream (self, gst_event_new_tag (gst_opensora_clip_make_tags (
                            self->clip, self->pipeline)));
  if (last == NULL)
    return GST_FLOW_OK;

  send_in_stream (self, gst_opensora_clip_make_key_unit_event (self->clip));
  if (gst_opensora_clip_has_size_of (self->clip, last))
    return GST_FLOW_OK;
  set_size (self, &self->clip->size);
  return negotiate_again (self);
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
  GstFlowReturn ret =
      GST_BASE_SRC_CLASS (gst_opensora_src_parent_class)
          ->alloc (GST_BASE_SRC (self), n, self->extent.info.size, out);

  if (ret != GST_FLOW_OK)
    return ret;
  if (!gst_opensora_writer_write (&self->writer, rgb, *out)) {
    g_autoptr (GError) error =
        g_error_new (GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_WRITE,
            "Frame %" G_GUINT64_FORMAT ": the buffer cannot be written", n);

    gst_clear_buffer (out);
    fail (self, error);
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
    fail (self, error);
  return ret;
}

static GstFlowReturn
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
    ret = negotiate_again (self);
  if (ret == GST_FLOW_OK)
    ret = make_buffer (self, rgb, out);
  if (ret == GST_FLOW_OK)
    self->clip_ends = GST_BUFFER_OFFSET (rgb) + 1 == self->clip->n_frames;
  return ret;
}

/* ---- the class ---- */

static void
gst_opensora_src_init (GstOpensoraSrc *self)
{
  gst_opensora_settings_init (&self->settings, G_OBJECT_GET_CLASS (self));
  gst_video_info_init (&self->extent.info);
  gst_base_src_set_format (GST_BASE_SRC (self), GST_FORMAT_TIME);
}

static void
gst_opensora_src_finalize (GObject *object)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (object);

  g_clear_object (&self->pipeline);
  gst_opensora_settings_clear (&self->settings);
  G_OBJECT_CLASS (gst_opensora_src_parent_class)->finalize (object);
}

static void
gst_opensora_src_class_init (GstOpensoraSrcClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstBaseSrcClass *base_class = GST_BASE_SRC_CLASS (klass);
  GstPushSrcClass *push_class = GST_PUSH_SRC_CLASS (klass);

  GST_DEBUG_CATEGORY_INIT (
      gst_opensora_src_debug, "opensorasrc", 0, "Open-Sora video source");

  object_class->set_property = gst_opensora_src_set_property;
  object_class->get_property = gst_opensora_src_get_property;
  object_class->finalize = gst_opensora_src_finalize;
  gst_opensora_properties_install (object_class);

  element_class->send_event = GST_DEBUG_FUNCPTR (gst_opensora_src_send_event);
  element_class->change_state =
      GST_DEBUG_FUNCPTR (gst_opensora_src_change_state);
  gst_element_class_add_static_pad_template (element_class, &src_template);
  gst_element_class_set_static_metadata (element_class,
      "Open-Sora video source", "Source/Video",
      "Makes video from text with the Open-Sora models",
      "The opensorasrc developers");

  base_class->start = GST_DEBUG_FUNCPTR (gst_opensora_src_start);
  base_class->stop = GST_DEBUG_FUNCPTR (gst_opensora_src_stop);
  base_class->unlock = GST_DEBUG_FUNCPTR (gst_opensora_src_unlock);
  base_class->unlock_stop = GST_DEBUG_FUNCPTR (gst_opensora_src_unlock_stop);
  base_class->get_caps = GST_DEBUG_FUNCPTR (gst_opensora_src_get_caps);
  base_class->negotiate = GST_DEBUG_FUNCPTR (gst_opensora_src_negotiate);
  base_class->set_caps = GST_DEBUG_FUNCPTR (gst_opensora_src_set_caps);
  base_class->decide_allocation =
      GST_DEBUG_FUNCPTR (gst_opensora_src_decide_allocation);
  base_class->query = GST_DEBUG_FUNCPTR (gst_opensora_src_query);
  push_class->create = GST_DEBUG_FUNCPTR (gst_opensora_src_create);
}
