/* SPDX-License-Identifier: Apache-2.0 */
/* The property memory-limit: what is too little is told with numbers, and what
 * fits changes nothing in the stream. */
#include "gsttest.h"
#include "streamlog.h"

#include <string.h>

#define SRC "opensorasrc name=src steps=1 num-clips=2"

/* The error says how much the clip needs. */
static guint64
get_needed (void)
{
  GstElement *pipeline =
      gst_test_pipeline_new (SRC " memory-limit=1 ! fakesink");
  g_autoptr (GstMessage) message = NULL;
  g_autoptr (GError) error = NULL;
  const char *number;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = gst_test_wait_message (pipeline, GST_MESSAGE_ERROR);
  gst_message_parse_error (message, &error, NULL);
  gst_test_pipeline_free (pipeline);
  number = strstr (error->message, "take about ");
  g_assert_nonnull (number);
  return g_ascii_strtoull (number + strlen ("take about "), NULL, 10);
}

static Stream
run (guint64 limit)
{
  g_autofree char *launch = g_strdup_printf (
      SRC " memory-limit=%" G_GUINT64_FORMAT " ! fakesink", limit);
  GstElement *pipeline = gst_test_pipeline_new (launch);
  Stream stream;

  stream_init (&stream, pipeline);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  gst_test_wait_eos (pipeline);
  gst_test_pipeline_free (pipeline);
  return stream;
}

static void
test_refused (void)
{
  g_autofree char *needed =
      g_strdup_printf ("%" G_GUINT64_FORMAT, get_needed ());
  g_autofree char *limited = g_strdup_printf (
      SRC " memory-limit=%" G_GUINT64_FORMAT " ! fakesink", get_needed () - 1);

  gst_test_expect_error (limited, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_FAILED,
      "17 frames of 32x32");
  gst_test_expect_error (
      limited, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_FAILED, needed);
  gst_test_expect_error (limited, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_FAILED,
      "set memory-limit higher");
}

/* What is said to be needed is enough, though no more than a frame may wait. */
static void
test_same (void)
{
  Stream free_stream = run (0);
  Stream limited = run (get_needed ());

  g_assert_cmpuint (free_stream.hashes->len, ==, 2 * 17);
  stream_check_frames (&limited, &free_stream, 0, 2 * 17);
  stream_clear (&limited);
  stream_clear (&free_stream);
}

/* It is the clip that is too large: after it a smaller one is made. */
static void
test_smaller_clip (void)
{
  g_autofree char *launch = g_strdup_printf (SRC
      " memory-limit=%" G_GUINT64_FORMAT " resolution=256x256 ! fakesink",
      get_needed ());
  GstElement *pipeline = gst_test_pipeline_new (launch);
  g_autoptr (GstElement) src = gst_bin_get_by_name (GST_BIN (pipeline), "src");
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  g_autoptr (GstMessage) message = NULL;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message =
      gst_test_wait_message (pipeline, GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
  g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_ERROR);
  gst_element_set_state (pipeline, GST_STATE_READY);
  gst_bus_set_flushing (bus, TRUE);
  gst_bus_set_flushing (bus, FALSE);
  g_object_set (src, "resolution", NULL, NULL);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  gst_test_wait_eos (pipeline);
  gst_test_pipeline_free (pipeline);
}

static void
add_tests (void)
{
  g_test_add_func ("/gst/memory-limit/refused", test_refused);
  g_test_add_func ("/gst/memory-limit/same", test_same);
  g_test_add_func ("/gst/memory-limit/smaller-clip", test_smaller_clip);
}

int
main (int argc, char **argv)
{
  return gst_test_main (argc, argv, add_tests);
}
