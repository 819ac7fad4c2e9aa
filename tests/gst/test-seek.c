/* SPDX-License-Identifier: Apache-2.0 */
/* Seeking: to 0, in the clip that is kept, and what is refused. */
#include "gsttest.h"
#include "streamlog.h"

#include <string.h>

#define FRAMES 17
#define LONG_FRAMES 51 /* more than are held without keep-clip */
#define FRAME_TIME (GST_SECOND / 8)
#define FLUSH GST_SEEK_FLAG_FLUSH

typedef struct {
  GstElement *pipeline;
  GstElement *src;
  Stream stream;
  gint started; /* atomic */
} Fixture;

static void
note_message (GstBus *bus, GstMessage *message, gpointer data)
{
  if (gst_message_has_name (message, "opensora-clip-started"))
    g_atomic_int_inc ((gint *) data);
}

static void
setup (Fixture *f, const char *properties)
{
  g_autofree char *launch = g_strdup_printf (
      "opensorasrc name=src steps=1 %s ! fakesink name=sink", properties);
  g_autoptr (GstBus) bus = NULL;

  f->pipeline = gst_test_pipeline_new (launch);
  bus = gst_element_get_bus (f->pipeline);
  gst_bus_enable_sync_message_emission (bus);
  f->started = 0;
  g_signal_connect (
      bus, "sync-message::element", G_CALLBACK (note_message), &f->started);
  f->src = gst_bin_get_by_name (GST_BIN (f->pipeline), "src");
  stream_init (&f->stream, f->pipeline);
}

static void
teardown (Fixture *f)
{
  gst_object_unref (f->src);
  gst_test_pipeline_free (f->pipeline);
  stream_clear (&f->stream);
}

static gboolean
seek (Fixture *f, GstSeekFlags flags, GstClockTime start, GstClockTime stop)
{
  return gst_element_seek (f->pipeline, 1, GST_FORMAT_TIME, flags,
      GST_SEEK_TYPE_SET, start, GST_SEEK_TYPE_SET, stop);
}

/* What the whole stream is, as it comes without seeks. */
static void
run (const char *properties, Stream *stream)
{
  Fixture f;

  setup (&f, properties);
  gst_element_set_state (f.pipeline, GST_STATE_PLAYING);
  gst_test_wait_eos (f.pipeline);
  *stream = f.stream;
  gst_object_unref (f.src);
  gst_test_pipeline_free (f.pipeline);
}

/* How many clips were begun since it was asked last. */
static gint
count_started (Fixture *f)
{
  return g_atomic_int_exchange (&f->started, 0);
}

static void
play_to_end (Fixture *f)
{
  gst_element_set_state (f->pipeline, GST_STATE_PLAYING);
  gst_test_wait_eos (f->pipeline);
}

/* The clip is made anew, with the same seed, also one that chance chose. */
static void
test_to_0 (void)
{
  static const char *const properties[] = { "num-frames=51",
    "num-frames=51 seed=-1", "num-frames=51 resolution=40x56" };

  for (guint i = 0; i < G_N_ELEMENTS (properties); i++) {
    Fixture f;
    Stream first;

    setup (&f, properties[i]);
    play_to_end (&f);
    first = stream_take (&f.stream);
    g_assert_cmpint (count_started (&f), ==, 1);
    g_object_set (f.src, "prompt", "something else", NULL);
    g_assert_true (seek (&f, FLUSH, 0, -1));
    gst_test_wait_eos (f.pipeline);
    g_assert_cmpint (count_started (&f), ==, 1);
    stream_check_frames (&f.stream, &first, 0, LONG_FRAMES);
    g_assert_true (g_str_has_prefix (f.stream.log->str, "fstbb"));
    teardown (&f);
    stream_clear (&first);
  }
}

