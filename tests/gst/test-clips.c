/* SPDX-License-Identifier: Apache-2.0 */
/* Several clips in one stream: order, seeds, times, tags, messages, changes
 * while it runs. */
#include "gsttest.h"
#include "streamlog.h"

#include <glib/gstdio.h>
#include <string.h>

#define FRAMES 17
#define CLIP_TIME (FRAMES * GST_SECOND / 8)

static const char *const prompts[] = { "a red circle",
  "a blue square moving left", "a yellow star" };

static GstElement *
make_pipeline (const char *properties, Stream *stream)
{
  g_autofree char *launch = g_strdup_printf (
      "opensorasrc name=src steps=1 %s ! fakesink", properties);
  GstElement *pipeline = gst_test_pipeline_new (launch);

  stream_init (stream, pipeline);
  return pipeline;
}

static void
run (const char *properties, Stream *stream)
{
  GstElement *pipeline = make_pipeline (properties, stream);

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  gst_test_wait_eos (pipeline);
  gst_test_pipeline_free (pipeline);
}

static char *
write_prompts (void)
{
  char *path = NULL;
  int fd = g_file_open_tmp ("opensora-prompts-XXXXXX", &path, NULL);

  g_assert_cmpint (fd, >=, 0);
  g_close (fd, NULL);
  g_assert_true (g_file_set_contents (path,
      "a red circle\n\n  a blue square moving left \r\n \na yellow star", -1,
      NULL));
  return path;
}

/* Every prompt twice, with two seeds; each clip is the one that is made when it
 * is asked for alone. */
static void
test_prompt_path (void)
{
  g_autofree char *path = write_prompts ();
  g_autofree char *properties =
      g_strdup_printf ("prompt-path=%s num-clips=2 seed=7", path);
  g_autoptr (GString) expected = g_string_new (NULL);
  Stream all;

  run (properties, &all);
  for (guint clip = 0; clip < 6; clip++) {
    g_autofree char *alone_properties = g_strdup_printf (
        "prompt=\"%s\" seed=%u", prompts[clip / 2], 7 + clip % 2);
    Stream alone;

    g_string_append (expected, clip == 0 ? "st" : "tk");
    for (guint n = 0; n < FRAMES; n++)
      g_string_append_c (expected, 'b');
    g_assert_cmpstr (all.titles->pdata[clip], ==, prompts[clip / 2]);
    run (alone_properties, &alone);
    g_assert_cmpuint (alone.hashes->len, ==, FRAMES);
    g_assert_true (stream_same_frame (&all, clip * FRAMES, &alone, 0));
    g_assert_true (stream_same_frame (
        &all, clip * FRAMES + FRAMES - 1, &alone, FRAMES - 1));
    stream_clear (&alone);
  }
  g_string_append_c (expected, 'E');
  g_assert_cmpstr (all.log->str, ==, expected->str);
  /* The seed and the prompt change the frames. */
  g_assert_false (stream_same_frame (&all, 0, &all, FRAMES));
  g_assert_false (stream_same_frame (&all, 0, &all, 2 * FRAMES));
  for (guint n = 0; n < all.times->len; n++)
    g_assert_cmpuint (
        g_array_index (all.times, GstClockTime, n), ==, n * GST_SECOND / 8);
  g_assert_cmpuint (all.duration, ==, 6 * CLIP_TIME);
  stream_clear (&all);
  g_unlink (path);
}

static const GstStructure *
get_structure (GstMessage *message, const char *name)
{
  const GstStructure *structure = gst_message_get_structure (message);

  return GST_MESSAGE_TYPE (message) == GST_MESSAGE_ELEMENT
                 && gst_structure_has_name (structure, name)
             ? structure
             : NULL;
}

static guint
get_uint (const GstStructure *structure, const char *field)
{
  guint value;

  g_assert_true (gst_structure_get_uint (structure, field, &value));
  return value;
}

static guint64
get_uint64 (const GstStructure *structure, const char *field)
{
  guint64 value;

  g_assert_true (gst_structure_get_uint64 (structure, field, &value));
  return value;
}

static void
check_clip (const GstStructure *structure, guint clip)
{
  gint64 seed;

  g_assert_true (gst_structure_get_int64 (structure, "seed", &seed));
  g_assert_cmpint (seed, ==, 42 + clip % 2);
  g_assert_cmpuint (get_uint (structure, "clip"), ==, clip);
  g_assert_cmpuint (get_uint64 (structure, "timestamp"), ==, clip * CLIP_TIME);
  g_assert_cmpstr (
      gst_structure_get_string (structure, "prompt"), ==, prompts[clip / 2]);
}

