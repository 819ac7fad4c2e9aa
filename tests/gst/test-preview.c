/* SPDX-License-Identifier: Apache-2.0 */
/* Previews as frames of a stream that is not live, and as messages. */
#include "gsttest.h"
#include "streamlog.h"

#include <string.h>

#define FRAMES 17
#define STEPS 6
#define META "GstOpensoraPreviewMeta"

typedef struct {
  GstElement *pipeline;
  Stream stream;
  GString *marks; /* of the frames: the step of a preview, - of a frame */
  GString *steps; /* of the messages, clip:step/steps */
  guint width, height;
} Fixture;

static GstPadProbeReturn
note_mark (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Fixture *f = data;
  GstCustomMeta *meta =
      gst_buffer_get_custom_meta (GST_PAD_PROBE_INFO_BUFFER (info), META);
  guint step;

  if (meta == NULL) {
    g_string_append (f->marks, "-");
    return GST_PAD_PROBE_OK;
  }
  g_assert_true (gst_structure_get (gst_custom_meta_get_structure (meta),
      "step", G_TYPE_UINT, &step, "width", G_TYPE_UINT, &f->width, "height",
      G_TYPE_UINT, &f->height, NULL));
  g_string_append_printf (f->marks, "%u", step);
  return GST_PAD_PROBE_OK;
}

static void
check_sample (Fixture *f, GstSample *sample)
{
  const GstStructure *caps =
      gst_caps_get_structure (gst_sample_get_caps (sample), 0);
  int width, height;

  g_assert_cmpstr (gst_structure_get_string (caps, "format"), ==, "RGB");
  g_assert_true (gst_structure_get_int (caps, "width", &width));
  g_assert_true (gst_structure_get_int (caps, "height", &height));
  g_assert_cmpint (width, ==, 6);
  g_assert_cmpint (height, ==, 4);
  g_assert_cmpuint (
      gst_buffer_get_size (gst_sample_get_buffer (sample)), ==, 3 * 6 * 4);
}

static void
note_message (GstBus *bus, GstMessage *message, gpointer data)
{
  Fixture *f = data;
  const GstStructure *structure = gst_message_get_structure (message);
  g_autoptr (GstSample) sample = NULL;
  guint clip, step, steps;

  if (!gst_message_has_name (message, "opensora-preview"))
    return;
  g_assert_true (gst_structure_get (structure, "clip", G_TYPE_UINT, &clip,
      "step", G_TYPE_UINT, &step, "steps", G_TYPE_UINT, &steps, "sample",
      GST_TYPE_SAMPLE, &sample, NULL));
  check_sample (f, sample);
  g_string_append_printf (f->steps, "%u:%u/%u ", clip, step, steps);
}

static void
setup (Fixture *f, const char *properties)
{
  g_autofree char *launch =
      g_strdup_printf ("opensorasrc name=src steps=%d %s ! "
                       "video/x-raw,width=48,height=32 ! fakesink",
          STEPS, properties);
  g_autoptr (GstElement) src = NULL;
  g_autoptr (GstPad) pad = NULL;
  g_autoptr (GstBus) bus = NULL;

  f->pipeline = gst_test_pipeline_new (launch);
  f->marks = g_string_new (NULL);
  f->steps = g_string_new (NULL);
  src = gst_bin_get_by_name (GST_BIN (f->pipeline), "src");
  pad = gst_element_get_static_pad (src, "src");
  stream_init (&f->stream, f->pipeline);
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, note_mark, f, NULL);
  bus = gst_element_get_bus (f->pipeline);
  gst_bus_enable_sync_message_emission (bus);
  g_signal_connect (bus, "sync-message::element", G_CALLBACK (note_message), f);
}

static void
run (Fixture *f, const char *properties)
{
  setup (f, properties);
  gst_element_set_state (f->pipeline, GST_STATE_PLAYING);
  gst_test_wait_eos (f->pipeline);
}

static void
teardown (Fixture *f)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (f->pipeline);

  gst_bus_disable_sync_message_emission (bus);
  g_signal_handlers_disconnect_by_data (bus, f);
  gst_test_pipeline_free (f->pipeline);
  stream_clear (&f->stream);
  g_string_free (f->marks, TRUE);
  g_string_free (f->steps, TRUE);
}

/* The frames of `stream` from n on are those of a stream without previews. */
static void
assert_frames (
    const Fixture *f, guint n, const Stream *plain, guint from, guint count)
{
  for (guint i = 0; i < count; i++)
    g_assert_true (stream_same_frame (&f->stream, n + i, plain, from + i));
}

static void
assert_times (const Stream *stream)
{
  for (guint i = 0; i < stream->times->len; i++) {
    g_assert_cmpuint (
        g_array_index (stream->times, GstClockTime, i), ==, i * GST_SECOND / 8);
    g_assert_cmpuint (g_array_index (stream->offsets, guint64, i), ==, i);
  }
}

static const char frames[] = "-----------------"; /* FRAMES of them */

