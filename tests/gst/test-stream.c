/* SPDX-License-Identifier: Apache-2.0 */
/* The stream of one clip: frames, times, queries, tags, messages, end. */
#include "gsttest.h"
#include "streamlog.h"

#include <gst/video/video.h>
#include <string.h>

#define FRAMES 17
#define CLIP "steps=2 prompt=\"a red circle\""

/* Frame n of an 8 Hz clip lasts exactly 125 ms. */
static void
check_times (GstBuffer *buffer, guint n, gint fps_n, gint fps_d)
{
  GstClockTime begin = gst_util_uint64_scale (n, fps_d * GST_SECOND, fps_n);
  GstClockTime end = gst_util_uint64_scale (n + 1, fps_d * GST_SECOND, fps_n);

  g_assert_cmpuint (GST_BUFFER_PTS (buffer), ==, begin);
  g_assert_cmpuint (GST_BUFFER_DTS (buffer), ==, GST_CLOCK_TIME_NONE);
  g_assert_cmpuint (GST_BUFFER_DURATION (buffer), ==, end - begin);
  g_assert_cmpuint (GST_BUFFER_OFFSET (buffer), ==, n);
  g_assert_cmpuint (GST_BUFFER_OFFSET_END (buffer), ==, n + 1);
}

static void
check_clip (const char *caps, gint fps_n, gint fps_d)
{
  GstHarness *harness = gst_test_harness_new (CLIP, caps);
  GstEvent *event;

  gst_harness_play (harness);
  for (guint n = 0; n < FRAMES; n++) {
    GstBuffer *buffer = gst_harness_pull (harness);

    g_assert_nonnull (buffer);
    g_assert_cmpuint (gst_buffer_get_size (buffer), ==, 32 * 32 * 3);
    check_times (buffer, n, fps_n, fps_d);
    gst_buffer_unref (buffer);
  }
  while (GST_EVENT_TYPE (event = gst_harness_pull_event (harness))
         != GST_EVENT_EOS)
    gst_event_unref (event);
  gst_event_unref (event);
  g_assert_cmpuint (gst_harness_buffers_received (harness), ==, FRAMES);
  gst_test_harness_free (harness);
}

static void
test_clip (void)
{
  check_clip ("video/x-raw,format=RGB", 8, 1);
}

/* Times come from the frame's number: no error adds up. */
static void
test_fractional_rate (void)
{
  check_clip ("video/x-raw,format=RGB,framerate=30000/1001", 30000, 1001);
}

static void
test_still (void)
{
  GstHarness *harness =
      gst_test_harness_new ("steps=2", "video/x-raw,format=RGB,framerate=0/1");
  GstBuffer *buffer;
  GstEvent *event;

  gst_harness_play (harness);
  buffer = gst_harness_pull (harness);
  g_assert_cmpuint (GST_BUFFER_PTS (buffer), ==, 0);
  g_assert_cmpuint (GST_BUFFER_DURATION (buffer), ==, GST_CLOCK_TIME_NONE);
  gst_buffer_unref (buffer);
  while (GST_EVENT_TYPE (event = gst_harness_pull_event (harness))
         != GST_EVENT_EOS)
    gst_event_unref (event);
  gst_event_unref (event);
  g_assert_cmpuint (gst_harness_buffers_received (harness), ==, 1);
  gst_test_harness_free (harness);
}

static void
test_num_buffers (void)
{
  GstElement *pipeline =
      gst_test_pipeline_new ("opensorasrc " CLIP " num-buffers=5 blocksize=0 "
                             "! fakesink name=sink num-buffers=-1");
  g_autoptr (GstElement) sink =
      gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  g_autoptr (GstStructure) stats = NULL;
  guint64 rendered;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  gst_test_wait_eos (pipeline);
  g_object_get (sink, "stats", &stats, NULL);
  g_assert_true (gst_structure_get_uint64 (stats, "rendered", &rendered));
  g_assert_cmpuint (rendered, ==, 5);
  gst_test_pipeline_free (pipeline);
}

/* A size for reading means nothing here: buffers are as big as frames and hold
 * the picture. */
static void
test_blocksize (void)
{
  static const char *const launches[] = { "opensorasrc name=src " CLIP
                                          " ! fakesink",
    "opensorasrc name=src blocksize=0 " CLIP " ! fakesink" };
  Stream streams[2];

  for (guint i = 0; i < 2; i++) {
    GstElement *pipeline = gst_test_pipeline_new (launches[i]);

    stream_init (&streams[i], pipeline);
    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    gst_test_wait_eos (pipeline);
    gst_test_pipeline_free (pipeline);
  }
  stream_check_frames (&streams[1], &streams[0], 0, FRAMES);
  g_assert_false (stream_same_frame (&streams[0], 0, &streams[0], FRAMES - 1));
  stream_clear (&streams[0]);
  stream_clear (&streams[1]);
}

