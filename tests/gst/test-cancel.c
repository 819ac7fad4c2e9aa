/* SPDX-License-Identifier: Apache-2.0 */
/* The action `cancel` in every stage of the work. */
#include "gsttest.h"
#include "streamlog.h"

#include <string.h>

#define FRAMES 17
#define FRAME_TIME (GST_SECOND / 8)
/* What is promised, and room for the scheduler of a busy machine. */
#define CANCEL_SECONDS gst_test_limit (0.2 + 0.1)
#define LONG "steps=1000"

typedef struct {
  GstElement *pipeline;
  GstElement *src;
  Stream stream;

  GMutex lock;
  GString *messages; /* s0: clip 0 started, d: done, x: cancelled */
  GString *progress; /* of PROGRESS: code+ at the start, code! and so on */
} Fixture;

static void
note_element_message (GString *log, const GstStructure *structure)
{
  static const char *const names[] = { "opensora-clip-started",
    "opensora-clip-done", "opensora-clip-cancelled" };
  guint clip;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    if (!gst_structure_has_name (structure, names[i]))
      continue;
    g_assert_true (gst_structure_get_uint (structure, "clip", &clip));
    g_string_append_printf (log, "%c%u ", "sdx"[i], clip);
  }
}

static void
note_progress (GString *log, GstMessage *message)
{
  g_autofree char *code = NULL;
  GstProgressType type;

  gst_message_parse_progress (message, &type, &code, NULL);
  if (type == GST_PROGRESS_TYPE_START)
    g_string_append_printf (log, "%s", code);
  else if (type == GST_PROGRESS_TYPE_COMPLETE)
    g_string_append (log, ". ");
  else if (type == GST_PROGRESS_TYPE_CANCELED)
    g_string_append (log, "! ");
}

static void
note_message (GstBus *bus, GstMessage *message, gpointer data)
{
  Fixture *f = data;

  g_mutex_lock (&f->lock);
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ELEMENT)
    note_element_message (f->messages, gst_message_get_structure (message));
  else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_PROGRESS)
    note_progress (f->progress, message);
  g_mutex_unlock (&f->lock);
}

static void
setup (Fixture *f, const char *properties)
{
  g_autofree char *launch = g_strdup_printf (
      "opensorasrc name=src %s ! fakesink name=sink", properties);
  g_autoptr (GstBus) bus = NULL;

  g_mutex_init (&f->lock);
  f->messages = g_string_new (NULL);
  f->progress = g_string_new (NULL);
  f->pipeline = gst_test_pipeline_new (launch);
  f->src = gst_bin_get_by_name (GST_BIN (f->pipeline), "src");
  stream_init (&f->stream, f->pipeline);
  bus = gst_element_get_bus (f->pipeline);
  gst_bus_enable_sync_message_emission (bus);
  g_signal_connect (bus, "sync-message", G_CALLBACK (note_message), f);
}

static void
teardown (Fixture *f)
{
  gst_object_unref (f->src);
  gst_test_pipeline_free (f->pipeline);
  stream_clear (&f->stream);
  g_string_free (f->messages, TRUE);
  g_string_free (f->progress, TRUE);
  g_mutex_clear (&f->lock);
}

/* Until the messages contain this. */
static void
wait_messages (Fixture *f, const char *part)
{
  const gint64 end =
      g_get_monotonic_time () + gst_test_limit (20) * G_USEC_PER_SEC;
  gboolean found = FALSE;

  while (!found) {
    g_mutex_lock (&f->lock);
    found = strstr (f->messages->str, part) != NULL;
    g_mutex_unlock (&f->lock);
    g_assert_cmpint (g_get_monotonic_time (), <, end);
    g_usleep (1000);
  }
}

static void
cancel (Fixture *f)
{
  g_signal_emit_by_name (f->src, "cancel");
}

static double
seconds_since (gint64 begin)
{
  return (g_get_monotonic_time () - begin) * 1e-6;
}

/* The only clip: the stream ends, and so does every operation, once. */
static void
check_stage (const char *stage)
{
  gint64 begin;
  Fixture f;

  setup (&f, LONG);
  gst_element_set_state (f.pipeline, GST_STATE_PLAYING);
  gst_test_wait_progress (f.pipeline, GST_PROGRESS_TYPE_START, stage);
  begin = g_get_monotonic_time ();
  cancel (&f);
  gst_test_wait_eos (f.pipeline);
  g_test_message ("%s: %g s", stage, seconds_since (begin));
  g_assert_cmpfloat (seconds_since (begin), <, CANCEL_SECONDS);
  /* The demo model's encoder may have been faster. */
  g_assert_true (
      g_str_equal (f.progress->str, "resolve. open. encode! ")
      || g_str_equal (f.progress->str, "resolve. open. encode. sample! "));
  g_assert_nonnull (strstr (f.messages->str, "x0 "));
  g_assert_null (strchr (f.messages->str, 'd'));
  teardown (&f);
}