/* Several clips: all of them. */
static void
test_to_0_of_clips (void)
{
  Fixture f;
  Stream all;

  setup (&f, "num-clips=3");
  play_to_end (&f);
  all = stream_take (&f.stream);
  g_assert_cmpint (count_started (&f), ==, 3);
  g_assert_true (seek (&f, FLUSH, 0, -1));
  gst_test_wait_eos (f.pipeline);
  g_assert_cmpint (count_started (&f), ==, 3);
  stream_check_frames (&f.stream, &all, 0, 3 * FRAMES);
  teardown (&f);
  stream_clear (&all);
}

/* A log that is of no interest. */
static void
forget (Fixture *f)
{
  Stream gone = stream_take (&f->stream);

  stream_clear (&gone);
}

static void
wait_preroll (Fixture *f)
{
  g_assert_cmpint (
      gst_element_get_state (f->pipeline, NULL, NULL, GST_CLOCK_TIME_NONE), ==,
      GST_STATE_CHANGE_SUCCESS);
}

/* Nothing that was computed is thrown away: not before the first frame, not
 * while it is shown. */
static void
test_to_0_goes_on (void)
{
  Fixture f;
  Stream all;

  run ("num-frames=51 steps=5", &all);
  setup (&f, "num-frames=51 steps=5");
  gst_element_set_state (f.pipeline, GST_STATE_PAUSED);
  gst_test_wait_progress (f.pipeline, GST_PROGRESS_TYPE_START, "sample");
  g_assert_true (seek (&f, FLUSH, 0, -1));
  wait_preroll (&f);
  forget (&f);
  g_assert_true (seek (&f, FLUSH, 0, -1));
  wait_preroll (&f);
  play_to_end (&f);
  g_assert_cmpint (count_started (&f), ==, 1);
  stream_check_frames (&f.stream, &all, 0, LONG_FRAMES);
  teardown (&f);
  stream_clear (&all);
}

/* An application that has ended the stream may begin it again. */
static void
test_to_0_after_eos_event (void)
{
  Fixture f;
  Stream all;

  run ("num-clips=2", &all);
  setup (&f, "num-clips=2");
  gst_element_set_state (f.pipeline, GST_STATE_PLAYING);
  gst_test_wait_progress (f.pipeline, GST_PROGRESS_TYPE_START, "sample");
  g_assert_true (gst_element_send_event (f.pipeline, gst_event_new_eos ()));
  gst_test_wait_eos (f.pipeline);
  forget (&f);
  g_assert_true (seek (&f, FLUSH, 0, -1));
  gst_test_wait_eos (f.pipeline);
  stream_check_frames (&f.stream, &all, 0, 2 * FRAMES);
  teardown (&f);
  stream_clear (&all);
}

static void
check_refused (
    Fixture *f, double rate, GstFormat format, GstSeekFlags flags, gint64 start)
{
  g_assert_false (gst_element_seek (f->pipeline, rate, format, flags,
      GST_SEEK_TYPE_SET, start, GST_SEEK_TYPE_NONE, -1));
  g_assert_false (gst_element_seek (f->src, rate, format, flags,
      GST_SEEK_TYPE_SET, start, GST_SEEK_TYPE_NONE, -1));
}

static void
check_seekable (
    Fixture *f, gboolean expected, GstClockTime start, GstClockTime end)
{
  g_autoptr (GstQuery) query = gst_query_new_seeking (GST_FORMAT_TIME);
  gboolean seekable;
  gint64 from, to;

  g_assert_true (gst_element_query (f->src, query));
  gst_query_parse_seeking (query, NULL, &seekable, &from, &to);
  g_assert_cmpint (seekable, ==, expected);
  g_assert_cmpint (from, ==, start);
  g_assert_cmpint (to, ==, end);
}

