/* SPDX-License-Identifier: Apache-2.0 */
/* Live streams: a frame at every time of the clock, whatever happens. Nothing
 * here depends on how fast clips are made. */
#include "gsttest.h"
#include "livewatch.h"

#include <string.h>

#define SINK " ! video/x-raw,format=RGB,framerate=24/1 ! fakesink"

typedef struct {
  GstElement *pipeline, *src;
  LiveWatch watch;
} Fixture;

static void
setup (Fixture *f, const char *properties)
{
  g_autofree char *launch =
      g_strdup_printf ("opensorasrc name=src is-live=true %s" SINK, properties);

  f->pipeline = gst_test_pipeline_new (launch);
  f->src = gst_bin_get_by_name (GST_BIN (f->pipeline), "src");
  livewatch_init (&f->watch, f->pipeline);
}

static void
play (Fixture *f)
{
  livewatch_set_open (&f->watch, TRUE);
  gst_element_set_state (f->pipeline, GST_STATE_PLAYING);
}

static void
teardown (Fixture *f)
{
  gst_element_set_state (f->pipeline, GST_STATE_NULL);
  gst_object_unref (f->src);
  gst_test_pipeline_free (f->pipeline);
  livewatch_clear (&f->watch);
}

/* The next message of this name, or the end. */
static GstMessage *
wait_named (Fixture *f, const char *name)
{
  for (;;) {
    GstMessage *message = gst_test_wait_message (
        f->pipeline, GST_MESSAGE_ELEMENT | GST_MESSAGE_ERROR | GST_MESSAGE_EOS);

    g_assert_cmpint (GST_MESSAGE_TYPE (message), !=, GST_MESSAGE_ERROR);
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS
        || gst_message_has_name (message, name))
      return message;
    gst_message_unref (message);
  }
}

/* ---- the source is live ---- */

/* It does not preroll, loads the model while it is paused, and says how late
 * frames may be. */
static void
test_live_source (void)
{
  g_autoptr (GstQuery) latency = gst_query_new_latency ();
  g_autoptr (GstQuery) seeking = gst_query_new_seeking (GST_FORMAT_TIME);
  GstClockTime min, max;
  gboolean live, seekable;
  gint64 duration;
  Fixture f;

  setup (&f, "num-clips=-1 steps=1 keep-clip=true");
  g_assert_cmpint (gst_element_set_state (f.pipeline, GST_STATE_PAUSED), ==,
      GST_STATE_CHANGE_NO_PREROLL);
  gst_test_wait_progress (f.pipeline, GST_PROGRESS_TYPE_COMPLETE, "open");
  play (&f);
  livewatch_wait_frames (&f.watch, 30);

  g_assert_true (gst_element_query (f.src, latency));
  gst_query_parse_latency (latency, &live, &min, &max);
  g_assert_true (live);
  g_assert_cmpuint (min, ==, GST_SECOND / LIVEWATCH_RATE);
  g_assert_cmpuint (max, ==, GST_CLOCK_TIME_NONE);
  g_assert_true (gst_element_query (f.src, seeking));
  gst_query_parse_seeking (seeking, NULL, &seekable, NULL, NULL);
  g_assert_false (seekable);
  g_assert_false (gst_element_seek_simple (
      f.pipeline, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, 0));
  g_assert_false (
      gst_element_query_duration (f.src, GST_FORMAT_TIME, &duration));
  teardown (&f);
}

/* Between PAUSED and PLAYING no frame comes, and none is missing. */
static void
test_pause (void)
{
  Fixture f;

  setup (&f, "num-clips=-1 steps=1");
  play (&f);
  for (guint i = 0; i < 3; i++) {
    livewatch_wait_frames (&f.watch, 10);
    g_assert_cmpint (gst_element_set_state (f.pipeline, GST_STATE_PAUSED), ==,
        GST_STATE_CHANGE_NO_PREROLL);
    livewatch_set_open (&f.watch, FALSE);
    g_usleep (100000);
    play (&f);
  }
  livewatch_wait_frames (&f.watch, 10);
  teardown (&f);
}