static void
test_stages (void)
{
  check_stage ("encode");
  check_stage ("sample");
}

/* The model is opened too fast for a look at it: whatever the moment, the
 * stream ends without a frame. */
static void
test_while_loading (void)
{
  for (guint us = 0; us < 4000; us += 400) {
    Fixture f;

    setup (&f, LONG);
    gst_element_set_state (f.pipeline, GST_STATE_PAUSED);
    g_usleep (us);
    cancel (&f);
    gst_element_set_state (f.pipeline, GST_STATE_PLAYING);
    /* It may have come before anything was in work. */
    gst_test_wait_eos (f.pipeline);
    g_assert_cmpuint (f.stream.hashes->len, ==, 0);
    g_assert_nonnull (strstr (f.messages->str, "x0 "));
    g_assert_null (strchr (f.messages->str, 'd'));
    teardown (&f);
  }
}

/* The next clip is made of what the properties say by then, and its frames are
 * those that it has alone. */
static void
test_goes_on (void)
{
  Fixture f, alone;

  setup (&alone, "steps=1 seed=44 prompt=\"a blue square\"");
  gst_element_set_state (alone.pipeline, GST_STATE_PLAYING);
  gst_test_wait_eos (alone.pipeline);

  setup (&f, LONG " num-clips=3");
  gst_element_set_state (f.pipeline, GST_STATE_PLAYING);
  gst_test_wait_progress (f.pipeline, GST_PROGRESS_TYPE_START, "sample");
  cancel (&f);
  wait_messages (&f, "s1 ");
  g_object_set (f.src, "steps", 1, "prompt", "a blue square", NULL);
  cancel (&f);
  gst_test_wait_eos (f.pipeline);
  g_assert_cmpstr (f.messages->str, ==, "s0 x0 s1 x1 s2 d2 ");
  g_assert_true (
      g_str_has_prefix (f.progress->str, "resolve. open. encode. sample! "));
  g_assert_true (g_str_has_suffix (f.progress->str, "sample. decode. "));
  stream_check_frames (&f.stream, &alone.stream, 0, FRAMES);
  g_assert_cmpstr (f.stream.titles->pdata[0], ==, "a blue square");
  teardown (&f);
  teardown (&alone);
}

/* A slow sink that can be closed. */
typedef struct {
  GMutex lock;
  GCond cond;
  guint n; /* frames that came */
  gboolean closed;
} Gate;

static GstPadProbeReturn
pass_gate (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Gate *gate = data;

  g_usleep (50000);
  g_mutex_lock (&gate->lock);
  gate->n++;
  g_cond_broadcast (&gate->cond);
  while (gate->closed)
    g_cond_wait (&gate->cond, &gate->lock);
  g_mutex_unlock (&gate->lock);
  return GST_PAD_PROBE_OK;
}

static void
gate_init (Gate *gate, Fixture *f)
{
  g_autoptr (GstElement) sink =
      gst_bin_get_by_name (GST_BIN (f->pipeline), "sink");
  g_autoptr (GstPad) pad = gst_element_get_static_pad (sink, "sink");

  *gate = (Gate){ .n = 0 };
  g_mutex_init (&gate->lock);
  g_cond_init (&gate->cond);
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, pass_gate, gate, NULL);
}

/* Closes it and waits for a frame that stands before it; its number. */
static guint
gate_close (Gate *gate)
{
  guint n;

  g_mutex_lock (&gate->lock);
  gate->closed = TRUE;
  for (n = gate->n; n == gate->n;)
    g_cond_wait (&gate->cond, &gate->lock);
  n = gate->n;
  g_mutex_unlock (&gate->lock);
  return n;
}

static void
gate_open (Gate *gate)
{
  g_mutex_lock (&gate->lock);
  gate->closed = FALSE;
  g_cond_broadcast (&gate->cond);
  g_mutex_unlock (&gate->lock);
}

/* In mid-clip while downstream blocks: it is told at once, and the next begins
 * where the frames that have gone end. */
static void
test_while_blocked (void)
{
  gint64 begin, duration;
  guint n;
  Fixture f;
  Gate gate;

  setup (&f, "steps=20 num-frames=34 loop=100 num-clips=2");
  gate_init (&gate, &f);
  gst_element_set_state (f.pipeline, GST_STATE_PLAYING);
  n = gate_close (&gate);
  begin = g_get_monotonic_time ();
  cancel (&f);
  g_assert_cmpfloat (seconds_since (begin), <, CANCEL_SECONDS);
  g_assert_cmpstr (f.messages->str, ==, "s0 x0 ");
  g_object_set (f.src, "loop", 1, "num-frames", FRAMES, NULL);
  gate_open (&gate);
  gst_test_wait_eos (f.pipeline);
  g_assert_cmpstr (f.messages->str, ==, "s0 x0 s1 d1 ");
  g_assert_cmpuint (f.stream.hashes->len, ==, n + FRAMES);
  g_assert_nonnull (strstr (f.stream.log->str, "btkb"));
  for (guint i = 0; i < f.stream.times->len; i++)
    g_assert_cmpuint (
        g_array_index (f.stream.times, GstClockTime, i), ==, i * FRAME_TIME);
  g_assert_true (
      gst_element_query_duration (f.src, GST_FORMAT_TIME, &duration));
  g_assert_cmpint (duration, ==, (n + FRAMES) * FRAME_TIME);
  teardown (&f);
}