/* Times are those of the frames, also with do-timestamp: that only replaces
 * what is missing. */
static void
test_do_timestamp (void)
{
  GstElement *pipeline = gst_test_pipeline_new (
      "opensorasrc name=src do-timestamp=true " CLIP " ! fakesink sync=true");
  Stream stream;

  stream_init (&stream, pipeline);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  gst_test_wait_eos (pipeline);
  gst_test_pipeline_free (pipeline);
  stream_check_frames (&stream, &stream, 0, FRAMES);
  stream_clear (&stream);
}

/* Lateness downstream changes nothing: no frame is left out. */
static void
test_qos (void)
{
  GstElement *pipeline =
      gst_test_pipeline_new ("opensorasrc name=src " CLIP " ! fakesink");
  g_autoptr (GstElement) src = gst_bin_get_by_name (GST_BIN (pipeline), "src");
  g_autoptr (GstPad) pad = gst_element_get_static_pad (src, "src");
  Stream stream;

  stream_init (&stream, pipeline);
  gst_element_set_state (pipeline, GST_STATE_PAUSED);
  gst_element_get_state (pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
  gst_pad_send_event (pad,
      gst_event_new_qos (GST_QOS_TYPE_UNDERFLOW, 5, GST_SECOND, GST_SECOND));
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  gst_test_wait_eos (pipeline);
  gst_test_pipeline_free (pipeline);
  g_assert_cmpuint (stream.hashes->len, ==, FRAMES);
  stream_clear (&stream);
}

/* Only pushed: nobody may pull. */
static void
test_scheduling (void)
{
  GstHarness *harness = gst_test_harness_new (CLIP, NULL);
  g_autoptr (GstQuery) query = gst_query_new_scheduling ();
  g_autoptr (GstPad) pad = gst_element_get_static_pad (harness->element, "src");

  gst_harness_play (harness);
  g_assert_true (gst_pad_query (pad, query));
  g_assert_true (gst_query_has_scheduling_mode (query, GST_PAD_MODE_PUSH));
  g_assert_false (gst_query_has_scheduling_mode (query, GST_PAD_MODE_PULL));
  gst_test_harness_free (harness);
}

/* Where the stream is, and what it is of. */
static void
test_position (void)
{
  GstHarness *harness = gst_test_harness_new (CLIP, "video/x-raw,format=RGB");
  g_autoptr (GstQuery) segment = gst_query_new_segment (GST_FORMAT_TIME);
  gint64 position, start, stop;
  double rate;

  gst_harness_play (harness);
  for (guint i = 0; i < FRAMES; i++)
    gst_buffer_unref (gst_harness_pull (harness));
  g_assert_true (gst_element_query_position (
      harness->element, GST_FORMAT_TIME, &position));
  g_assert_cmpint (position, ==, FRAMES * GST_SECOND / 8);
  g_assert_true (gst_element_query_position (
      harness->element, GST_FORMAT_DEFAULT, &position));
  g_assert_cmpint (position, ==, FRAMES);
  g_assert_true (gst_element_query (harness->element, segment));
  gst_query_parse_segment (segment, &rate, NULL, &start, &stop);
  g_assert_cmpfloat (rate, ==, 1);
  g_assert_cmpint (start, ==, 0);
  gst_test_harness_free (harness);
}

static void
test_queries (void)
{
  GstHarness *harness =
      gst_test_harness_new ("steps=1000", "video/x-raw,format=I420");
  GstElement *element = harness->element;
  g_autoptr (GstQuery) latency = gst_query_new_latency ();
  g_autoptr (GstQuery) seeking = gst_query_new_seeking (GST_FORMAT_TIME);
  gboolean yes;
  gint64 value;
  GstClockTime min;

  /* Unknown, not 0. */
  g_assert_false (
      gst_element_query_duration (element, GST_FORMAT_TIME, &value));
  gst_harness_play (harness);
  gst_message_unref (
      gst_test_wait_message (element, GST_MESSAGE_DURATION_CHANGED));

  g_assert_true (gst_element_query_duration (element, GST_FORMAT_TIME, &value));
  g_assert_cmpint (value, ==, FRAMES * GST_SECOND / 8);
  g_assert_true (
      gst_element_query_duration (element, GST_FORMAT_DEFAULT, &value));
  g_assert_cmpint (value, ==, FRAMES);
  g_assert_true (
      gst_element_query_duration (element, GST_FORMAT_BYTES, &value));
  g_assert_cmpint (value, ==, FRAMES * 32 * 32 * 3 / 2);
  g_assert_true (gst_element_query_convert (
      element, GST_FORMAT_DEFAULT, 4, GST_FORMAT_TIME, &value));
  g_assert_cmpint (value, ==, GST_SECOND / 2);

  g_assert_true (gst_element_query (element, latency));
  gst_query_parse_latency (latency, &yes, &min, NULL);
  g_assert_false (yes);
  g_assert_cmpuint (min, ==, 0);
  g_assert_true (gst_element_query (element, seeking));
  gst_query_parse_seeking (seeking, NULL, &yes, NULL, NULL);
  g_assert_false (yes);
  gst_test_harness_free (harness);
}

/* stream-start, caps, segment, tags, then the buffers. */
static void
test_events (void)
{
  static const GstEventType expected[] = { GST_EVENT_STREAM_START,
    GST_EVENT_CAPS, GST_EVENT_SEGMENT, GST_EVENT_TAG };
  GstHarness *harness = gst_test_harness_new (CLIP " seed=7", NULL);
  g_autofree char *title = NULL;
  g_autofree char *comment = NULL;
  g_autofree char *application = NULL;
  GstTagList *tags;

  gst_harness_play (harness);
  gst_buffer_unref (gst_harness_pull (harness));
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++) {
    GstEvent *event = gst_harness_pull_event (harness);

    g_assert_cmpstr (
        GST_EVENT_TYPE_NAME (event), ==, gst_event_type_get_name (expected[i]));
    if (expected[i] == GST_EVENT_TAG) {
      gst_event_parse_tag (event, &tags);
      gst_tag_list_get_string (tags, GST_TAG_TITLE, &title);
      gst_tag_list_get_string (tags, GST_TAG_COMMENT, &comment);
      gst_tag_list_get_string (tags, GST_TAG_APPLICATION_NAME, &application);
    }
    gst_event_unref (event);
  }
  g_assert_cmpstr (title, ==, "a red circle");
  g_assert_true (g_str_has_prefix (comment, "opensora "));
  g_assert_nonnull (strstr (comment, "; seed=7; steps=2; "));
  g_assert_nonnull (strstr (comment, "; frames=17; size=32x32; fps=8/1"));
  g_assert_true (g_str_has_prefix (application, "opensorasrc "));
  gst_test_harness_free (harness);
}

