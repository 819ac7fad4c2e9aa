/* SPDX-License-Identifier: Apache-2.0 */
/**
 * SECTION:element-opensorasrc
 * @title: opensorasrc
 * @short_description: makes video from a text
 *
 * opensorasrc runs an Open-Sora model on the CPU and pushes the clip it makes
 * of #GstOpensoraSrc:prompt. Without a #GstOpensoraSrc:model it runs the small
 * demo model that comes with it; a model that is no folder is taken from the
 * Hugging Face hub, or from its cache.
 *
 * Size, frame rate and pixel format are negotiated: fix them with a caps filter
 * or leave them to the model. The element converts to every format it offers,
 * so encoders link without a videoconvert between. A frame rate of 0/1 asks for
 * one still picture.
 *
 * The model is loaded and the clip computed in a thread of its own; state
 * changes never wait for either. Until the first frame the element posts
 * #GstMessage PROGRESS messages with the codes `resolve`, `download`, `open`,
 * `encode`, `sample` and `decode`, whose structures also hold `percent`, `step`
 * and `steps` (`bytes` and `total-bytes` of a download) and `eta` (in
 * nanoseconds, -1 when unknown). The element messages `opensora-clip-started`
 * and `opensora-clip-done` hold all that is needed to make the same clip again.
 * An EOS event sent to the pipeline ends the computation.
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
#include "gstopensoramessages.h"
#include "gstopensorasettings.h"
#include "gstopensoraworker.h"
#include "gstopensorawriter.h"

GST_DEBUG_CATEGORY_STATIC (gst_opensora_src_debug);
GST_DEBUG_CATEGORY_STATIC (gst_opensora_debug);
#define GST_CAT_DEFAULT gst_opensora_src_debug

static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE (
    "src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS (GST_OPENSORA_CAPS));

struct _GstOpensoraSrc {
  GstPushSrc parent;

  GstOpensoraSettings settings;

  /* What queries ask for; under the object lock. */
  gint size_step;    /* of the loaded model, 0 while unknown */
  GstVideoInfo info; /* what is pushed */
  guint clip_frames; /* of the clip in work, 0 while unknown */

  /* Made and freed in state changes. */
  OpensoraPipeline *pipeline; /* kept from run to run, freed in NULL */
  OpensoraParams *request;    /* the settings of this run */
  GstOpensoraProgress progress;
  GstOpensoraWorker *worker;

  /* The streaming thread's own. */
  OpensoraParams *defaults; /* what the model makes of the prompt unasked */
  OpensoraParams *params;   /* the clip in work, every value decided */
  gboolean generating;
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

  if ((pspec->flags & GST_PARAM_MUTABLE_READY)
      && GST_STATE (self) > GST_STATE_READY)
    GST_WARNING_OBJECT (self, "%s is used from the next start on", pspec->name);
  if (!gst_opensora_settings_set (&self->settings, id, value))
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
gst_opensora_src_get_property (
    GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (object);

  if (!gst_opensora_settings_get (&self->settings, id, value))
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
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
  gst_opensora_writer_clear (&self->writer);
  g_clear_object (&self->request);
  g_clear_object (&self->defaults);
  g_clear_object (&self->params);
  self->generating = FALSE;

  GST_OBJECT_LOCK (self);
  self->size_step = 0;
  self->clip_frames = 0;
  GST_OBJECT_UNLOCK (self);
  return TRUE;
}

static gboolean
gst_opensora_src_start (GstBaseSrc *base)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (base);
  g_autoptr (GError) error = NULL;

  self->request = gst_opensora_settings_make_request (&self->settings, &error);
  if (self->request != NULL) {
    gst_opensora_settings_update_pipeline (&self->settings, &self->pipeline);
    gst_opensora_progress_start (&self->progress, GST_ELEMENT (self));
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
gst_opensora_src_get_caps (GstBaseSrc *base, GstCaps *filter)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (base);
  GstCaps *caps = gst_pad_get_pad_template_caps (GST_BASE_SRC_PAD (base));
  GstCaps *filtered;

  GST_OBJECT_LOCK (self);
  if (self->clip_frames > 0)
    caps = gst_opensora_caps_fix_size (caps, &self->info);
  else if (self->size_step > 0)
    caps = gst_opensora_caps_set_step (caps, self->size_step);
  GST_OBJECT_UNLOCK (self);

  if (filter == NULL)
    return caps;
  filtered = gst_caps_intersect_full (filter, caps, GST_CAPS_INTERSECT_FIRST);
  gst_caps_unref (caps);
  return filtered;
}

