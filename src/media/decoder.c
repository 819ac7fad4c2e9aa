/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding with a GStreamer pipeline of its own, which the caller's thread
 * pulls frames from. */
#include "media/decoder.h"

#include <gst/app/app.h>
#include <opensora/opensora.h>
#include <string.h>

#include "media/picture-file.h"
#include "media/unpack.h"

/* How long it waits for a frame before it looks for cancellation and errors. */
#define POLL_TIME (20 * GST_MSECOND)

#define FRAMES "appsink name=frames sync=false max-buffers=2 "

/* gdkpixbufdec gives Pillow's values bit by bit; jpegdec would drop chroma, and
 * pngdec has a way of its own with 16 bits. */
#define PICTURE_PIPELINE "filesrc name=file ! gdkpixbufdec ! " FRAMES
#define VIDEO_PIPELINE "filesrc name=file ! decodebin name=decoder " FRAMES

/* Of the signal "autoplug-select"; public headers do not have them. */
enum {
  AUTOPLUG_TRY,
  AUTOPLUG_SKIP = 2
};

struct _OsDecoder {
  char *path;
  const OsTask *task;
  GstElement *pipeline;
  GstAppSink *frames;
  char *missing; /* the last format that there is no plugin for */

  gsize width, height; /* of the last frame */
  guint8 *rgb;
  guint64 *line;
};

/* --- the pipeline --- */

/* Sound and subtitles stay as they are: only pictures are wanted. */
static gboolean
continue_decoding (
    GstElement *decoder, GstPad *pad, GstCaps *caps, gpointer data)
{
  const char *name = gst_structure_get_name (gst_caps_get_structure (caps, 0));

  return !g_str_has_prefix (name, "audio/") && !g_str_has_prefix (name, "text/")
         && !g_str_has_prefix (name, "subpicture/")
         && !g_str_has_prefix (name, "closedcaption/")
         && !g_str_has_prefix (name, "application/x-subtitle");
}

/* A file must not open connections (it may be a playlist), and frames are
 * needed in memory. */
static int
select_element (GstElement *decoder, GstPad *pad, GstCaps *caps,
    GstElementFactory *factory, gpointer data)
{
  const char *class =
      gst_element_factory_get_metadata (factory, GST_ELEMENT_METADATA_KLASS);

  return strstr (class, "Adaptive") || strstr (class, "Network")
                 || strstr (class, "Hardware")
             ? AUTOPLUG_SKIP
             : AUTOPLUG_TRY;
}

static void
link_video (GstElement *decoder, GstPad *pad, gpointer frames)
{
  g_autoptr (GstPad) sink = gst_element_get_static_pad (frames, "sink");
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (pad);

  if (caps && !gst_pad_is_linked (sink)
      && g_str_equal ("video/x-raw",
          gst_structure_get_name (gst_caps_get_structure (caps, 0))))
    gst_pad_link (pad, sink);
}

static void
check_linked (GstElement *decoder, gpointer frames)
{
  g_autoptr (GstPad) sink = gst_element_get_static_pad (frames, "sink");

  if (!gst_pad_is_linked (sink))
    GST_ELEMENT_ERROR (
        decoder, STREAM, WRONG_TYPE, ("there is no video in it"), (NULL));
}

static void
connect_decoder (OsDecoder *self)
{
  g_autoptr (GstElement) decoder =
      gst_bin_get_by_name (GST_BIN (self->pipeline), "decoder");

  g_signal_connect (
      decoder, "autoplug-continue", G_CALLBACK (continue_decoding), NULL);
  g_signal_connect (
      decoder, "autoplug-select", G_CALLBACK (select_element), NULL);
  g_signal_connect (
      decoder, "pad-added", G_CALLBACK (link_video), self->frames);
  g_signal_connect (
      decoder, "no-more-pads", G_CALLBACK (check_linked), self->frames);
}

