/* SPDX-License-Identifier: Apache-2.0 */
/* BUFFERING: what a player that heeds the messages shows of a stream that comes
 * more slowly than it is played. */
#include "gsttest.h"

#define FRAMES 17
/* The first clip is ready at once; the others take longer than it lasts. */
#define SLOW_STEPS 200
/* The sink drops frames that come later than max-lateness: by what no busy
 * machine makes them late, where all are to be shown; by a little, where some
 * are not. */
#define SINK                                                                   \
  "fakesink name=sink sync=true qos=true signal-handoffs=true max-lateness="
#define PATIENT "500000000"
#define STRICT "100000000"

typedef struct {
  GstElement *pipeline, *src;
  gint rendered;    /* atomic */
  GArray *percents; /* gint */
  gint64 begin;     /* of a wait, in us */
  gint n_posts;     /* since then */
  gboolean too_many;
} Player;

static void
count_frame (GstElement *sink, GstBuffer *buffer, GstPad *pad, gpointer counter)
{
  g_atomic_int_inc ((gint *) counter);
}

static void
setup (Player *p, const char *properties, gint loop, const char *max_lateness)
{
  g_autofree char *launch =
      g_strdup_printf ("opensorasrc name=src steps=1 keep-clip=true %s ! "
                       "video/x-raw,framerate=60/1 ! " SINK "%s",
          properties, max_lateness);
  g_autoptr (GstElement) sink = NULL;

  *p = (Player){ .percents = g_array_new (FALSE, FALSE, sizeof (gint)) };
  p->pipeline = gst_test_pipeline_new (launch);
  p->src = gst_bin_get_by_name (GST_BIN (p->pipeline), "src");
  sink = gst_bin_get_by_name (GST_BIN (p->pipeline), "sink");
  g_signal_connect (sink, "handoff", G_CALLBACK (count_frame), &p->rendered);
  gst_element_set_state (p->pipeline, GST_STATE_PAUSED);
  gst_element_get_state (p->pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
  gst_test_wait_whole (p->src);
  g_object_set (p->src, "steps", SLOW_STEPS, "loop", loop, NULL);
  gst_element_set_state (p->pipeline, GST_STATE_PLAYING);
}

static void
teardown (Player *p)
{
  gst_object_unref (p->src);
  gst_test_pipeline_free (p->pipeline);
  g_array_unref (p->percents);
}

/* As a player does. */
static void
note_buffering (Player *p, GstMessage *message)
{
  const gint64 now = g_get_monotonic_time ();
  gint percent;

  gst_message_parse_buffering (message, &percent);
  g_array_append_val (p->percents, percent);
  gst_element_set_state (
      p->pipeline, percent < 100 ? GST_STATE_PAUSED : GST_STATE_PLAYING);
  if (percent == 0) {
    p->begin = now;
    p->n_posts = 0;
  }
  /* Four a second; those of a moment may be read together, a little later. */
  p->n_posts++;
  p->too_many |= p->n_posts > 4 + (now - p->begin) / 200000;
}

/* Until the end, or until a wait begins. */
static void
play (Player *p, gboolean to_end)
{
  for (;;) {
    g_autoptr (GstMessage) message = gst_test_wait_message (p->pipeline,
        GST_MESSAGE_BUFFERING | GST_MESSAGE_EOS | GST_MESSAGE_ERROR);

    if (GST_MESSAGE_TYPE (message) != GST_MESSAGE_BUFFERING) {
      g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_EOS);
      return;
    }
    note_buffering (p, message);
    if (!to_end && g_array_index (p->percents, gint, 0) < 100)
      return;
  }
}

static gint
get_percent (const Player *p, guint i)
{
  return g_array_index (p->percents, gint, i);
}

