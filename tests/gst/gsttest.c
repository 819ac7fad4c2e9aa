/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of opensorasrc share. */
#include "gsttest.h"

#include <string.h>

#define TIMEOUT_SECONDS 60

static void
check_leaks (void)
{
  GList *tracers = gst_tracing_get_active_tracers ();

  g_assert_true (tracers != NULL || g_getenv ("GST_TRACERS") == NULL);
  for (GList *item = tracers; item != NULL; item = item->next) {
    GstStructure *live = NULL;
    const GValue *objects;

    if (strcmp (G_OBJECT_TYPE_NAME (item->data), "GstLeaksTracer") != 0)
      continue;
    g_signal_emit_by_name (item->data, "get-live-objects", &live);
    objects = gst_structure_get_value (live, "live-objects-list");
    for (guint i = 0; i < gst_value_list_get_size (objects); i++) {
      g_autofree char *text =
          g_strdup_value_contents (gst_value_list_get_value (objects, i));

      g_test_message ("still alive: %s", text);
    }
    g_assert_cmpuint (gst_value_list_get_size (objects), ==, 0);
    gst_structure_free (live);
  }
  g_list_free_full (tracers, gst_object_unref);
}

int
gst_test_main (int argc, char **argv, void (*add_tests) (void))
{
  int failed;

  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  add_tests ();
  failed = g_test_run ();
  gst_task_cleanup_all (); /* a stopped task's thread lets go of it later */
  if (failed == 0)
    check_leaks ();
  return failed;
}

double
gst_test_limit (double seconds)
{
  const char *factor = g_getenv ("OPENSORA_TEST_TIME_FACTOR");

  return factor != NULL ? seconds * g_ascii_strtod (factor, NULL) : seconds;
}

GstHarness *
gst_test_harness_new (const char *properties, const char *caps)
{
  g_autofree char *launch = g_strdup_printf ("opensorasrc %s", properties);
  g_autoptr (GError) error = NULL;
  GstElement *element = gst_parse_launch (launch, &error);
  GstHarness *harness;
  GstBus *bus = gst_bus_new ();

  g_assert_no_error (error);
  harness = gst_harness_new_with_element (element, NULL, "src");
  gst_object_unref (element);
  gst_element_set_bus (element, bus);
  gst_object_unref (bus);
  if (caps != NULL)
    gst_harness_set_sink_caps_str (harness, caps);
  return harness;
}

void
gst_test_harness_free (GstHarness *harness)
{
  gst_element_set_state (harness->element, GST_STATE_NULL);
  gst_element_set_bus (harness->element, NULL);
  gst_harness_teardown (harness);
}

GstElement *
gst_test_pipeline_new (const char *description)
{
  g_autoptr (GError) error = NULL;
  GstElement *pipeline = gst_parse_launch (description, &error);

  g_assert_no_error (error);
  if (!GST_IS_PIPELINE (pipeline)) {
    GstElement *element = pipeline;

    pipeline = gst_pipeline_new (NULL);
    gst_bin_add (GST_BIN (pipeline), element);
  }
  gst_element_set_state (pipeline, GST_STATE_READY);
  return pipeline;
}

double
gst_test_pipeline_free (GstElement *pipeline)
{
  gint64 begin = g_get_monotonic_time ();

  gst_element_set_state (pipeline, GST_STATE_NULL);
  begin = g_get_monotonic_time () - begin;
  gst_object_unref (pipeline);
  return begin * 1e-6;
}

GstMessage *
gst_test_wait_message (GstElement *element, GstMessageType types)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (element);
  GstMessage *message = gst_bus_timed_pop_filtered (
      bus, gst_test_limit (TIMEOUT_SECONDS) * GST_SECOND, types);

  g_assert_nonnull (message);
  return message;
}

void
gst_test_wait_progress (
    GstElement *element, GstProgressType type, const char *code)
{
  gboolean found = FALSE;

  while (!found) {
    g_autoptr (GstMessage) message = gst_test_wait_message (
        element, GST_MESSAGE_PROGRESS | GST_MESSAGE_ERROR);
    g_autofree char *this_code = NULL;
    GstProgressType this_type;

    g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_PROGRESS);
    gst_message_parse_progress (message, &this_type, &this_code, NULL);
    found =
        this_type == type && (code == NULL || strcmp (this_code, code) == 0);
  }
}

void
gst_test_wait_whole (GstElement *src)
{
  gboolean whole = FALSE;

  while (!whole) {
    g_autoptr (GstQuery) query = gst_query_new_seeking (GST_FORMAT_TIME);

    g_usleep (1000);
    g_assert_true (gst_element_query (src, query));
    gst_query_parse_seeking (query, NULL, &whole, NULL, NULL);
  }
}

void
gst_test_wait_eos (GstElement *pipeline)
{
  g_autoptr (GstMessage) message =
      gst_test_wait_message (pipeline, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);

  g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_EOS);
}

void
gst_test_expect_error (
    const char *launch, GQuark domain, int code, const char *part)
{
  GstElement *pipeline = gst_test_pipeline_new (launch);
  g_autoptr (GstMessage) message = NULL;
  g_autoptr (GError) error = NULL;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message =
      gst_test_wait_message (pipeline, GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
  g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_ERROR);
  gst_message_parse_error (message, &error, NULL);
  g_test_message ("%s", error->message);
  g_assert_error (error, domain, code);
  g_assert_nonnull (strstr (error->message, part));
  gst_test_pipeline_free (pipeline);
}

GstPadProbeReturn
gst_test_hash_frame (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  GstMapInfo map;

  g_assert_true (
      gst_buffer_map (GST_PAD_PROBE_INFO_BUFFER (info), &map, GST_MAP_READ));
  g_checksum_update (data, map.data, map.size);
  gst_buffer_unmap (GST_PAD_PROBE_INFO_BUFFER (info), &map);
  return GST_PAD_PROBE_OK;
}