static gboolean
make_pipeline (OsDecoder *self, gboolean decode_any, GError **error)
{
  g_autoptr (GError) why = NULL;
  g_autoptr (GstElement) file = NULL;
  g_autoptr (GstCaps) caps = gst_caps_new_simple ("video/x-raw", "width",
      GST_TYPE_INT_RANGE, 1, OS_PICTURE_MAX_SIDE, "height", GST_TYPE_INT_RANGE,
      1, OS_PICTURE_MAX_SIDE, NULL);

  self->pipeline =
      gst_parse_launch_full (decode_any ? VIDEO_PIPELINE : PICTURE_PIPELINE,
          NULL, GST_PARSE_FLAG_FATAL_ERRORS, &why);
  if (self->pipeline == NULL) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_UNSUPPORTED,
        "%s: GStreamer lacks an element that reads it: %s; on Debian: apt "
        "install gstreamer1.0-plugins-base gstreamer1.0-plugins-good",
        self->path, why->message);
    return FALSE;
  }
  gst_object_ref_sink (self->pipeline);
  self->frames =
      GST_APP_SINK (gst_bin_get_by_name (GST_BIN (self->pipeline), "frames"));
  gst_app_sink_set_caps (self->frames, caps);
  file = gst_bin_get_by_name (GST_BIN (self->pipeline), "file");
  g_object_set (file, "location", self->path, NULL);
  if (decode_any)
    connect_decoder (self);
  return TRUE;
}

OsDecoder *
os_decoder_open (
    const char *path, gboolean is_video, const OsTask *task, GError **error)
{
  g_autoptr (OsDecoder) self = g_new0 (OsDecoder, 1);
  g_autoptr (GError) why = NULL;
  gboolean known = FALSE;

  self->path = g_strdup (path);
  self->task = task;
  /* Does nothing where the program has done it. */
  if (!gst_init_check (NULL, NULL, &why)) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_UNSUPPORTED,
        "%s: GStreamer, which reads it, cannot be initialised: %s", path,
        why ? why->message : "no reason is known");
    return NULL;
  }
  if ((!is_video && !os_picture_file_check (path, &known, error))
      || !make_pipeline (self, !known, error))
    return NULL;
  /* What goes wrong now is a message. */
  gst_element_set_state (self->pipeline, GST_STATE_PLAYING);
  return g_steal_pointer (&self);
}

static void
stop_pipeline (GstElement *pipeline, gpointer data)
{
  gst_element_set_state (pipeline, GST_STATE_NULL);
}

void
os_decoder_free (OsDecoder *self)
{
  if (self == NULL)
    return;
  if (self->pipeline) {
    /* Stopping waits for the frame that is being decoded; who cancels does
     * not. */
    if (os_task_is_cancelled (self->task))
      gst_element_call_async (self->pipeline, stop_pipeline, NULL, NULL);
    else
      stop_pipeline (self->pipeline, NULL);
  }

  gst_clear_object (&self->frames);
  gst_clear_object (&self->pipeline);
  g_free (self->missing);
  g_free (self->rgb);
  g_free (self->line);
  g_free (self->path);
  g_free (self);
}

/* --- errors --- */

static void
report_error (OsDecoder *self, GstMessage *message, GError **error)
{
  g_autoptr (GError) why = NULL;

  gst_message_parse_error (message, &why, NULL);
  if (self->missing)
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_UNSUPPORTED,
        "%s: GStreamer has no plugin for it (%s); on Debian most are in "
        "gstreamer1.0-plugins-good, gstreamer1.0-plugins-bad and "
        "gstreamer1.0-libav",
        self->path, self->missing);
  else
    g_set_error (error, OPENSORA_ERROR,
        why->domain == GST_RESOURCE_ERROR ? OPENSORA_ERROR_READ
                                          : OPENSORA_ERROR_FORMAT,
        "%s: it cannot be decoded: %s", self->path, why->message);
}

/* FALSE if the pipeline has reported an error. */
static gboolean
check_messages (OsDecoder *self, GError **error)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (self->pipeline);

  for (;;) {
    g_autoptr (GstMessage) message =
        gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR | GST_MESSAGE_ELEMENT);
    const GstStructure *details;

    if (message == NULL)
      return TRUE;
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
      report_error (self, message, error);
      return FALSE;
    }
    details = gst_message_get_structure (message);
    if (gst_structure_has_name (details, "missing-plugin")) {
      g_free (self->missing);
      self->missing = g_strdup (gst_structure_get_string (details, "name"));
    }
  }
}

