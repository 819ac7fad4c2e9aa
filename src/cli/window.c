/* SPDX-License-Identifier: Apache-2.0 */
/* A probe hands the frames to
 *
 *   appsrc ! videoconvert ! videoscale ! capsfilter ! autovideosink */

#include "window.h"

#include <gst/app/gstappsrc.h>

/* Small pictures are shown enlarged, by whole numbers, to this height. */
#define MIN_HEIGHT 256
/* Frames that are made faster than they are shown are dropped beyond that. */
#define MAX_WAITING 500

struct _Window {
  GstElement *pipeline;
  GstElement *frames; /* appsrc */
  GstElement *size;   /* capsfilter */
  GstPad *pad;
  gulong probe;
  guint watch;
  gboolean ended;
  GMutex mutex;       /* of what follows, and of the order of pushing */
  GstClockTime delay; /* of the frames' times to the window's */
  GstClockTime end;   /* of the last frame, in the window's time */
  void (*on_end) (gpointer);
  gpointer data;
};

/* Whatever its size, a picture fills the window. */
static void
set_size (Window *self, GstCaps *caps)
{
  const GstStructure *structure = gst_caps_get_structure (caps, 0);
  g_autoptr (GstCaps) size = gst_caps_new_empty_simple ("video/x-raw");
  int width, height, factor;

  if (!gst_structure_get (structure, "width", G_TYPE_INT, &width, "height",
          G_TYPE_INT, &height, NULL))
    return;
  factor = MAX ((MIN_HEIGHT + height - 1) / height, 1);
  gst_caps_set_simple (size, "width", G_TYPE_INT, width * factor, "height",
      G_TYPE_INT, height * factor, NULL);
  g_object_set (self->size, "caps", size, NULL);
}

static GstClockTime
get_now (const Window *self)
{
  const GstClockTime now =
      gst_element_get_current_running_time (self->pipeline);

  return GST_CLOCK_TIME_IS_VALID (now) ? now : 0;
}

/* Shows a copy of the buffer at a time of the window's. */
static void
push (Window *self, GstBuffer *buffer, GstCaps *caps, GstClockTime time)
{
  g_autoptr (GstBuffer) copy = gst_buffer_copy (buffer);
  g_autoptr (GstSample) sample = NULL;

  GST_BUFFER_PTS (copy) = time;
  sample = gst_sample_new (copy, caps, NULL, NULL);
  gst_app_src_push_sample (GST_APP_SRC (self->frames), sample);
}

/* Frames that took long to make are shown from now on at their speed. */
static void
push_frame (Window *self, GstBuffer *buffer, GstCaps *caps)
{
  const GstClockTime now = get_now (self);
  const GstClockTime pts = GST_BUFFER_PTS (buffer);

  g_mutex_lock (&self->mutex);
  if (pts + self->delay < now)
    self->delay = now - pts;
  push (self, buffer, caps, pts + self->delay);
  self->end = pts + self->delay;
  if (GST_BUFFER_DURATION_IS_VALID (buffer))
    self->end += GST_BUFFER_DURATION (buffer);
  g_mutex_unlock (&self->mutex);
}

static GstPadProbeReturn
on_flow (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Window *self = data;

  if (info->type & GST_PAD_PROBE_TYPE_BUFFER) {
    g_autoptr (GstCaps) caps = gst_pad_get_current_caps (pad);

    push_frame (self, GST_PAD_PROBE_INFO_BUFFER (info), caps);
  } else if (GST_EVENT_TYPE (info->data) == GST_EVENT_CAPS) {
    GstCaps *caps;

    gst_event_parse_caps (GST_PAD_PROBE_INFO_EVENT (info), &caps);
    set_size (self, caps);
  }
  return GST_PAD_PROBE_OK;
}

