/* SPDX-License-Identifier: Apache-2.0 */
#include "interrupt.h"

static void
to_null (GstElement *pipeline)
{
  gst_element_set_state (pipeline, GST_STATE_NULL);
}

static void
to_ready (GstElement *pipeline)
{
  gst_element_set_state (pipeline, GST_STATE_READY);
}

static void
end (GstElement *pipeline)
{
  g_assert_true (gst_element_send_event (pipeline, gst_event_new_eos ()));
  gst_test_wait_eos (pipeline);
}

/* The element alone, as a muxer or an application might. */
static void
flush (GstElement *pipeline)
{
  g_autoptr (GstElement) src = gst_bin_get_by_name (GST_BIN (pipeline), "src");

  gst_element_send_event (src, gst_event_new_flush_start ());
  gst_element_send_event (src, gst_event_new_flush_stop (TRUE));
}

static void
seek (GstElement *pipeline)
{
  g_assert_true (gst_element_seek_simple (
      pipeline, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, 0));
}

static void
cancel (GstElement *pipeline)
{
  g_autoptr (GstElement) src = gst_bin_get_by_name (GST_BIN (pipeline), "src");

  g_signal_emit_by_name (src, "cancel");
}

static void
pause_and_play (GstElement *pipeline)
{
  gst_element_set_state (pipeline, GST_STATE_PAUSED);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
}

static void
drop (GstElement *pipeline)
{
  g_autoptr (GstElement) src = gst_bin_get_by_name (GST_BIN (pipeline), "src");

  gst_bin_remove (GST_BIN (pipeline), src);
  gst_element_set_state (src, GST_STATE_NULL);
}

const Interruption interruptions[N_INTERRUPTIONS] = {
  { "null", to_null },
  { "ready", to_ready },
  { "eos", end },
  { "flush", flush },
  { "seek", seek },
  { "cancel", cancel },
  { "pause", pause_and_play },
  { "remove", drop },
};

static double
seconds_since (gint64 begin)
{
  return (g_get_monotonic_time () - begin) * 1e-6;
}

void
interrupt_and_free (GstElement *pipeline, const Interruption *interruption)
{
  const double limit = gst_test_limit (1);
  const gint64 begin = g_get_monotonic_time ();

  interruption->interrupt (pipeline);
  g_test_message ("%s: %g s", interruption->name, seconds_since (begin));
  g_assert_cmpfloat (seconds_since (begin), <, limit);
  g_assert_cmpfloat (gst_test_pipeline_free (pipeline), <, limit);
}
