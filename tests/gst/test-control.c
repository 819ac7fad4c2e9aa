/* SPDX-License-Identifier: Apache-2.0 */
/* Properties that controllers change from clip to clip. */
#include <gst/controller/controller.h>

#include "gsttest.h"

#define N_CLIPS 3
/* 17 frames at 8 a second. */
#define CLIP_TIME (17 * GST_SECOND / 8)

/* A property that goes from one value to another over the three clips. */
typedef struct {
  const char *name;
  double from, to; /* when the first and when the third begins */
} Ramp;

static const Ramp ramps[] = {
  { "seed", 100, 300 },
  { "steps", 1, 3 },
  { "guidance-scale", 2, 6 },
  { "aesthetic-score", 4, 6 },
  { "motion-score", 0, 8 },
};

static void
control (GstObject *src, const Ramp *ramp)
{
  g_autoptr (GstControlSource) source = gst_interpolation_control_source_new ();
  GstTimedValueControlSource *values = GST_TIMED_VALUE_CONTROL_SOURCE (source);

  g_object_set (source, "mode", GST_INTERPOLATION_MODE_LINEAR, NULL);
  gst_timed_value_control_source_set (values, 0, ramp->from);
  gst_timed_value_control_source_set (values, 2 * CLIP_TIME, ramp->to);
  g_assert_true (gst_object_add_control_binding (
      src, gst_direct_control_binding_new_absolute (src, ramp->name, source)));
}

static double
get_number (const GstStructure *structure, const char *field)
{
  const GValue *value = gst_structure_get_value (structure, field);
  g_auto (GValue) number = G_VALUE_INIT;

  g_value_init (&number, G_TYPE_DOUBLE);
  g_assert_true (g_value_transform (value, &number));
  return g_value_get_double (&number);
}

/* Half way, in the middle; not the value at the time when it is planned, which
 * is while the first is pushed. */
static void
check_clip (const GstStructure *structure, guint clip)
{
  for (guint i = 0; i < G_N_ELEMENTS (ramps); i++)
    g_assert_cmpfloat_with_epsilon (get_number (structure, ramps[i].name),
        ramps[i].from + clip * (ramps[i].to - ramps[i].from) / 2
            + (i == 0 ? clip : 0), /* clip k has seed + k */
        1e-9);
}

static void
test_ramps (void)
{
  GstElement *pipeline =
      gst_test_pipeline_new ("opensorasrc name=src num-clips=3 ! fakesink");
  g_autoptr (GstElement) src = gst_bin_get_by_name (GST_BIN (pipeline), "src");
  guint clip = 0;

  for (guint i = 0; i < G_N_ELEMENTS (ramps); i++)
    control (GST_OBJECT (src), &ramps[i]);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  for (;;) {
    g_autoptr (GstMessage) message = gst_test_wait_message (
        pipeline, GST_MESSAGE_ELEMENT | GST_MESSAGE_ERROR | GST_MESSAGE_EOS);

    if (gst_message_has_name (message, "opensora-clip-started"))
      check_clip (gst_message_get_structure (message), clip++);
    if (GST_MESSAGE_TYPE (message) != GST_MESSAGE_ELEMENT) {
      g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_EOS);
      break;
    }
  }
  g_assert_cmpuint (clip, ==, N_CLIPS);
  gst_test_pipeline_free (pipeline);
}

/* Those, and no others. */
static void
test_flags (void)
{
  GstElement *src = gst_element_factory_make ("opensorasrc", NULL);
  g_autofree GParamSpec **specs = NULL;
  guint n, controllable = 0;

  specs = g_object_class_list_properties (G_OBJECT_GET_CLASS (src), &n);
  for (guint i = 0; i < n; i++)
    controllable += (specs[i]->flags & GST_PARAM_CONTROLLABLE) != 0;
  g_assert_cmpuint (controllable, ==, G_N_ELEMENTS (ramps));
  gst_object_unref (gst_object_ref_sink (src));
}

static void
add_tests (void)
{
  g_test_add_func ("/gst/control/ramps", test_ramps);
  g_test_add_func ("/gst/control/flags", test_flags);
}

int
main (int argc, char **argv)
{
  return gst_test_main (argc, argv, add_tests);
}