/* What both sides can do; what only downstream can when the model cannot, for
 * then planning the clip fails and says what the model can. */
static GstCaps *
find_common_caps (GstOpensoraSrc *self)
{
  GstPad *pad = GST_BASE_SRC_PAD (self);
  g_autoptr (GstCaps) all = gst_pad_get_pad_template_caps (pad);
  g_autoptr (GstCaps) ours =
      gst_opensora_src_get_caps (GST_BASE_SRC (self), NULL);
  g_autoptr (GstCaps) peer = gst_pad_peer_query_caps (pad, all);
  g_autoptr (GstCaps) theirs =
      gst_caps_intersect_full (peer, all, GST_CAPS_INTERSECT_FIRST);

  if (!self->generating && !gst_caps_can_intersect (theirs, ours))
    return g_steal_pointer (&theirs);
  return gst_caps_intersect_full (theirs, ours, GST_CAPS_INTERSECT_FIRST);
}

static void
fail_negotiation (GstOpensoraSrc *self)
{
  g_autoptr (GError) error = g_error_new (GST_CORE_ERROR,
      GST_CORE_ERROR_NEGOTIATION,
      "Downstream takes no raw video that can be made here; width and height "
      "are multiples of %u",
      opensora_pipeline_get_size_step (self->pipeline));

  fail (self, error);
}

/* Never waits: a source that is interrupted in here reports a failed
 * negotiation as an error. While the model is unknown there is nothing to
 * negotiate; create () calls this again when it is. */
static gboolean
gst_opensora_src_negotiate (GstBaseSrc *base)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (base);
  GstOpensoraModelSize model = { 0 };
  g_autoptr (GstCaps) caps = NULL;

  if (self->defaults == NULL)
    return TRUE;

  caps = find_common_caps (self);
  if (gst_caps_is_empty (caps)) {
    if (!GST_PAD_IS_FLUSHING (GST_BASE_SRC_PAD (base)))
      fail_negotiation (self);
    return FALSE;
  }
  model.width = opensora_params_get_width (self->defaults);
  model.height = opensora_params_get_height (self->defaults);
  model.size_step = opensora_pipeline_get_size_step (self->pipeline);
  gst_util_double_to_fraction (
      opensora_params_get_fps (self->defaults), &model.fps_n, &model.fps_d);
  caps = gst_opensora_caps_fixate (g_steal_pointer (&caps), &model);
  return gst_base_src_set_caps (base, caps);
}

/* Decides every value of a clip of this size and rate. */
static gboolean
plan_clip (GstOpensoraSrc *self, const GstVideoInfo *info)
{
  g_autoptr (OpensoraParams) params = opensora_params_copy (self->request);
  g_autoptr (GError) error = NULL;

  opensora_params_set_width (params, info->width);
  opensora_params_set_height (params, info->height);
  if (info->fps_n > 0)
    opensora_params_set_fps (params, (double) info->fps_n / info->fps_d);
  else if (opensora_params_get_num_frames (params) == 0)
    opensora_params_set_num_frames (params, 1);

  g_clear_object (&self->params);
  if (info->fps_n == 0 && opensora_params_get_num_frames (params) > 1)
    g_set_error (&error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
        "The frame rate 0/1 means one still picture, and num-frames is %u; "
        "set num-frames=1, or a frame rate",
        opensora_params_get_num_frames (params));
  else
    self->params = opensora_pipeline_resolve (self->pipeline, params, &error);
  if (self->params == NULL)
    fail (self, error);
  return self->params != NULL;
}

static gboolean
gst_opensora_src_set_caps (GstBaseSrc *base, GstCaps *caps)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (base);
  GstVideoInfo info;

  if (!gst_video_info_from_caps (&info, caps))
    return FALSE;
  if (!self->generating && !plan_clip (self, &info))
    return FALSE;

  GST_INFO_OBJECT (self, "caps %" GST_PTR_FORMAT, caps);
  GST_OBJECT_LOCK (self);
  self->info = info;
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

