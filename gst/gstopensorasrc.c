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
 * `opensora-clip-done` hold all that is needed to make the same clip again. The
 * action #GstOpensoraSrc::cancel drops the clip in work, which
 * `opensora-clip-cancelled` tells. An EOS event sent to the pipeline ends the
 * computation.
 *
 * A seek to 0 makes the stream again; with #GstOpensoraSrc:keep-clip the clip
 * that is being pushed can be sought in.
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
#include "gstopensorasrc-private.h"

#include "gstopensoracaps.h"
#include "gstopensoramessages.h"

GST_DEBUG_CATEGORY (gst_opensora_src_debug);
#define GST_CAT_DEFAULT gst_opensora_src_debug

static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE (
    "src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS (GST_OPENSORA_CAPS));

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

void
gst_opensora_src_fail (GstOpensoraSrc *self, const GError *error)
{
  GST_ERROR_OBJECT (self, "%s", error->message);
  gst_opensora_post_error (GST_ELEMENT (self), error);
  gst_opensora_progress_close (&self->progress, GST_PROGRESS_TYPE_ERROR);
}

/* Takes the worker and frees the one before. */
static void
set_worker (GstOpensoraSrc *self, GstOpensoraWorker *worker)
{
  GstOpensoraWorker *last;

  GST_OBJECT_LOCK (self);
  last = self->worker;
  self->worker = worker;
  if (worker != NULL)
    gst_opensora_worker_set_flushing (worker, self->flushing);
  GST_OBJECT_UNLOCK (self);
  g_clear_pointer (&last, gst_opensora_worker_free);
}

static gboolean
begin_work (GstOpensoraSrc *self, GError **error)
{
  GstOpensoraWorker *worker;

  gst_opensora_progress_start (&self->progress, GST_ELEMENT (self));
  opensora_pipeline_forget_previous (self->pipeline);
  worker = gst_opensora_worker_new (
      self->pipeline, &self->progress, self->live.on, error);
  set_worker (self, worker);
  return worker != NULL;
}

static gboolean
gst_opensora_src_stop (GstBaseSrc *base)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (base);

  set_worker (self, NULL);
  g_clear_pointer (&self->plan, gst_opensora_plan_free);
  gst_opensora_src_clear_stream (self);
  gst_opensora_writer_clear (&self->writer);
  g_atomic_int_set (&self->buffering.active, FALSE);

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
  g_autoptr (GError) error = NULL;

  g_atomic_int_set (&self->warned, FALSE);
  gst_object_sync_values (GST_OBJECT (self), 0); /* the first clip's */
  self->n_threads =
      gst_opensora_settings_get_uint (&self->settings, "n-threads");
  self->plan = gst_opensora_plan_new (&self->settings, &error);
  if (self->plan != NULL
      && gst_opensora_settings_update_pipeline (
          &self->settings, self->plan->config, &self->pipeline, &error)) {
    if (self->plan->config != NULL)
      gst_opensora_post_config_warnings (
          GST_ELEMENT (self), self->plan->config);
    if (begin_work (self, &error))
      return TRUE;
  }
  gst_opensora_src_fail (self, error);
  gst_opensora_src_stop (base);
  return FALSE;
}

gboolean
gst_opensora_src_restart (GstOpensoraSrc *self)
{
  g_autoptr (GError) error = NULL;

  set_worker (self, NULL);
  gst_opensora_src_clear_stream (self);
  gst_opensora_buffering_end (&self->buffering);
  gst_opensora_plan_rewind (self->plan);
  if (begin_work (self, &error))
    return TRUE;
  gst_opensora_src_fail (self, error);
  return FALSE;
}

static gboolean
set_flushing (GstBaseSrc *base, gboolean flushing)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (base);

  GST_OBJECT_LOCK (self);
  self->flushing = flushing;
  if (self->worker != NULL)
    gst_opensora_worker_set_flushing (self->worker, flushing);
  if (flushing)
    gst_opensora_src_interrupt_live (self);
  GST_OBJECT_UNLOCK (self);
  return TRUE;
}

static gboolean
gst_opensora_src_unlock (GstBaseSrc *base)
{
  return set_flushing (base, TRUE);
}

/* The base class has dropped events that waited for the next buffer. */
static gboolean
gst_opensora_src_unlock_stop (GstBaseSrc *base)
{
  GST_OPENSORA_SRC (base)->tagged = FALSE;
  return set_flushing (base, FALSE);
}

