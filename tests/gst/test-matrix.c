/* SPDX-License-Identifier: Apache-2.0 */
/* Every stage of the work interrupted in every way: nothing takes longer than a
 * second, and what can go on goes on. And every order of states. */
#include "interrupt.h"

#include <string.h>

#define LIMIT gst_test_limit (1)
static double
seconds_since (gint64 begin)
{
  return (g_get_monotonic_time () - begin) * 1e-6;
}

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

  for (guint i = 0; i < N_INTERRUPTIONS; i++) {
    /* A prompt that is not in the cache of text states. */
    g_autofree char *launch =
        g_strdup_printf ("opensorasrc name=src prompt=\"%s %s\" steps=%u "
                         "num-frames=255 num-clips=2 ! fakesink sync=true",
            stage->name, interruptions[i].name, stage->steps);
    GstElement *pipeline = gst_test_pipeline_new (launch);

    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    wait_stage (pipeline, stage->name);
    interrupt_and_free (pipeline, &interruptions[i]);
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