/* Start of frame n: from its number, so that errors never add up. */
static GstClockTime
get_frame_time (const GstVideoInfo *info, guint64 n)
{
  if (info->fps_n == 0)
    return n == 0 ? 0 : GST_CLOCK_TIME_NONE;
  return gst_util_uint64_scale (
      n, (guint64) info->fps_d * GST_SECOND, info->fps_n);
}

/* FALSE while the clip is unknown. */
static gboolean
query_duration (GstOpensoraSrc *self, GstQuery *query)
{
  GstVideoInfo info;
  guint frames;
  GstFormat format;
  gint64 duration = -1;

  GST_OBJECT_LOCK (self);
  info = self->info;
  frames = self->clip_frames;
  GST_OBJECT_UNLOCK (self);

  gst_query_parse_duration (query, &format, NULL);
  if (frames == 0)
    return FALSE;
  if (format == GST_FORMAT_TIME)
    duration = get_frame_time (&info, frames);
  else if (format == GST_FORMAT_DEFAULT)
    duration = frames;
  else if (format == GST_FORMAT_BYTES)
    duration = frames * info.size;
  gst_query_set_duration (query, format, duration);
  return duration != -1;
}

static gboolean
query_convert (GstOpensoraSrc *self, GstQuery *query)
{
  GstVideoInfo info;
  guint frames;
  GstFormat from, to;
  gint64 value, result;

  GST_OBJECT_LOCK (self);
  info = self->info;
  frames = self->clip_frames;
  GST_OBJECT_UNLOCK (self);

  gst_query_parse_convert (query, &from, &value, &to, NULL);
  if (frames == 0 || !gst_video_info_convert (&info, from, value, to, &result))
    return FALSE;
  gst_query_set_convert (query, from, value, to, result);
  return TRUE;
}

static gboolean
gst_opensora_src_query (GstBaseSrc *base, GstQuery *query)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (base);

  if (GST_QUERY_TYPE (query) == GST_QUERY_DURATION)
    return query_duration (self, query);
  if (GST_QUERY_TYPE (query) == GST_QUERY_CONVERT)
    return query_convert (self, query);
  return GST_BASE_SRC_CLASS (gst_opensora_src_parent_class)
      ->query (base, query);
}

/* ---- the stream ---- */

static GstOpensoraClip
describe_clip (GstOpensoraSrc *self)
{
  GstOpensoraClip clip = { self->pipeline, self->params, self->info.fps_n,
    self->info.fps_d, 0 };

  g_mutex_lock (&self->settings.lock);
  clip.n_threads = self->settings.n_threads;
  g_mutex_unlock (&self->settings.lock);
  return clip;
}

static GstFlowReturn
wait_for_model (GstOpensoraSrc *self)
{
  g_autoptr (OpensoraParams) request = opensora_params_new ();
  g_autoptr (GError) error = NULL;
  GstFlowReturn ret = gst_opensora_worker_wait_loaded (self->worker, &error);

  if (ret == GST_FLOW_ERROR)
    fail (self, error);
  if (ret != GST_FLOW_OK)
    return ret;

  /* With nothing but the prompt asked for, only the prompt can be wrong. */
  opensora_params_set_prompt (
      request, opensora_params_get_prompt (self->request));
  self->defaults = opensora_pipeline_resolve (self->pipeline, request, &error);
  if (self->defaults == NULL) {
    error->domain = GST_RESOURCE_ERROR;
    error->code = GST_RESOURCE_ERROR_SETTINGS;
    fail (self, error);
    return GST_FLOW_ERROR;
  }
  GST_OBJECT_LOCK (self);
  self->size_step = opensora_pipeline_get_size_step (self->pipeline);
  GST_OBJECT_UNLOCK (self);
  if (opensora_pipeline_get_model (self->pipeline) == NULL)
    gst_opensora_post_demo_info (GST_ELEMENT (self));
  return GST_FLOW_OK;
}