/* An application that ends the stream wants no more frames: without this, the
 * rest of the clip would be computed first. */
static void
cancel_all (GstOpensoraSrc *self)
{
  GST_OBJECT_LOCK (self);
  if (self->worker != NULL)
    gst_opensora_worker_cancel (self->worker);
  GST_OBJECT_UNLOCK (self);
  gst_opensora_buffering_end (&self->buffering);
}

static gboolean
gst_opensora_src_send_event (GstElement *element, GstEvent *event)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (element);

  if (GST_EVENT_TYPE (event) == GST_EVENT_SEEK)
    return gst_opensora_src_send_seek (self, event);
  if (GST_EVENT_TYPE (event) == GST_EVENT_EOS)
    cancel_all (self);
  return GST_ELEMENT_CLASS (gst_opensora_src_parent_class)
      ->send_event (element, event);
}

/* Its function and not gst_element_send_event (), which takes the lock that a
 * state change holds while it waits for this thread. */
void
gst_opensora_src_send_in_stream (GstOpensoraSrc *self, GstEvent *event)
{
  GST_ELEMENT_CLASS (gst_opensora_src_parent_class)
      ->send_event (GST_ELEMENT (self), event);
}

static GstStateChangeReturn
gst_opensora_src_change_state (GstElement *element, GstStateChange transition)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (element);
  GstStateChangeReturn ret;

  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED) {
    self->live.on =
        gst_opensora_settings_get_boolean (&self->settings, "is-live");
    gst_base_src_set_live (GST_BASE_SRC (self), self->live.on);
  } else if (transition == GST_STATE_CHANGE_PAUSED_TO_PLAYING) {
    self->live.resumes = TRUE;
  }
  ret = GST_ELEMENT_CLASS (gst_opensora_src_parent_class)
            ->change_state (element, transition);
  if (transition == GST_STATE_CHANGE_READY_TO_NULL)
    g_clear_object (&self->pipeline);
  return ret;
}

/* ---- queries ---- */

static gboolean
gst_opensora_src_query (GstBaseSrc *base, GstQuery *query)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (base);
  GstOpensoraExtent extent;

  if (GST_QUERY_TYPE (query) == GST_QUERY_SEEKING)
    return gst_opensora_src_query_seeking (self, query);

  GST_OBJECT_LOCK (self);
  extent = self->extent;
  GST_OBJECT_UNLOCK (self);

  if (GST_QUERY_TYPE (query) == GST_QUERY_LATENCY && self->live.on) {
    gst_query_set_latency (query, TRUE,
        gst_opensora_extent_get_frame_duration (&extent), GST_CLOCK_TIME_NONE);
    return TRUE;
  }
  if (GST_QUERY_TYPE (query) == GST_QUERY_DURATION)
    return gst_opensora_extent_query_duration (&extent, query);
  if (GST_QUERY_TYPE (query) == GST_QUERY_CONVERT)
    return gst_opensora_extent_query_convert (&extent, query);
  return GST_BASE_SRC_CLASS (gst_opensora_src_parent_class)
      ->query (base, query);
}

/* ---- the class ---- */

static void
gst_opensora_src_init (GstOpensoraSrc *self)
{
  gst_opensora_settings_init (&self->settings, G_OBJECT_GET_CLASS (self));
  gst_video_info_init (&self->extent.info);
  self->buffering.element = GST_ELEMENT (self);
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
install_actions (GType type)
{
  /**
   * GstOpensoraSrc::cancel:
   * @self: the source
   *
   * Drops the clip in work, at once and from any thread. What was pushed of it
   * stays; the next clip follows, with what the properties say by then, or the
   * end of the stream. A clip that waits whole behind the one being pushed is
   * dropped too. The element message `opensora-clip-cancelled` tells the number
   * of the clip, of which there is no `opensora-clip-done`. Without a clip in
   * work nothing happens.
   *
   * Since: 0.1
   */
  g_signal_new_class_handler ("cancel", type,
      G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION, G_CALLBACK (gst_opensora_src_cancel),
      NULL, NULL, NULL, G_TYPE_NONE, 0);
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
  gst_opensora_preview_register_meta ();
  install_actions (G_TYPE_FROM_CLASS (klass));

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
  gst_opensora_src_install_negotiation (base_class);
  gst_opensora_src_install_seeking (base_class);
  base_class->query = GST_DEBUG_FUNCPTR (gst_opensora_src_query);
  push_class->create = GST_DEBUG_FUNCPTR (gst_opensora_src_create);
}