/* What is refused leaves the stream alone: nothing is flushed. */
static void
test_refused (void)
{
  Fixture f;

  setup (&f, "");
  check_refused (&f, 1, GST_FORMAT_TIME, FLUSH, FRAME_TIME);
  gst_element_set_state (f.pipeline, GST_STATE_PAUSED);
  wait_preroll (&f);
  check_seekable (&f, FALSE, 0, 0);
  check_refused (&f, 2, GST_FORMAT_TIME, FLUSH, 0);
  check_refused (&f, -1, GST_FORMAT_TIME, FLUSH, 0);
  check_refused (&f, 1, GST_FORMAT_DEFAULT, FLUSH, 0);
  check_refused (&f, 1, GST_FORMAT_BYTES, FLUSH, 0);
  check_refused (&f, 1, GST_FORMAT_TIME, FLUSH, FRAME_TIME);
  check_refused (&f, 1, GST_FORMAT_TIME, FLUSH, -1 - GST_SECOND);
  play_to_end (&f);
  g_assert_cmpuint (f.stream.hashes->len, ==, FRAMES);
  g_assert_null (strchr (f.stream.log->str, 'f'));
  teardown (&f);
}

/* A seek to 0 may come before the start. */
static void
test_in_ready (void)
{
  Fixture f;

  setup (&f, "");
  g_assert_true (gst_element_seek (f.src, 1, GST_FORMAT_TIME, FLUSH,
      GST_SEEK_TYPE_SET, 0, GST_SEEK_TYPE_SET, 3 * FRAME_TIME));
  play_to_end (&f);
  g_assert_cmpuint (f.stream.hashes->len, ==, 3);
  teardown (&f);
}

/* ---- keep-clip ---- */

/* A clip that is whole and shown to its end. */
static void
setup_kept (Fixture *f, const char *properties, Stream *all)
{
  g_autofree char *with = g_strconcat ("keep-clip=true ", properties, NULL);

  setup (f, with);
  play_to_end (f);
  g_assert_cmpint (count_started (f), >=, 1);
  *all = stream_take (&f->stream);
}

typedef struct {
  GstSeekFlags flags;
  GstClockTime start, stop;
  GstClockTime segment_start;
  guint from, to; /* frames */
} Kept;

#define KEY GST_SEEK_FLAG_KEY_UNIT

static const Kept kept[] = {
  { GST_SEEK_FLAG_ACCURATE, 7 * FRAME_TIME, -1, 7 * FRAME_TIME, 7, 51 },
  /* In the middle of a frame: the sink cuts off what is before. */
  { GST_SEEK_FLAG_ACCURATE, 7 * FRAME_TIME + 5, -1, 7 * FRAME_TIME + 5, 7, 51 },
  { GST_SEEK_FLAG_NONE, 8 * FRAME_TIME - 1, -1, 8 * FRAME_TIME - 1, 7, 51 },
  { KEY, 7 * FRAME_TIME + 5, -1, 7 * FRAME_TIME, 7, 51 },
  { KEY | GST_SEEK_FLAG_SNAP_BEFORE, 8 * FRAME_TIME - 1, -1, 7 * FRAME_TIME, 7,
      51 },
  { KEY | GST_SEEK_FLAG_SNAP_AFTER, 7 * FRAME_TIME + 1, -1, 8 * FRAME_TIME, 8,
      51 },
  { KEY | GST_SEEK_FLAG_SNAP_NEAREST, 8 * FRAME_TIME - 5, -1, 8 * FRAME_TIME, 8,
      51 },
  { KEY | GST_SEEK_FLAG_SNAP_NEAREST, 7 * FRAME_TIME + 5, -1, 7 * FRAME_TIME, 7,
      51 },
  /* The stop is honoured. */
  { GST_SEEK_FLAG_NONE, 2 * FRAME_TIME, 4 * FRAME_TIME, 2 * FRAME_TIME, 2, 4 },
  { GST_SEEK_FLAG_NONE, 0, FRAME_TIME / 2, 0, 0, 1 },
  { GST_SEEK_FLAG_NONE, 0, -1, 0, 0, 51 },
  { GST_SEEK_FLAG_NONE, 50 * FRAME_TIME, -1, 50 * FRAME_TIME, 50, 51 },
};