/* Negotiates what the model can make and has it made. */
static GstFlowReturn
begin_clip (GstOpensoraSrc *self)
{
  GstElement *element = GST_ELEMENT (self);
  GstOpensoraClip clip;

  if (!gst_base_src_negotiate (GST_BASE_SRC (self)))
    return GST_PAD_IS_FLUSHING (GST_BASE_SRC_PAD (self))
               ? GST_FLOW_FLUSHING
               : GST_FLOW_NOT_NEGOTIATED;

  GST_OBJECT_LOCK (self);
  self->clip_frames = opensora_params_get_num_frames (self->params);
  GST_OBJECT_UNLOCK (self);
  self->generating = TRUE;
  clip = describe_clip (self);

  gst_element_post_message (
      element, gst_message_new_duration_changed (GST_OBJECT (self)));
  gst_opensora_post_clip_started (element, &clip);
  /* Queued by the base class until after the segment. The class's function and
   * not gst_element_send_event (), which takes the lock that a state change
   * holds while it waits for this thread. */
  GST_ELEMENT_CLASS (gst_opensora_src_parent_class)
      ->send_event (
          element, gst_event_new_tag (gst_opensora_clip_tags (&clip)));
  gst_opensora_worker_generate (self->worker, self->params);
  return GST_FLOW_OK;
}

static void
end_clip (GstOpensoraSrc *self)
{
  GstOpensoraClip clip = describe_clip (self);

  gst_opensora_post_clip_done (GST_ELEMENT (self), &clip, &self->progress,
      get_frame_time (
          &self->info, opensora_params_get_num_frames (self->params)));
}

static GstFlowReturn
make_buffer (GstOpensoraSrc *self, GstBuffer *rgb, GstBuffer **out)
{
  const GstVideoInfo *info = &self->info;
  guint64 n = GST_BUFFER_OFFSET (rgb);
  GstFlowReturn ret = GST_BASE_SRC_CLASS (gst_opensora_src_parent_class)
                          ->alloc (GST_BASE_SRC (self), n, info->size, out);

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
  GST_BUFFER_PTS (*out) = get_frame_time (info, n);
  GST_BUFFER_DTS (*out) = GST_CLOCK_TIME_NONE;
  GST_BUFFER_DURATION (*out) = GST_CLOCK_TIME_NONE;
  if (info->fps_n > 0)
    GST_BUFFER_DURATION (*out) =
        get_frame_time (info, n + 1) - GST_BUFFER_PTS (*out);
  GST_BUFFER_OFFSET (*out) = n;
  GST_BUFFER_OFFSET_END (*out) = n + 1;
  return GST_FLOW_OK;
}

static GstFlowReturn
gst_opensora_src_create (GstPushSrc *push, GstBuffer **out)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (push);
  GstBaseSrc *base = GST_BASE_SRC (push);
  g_autoptr (GstBuffer) rgb = NULL;
  g_autoptr (GError) error = NULL;
  GstFlowReturn ret = GST_FLOW_OK;

  if (self->defaults == NULL)
    ret = wait_for_model (self);
  if (ret == GST_FLOW_OK && !self->generating)
    ret = begin_clip (self);
  if (ret != GST_FLOW_OK)
    return ret;

  ret = gst_opensora_worker_pop (self->worker, &rgb, &error);
  if (ret == GST_FLOW_EOS)
    end_clip (self);
  if (ret == GST_FLOW_ERROR)
    fail (self, error);
  if (ret != GST_FLOW_OK)
    return ret;

  /* Downstream may have changed while the frame was made. */
  if (gst_pad_needs_reconfigure (GST_BASE_SRC_PAD (base))
      && !gst_base_src_negotiate (base))
    return GST_FLOW_NOT_NEGOTIATED;
  return make_buffer (self, rgb, out);
}

/* ---- the class ---- */

static void
gst_opensora_src_init (GstOpensoraSrc *self)
{
  gst_opensora_settings_init (&self->settings);
  gst_video_info_init (&self->info);
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

/* The library logs through GLib: let GST_DEBUG=opensora:5 show it too. */
static void
bridge_log (const char *domain, GLogLevelFlags level, const char *message,
    gpointer data)
{
  GST_CAT_LEVEL_LOG (gst_opensora_debug,
      level & G_LOG_LEVEL_DEBUG ? GST_LEVEL_DEBUG : GST_LEVEL_INFO, NULL, "%s",
      message);
  g_log_default_handler (domain, level, message, NULL);
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
  GST_DEBUG_CATEGORY_INIT (
      gst_opensora_debug, "opensora", 0, "Open-Sora library");
  g_log_set_handler (
      "opensora", G_LOG_LEVEL_DEBUG | G_LOG_LEVEL_INFO, bridge_log, NULL);

  object_class->set_property = gst_opensora_src_set_property;
  object_class->get_property = gst_opensora_src_get_property;
  object_class->finalize = gst_opensora_src_finalize;
  gst_opensora_settings_install (object_class);

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