/* Started and done for each clip, in order; PROGRESS of the first clip, element
 * messages of the others. */
static void
test_messages (void)
{
  g_autofree char *path = write_prompts ();
  g_autofree char *properties =
      g_strdup_printf ("prompt-path=%s num-clips=2", path);
  Stream stream;
  GstElement *pipeline = make_pipeline (properties, &stream);
  guint started = 0, done = 0, progress = 0;
  gboolean ended = FALSE, open = TRUE;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (!ended) {
    g_autoptr (GstMessage) message = gst_test_wait_message (
        pipeline, GST_MESSAGE_PROGRESS | GST_MESSAGE_ERROR | GST_MESSAGE_ELEMENT
                      | GST_MESSAGE_EOS);
    const GstStructure *structure;

    if ((structure = get_structure (message, "opensora-clip-started"))) {
      check_clip (structure, started++);
    } else if ((structure = get_structure (message, "opensora-clip-done"))) {
      check_clip (structure, done);
      g_assert_cmpuint (get_uint64 (structure, "duration"), ==, CLIP_TIME);
      g_assert_cmpuint (get_uint64 (structure, "duration-sample"), >, 0);
      done++;
    } else if ((structure = get_structure (message, "opensora-progress"))) {
      g_assert_cmpuint (get_uint (structure, "clip"), ==, started - 1);
      g_assert_nonnull (gst_structure_get_string (structure, "phase"));
      g_assert_cmpuint (
          get_uint64 (structure, "step"), <=, get_uint64 (structure, "steps"));
      progress++;
      open = FALSE;
    } else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_PROGRESS) {
      g_assert_true (open);
    } else {
      g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_EOS);
      ended = TRUE;
    }
  }
  g_assert_cmpuint (started, ==, 6);
  g_assert_cmpuint (done, ==, 6);
  g_assert_cmpuint (progress, >=, 5 * 2); /* sample and decode */
  gst_test_pipeline_free (pipeline);
  stream_clear (&stream);
  g_unlink (path);
}

static void
test_duration (void)
{
  Stream stream;
  GstElement *pipeline = make_pipeline ("num-clips=3", &stream);
  gint64 duration;

  gst_element_set_state (pipeline, GST_STATE_PAUSED);
  gst_message_unref (
      gst_test_wait_message (pipeline, GST_MESSAGE_DURATION_CHANGED));
  g_assert_true (
      gst_element_query_duration (pipeline, GST_FORMAT_TIME, &duration));
  g_assert_cmpint (duration, ==, 3 * CLIP_TIME);
  gst_test_pipeline_free (pipeline);
  stream_clear (&stream);
}

static void
test_no_clips (void)
{
  Stream stream;

  run ("num-clips=0", &stream);
  g_assert_cmpstr (stream.log->str, ==, "E");
  stream_clear (&stream);
}

/* Waits until so many clips were begun. */
static void
wait_started (GstElement *pipeline, guint n)
{
  for (guint i = 0; i < n;) {
    g_autoptr (GstMessage) message = gst_test_wait_message (
        pipeline, GST_MESSAGE_ELEMENT | GST_MESSAGE_ERROR);

    g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_ELEMENT);
    i += get_structure (message, "opensora-clip-started") != NULL;
  }
}

/* All prompts, again and again; seeds go on with each round. */
static void
test_endless (void)
{
  g_autofree char *path = write_prompts ();
  g_autofree char *properties =
      g_strdup_printf ("prompt-path=%s num-clips=-1", path);
  Stream stream;
  GstElement *pipeline = make_pipeline (properties, &stream);
  gint64 duration;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  wait_started (pipeline, 8);
  g_assert_false (
      gst_element_query_duration (pipeline, GST_FORMAT_TIME, &duration));
  gst_element_send_event (pipeline, gst_event_new_eos ());
  gst_test_wait_eos (pipeline);
  g_assert_cmpuint (stream.titles->len, >=, 6);
  for (guint i = 0; i < stream.titles->len; i++)
    g_assert_cmpstr (stream.titles->pdata[i], ==, prompts[i % 3]);
  g_assert_false (stream_same_frame (&stream, 0, &stream, 3 * FRAMES));
  gst_test_pipeline_free (pipeline);
  stream_clear (&stream);
  g_unlink (path);
}

/* The work is one clip ahead, not more: nothing is pushed while the sink waits
 * in PAUSED. */