/* Frames come from memory: nothing is computed. */
static void
test_kept (void)
{
  Fixture f;
  Stream all;

  setup_kept (&f, "num-frames=51", &all);
  check_seekable (&f, TRUE, 0, LONG_FRAMES * FRAME_TIME);
  for (guint i = 0; i < G_N_ELEMENTS (kept); i++) {
    g_test_message ("%u", i);
    forget (&f);
    g_assert_true (
        seek (&f, FLUSH | kept[i].flags, kept[i].start, kept[i].stop));
    gst_test_wait_eos (f.pipeline);
    g_assert_cmpuint (f.stream.segment.start, ==, kept[i].segment_start);
    g_assert_cmpuint (f.stream.segment.time, ==, kept[i].segment_start);
    g_assert_cmpuint (f.stream.segment.stop, ==, kept[i].stop);
    stream_check_frames (&f.stream, &all, kept[i].from, kept[i].to);
  }
  g_assert_cmpint (count_started (&f), ==, 0);
  teardown (&f);
  stream_clear (&all);
}

static void
test_kept_end (void)
{
  Fixture f;
  Stream all;

  setup_kept (&f, "", &all);
  /* At the end there is nothing more; it is measured from there as well. */
  g_assert_true (seek (&f, FLUSH, FRAMES * FRAME_TIME, -1));
  gst_test_wait_eos (f.pipeline);
  g_assert_cmpuint (f.stream.hashes->len, ==, 0);
  forget (&f);
  g_assert_true (gst_element_seek (f.pipeline, 1, GST_FORMAT_TIME, FLUSH,
      GST_SEEK_TYPE_END, -2 * (gint64) FRAME_TIME, GST_SEEK_TYPE_END,
      -1 * (gint64) FRAME_TIME));
  gst_test_wait_eos (f.pipeline);
  stream_check_frames (&f.stream, &all, 15, 16);
  teardown (&f);
  stream_clear (&all);
}

/* Every frame is found by its own time, also where that is rounded. */
static void
test_kept_fractional (void)
{
  Fixture f;
  Stream all;

  setup (&f, "keep-clip=true ! video/x-raw,framerate=30000/1001");
  play_to_end (&f);
  all = stream_take (&f.stream);
  for (guint n = 0; n < FRAMES; n++) {
    forget (&f);
    g_assert_true (seek (&f, FLUSH, g_array_index (all.times, guint64, n), -1));
    gst_test_wait_eos (f.pipeline);
    g_assert_cmpuint (g_array_index (f.stream.offsets, guint64, 0), ==, n);
    g_assert_cmpuint (f.stream.hashes->len, ==, FRAMES - n);
  }
  teardown (&f);
  stream_clear (&all);
}

/* The whole clip can be sought while only its first frame is shown. */
static void
test_kept_while_paused (void)
{
  Fixture f;
  Stream all;

  run ("", &all);
  setup (&f, "keep-clip=true");
  gst_element_set_state (f.pipeline, GST_STATE_PAUSED);
  wait_preroll (&f);
  forget (&f);
  gst_test_wait_whole (f.src);
  g_assert_true (seek (&f, FLUSH, 9 * FRAME_TIME, -1));
  wait_preroll (&f);
  g_assert_true (seek (&f, FLUSH, 3 * FRAME_TIME, -1));
  wait_preroll (&f);
  forget (&f);
  g_assert_true (seek (&f, FLUSH, 12 * FRAME_TIME, -1));
  play_to_end (&f);
  g_assert_cmpint (count_started (&f), ==, 1);
  stream_check_frames (&f.stream, &all, 12, FRAMES);
  teardown (&f);
  stream_clear (&all);
}

static GstClockTime
wait_segment_done (Fixture *f)
{
  g_autoptr (GstMessage) message = gst_test_wait_message (
      f->pipeline, GST_MESSAGE_SEGMENT_DONE | GST_MESSAGE_EOS);
  gint64 position;

  g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_SEGMENT_DONE);
  gst_message_parse_segment_done (message, NULL, &position);
  return position;
}