/* Where the running time goes on in a pause, so does the stream. */
static void
test_pause_with_clock (void)
{
  GstClockTime before, after;
  Fixture f;

  setup (&f, "num-clips=-1 steps=1");
  gst_element_set_start_time (f.pipeline, GST_CLOCK_TIME_NONE);
  play (&f);
  livewatch_wait_frames (&f.watch, 10);
  gst_element_set_state (f.pipeline, GST_STATE_PAUSED);
  before = after = f.watch.end;
  f.watch.holes = TRUE;
  g_usleep (1500000);
  play (&f);
  /* A frame that the pause held up may come first. */
  for (guint i = 0; i < 2 && after - before < GST_SECOND; i++) {
    livewatch_wait_frames (&f.watch, 1);
    g_mutex_lock (&f.watch.lock);
    after = f.watch.begin;
    g_mutex_unlock (&f.watch.lock);
  }
  g_assert_cmpuint (after - before, >=, GST_SECOND * 14 / 10);
  g_mutex_lock (&f.watch.lock);
  f.watch.holes = FALSE;
  g_mutex_unlock (&f.watch.lock);
  livewatch_wait_frames (&f.watch, 10);
  teardown (&f);
}

/* Of a pipeline whose running time is 100 seconds already: the first frame has
 * the running time of its moment, and none comes before its time. */
#define HEAD_START (100 * GST_SECOND)

static GstPadProbeReturn
check_running_time (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  const GstClockTime time = GST_BUFFER_PTS (GST_PAD_PROBE_INFO_BUFFER (info));
  g_autoptr (GstElement) src = gst_pad_get_parent_element (pad);
  g_autoptr (GstClock) clock = gst_element_get_clock (src);
  const GstClockTime now =
      gst_clock_get_time (clock) - gst_element_get_base_time (src);

  g_assert_cmpuint (time, >=, HEAD_START);
  g_assert_cmpuint (time, <=, now);
  return GST_PAD_PROBE_OK;
}

static void
test_running_time (void)
{
  g_autoptr (GstClock) clock = gst_system_clock_obtain ();
  g_autoptr (GstPad) pad = NULL;
  Fixture f;

  setup (&f, "num-clips=-1 steps=1");
  pad = gst_element_get_static_pad (f.src, "src");
  gst_pad_add_probe (
      pad, GST_PAD_PROBE_TYPE_BUFFER, check_running_time, NULL, NULL);
  gst_pipeline_use_clock (GST_PIPELINE (f.pipeline), clock);
  gst_element_set_start_time (f.pipeline, GST_CLOCK_TIME_NONE);
  gst_element_set_base_time (
      f.pipeline, gst_clock_get_time (clock) - HEAD_START);
  play (&f);
  livewatch_wait_frames (&f.watch, 20);
  teardown (&f);
}

/* At any moment, also while it waits for the clock or the model. */
static void
test_stop (void)
{
  for (guint ms = 0; ms < 300; ms += 30) {
    Fixture f;
    gint64 begin;

    setup (&f, "steps=1000");
    play (&f);
    g_usleep (ms * 1000);
    begin = g_get_monotonic_time ();
    gst_element_set_state (f.pipeline, GST_STATE_NULL);
    g_assert_cmpfloat (
        (g_get_monotonic_time () - begin) * 1e-6, <, gst_test_limit (0.3));
    teardown (&f);
  }
}

static void
test_end (void)
{
  Fixture f;

  setup (&f, "num-clips=2 steps=1");
  play (&f);
  gst_test_wait_eos (f.pipeline);
  g_assert_cmpuint (f.watch.hashes->len, ==, 2 * 17);
  teardown (&f);

  setup (&f, "steps=1000");
  play (&f);
  livewatch_wait_frames (&f.watch, 5);
  gst_element_send_event (f.pipeline, gst_event_new_eos ());
  gst_test_wait_eos (f.pipeline);
  teardown (&f);
}

static void
test_errors (void)
{
  gst_test_expect_error (
      "opensorasrc is-live=true ! video/x-raw,framerate=0/1 ! fakesink",
      GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_SETTINGS, "is-live=false");
  gst_test_expect_error ("opensorasrc is-live=true num-frames=2 ! fakesink",
      GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_SETTINGS, "num-frames 2");
}

/* ---- what it shows ---- */