static void
test_one_ahead (void)
{
  Stream stream;
  GstElement *pipeline = make_pipeline ("num-clips=-1 num-frames=1", &stream);
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  guint started = 0;

  gst_element_set_state (pipeline, GST_STATE_PAUSED);
  gst_element_get_state (pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
  for (;;) {
    g_autoptr (GstMessage) message =
        gst_bus_timed_pop_filtered (bus, GST_SECOND / 2, GST_MESSAGE_ELEMENT);

    if (message == NULL)
      break;
    started += get_structure (message, "opensora-clip-started") != NULL;
  }
  g_assert_cmpuint (started, <=, 2);
  gst_test_pipeline_free (pipeline);
  stream_clear (&stream);
}

/* What is set while a clip is made is used for the next. */
static void
test_change_while_playing (void)
{
  Stream stream;
  GstElement *pipeline =
      make_pipeline ("num-clips=-1 prompt=\"a red circle\"", &stream);
  g_autoptr (GstElement) src = gst_bin_get_by_name (GST_BIN (pipeline), "src");

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_object_set (
      src, "prompt", prompts[1], "num-frames", 34, "num-clips", 2, NULL);
  gst_test_wait_eos (pipeline);
  g_assert_cmpuint (stream.titles->len, ==, 2);
  g_assert_cmpstr (stream.titles->pdata[0], ==, prompts[0]);
  g_assert_cmpstr (stream.titles->pdata[1], ==, prompts[1]);
  g_assert_cmpuint (stream.hashes->len, ==, FRAMES + 34);
  gst_test_pipeline_free (pipeline);
  stream_clear (&stream);
}

/* A wrong clip in the middle: the frames before it come out, then the error. */
static void
test_error_comes_in_order (void)
{
  Stream stream;
  GstElement *pipeline = make_pipeline ("num-clips=2", &stream);
  g_autoptr (GstElement) src = gst_bin_get_by_name (GST_BIN (pipeline), "src");
  g_autoptr (GstMessage) message = NULL;
  g_autoptr (GError) error = NULL;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_object_set (src, "num-frames", 2, NULL);
  message =
      gst_test_wait_message (pipeline, GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
  gst_message_parse_error (message, &error, NULL);
  g_assert_error (error, GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_SETTINGS);
  g_assert_cmpuint (stream.hashes->len, ==, FRAMES);
  gst_test_pipeline_free (pipeline);
  stream_clear (&stream);
}

/* A property that the model depends on waits for the next start, and says so
 * once. */
static void
test_model_change_while_playing (void)
{
  Stream stream;
  GstElement *pipeline = make_pipeline ("num-clips=2", &stream);
  g_autoptr (GstElement) src = gst_bin_get_by_name (GST_BIN (pipeline), "src");
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  g_autofree char *model = NULL;
  guint warnings = 0;
  GstMessage *message;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_object_set (src, "model", "/no/such/model", NULL);
  g_object_set (src, "n-threads", 1, NULL);
  g_object_get (src, "model", &model, NULL);
  g_assert_cmpstr (model, ==, "/no/such/model");
  while ((message = gst_bus_timed_pop_filtered (bus, GST_CLOCK_TIME_NONE,
              GST_MESSAGE_WARNING | GST_MESSAGE_EOS | GST_MESSAGE_ERROR))
         && GST_MESSAGE_TYPE (message) == GST_MESSAGE_WARNING) {
    warnings++;
    gst_message_unref (message);
  }
  g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_EOS);
  gst_message_unref (message);
  g_assert_cmpuint (warnings, ==, 1);
  g_assert_cmpuint (stream.hashes->len, ==, 2 * FRAMES);

  gst_element_set_state (pipeline, GST_STATE_READY);
  g_assert_cmpint (gst_element_set_state (pipeline, GST_STATE_PAUSED), ==,
      GST_STATE_CHANGE_FAILURE);
  gst_test_pipeline_free (pipeline);
  stream_clear (&stream);
}

static void
add_tests (void)
{
  g_test_add_func ("/gst/clips/prompt-path", test_prompt_path);
  g_test_add_func ("/gst/clips/messages", test_messages);
  g_test_add_func ("/gst/clips/duration", test_duration);
  g_test_add_func ("/gst/clips/none", test_no_clips);
  g_test_add_func ("/gst/clips/endless", test_endless);
  g_test_add_func ("/gst/clips/one-ahead", test_one_ahead);
  g_test_add_func (
      "/gst/clips/change-while-playing", test_change_while_playing);
  g_test_add_func (
      "/gst/clips/error-comes-in-order", test_error_comes_in_order);
  g_test_add_func (
      "/gst/clips/model-change-while-playing", test_model_change_while_playing);
}

int
main (int argc, char **argv)
{
  return gst_test_main (argc, argv, add_tests);
}
