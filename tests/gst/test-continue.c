/* SPDX-License-Identifier: Apache-2.0 */
/* Clips that go on from the clip before: a stream that is one shot. */
#include "gsttest.h"
#include "streamlog.h"

#include <string.h>

#define LENGTH 34 /* of the first clip, by default: twice the demo model's */
#define NEW 17    /* of the others */

static GstElement *
make_pipeline (const char *properties, Stream *stream)
{
  g_autofree char *launch = g_strdup_printf (
      "opensorasrc name=src steps=2 continue-from=previous %s ! fakesink",
      properties);
  GstElement *pipeline = gst_test_pipeline_new (launch);

  stream_init (stream, pipeline);
  return pipeline;
}

/* Clips as their messages have them: f began afresh, c did not. */
static void
wait_end (GstElement *pipeline, const char *expected)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  g_autoptr (GString) starts = g_string_new (NULL);
  gboolean ended = FALSE;

  while (!ended) {
    g_autoptr (GstMessage) message = gst_test_wait_message (
        pipeline, GST_MESSAGE_ELEMENT | GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    gboolean goes_on;

    g_assert_cmpint (GST_MESSAGE_TYPE (message), !=, GST_MESSAGE_ERROR);
    ended = GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS;
    if (!gst_message_has_name (message, "opensora-clip-started"))
      continue;
    g_assert_true (gst_structure_get_boolean (
        gst_message_get_structure (message), "continue-previous", &goes_on));
    g_string_append_c (starts, goes_on ? 'c' : 'f');
  }
  g_assert_cmpstr (starts->str, ==, expected);
}

/* The first starts afresh, the others go on and show what is new; another run
 * does the same, and so does a seek to the start. */
static void
test_one_shot (void)
{
  static const GstState between[] = { GST_STATE_READY, GST_STATE_PLAYING };
  Stream stream, first;
  GstElement *pipeline = make_pipeline ("num-clips=3", &stream);

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  wait_end (pipeline, "fcc");
  first = stream_take (&stream);
  g_assert_cmpuint (first.hashes->len, ==, LENGTH + 2 * NEW);
  for (guint n = 0; n < first.times->len; n++)
    g_assert_cmpuint (
        g_array_index (first.times, GstClockTime, n), ==, n * GST_SECOND / 8);
  for (guint i = 0; i < G_N_ELEMENTS (between); i++) {
    Stream again;

    gst_element_set_state (pipeline, between[i]);
    if (between[i] == GST_STATE_READY)
      gst_element_set_state (pipeline, GST_STATE_PLAYING);
    else
      g_assert_true (gst_element_seek_simple (
          pipeline, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, 0));
    wait_end (pipeline, "fcc");
    again = stream_take (&stream);
    stream_check_frames (&again, &first, 0, first.hashes->len);
    stream_clear (&again);
  }
  gst_test_pipeline_free (pipeline);
  stream_clear (&stream);
  stream_clear (&first);
}

/* A clip of another size has nothing to go on from. */
static void
test_other_size (void)
{
  Stream stream;
  GstElement *pipeline =
      make_pipeline ("num-clips=2 resolution=32x32", &stream);
  g_autoptr (GstElement) src = gst_bin_get_by_name (GST_BIN (pipeline), "src");

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_object_set (src, "resolution", "48x32", NULL);
  wait_end (pipeline, "ff");
  g_assert_cmpuint (stream.hashes->len, ==, 2 * LENGTH);
  gst_test_pipeline_free (pipeline);
  stream_clear (&stream);
}

/* The property counts from the next clip on. */
static void
test_change (void)
{
  Stream stream;
  GstElement *pipeline = make_pipeline ("num-clips=2 num-frames=18", &stream);
  g_autoptr (GstElement) src = gst_bin_get_by_name (GST_BIN (pipeline), "src");

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  gst_util_set_object_arg (G_OBJECT (src), "continue-from", "none");
  wait_end (pipeline, "ff");
  g_assert_cmpuint (stream.hashes->len, ==, 2 * 18);
  gst_test_pipeline_free (pipeline);
  stream_clear (&stream);
}

typedef struct {
  GstElement *src;
  gint started; /* atomic: the second clip */
} Drop;

static void
note_start (GstBus *bus, GstMessage *message, gpointer data)
{
  Drop *drop = data;
  guint clip;

  if (gst_message_has_name (message, "opensora-clip-started")
      && gst_structure_get_uint (
          gst_message_get_structure (message), "clip", &clip))
    g_atomic_int_set (&drop->started, clip == 1);
}

/* The stream waits until all of the first clip is there, so that the second is
 * begun soon after. That is dropped when it had time and room enough to be
 * whole, before the stream comes to it. */
static GstPadProbeReturn
drop_second (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Drop *drop = data;
  const guint64 n = GST_BUFFER_OFFSET (GST_PAD_PROBE_INFO_BUFFER (info));

  if (n == 0)
    gst_test_wait_whole (drop->src);
  g_usleep (20000);
  if (!g_atomic_int_get (&drop->started) || n < LENGTH - 5)
    return GST_PAD_PROBE_OK;
  g_usleep (2 * G_USEC_PER_SEC);
  g_signal_emit_by_name (drop->src, "cancel");
  return GST_PAD_PROBE_REMOVE;
}

static Stream
run_with_seed (const char *properties, gint64 seed, gboolean drop)
{
  Stream stream;
  GstElement *pipeline = make_pipeline (properties, &stream);
  g_autoptr (GstElement) src = gst_bin_get_by_name (GST_BIN (pipeline), "src");
  g_autoptr (GstPad) pad = gst_element_get_static_pad (src, "src");
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  Drop state = { .src = src };

  if (drop)
    gst_pad_add_probe (
        pad, GST_PAD_PROBE_TYPE_BUFFER, drop_second, &state, NULL);
  gst_bus_enable_sync_message_emission (bus);
  g_signal_connect (
      bus, "sync-message::element", G_CALLBACK (note_start), &state);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_object_set (src, "seed", seed, NULL);
  wait_end (pipeline, drop ? "fcc" : "fc");
  gst_bus_disable_sync_message_emission (bus);
  gst_test_pipeline_free (pipeline);
  return stream;
}

/* A clip that was dropped, even if it was whole, leaves nothing behind: the
 * next, which has the seed 44, goes on from the first. */
static void
test_cancel (void)
{
  Stream dropped = run_with_seed ("num-clips=3 keep-clip=true", 42, TRUE);
  Stream expected = run_with_seed ("num-clips=2", 43, FALSE);

  stream_check_frames (&dropped, &expected, 0, LENGTH + NEW);
  stream_clear (&dropped);
  stream_clear (&expected);
}

/* What would show nothing new is found before the first clip. */
static void
test_too_short (void)
{
  gst_test_expect_error (
      "opensorasrc continue-from=previous num-frames=17 num-clips=2 ! fakesink",
      GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_SETTINGS, "num-frames 17");
}

static void
add_tests (void)
{
  g_test_add_func ("/gst/continue/one-shot", test_one_shot);
  g_test_add_func ("/gst/continue/other-size", test_other_size);
  g_test_add_func ("/gst/continue/change", test_change);
  g_test_add_func ("/gst/continue/cancel", test_cancel);
  g_test_add_func ("/gst/continue/too-short", test_too_short);
}

int
main (int argc, char **argv)
{
  return gst_test_main (argc, argv, add_tests);
}