/* The clip that is being pushed is whole: the one behind it is dropped, also
 * when that is whole as well. */
static void
check_ahead (const char *steps, guint wait_ms)
{
  gint64 duration;
  Fixture f;
  Gate gate;

  setup (&f, "steps=1 num-clips=3 keep-clip=true");
  gate_init (&gate, &f);
  gst_element_set_state (f.pipeline, GST_STATE_PAUSED);
  gst_element_get_state (f.pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
  gst_util_set_object_arg (G_OBJECT (f.src), "steps", steps);
  gst_test_wait_whole (f.src);
  gst_element_set_state (f.pipeline, GST_STATE_PLAYING);
  wait_messages (&f, "s1 ");
  gate_close (&gate);
  g_usleep (wait_ms * 1000);
  cancel (&f);
  g_object_set (f.src, "steps", 1, NULL);
  gate_open (&gate);
  gst_test_wait_eos (f.pipeline);
  g_test_message ("%s", f.messages->str);
  g_assert_null (strstr (f.messages->str, "d1 "));
  g_assert_nonnull (strstr (f.messages->str, "x1 "));
  g_assert_true (g_str_has_suffix (f.messages->str, "d2 "));
  g_assert_nonnull (strstr (f.messages->str, "d0 "));
  g_assert_cmpuint (f.stream.hashes->len, ==, 2 * FRAMES);
  for (guint i = 0; i < f.stream.times->len; i++)
    g_assert_cmpuint (
        g_array_index (f.stream.times, GstClockTime, i), ==, i * FRAME_TIME);
  g_assert_true (
      gst_element_query_duration (f.src, GST_FORMAT_TIME, &duration));
  g_assert_cmpint (duration, ==, 2 * FRAMES * FRAME_TIME);
  teardown (&f);
}

static void
test_ahead (void)
{
  check_ahead ("1000", 20);
  check_ahead ("1", 500);
}

/* Without a clip in work it does nothing, whatever the state. */
static void
test_idle (void)
{
  Fixture f;

  setup (&f, "steps=1 keep-clip=true");
  cancel (&f);
  gst_element_set_state (f.pipeline, GST_STATE_PAUSED);
  gst_element_get_state (f.pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
  gst_test_wait_whole (f.src);
  cancel (&f);
  gst_element_set_state (f.pipeline, GST_STATE_PLAYING);
  gst_test_wait_eos (f.pipeline);
  cancel (&f);
  g_assert_cmpstr (f.messages->str, ==, "s0 d0 ");
  g_assert_cmpuint (f.stream.hashes->len, ==, FRAMES);
  gst_element_set_state (f.pipeline, GST_STATE_NULL);
  cancel (&f);
  teardown (&f);
}

/* Again and again, from another thread, until the stream has ended. */
static void
test_many (void)
{
  Fixture f;
  guint x = 0;

  setup (&f, "steps=3 num-clips=40");
  gst_element_set_state (f.pipeline, GST_STATE_PLAYING);
  for (guint i = 0; i < 60; i++) {
    g_usleep (g_test_rand_int_range (0, 30000));
    cancel (&f);
  }
  gst_test_wait_eos (f.pipeline);
  for (const char *at = f.messages->str; (at = strchr (at, 'x')); at++)
    x++;
  g_assert_cmpuint (x, >, 10);
  for (guint i = 0; i < f.stream.times->len; i++)
    g_assert_cmpuint (
        g_array_index (f.stream.times, GstClockTime, i), ==, i * FRAME_TIME);
  teardown (&f);
}

static void
add_tests (void)
{
  g_test_add_func ("/gst/cancel/stages", test_stages);
  g_test_add_func ("/gst/cancel/while-loading", test_while_loading);
  g_test_add_func ("/gst/cancel/goes-on", test_goes_on);
  g_test_add_func ("/gst/cancel/while-blocked", test_while_blocked);
  g_test_add_func ("/gst/cancel/ahead", test_ahead);
  g_test_add_func ("/gst/cancel/idle", test_idle);
  g_test_add_func ("/gst/cancel/many", test_many);
}

int
main (int argc, char **argv)
{
  return gst_test_main (argc, argv, add_tests);
}