void
window_show_preview (Window *self, GstSample *preview)
{
  const GstClockTime now = get_now (self);

  g_mutex_lock (&self->mutex);
  if (!self->ended && now >= self->end)
    push (self, gst_sample_get_buffer (preview), gst_sample_get_caps (preview),
        now);
  g_mutex_unlock (&self->mutex);
}

static gboolean
on_message (GstBus *bus, GstMessage *message, gpointer data)
{
  Window *self = data;

  if (GST_MESSAGE_TYPE (message) != GST_MESSAGE_EOS
      && GST_MESSAGE_TYPE (message) != GST_MESSAGE_ERROR)
    return G_SOURCE_CONTINUE;
  self->ended = TRUE;
  self->watch = 0;
  gst_pad_remove_probe (self->pad, self->probe);
  gst_element_set_state (self->pipeline, GST_STATE_NULL);
  self->on_end (self->data);
  return G_SOURCE_REMOVE;
}

static gboolean
is_set (const char *variable)
{
  const char *value = g_getenv (variable);

  return value != NULL && *value != '\0';
}

/* autovideosink would try what there is without a display, such as the text
 * console. */
static gboolean
check_display (GError **error)
{
  if (is_set ("DISPLAY") || is_set ("WAYLAND_DISPLAY"))
    return TRUE;
  g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND,
      "--preview needs a display, and neither DISPLAY nor WAYLAND_DISPLAY is "
      "set; without --preview no window is opened");
  return FALSE;
}

static gboolean
make_pipeline (Window *self, GError **error)
{
  self->pipeline = gst_parse_launch_full (
      "appsrc name=frames format=time leaky-type=downstream "
      "! videoconvert ! videoscale method=nearest-neighbour "
      "! capsfilter name=size ! autovideosink",
      NULL, GST_PARSE_FLAG_FATAL_ERRORS, error);
  if (self->pipeline == NULL)
    return FALSE;
  gst_object_ref_sink (self->pipeline);
  self->frames = gst_bin_get_by_name (GST_BIN (self->pipeline), "frames");
  self->size = gst_bin_get_by_name (GST_BIN (self->pipeline), "size");
  g_object_set (self->frames, "max-buffers", (guint64) MAX_WAITING, "max-bytes",
      (guint64) 0, NULL);
  return TRUE;
}

Window *
window_new (
    GstPad *pad, void (*on_end) (gpointer), gpointer data, GError **error)
{
  g_autoptr (Window) self = g_new0 (Window, 1);
  g_autoptr (GstBus) bus = NULL;

  g_mutex_init (&self->mutex);
  if (!check_display (error) || !make_pipeline (self, error))
    return NULL;
  self->on_end = on_end;
  self->data = data;
  self->pad = gst_object_ref (pad);
  bus = gst_element_get_bus (self->pipeline);
  self->watch = gst_bus_add_watch (bus, on_message, self);
  self->probe = gst_pad_add_probe (pad,
      GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_flow,
      self, NULL);
  if (gst_element_set_state (self->pipeline, GST_STATE_PLAYING)
      != GST_STATE_CHANGE_FAILURE)
    return g_steal_pointer (&self);
  g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND,
      "--preview: no window can be opened; in Debian: apt install "
      "gstreamer1.0-x");
  return NULL;
}

gboolean
window_end_stream (Window *self)
{
  if (!self->ended)
    gst_app_src_end_of_stream (GST_APP_SRC (self->frames));
  return !self->ended;
}

void
window_free (Window *self)
{
  if (self->pipeline != NULL)
    gst_element_set_state (self->pipeline, GST_STATE_NULL);
  if (self->watch != 0)
    g_source_remove (self->watch);
  if (self->pad != NULL && !self->ended)
    gst_pad_remove_probe (self->pad, self->probe);
  g_clear_object (&self->pad);
  g_clear_object (&self->frames);
  g_clear_object (&self->size);
  g_clear_object (&self->pipeline);
  g_mutex_clear (&self->mutex);
  g_free (self);
}