/* Every operation that starts ends once, as COMPLETE, the last before the first
 * buffer. */
static void
check_progress (GstMessage *message, char **open, guint *completed)
{
  GstProgressType type;
  g_autofree char *code = NULL;
  g_autofree char *text = NULL;

  gst_message_parse_progress (message, &type, &code, &text);
  g_assert_cmpuint (strlen (text), >, 0);
  if (type == GST_PROGRESS_TYPE_START) {
    g_assert_null (*open);
    *open = g_strdup (code);
    return;
  }
  g_assert_cmpstr (*open, ==, code);
  if (type == GST_PROGRESS_TYPE_CONTINUE)
    return;
  g_assert_cmpint (type, ==, GST_PROGRESS_TYPE_COMPLETE);
  g_clear_pointer (open, g_free);
  *completed += 1;
}

static void
check_clip_message (const GstStructure *structure, const char *name)
{
  gint64 seed;
  guint steps, frames, width;
  gint fps_n, fps_d;
  guint64 duration;

  g_assert_true (gst_structure_has_name (structure, name));
  g_assert_cmpstr (
      gst_structure_get_string (structure, "prompt"), ==, "a red circle");
  g_assert_true (gst_structure_get (structure, "seed", G_TYPE_INT64, &seed,
      "steps", G_TYPE_UINT, &steps, "num-frames", G_TYPE_UINT, &frames, "width",
      G_TYPE_UINT, &width, "framerate", GST_TYPE_FRACTION, &fps_n, &fps_d,
      NULL));
  g_assert_cmpint (seed, ==, 42);
  g_assert_cmpuint (steps, ==, 2);
  g_assert_cmpuint (frames, ==, FRAMES);
  g_assert_cmpuint (width, ==, 32);
  g_assert_cmpint (fps_n, ==, 8);
  g_assert_cmpint (fps_d, ==, 1);
  /* Where the model lies is nobody's business. */
  g_assert_null (strchr (gst_structure_get_string (structure, "model"), '/'));
  if (gst_structure_get_uint64 (structure, "duration", &duration))
    g_assert_cmpuint (duration, ==, FRAMES * GST_SECOND / 8);
}

