/* SPDX-License-Identifier: Apache-2.0 */
/* Every stage of the work interrupted in every way: nothing takes longer than a
 * second, and what can go on goes on. And every order of states. */
#include "gsttest.h"

#include <string.h>

#define LIMIT gst_test_limit (1)
static double
seconds_since (gint64 begin)
{
  return (g_get_monotonic_time () - begin) * 1e-6;
}

/* ---- ways ---- */

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

static const struct {
  const char *name;
  void (*interrupt) (GstElement *pipeline);
} ways[] = {
  { "null", to_null },
  { "ready", to_ready },
  { "eos", end },
  { "flush", flush },
  { "seek", seek },
  { "cancel", cancel },
  { "pause", pause_and_play },
  { "remove", drop },
};

/* ---- stages ---- */

static void
wait_stage (GstElement *pipeline, const char *stage)
{
  if (strcmp (stage, "pushing") == 0) {
    gst_element_get_state (pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
    return;
  }
  gst_test_wait_progress (pipeline, GST_PROGRESS_TYPE_START, stage);
}

/* The stage, and steps with which it is reached soon and lasts. */
typedef struct {
  const char *name;
  guint steps;
} Stage;

static const Stage stages[] = {
  { "open", 200 },
  { "encode", 200 },
  { "sample", 200 },
  { "decode", 2 },
  { "pushing", 2 },
};

static void
test_stage (gconstpointer data)
{
  const Stage *stage = data;

  for (guint i = 0; i < G_N_ELEMENTS (ways); i++) {
    /* A prompt that is not in the cache of text states. */
    g_autofree char *launch =
        g_strdup_printf ("opensorasrc name=src prompt=\"%s %s\" steps=%u "
                         "num-frames=255 num-clips=2 ! fakesink sync=true",
            stage->name, ways[i].name, stage->steps);
    GstElement *pipeline = gst_test_pipeline_new (launch);
    gint64 begin;

    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    wait_stage (pipeline, stage->name);
    begin = g_get_monotonic_time ();
    ways[i].interrupt (pipeline);
    g_test_message ("%s: %g s", ways[i].name, seconds_since (begin));
    g_assert_cmpfloat (seconds_since (begin), <, LIMIT);
    g_assert_cmpfloat (gst_test_pipeline_free (pipeline), <, LIMIT);
  }
}

/* ---- states ---- */

/* Up and down, up and down by steps, and with a jump. */
static const GstState sequences[][8] = {
  { GST_STATE_READY, GST_STATE_PAUSED, GST_STATE_PLAYING, GST_STATE_PAUSED,
      GST_STATE_READY, GST_STATE_NULL },
  { GST_STATE_READY, GST_STATE_PAUSED, GST_STATE_READY, GST_STATE_PLAYING,
      GST_STATE_PAUSED, GST_STATE_PLAYING, GST_STATE_NULL },
  { GST_STATE_PLAYING, GST_STATE_READY, GST_STATE_PAUSED, GST_STATE_NULL },
};

static void
run_sequence (const GstState *states, const char *properties, gboolean linked)
{
  g_autofree char *launch = g_strdup_printf (
      "opensorasrc %s%s", properties, linked ? " ! fakesink" : "");
  g_autoptr (GError) error = NULL;
  GstElement *element = gst_parse_launch (launch, &error);

  g_assert_no_error (error);
  gst_object_ref_sink (element);
  for (guint i = 0; i < 8 && states[i] != GST_STATE_VOID_PENDING; i++) {
    gint64 begin = g_get_monotonic_time ();

    gst_element_set_state (element, states[i]);
    g_assert_cmpfloat (seconds_since (begin), <, LIMIT);
    if (states[i] == GST_STATE_NULL)
      break;
  }
  gst_element_set_state (element, GST_STATE_NULL);
  gst_object_unref (element);
}

/* With the demo model, with a model that is not there, and with nothing to do.
 */
static void
test_sequences (void)
{
  static const char *const properties[] = { "steps=1000",
    "steps=1 num-frames=1", "model=/no/such/model", "num-clips=0" };

  for (guint s = 0; s < G_N_ELEMENTS (sequences); s++) {
    for (guint p = 0; p < G_N_ELEMENTS (properties); p++) {
      run_sequence (sequences[s], properties[p], TRUE);
      run_sequence (sequences[s], properties[p], FALSE);
    }
  }
}

static void
add_tests (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (stages); i++) {
    g_autofree char *path = g_strdup_printf ("/gst/matrix/%s", stages[i].name);

    g_test_add_data_func (path, &stages[i], test_stage);
  }
  g_test_add_func ("/gst/matrix/sequences", test_sequences);
}

int
main (int argc, char **argv)
{
  return gst_test_main (argc, argv, add_tests);
}
