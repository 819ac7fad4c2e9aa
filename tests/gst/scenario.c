/* SPDX-License-Identifier: Apache-2.0 */
/* Does the actions of scenarios. */
#include "scenario.h"

#include <stdlib.h>
#include <string.h>

#define ACTION_SECONDS 30
#define RELINK_SECONDS 0.1
#define LOG_LINES 40

#define SINK                                                                   \
  "capsfilter name=filter caps-change-mode=delayed ! fakesink name=sink"

struct _Scenario {
  GstElement *pipeline, *src, *filter;
  GstBus *bus;
  gboolean over;
  char *clip; /* checksum of an undisturbed run */

  GMutex lock; /* guards what follows */
  GCond cond;  /* any of it changed */
  GChecksum *checksum;
  guint frames;
  gboolean relinked;
  GQueue log; /* of char *: the last actions */
  guint n_actions;
  gboolean ends;

  GThread *watchdog;
};

/* ---- who sees that it hangs ---- */

static void
print_log (Scenario *self)
{
  for (GList *link = self->log.head; link != NULL; link = link->next)
    g_printerr ("# %s\n", (char *) link->data);
}

static void fail (Scenario *self, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
fail (Scenario *self, const char *format, ...)
{
  va_list args;

  print_log (self);
  va_start (args, format);
  g_logv (G_LOG_DOMAIN, G_LOG_LEVEL_ERROR, format, args);
  va_end (args);
}

static gpointer
watch (gpointer data)
{
  Scenario *self = data;
  const gint64 patience = gst_test_limit (ACTION_SECONDS) * G_USEC_PER_SEC;

  g_mutex_lock (&self->lock);
  while (!self->ends) {
    const guint n = self->n_actions;
    const gint64 end = g_get_monotonic_time () + patience;

    while (!self->ends && self->n_actions == n) {
      if (!g_cond_wait_until (&self->cond, &self->lock, end))
        fail (self, "The last action does not end");
    }
  }
  g_mutex_unlock (&self->lock);
  return NULL;
}

static void
begin_action (Scenario *self, const char *line)
{
  g_mutex_lock (&self->lock);
  g_queue_push_tail (&self->log, g_strdup (line));
  if (g_queue_get_length (&self->log) > LOG_LINES)
    g_free (g_queue_pop_head (&self->log));
  self->n_actions++;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

/* ---- what comes ---- */

static GstPadProbeReturn
on_frame (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Scenario *self = data;
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  GstMapInfo map;

  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
  g_mutex_lock (&self->lock);
  g_checksum_update (self->checksum, map.data, map.size);
  self->frames++;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
  gst_buffer_unmap (buffer, &map);
  return GST_PAD_PROBE_OK;
}

static void
read_message (Scenario *self, GstMessage *message)
{
  g_autoptr (GError) error = NULL;

  switch (GST_MESSAGE_TYPE (message)) {
    case GST_MESSAGE_ERROR:
      gst_message_parse_error (message, &error, NULL);
      fail (self, "An error is posted: %s", error->message);
      break;
    case GST_MESSAGE_EOS:
    case GST_MESSAGE_SEGMENT_DONE:
      self->over = TRUE;
      break;
    default:
      break;
  }
}

static void
read_bus (Scenario *self, GstClockTime timeout)
{
  GstMessage *message;

  while ((message = gst_bus_timed_pop (self->bus, timeout)) != NULL) {
    read_message (self, message);
    gst_message_unref (message);
    timeout = 0;
  }
}

/* ---- actions ---- */

static void
do_state (Scenario *self, const char *argument)
{
  static const char *const names[] = { "null", "ready", "paused", "playing" };
  GstState state = GST_STATE_NULL;

  while (strcmp (names[state - GST_STATE_NULL], argument) != 0)
    state++;
  g_assert_cmpint (gst_element_set_state (self->pipeline, state), !=,
      GST_STATE_CHANGE_FAILURE);
  if (state <= GST_STATE_READY) {
    read_bus (self, 0);
    self->over = FALSE;
  }
}

static void
do_set (Scenario *self, const char *argument)
{
  g_auto (GStrv) words = g_strsplit (argument, "=", 2);

  gst_util_set_object_arg (G_OBJECT (self->src), words[0], words[1]);
}

static void
do_caps (Scenario *self, const char *argument)
{
  gst_util_set_object_arg (G_OBJECT (self->filter), "caps", argument);
}

static void
do_seek (Scenario *self, const char *argument)
{
  const GstClockTime time = g_ascii_strtod (argument, NULL) * GST_SECOND;
  GstSeekFlags flags = 0;

  if (strstr (argument, "flush") != NULL)
    flags |= GST_SEEK_FLAG_FLUSH;
  if (strstr (argument, "key-unit") != NULL)
    flags |= GST_SEEK_FLAG_KEY_UNIT;
  if (strstr (argument, "segment") != NULL)
    flags |= GST_SEEK_FLAG_SEGMENT;
  if (gst_element_seek (self->pipeline, 1, GST_FORMAT_TIME, flags,
          GST_SEEK_TYPE_SET, time, GST_SEEK_TYPE_NONE, -1))
    self->over = FALSE;
}

static void
do_flush (Scenario *self, const char *argument)
{
  gst_element_send_event (self->src, gst_event_new_flush_start ());
  gst_element_send_event (self->src, gst_event_new_flush_stop (TRUE));
}

static void
do_eos (Scenario *self, const char *argument)
{
  gst_element_send_event (self->pipeline, gst_event_new_eos ());
}

static void
do_cancel (Scenario *self, const char *argument)
{
  g_signal_emit_by_name (self->src, "cancel");
}

static void
do_reconfigure (Scenario *self, const char *argument)
{
  g_autoptr (GstPad) pad = gst_element_get_static_pad (self->src, "src");

  gst_pad_send_event (pad, gst_event_new_reconfigure ());
}

/* The lock is held: two of these never meet. */
static GstPadProbeReturn
on_idle (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Scenario *self = data;
  GstPad *peer;

  g_mutex_lock (&self->lock);
  peer = gst_pad_get_peer (pad);
  g_assert_true (gst_pad_unlink (pad, peer));
  g_usleep (1000);
  g_assert_cmpint (gst_pad_link (pad, peer), ==, GST_PAD_LINK_OK);
  gst_object_unref (peer);
  self->relinked = TRUE;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
  return GST_PAD_PROBE_REMOVE;
}

/* Nothing happens while a frame waits in the sink, as when it is paused. */
static void
do_relink (Scenario *self, const char *argument)
{
  g_autoptr (GstPad) pad = gst_element_get_static_pad (self->src, "src");
  const gint64 end = g_get_monotonic_time () + RELINK_SECONDS * G_USEC_PER_SEC;
  gboolean done;
  gulong probe;

  g_mutex_lock (&self->lock);
  self->relinked = FALSE;
  g_mutex_unlock (&self->lock);
  probe = gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_IDLE, on_idle, self, NULL);
  g_mutex_lock (&self->lock);
  while (!self->relinked && g_cond_wait_until (&self->cond, &self->lock, end))
    ;
  done = self->relinked;
  g_mutex_unlock (&self->lock);
  if (!done)
    gst_pad_remove_probe (pad, probe);
}

static void
do_query (Scenario *self, const char *argument)
{
  g_autoptr (GstQuery) query = NULL;

  if (strcmp (argument, "position") == 0)
    query = gst_query_new_position (GST_FORMAT_TIME);
  else if (strcmp (argument, "duration") == 0)
    query = gst_query_new_duration (GST_FORMAT_TIME);
  else if (strcmp (argument, "seeking") == 0)
    query = gst_query_new_seeking (GST_FORMAT_TIME);
  else if (strcmp (argument, "latency") == 0)
    query = gst_query_new_latency ();
  else
    query = gst_query_new_caps (NULL);
  gst_element_query (self->src, query);
}

static void
do_sleep (Scenario *self, const char *argument)
{
  g_usleep (atoi (argument) * 1000);
}

static void
do_wait_state (Scenario *self, const char *argument)
{
  gst_element_get_state (self->pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
}

static void
do_wait_frames (Scenario *self, const char *argument)
{
  guint wanted;

  g_mutex_lock (&self->lock);
  wanted = self->frames + atoi (argument);
  while (self->frames < wanted)
    g_cond_wait (&self->cond, &self->lock);
  g_mutex_unlock (&self->lock);
}

static void
do_wait_eos (Scenario *self, const char *argument)
{
  while (!self->over)
    read_bus (self, GST_CLOCK_TIME_NONE);
}

static void
do_forget (Scenario *self, const char *argument)
{
  g_mutex_lock (&self->lock);
  g_checksum_reset (self->checksum);
  self->frames = 0;
  g_mutex_unlock (&self->lock);
}

static void
do_check_clip (Scenario *self, const char *argument)
{
  g_autoptr (GChecksum) checksum = NULL;

  g_mutex_lock (&self->lock);
  checksum = g_checksum_copy (self->checksum);
  if (strcmp (g_checksum_get_string (checksum), self->clip) != 0)
    fail (self, "These %u frames are not the clip", self->frames);
  g_mutex_unlock (&self->lock);
}

static void
do_check_frames (Scenario *self, const char *argument)
{
  g_mutex_lock (&self->lock);
  if (self->frames != (guint) atoi (argument))
    fail (self, "%u frames have come", self->frames);
  g_mutex_unlock (&self->lock);
}

static const struct {
  const char *name;
  void (*run) (Scenario *self, const char *argument);
} actions[] = {
  { "state", do_state },
  { "set", do_set },
  { "caps", do_caps },
  { "seek", do_seek },
  { "flush", do_flush },
  { "eos", do_eos },
  { "cancel", do_cancel },
  { "reconfigure", do_reconfigure },
  { "relink", do_relink },
  { "query", do_query },
  { "sleep", do_sleep },
  { "wait-state", do_wait_state },
  { "wait-frames", do_wait_frames },
  { "wait-eos", do_wait_eos },
  { "forget", do_forget },
  { "check-clip", do_check_clip },
  { "check-frames", do_check_frames },
};

void
scenario_do (Scenario *self, const char *line)
{
  g_auto (GStrv) words = g_strsplit (line, " ", 2);
  guint i = 0;

  begin_action (self, line);
  while (i < G_N_ELEMENTS (actions) && strcmp (actions[i].name, words[0]) != 0)
    i++;
  if (i == G_N_ELEMENTS (actions))
    g_error ("There is no action %s", words[0]);
  actions[i].run (self, words[1]);
  read_bus (self, 0);
}

/* ---- from beginning to end ---- */

gboolean
scenario_is_over (const Scenario *self)
{
  return self->over;
}

gboolean
scenario_is_playing (const Scenario *self)
{
  GstState state;

  return gst_element_get_state (self->pipeline, &state, NULL, 0)
             == GST_STATE_CHANGE_SUCCESS
         && state == GST_STATE_PLAYING;
}

GstElement *
scenario_get_src (Scenario *self)
{
  return self->src;
}

static void
add_probe (Scenario *self)
{
  g_autoptr (GstElement) sink =
      gst_bin_get_by_name (GST_BIN (self->pipeline), "sink");
  g_autoptr (GstPad) pad = gst_element_get_static_pad (sink, "sink");

  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, on_frame, self, NULL);
}

Scenario *
scenario_new (const char *properties)
{
  Scenario *self = g_new0 (Scenario, 1);
  g_autofree char *launch =
      g_strdup_printf ("opensorasrc name=src %s ! " SINK, properties);

  g_mutex_init (&self->lock);
  g_cond_init (&self->cond);
  self->checksum = g_checksum_new (G_CHECKSUM_SHA256);
  self->pipeline = gst_test_pipeline_new (launch);
  self->src = gst_bin_get_by_name (GST_BIN (self->pipeline), "src");
  self->filter = gst_bin_get_by_name (GST_BIN (self->pipeline), "filter");
  self->bus = gst_element_get_bus (self->pipeline);
  add_probe (self);
  self->watchdog = g_thread_new ("watchdog", watch, self);

  scenario_do (self, "state playing");
  scenario_do (self, "wait-eos");
  self->clip = g_strdup (g_checksum_get_string (self->checksum));
  scenario_do (self, "state null");
  g_checksum_reset (self->checksum);
  self->frames = 0;
  return self;
}

void
scenario_free (Scenario *self)
{
  scenario_do (self, "state null");
  g_mutex_lock (&self->lock);
  self->ends = TRUE;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
  g_thread_join (self->watchdog);

  gst_object_unref (self->bus);
  gst_object_unref (self->filter);
  gst_object_unref (self->src);
  gst_test_pipeline_free (self->pipeline);
  g_checksum_free (self->checksum);
  g_queue_clear_full (&self->log, g_free);
  g_free (self->clip);
  g_cond_clear (&self->cond);
  g_mutex_clear (&self->lock);
  g_free (self);
}