/* From 0 to 100, and nothing after that. */
static void
check_percents (const Player *p)
{
  const guint n = p->percents->len;

  g_assert_cmpuint (n, >=, 2);
  g_assert_cmpint (get_percent (p, 0), ==, 0);
  g_assert_cmpint (get_percent (p, n - 1), ==, 100);
  for (guint i = 1; i < n; i++) {
    /* 100 ends a wait, and 0 begins the next. */
    g_assert_cmpint (get_percent (p, i), >=,
        get_percent (p, i - 1) == 100 ? 0 : get_percent (p, i - 1));
    if (get_percent (p, i - 1) == 100)
      g_assert_cmpint (get_percent (p, i), ==, 0);
  }
  g_assert_false (p->too_many);
}

/* Every frame is shown, though the second clip is late by more than the first
 * lasts. */
static void
test_between_clips (void)
{
  Player p;

  setup (&p, "num-clips=2", 1, PATIENT);
  play (&p, TRUE);
  check_percents (&p);
  g_assert_cmpint (p.rendered, ==, 2 * FRAMES);
  teardown (&p);
}

/* Without the messages the sink drops what comes late: the stream above is one
 * that needs them. */
static void
test_unused (void)
{
  Player p;

  setup (&p, "num-clips=2 use-buffering=false", 1, STRICT);
  play (&p, TRUE);
  g_assert_cmpuint (p.percents->len, ==, 0);
  g_assert_cmpint (p.rendered, <, 2 * FRAMES);
  teardown (&p);
}

/* A wait in the middle of a clip, for its second loop. */
static void
test_in_clip (void)
{
  Player p;

  setup (&p, "num-clips=2 num-frames=34", 2, PATIENT);
  play (&p, TRUE);
  check_percents (&p);
  g_assert_cmpint (p.rendered, ==, 34 + 51);
  teardown (&p);
}

/* Whatever ends a wait, the player is let go: it would never see the end. */
static void
test_cancelled (void)
{
  Player p;

  setup (&p, "num-clips=2", 1, PATIENT);
  play (&p, FALSE);
  g_signal_emit_by_name (p.src, "cancel");
  play (&p, TRUE);
  check_percents (&p);
  g_assert_cmpint (p.rendered, ==, FRAMES);
  teardown (&p);
}

static void
test_eos_event (void)
{
  Player p;

  setup (&p, "num-clips=2", 1, PATIENT);
  play (&p, FALSE);
  g_assert_true (gst_element_send_event (p.pipeline, gst_event_new_eos ()));
  play (&p, TRUE);
  g_assert_cmpint (get_percent (&p, p.percents->len - 1), ==, 100);
  teardown (&p);
}

/* What is sought is there; then the wait goes on. */
static void
test_seek (void)
{
  Player p;

  setup (&p, "num-clips=2", 1, PATIENT);
  play (&p, FALSE);
  g_assert_true (gst_element_seek_simple (
      p.pipeline, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, 5 * GST_SECOND / 60));
  play (&p, TRUE);
  check_percents (&p);
  g_assert_cmpint (p.rendered, ==, FRAMES + (FRAMES - 5) + FRAMES);
  teardown (&p);
}

/* Again in READY: a player that has stopped is not told to go on. */
static void
test_stopped (void)
{
  Player p;
  g_autoptr (GstBus) bus = NULL;

  setup (&p, "num-clips=2", 1, PATIENT);
  play (&p, FALSE);
  bus = gst_element_get_bus (p.pipeline);
  gst_element_set_state (p.src, GST_STATE_READY);
  g_assert_null (gst_bus_pop_filtered (bus, GST_MESSAGE_BUFFERING));
  teardown (&p);
}

static void
add_tests (void)
{
  g_test_add_func ("/gst/buffering/between-clips", test_between_clips);
  g_test_add_func ("/gst/buffering/unused", test_unused);
  g_test_add_func ("/gst/buffering/in-clip", test_in_clip);
  g_test_add_func ("/gst/buffering/cancelled", test_cancelled);
  g_test_add_func ("/gst/buffering/eos-event", test_eos_event);
  g_test_add_func ("/gst/buffering/seek", test_seek);
  g_test_add_func ("/gst/buffering/stopped", test_stopped);
}

int
main (int argc, char **argv)
{
  return gst_test_main (argc, argv, add_tests);
}
