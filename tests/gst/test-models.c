/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of the models before 1.2: small ones with random weights. */
#include <gst/video/video.h>

#include "gsttest.h"
#include "oldtest.h"

#define FRAMES 3

static GstHarness *
play (const char *folder, const char *settings)
{
  g_autofree char *properties = g_strdup_printf (
      "model=%s prompt=\"a red circle\" num-frames=3 steps=2 %s", folder,
      settings);
  GstHarness *harness = gst_test_harness_new (
      properties, "video/x-raw,format=RGB,width=48,height=32");

  gst_harness_play (harness);
  return harness;
}

static void
check_caps (GstHarness *harness)
{
  GstCaps *caps = gst_pad_get_current_caps (harness->sinkpad);
  GstVideoInfo info;

  g_assert_true (gst_video_info_from_caps (&info, caps));
  g_assert_cmpint (info.width, ==, 48);
  g_assert_cmpint (info.height, ==, 32);
  g_assert_cmpint (info.fps_n, ==, 8);
  g_assert_cmpint (info.fps_d, ==, 1);
  gst_caps_unref (caps);
}

static void
check_stream (const char *folder, const char *settings, guint n_frames)
{
  GstHarness *harness = play (folder, settings);
  GstEvent *event;

  for (guint n = 0; n < n_frames; n++) {
    GstBuffer *buffer = gst_harness_pull (harness);

    g_assert_nonnull (buffer);
    g_assert_cmpuint (gst_buffer_get_size (buffer), ==, 48 * 32 * 3);
    g_assert_cmpuint (GST_BUFFER_PTS (buffer), ==, n * GST_SECOND / 8);
    gst_buffer_unref (buffer);
  }
  check_caps (harness);
  while (GST_EVENT_TYPE (event = gst_harness_pull_event (harness))
         != GST_EVENT_EOS)
    gst_event_unref (event);
  gst_event_unref (event);
  g_assert_cmpuint (gst_harness_buffers_received (harness), ==, n_frames);
  gst_test_harness_free (harness);
}

static void
test_1_0 (void)
{
  g_autofree char *folder = oldtest_make ("1.0");
  g_autofree char *launch = g_strdup_printf (
      "opensorasrc model=%s prompt=x steps=2 loop=2 ! fakesink", folder);

  check_stream (folder, "", FRAMES);
  gst_test_expect_error (launch, GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_SETTINGS,
      "loop is not possible");
  oldtest_remove (folder);
}

/* Alone, in loops, and from a picture. */
static void
test_1_1 (void)
{
  g_autofree char *folder = oldtest_make ("1.1");
  g_autofree char *reference =
      g_strdup_printf ("reference-path=%s/pipeline/gradient.png",
          g_getenv ("OPENSORA_TEST_DATA"));

  check_stream (folder, "", FRAMES);
  check_stream (folder, "loop=2 condition-frame-length=1", 2 * FRAMES - 1);
  check_stream (folder, reference, FRAMES);
  oldtest_remove (folder);
}

static void
add_tests (void)
{
  g_test_add_func ("/gst/models/1.0", test_1_0);
  g_test_add_func ("/gst/models/1.1", test_1_1);
}

int
main (int argc, char **argv)
{
  return gst_test_main (argc, argv, add_tests);
}