/* A thread that is about to pause still has its pad's lock. */
static gboolean
is_idle (GstElement *element, GstPad *pad, gpointer data)
{
  if (gst_pad_get_task_state (pad) == GST_TASK_STARTED
      || !GST_PAD_STREAM_TRYLOCK (pad))
    return FALSE;
  GST_PAD_STREAM_UNLOCK (pad);
  return TRUE;
}

static void
find_idle (const GValue *element, gpointer idle)
{
  if (!gst_element_foreach_pad (g_value_get_object (element), is_idle, NULL))
    *(gboolean *) idle = FALSE;
}

/* No thread is left that could bring a frame, or the end. decodebin swallows
 * errors of an element that it has just plugged. */
static gboolean
is_dead (OsDecoder *self)
{
  GstIterator *elements = gst_bin_iterate_recurse (GST_BIN (self->pipeline));
  gboolean idle = TRUE;

  if (gst_iterator_foreach (elements, find_idle, &idle) != GST_ITERATOR_DONE)
    idle = FALSE; /* changing just now */
  gst_iterator_free (elements);
  return idle;
}

/* --- frames --- */

/* Space for the frame and one row of it; sides have a limit, the sink's. */
static gboolean
reserve (OsDecoder *self, const GstVideoInfo *info, GError **error)
{
  gsize width = GST_VIDEO_INFO_WIDTH (info);
  gsize height = GST_VIDEO_INFO_HEIGHT (info);

  if (width == self->width && height == self->height)
    return TRUE;
  g_free (self->rgb);
  g_free (self->line);
  self->width = self->height = 0;
  self->rgb = g_try_malloc_n (3 * width, height);
  self->line = g_try_new (guint64, width);
  if (self->rgb == NULL || self->line == NULL) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MEMORY,
        "%s: no memory for %" G_GSIZE_FORMAT " x %" G_GSIZE_FORMAT " pixels",
        self->path, width, height);
    return FALSE;
  }
  self->width = width;
  self->height = height;
  return TRUE;
}

/* The range of the caps is lost to GStreamer when no matrix comes with it. */
static gboolean
read_info (GstSample *sample, GstVideoInfo *info)
{
  GstCaps *caps = gst_sample_get_caps (sample);
  GstVideoColorimetry colorimetry;
  const char *text;

  if (!gst_video_info_from_caps (info, caps))
    return FALSE;
  text = gst_structure_get_string (
      gst_caps_get_structure (caps, 0), "colorimetry");
  if (text && gst_video_colorimetry_from_string (&colorimetry, text)
      && colorimetry.range != GST_VIDEO_COLOR_RANGE_UNKNOWN)
    info->colorimetry.range = colorimetry.range;
  return TRUE;
}

static OsMediaResult
convert (OsDecoder *self, GstSample *sample, OsPicture *picture, GError **error)
{
  GstVideoInfo info;
  GstVideoFrame frame;
  gboolean ok;

  if (!read_info (sample, &info)
      || !gst_video_frame_map (
          &frame, &info, gst_sample_get_buffer (sample), GST_MAP_READ)) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
        "%s: a frame is not what the file says", self->path);
    return OS_MEDIA_ERROR;
  }
  ok = reserve (self, &info, error)
       && os_unpack_rgb (&frame, self->task, self->line, self->rgb, error);
  gst_video_frame_unmap (&frame);
  if (!ok)
    return OS_MEDIA_ERROR;
  *picture =
      (OsPicture){ self->rgb, self->width, self->height, 3 * self->width };
  return OS_MEDIA_FRAME;
}

OsMediaResult
os_decoder_next (OsDecoder *self, OsPicture *picture, GError **error)
{
  gboolean was_dead = FALSE;

  for (;;) {
    gboolean dead = is_dead (self);
    g_autoptr (GstSample) sample =
        gst_app_sink_try_pull_sample (self->frames, POLL_TIME);

    if (!os_task_check (self->task, error))
      return OS_MEDIA_ERROR;
    if (sample)
      return convert (self, sample, picture, error);
    if (!check_messages (self, error))
      return OS_MEDIA_ERROR;
    if (gst_app_sink_is_eos (self->frames))
      return OS_MEDIA_END;
    if (dead && was_dead) {
      g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
          "%s: it cannot be decoded; it is damaged or ends early", self->path);
      return OS_MEDIA_ERROR;
    }
    was_dead = dead;
  }
}