/* Round and round without a flush. */
static void
test_segments (void)
{
  const GstSeekFlags segment = GST_SEEK_FLAG_SEGMENT;
  Fixture f;
  Stream all;

  setup_kept (&f, "", &all);
  g_assert_true (seek (&f, FLUSH | segment, 2 * FRAME_TIME, 5 * FRAME_TIME));
  g_assert_cmpuint (wait_segment_done (&f), ==, 5 * FRAME_TIME);
  g_assert_true (g_str_has_prefix (f.stream.log->str, "fstbbb"));
  for (guint i = 1; i < 4; i++) {
    forget (&f);
    g_assert_true (seek (&f, segment, 2 * FRAME_TIME, 5 * FRAME_TIME));
    g_assert_cmpuint (wait_segment_done (&f), ==, 5 * FRAME_TIME);
    stream_check_frames (&f.stream, &all, 2, 5);
    g_assert_cmpuint (f.stream.segment.base, ==, i * 3 * FRAME_TIME);
  }
  /* To the end of the stream. */
  forget (&f);
  g_assert_true (seek (&f, segment, 14 * FRAME_TIME, -1));
  g_assert_cmpuint (wait_segment_done (&f), ==, FRAMES * FRAME_TIME);
  stream_check_frames (&f.stream, &all, 14, FRAMES);
  g_assert_cmpint (count_started (&f), ==, 0);
  teardown (&f);
  stream_clear (&all);
}

/* The last of several: it alone is kept, and the others are made anew. */
static void
test_kept_of_clips (void)
{
  Fixture f;
  Stream all;

  setup_kept (&f, "num-clips=3", &all);
  check_seekable (&f, TRUE, 34 * FRAME_TIME, 51 * FRAME_TIME);
  g_assert_true (seek (&f, FLUSH, 40 * FRAME_TIME, -1));
  gst_test_wait_eos (f.pipeline);
  stream_check_frames (&f.stream, &all, 40, 51);
  check_refused (&f, 1, GST_FORMAT_TIME, FLUSH, 33 * FRAME_TIME);
  g_assert_cmpint (count_started (&f), ==, 0);
  forget (&f);
  g_assert_true (seek (&f, FLUSH, 0, -1));
  gst_test_wait_eos (f.pipeline);
  stream_check_frames (&f.stream, &all, 0, 51);
  teardown (&f);
  stream_clear (&all);
}

/* In mid-stream: the next clip follows as if nothing had been sought. */
static void
test_kept_goes_on (void)
{
  Fixture f;
  Stream all;

  run ("num-clips=2", &all);
  setup (&f, "num-clips=2 keep-clip=true num-buffers=-1");
  gst_element_set_state (f.pipeline, GST_STATE_PAUSED);
  wait_preroll (&f);
  gst_test_wait_whole (f.src);
  forget (&f);
  g_assert_true (seek (&f, FLUSH, 10 * FRAME_TIME, -1));
  wait_preroll (&f);
  play_to_end (&f);
  stream_check_frames (&f.stream, &all, 10, 2 * FRAMES);
  teardown (&f);
  stream_clear (&all);
}

static void
add_tests (void)
{
  g_test_add_func ("/gst/seek/to-0", test_to_0);
  g_test_add_func ("/gst/seek/to-0-of-clips", test_to_0_of_clips);
  g_test_add_func ("/gst/seek/to-0-goes-on", test_to_0_goes_on);
  g_test_add_func ("/gst/seek/to-0-after-eos-event", test_to_0_after_eos_event);
  g_test_add_func ("/gst/seek/refused", test_refused);
  g_test_add_func ("/gst/seek/in-ready", test_in_ready);
  g_test_add_func ("/gst/seek/kept", test_kept);
  g_test_add_func ("/gst/seek/kept-end", test_kept_end);
  g_test_add_func ("/gst/seek/kept-fractional", test_kept_fractional);
  g_test_add_func ("/gst/seek/kept-while-paused", test_kept_while_paused);
  g_test_add_func ("/gst/seek/segments", test_segments);
  g_test_add_func ("/gst/seek/kept-of-clips", test_kept_of_clips);
  g_test_add_func ("/gst/seek/kept-goes-on", test_kept_goes_on);
}

int
main (int argc, char **argv)
{
  return gst_test_main (argc, argv, add_tests);
}