static GstPadProbeReturn
note_hash (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  GstMapInfo map;

  g_assert_true (
      gst_buffer_map (GST_PAD_PROBE_INFO_BUFFER (info), &map, GST_MAP_READ));
  g_ptr_array_add (data,
      g_compute_checksum_for_data (G_CHECKSUM_SHA256, map.data, map.size));
  gst_buffer_unmap (GST_PAD_PROBE_INFO_BUFFER (info), &map);
  return GST_PAD_PROBE_OK;
}

/* All frames of all clips, as in a stream that is not live, in order; what is
 * between them was shown before. */
static void
test_frames (void)
{
  static const char properties[] = "num-clips=3 steps=2 seed=3";
  g_autofree char *launch =
      g_strdup_printf ("opensorasrc name=src %s" SINK, properties);
  g_autoptr (GPtrArray) expected = g_ptr_array_new_with_free_func (g_free);
  GstElement *pipeline = gst_test_pipeline_new (launch);
  g_autoptr (GstElement) src = gst_bin_get_by_name (GST_BIN (pipeline), "src");
  g_autoptr (GstPad) pad = gst_element_get_static_pad (src, "src");
  Fixture f;

  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, note_hash, expected, NULL);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  gst_test_wait_eos (pipeline);
  gst_test_pipeline_free (pipeline);

  setup (&f, properties);
  play (&f);
  gst_test_wait_eos (f.pipeline);
  g_assert_cmpuint (f.watch.hashes->len, ==, expected->len);
  for (guint i = 0; i < expected->len; i++)
    g_assert_cmpstr (f.watch.hashes->pdata[i], ==, expected->pdata[i]);
  teardown (&f);
}

static guint64
get_number (GstMessage *message, const char *field)
{
  const GValue *value =
      gst_structure_get_value (gst_message_get_structure (message), field);

  return G_VALUE_HOLDS_UINT (value) ? g_value_get_uint (value)
                                    : g_value_get_uint64 (value);
}

/* The messages say where in the stream each clip was and how long it was waited
 * for; together they are all of it. */
static void
test_messages (void)
{
  GstClockTime end = 0;
  guint repeated = 0, n = 0;
  Fixture f;

  setup (&f, "num-clips=3 steps=20");
  play (&f);
  for (;;) {
    g_autoptr (GstMessage) message = wait_named (&f, "opensora-clip-done");
    const GstStructure *structure = gst_message_get_structure (message);
    GstClockTime begin;
    double factor;

    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS)
      break;
    begin = get_number (message, "timestamp");
    g_assert_cmpuint (begin, >=, end);
    end = begin + get_number (message, "duration");
    repeated += get_number (message, "repeated-frames");
    g_assert_cmpuint (get_number (message, "preview-frames"), ==, 0);
    g_assert_true (
        gst_structure_get_double (structure, "realtime-factor", &factor));
    g_assert_cmpfloat (factor, >, 0);
    g_assert_cmpuint (end - begin, >=, (17 * GST_SECOND - 2) / LIVEWATCH_RATE);
    n++;
  }
  g_assert_cmpuint (n, ==, 3);
  g_assert_cmpuint (end, ==, f.watch.end);
  g_assert_cmpuint (repeated, ==, f.watch.n_repeated);
  g_assert_cmpuint (f.watch.n_frames, ==, 3 * 17 + f.watch.n_repeated);
  teardown (&f);
}

/* Before a clip is there its previews are shown, and counted. */
static void
test_preview (void)
{
  guint previews = 0;
  Fixture f;

  setup (&f, "num-clips=2 steps=100 preview=true");
  play (&f);
  for (;;) {
    g_autoptr (GstMessage) message = wait_named (&f, "opensora-clip-done");

    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS)
      break;
    previews += get_number (message, "preview-frames");
  }
  g_assert_cmpuint (f.watch.hashes->len, ==, 2 * 17);
  g_assert_cmpuint (previews, >, 0);
  g_assert_cmpuint (previews, ==, f.watch.n_previews);
  teardown (&f);
}