/* One for each step, before the frames of the clip. */
static void
test_in_stream (void)
{
  Fixture plain, f;
  g_autofree char *expected =
      g_strdup_printf ("123456%s123456%s", frames, frames);

  run (&plain, "num-clips=2");
  run (&f, "num-clips=2 preview=true");
  g_assert_cmpstr (f.marks->str, ==, expected);
  g_assert_cmpuint (f.width, ==, 6);
  g_assert_cmpuint (f.height, ==, 4);
  assert_frames (&f, STEPS, &plain.stream, 0, FRAMES);
  assert_frames (&f, 2 * STEPS + FRAMES, &plain.stream, FRAMES, FRAMES);
  assert_times (&f.stream);
  g_assert_cmpstr (f.steps->str, ==,
      "0:1/6 0:2/6 0:3/6 0:4/6 0:5/6 0:6/6 1:1/6 1:2/6 1:3/6 1:4/6 1:5/6 "
      "1:6/6 ");
  g_assert_cmpuint (plain.steps->len, ==, 0);
  teardown (&plain);
  teardown (&f);
}

/* Each loop has its own, before what is new in it. */
static void
test_in_loops (void)
{
  Fixture f;
  g_autofree char *expected = g_strdup_printf ("246%s-246%s", frames, "-");

  run (&f, "loop=2 num-frames=18 preview=true preview-interval=2");
  g_assert_cmpstr (f.marks->str, ==, expected);
  g_assert_cmpstr (f.steps->str, ==, "0:2/6 0:4/6 0:6/6 0:2/6 0:4/6 0:6/6 ");
  g_assert_false (stream_same_frame (&f.stream, 0, &f.stream, 1));
  assert_times (&f.stream);
  teardown (&f);
}

/* Messages alone leave the stream as it is. */
static void
test_messages (void)
{
  Fixture plain, f;

  run (&plain, "");
  run (&f, "preview-interval=4");
  g_assert_cmpstr (f.marks->str, ==, frames);
  assert_frames (&f, 0, &plain.stream, 0, FRAMES);
  g_assert_cmpstr (f.steps->str, ==, "0:4/6 ");
  teardown (&plain);
  teardown (&f);
}

/* The stream begins with the first preview: nothing is in progress then, and
 * the length is known. */
static void
test_begin (void)
{
  Fixture f;
  gint64 duration;

  setup (&f, "preview=true");
  gst_element_set_state (f.pipeline, GST_STATE_PAUSED);
  g_assert_cmpint (gst_element_get_state (f.pipeline, NULL, NULL,
                       gst_test_limit (60) * GST_SECOND),
      ==, GST_STATE_CHANGE_SUCCESS);
  gst_test_wait_progress (f.pipeline, GST_PROGRESS_TYPE_COMPLETE, "sample");
  g_assert_true (
      gst_element_query_duration (f.pipeline, GST_FORMAT_TIME, &duration));
  g_assert_cmpint (duration, ==, (STEPS + FRAMES) * GST_SECOND / 8);
  gst_element_set_state (f.pipeline, GST_STATE_PLAYING);
  gst_test_wait_eos (f.pipeline);
  g_assert_cmpuint (f.marks->len, ==, STEPS + FRAMES);
  teardown (&f);
}

/* Previews are made anew after a seek, and gone with a clip that is dropped. */
static void
test_seek_and_cancel (void)
{
  Fixture f;
  Stream first;
  g_autoptr (GstElement) src = NULL;

  run (&f, "preview=true");
  first = stream_take (&f.stream);
  g_assert_true (gst_element_seek_simple (
      f.pipeline, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, 0));
  gst_test_wait_eos (f.pipeline);
  assert_frames (&f, 0, &first, 0, STEPS + FRAMES);
  stream_clear (&first);
  teardown (&f);

  setup (&f, "preview=true num-clips=2");
  src = gst_bin_get_by_name (GST_BIN (f.pipeline), "src");
  g_object_set (src, "steps", 1000, NULL);
  gst_element_set_state (f.pipeline, GST_STATE_PLAYING);
  gst_test_wait_progress (f.pipeline, GST_PROGRESS_TYPE_COMPLETE, "sample");
  g_object_set (src, "steps", STEPS, NULL);
  g_signal_emit_by_name (src, "cancel");
  gst_test_wait_eos (f.pipeline);
  g_assert_true (g_str_has_suffix (f.marks->str, "123456-----------------"));
  assert_times (&f.stream);
  teardown (&f);
}

static void
add_tests (void)
{
  g_test_add_func ("/gst/preview/in-stream", test_in_stream);
  g_test_add_func ("/gst/preview/in-loops", test_in_loops);
  g_test_add_func ("/gst/preview/messages", test_messages);
  g_test_add_func ("/gst/preview/begin", test_begin);
  g_test_add_func ("/gst/preview/seek-and-cancel", test_seek_and_cancel);
}

int
main (int argc, char **argv)
{
  return gst_test_main (argc, argv, add_tests);
}