static void
test_messages (void)
{
  GstElement *pipeline =
      gst_test_pipeline_new ("opensorasrc " CLIP " ! fakesink");
  g_autoptr (GstMessage) message = NULL;
  g_autofree char *open = NULL;
  guint completed = 0, infos = 0, clips = 0;
  gboolean prerolled = FALSE;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (message == NULL || GST_MESSAGE_TYPE (message) != GST_MESSAGE_EOS) {
    g_clear_pointer (&message, gst_message_unref);
    message = gst_test_wait_message (
        pipeline, GST_MESSAGE_PROGRESS | GST_MESSAGE_INFO | GST_MESSAGE_WARNING
                      | GST_MESSAGE_ERROR | GST_MESSAGE_ELEMENT
                      | GST_MESSAGE_ASYNC_DONE | GST_MESSAGE_EOS);
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_PROGRESS) {
      g_assert_false (prerolled);
      check_progress (message, &open, &completed);
    } else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_INFO) {
      infos++;
    } else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ELEMENT) {
      check_clip_message (gst_message_get_structure (message),
          clips++ == 0 ? "opensora-clip-started" : "opensora-clip-done");
    } else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ASYNC_DONE) {
      prerolled = TRUE;
      g_assert_null (open);
    } else {
      g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_EOS);
    }
  }
  g_assert_true (prerolled);
  g_assert_null (open);
  g_assert_cmpuint (completed, >=, 3); /* open, encode, sample */
  g_assert_cmpuint (infos, ==, 1);     /* no model set */
  g_assert_cmpuint (clips, ==, 2);
  gst_test_pipeline_free (pipeline);
}

/* At most four messages a second, however fast the steps are. */
static void
test_progress_is_sparse (void)
{
  GstElement *pipeline =
      gst_test_pipeline_new ("opensorasrc steps=1000 ! fakesink");
  gint64 begin;

  gst_element_set_state (pipeline, GST_STATE_PAUSED);
  gst_test_wait_progress (pipeline, GST_PROGRESS_TYPE_START, "sample");
  begin = g_get_monotonic_time ();
  for (guint i = 0; i < 3; i++)
    gst_test_wait_progress (pipeline, GST_PROGRESS_TYPE_CONTINUE, "sample");
  g_assert_cmpint (g_get_monotonic_time () - begin, >=, 0.7 * G_USEC_PER_SEC);
  gst_test_pipeline_free (pipeline);
}

/* The first operation starts in the thread that changes the state; what a
 * person reads has counts. */
static void
test_progress_text (void)
{
  GstElement *pipeline =
      gst_test_pipeline_new ("opensorasrc steps=1000 ! fakesink");
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  g_autoptr (GstMessage) first = NULL;
  GstProgressType type;
  gboolean counts;

  gst_element_set_state (pipeline, GST_STATE_PAUSED);
  first = gst_bus_pop_filtered (bus, GST_MESSAGE_PROGRESS);
  g_assert_nonnull (first);
  gst_message_parse_progress (first, &type, NULL, NULL);
  g_assert_cmpint (type, ==, GST_PROGRESS_TYPE_START);
  /* On a slow machine what comes before the steps has such messages, too. */
  do {
    g_autoptr (GstMessage) message =
        gst_test_wait_message (pipeline, GST_MESSAGE_PROGRESS);
    g_autofree char *code = NULL, *text = NULL;

    gst_message_parse_progress (message, &type, &code, &text);
    counts = type == GST_PROGRESS_TYPE_CONTINUE && g_str_equal (code, "sample");
    if (counts) {
      g_assert_nonnull (strstr (text, "/1000, "));
      g_assert_true (g_str_has_suffix (text, " s a step"));
    }
  } while (!counts);
  gst_test_pipeline_free (pipeline);
}

static void
add_tests (void)
{
  g_test_add_func ("/gst/stream/clip", test_clip);
  g_test_add_func ("/gst/stream/fractional-rate", test_fractional_rate);
  g_test_add_func ("/gst/stream/still", test_still);
  g_test_add_func ("/gst/stream/num-buffers", test_num_buffers);
  g_test_add_func ("/gst/stream/blocksize", test_blocksize);
  g_test_add_func ("/gst/stream/do-timestamp", test_do_timestamp);
  g_test_add_func ("/gst/stream/qos", test_qos);
  g_test_add_func ("/gst/stream/queries", test_queries);
  g_test_add_func ("/gst/stream/scheduling", test_scheduling);
  g_test_add_func ("/gst/stream/position", test_position);
  g_test_add_func ("/gst/stream/events", test_events);
  g_test_add_func ("/gst/stream/messages", test_messages);
  g_test_add_func ("/gst/stream/progress-is-sparse", test_progress_is_sparse);
  g_test_add_func ("/gst/stream/progress-text", test_progress_text);
}

int
main (int argc, char **argv)
{
  return gst_test_main (argc, argv, add_tests);
}