/* Clips of other sizes follow without a hole. */
static void
test_sizes (void)
{
  Fixture f;

  setup (&f, "num-clips=-1 steps=1 num-frames=1 resolution=48x32");
  play (&f);
  for (guint i = 0; i < 3; i++) {
    gst_message_unref (wait_named (&f, "opensora-clip-done"));
    g_object_set (f.src, "resolution", i % 2 ? "48x32" : "32x48", NULL);
  }
  livewatch_wait_frames (&f.watch, 10);
  g_assert_cmpuint (f.watch.n_caps, >=, 2);
  teardown (&f);
}

/* ---- prompts change ---- */

#define PROMPT(colour) "a " colour " circle moving right on a black background"

static const struct {
  const char *prompt;
  char colour;
} changes[] = {
  { PROMPT ("red"), 'r' },
  { PROMPT ("blue"), 'b' },
  { PROMPT ("red"), 'r' },
  { PROMPT ("blue"), 'b' },
};

/* How long the stream is, at least, in frames: a minute if that is asked for.
 */
static guint
get_length (void)
{
  const char *seconds = g_getenv ("OPENSORA_TEST_LIVE_SECONDS");

  return LIVEWATCH_RATE * (seconds != NULL ? atoi (seconds) : 10);
}

/* The prompt changes three times; each is seen in the frames. */
static void
test_prompts (void)
{
  const guint n = get_length () / G_N_ELEMENTS (changes);
  g_autoptr (GString) seen = g_string_new (NULL);
  Fixture f;

  setup (&f, "num-clips=-1 steps=8");
  for (guint i = 0; i < G_N_ELEMENTS (changes); i++) {
    g_object_set (f.src, "prompt", changes[i].prompt, NULL);
    if (i == 0)
      play (&f);
    livewatch_wait_colour (&f.watch, changes[i].colour);
    livewatch_wait_frames (&f.watch, n);
    g_string_append_c (seen, changes[i].colour);
  }
  gst_element_set_state (f.pipeline, GST_STATE_NULL);
  g_test_message ("%u frames, %u of them repeated; colours %s",
      f.watch.n_frames, f.watch.n_repeated, f.watch.colours->str);
  g_assert_cmpuint (f.watch.n_frames, >=, get_length ());
  g_assert_cmpstr (f.watch.colours->str, ==, seen->str);
  teardown (&f);
}

/* With the action `cancel` a prompt counts at once, also if the clip in work
 * would never be done. */
static void
test_cancel (void)
{
  Fixture f;

  setup (&f, "num-clips=-1 steps=8 prompt=\"" PROMPT ("red") "\"");
  play (&f);
  livewatch_wait_colour (&f.watch, 'r');
  g_object_set (f.src, "steps", 1000, NULL);
  gst_message_unref (wait_named (&f, "opensora-clip-started"));
  gst_message_unref (wait_named (&f, "opensora-clip-started"));
  livewatch_wait_frames (&f.watch, 3 * 17);
  g_object_set (f.src, "prompt", PROMPT ("blue"), "steps", 8, NULL);
  g_signal_emit_by_name (f.src, "cancel");
  livewatch_wait_colour (&f.watch, 'b');
  gst_element_set_state (f.pipeline, GST_STATE_NULL);
  g_assert_cmpstr (f.watch.colours->str, ==, "rb");
  teardown (&f);
}

static void
add_tests (void)
{
  if (g_getenv ("OPENSORA_TEST_LIVE_SECONDS") != NULL) {
    g_test_add_func ("/gst/live/prompts", test_prompts);
    return;
  }
  g_test_add_func ("/gst/live/source", test_live_source);
  g_test_add_func ("/gst/live/pause", test_pause);
  g_test_add_func ("/gst/live/pause-with-clock", test_pause_with_clock);
  g_test_add_func ("/gst/live/running-time", test_running_time);
  g_test_add_func ("/gst/live/stop", test_stop);
  g_test_add_func ("/gst/live/end", test_end);
  g_test_add_func ("/gst/live/errors", test_errors);
  g_test_add_func ("/gst/live/frames", test_frames);
  g_test_add_func ("/gst/live/messages", test_messages);
  g_test_add_func ("/gst/live/preview", test_preview);
  g_test_add_func ("/gst/live/sizes", test_sizes);
  g_test_add_func ("/gst/live/prompts", test_prompts);
  g_test_add_func ("/gst/live/cancel", test_cancel);
}

int
main (int argc, char **argv)
{
  return gst_test_main (argc, argv, add_tests);
}
