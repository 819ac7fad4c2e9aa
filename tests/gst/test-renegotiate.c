/* SPDX-License-Identifier: Apache-2.0 */
/* Caps that are to change in the middle of a clip: its size and rate stay, the
 * next clip has the new ones, and no time is lost between the two. */
#include "gsttest.h"

#define SINK                                                                   \
  "! capsfilter name=filter caps-change-mode=delayed ! fakesink name=sink"

typedef struct {
  GstElement *pipeline, *src, *filter;
  GString *log; /* caps and how many frames had them, the streaming thread's */
  guint n;      /* frames since the caps */
  GstClockTime end; /* of the last frame */
} Fixture;

static void
log_caps (Fixture *f, GstEvent *event)
{
  const GstStructure *structure;
  gint width, height, fps_n, fps_d;
  GstCaps *caps;

  gst_event_parse_caps (event, &caps);
  structure = gst_caps_get_structure (caps, 0);
  g_assert_true (gst_structure_get (structure, "width", G_TYPE_INT, &width,
      "height", G_TYPE_INT, &height, "framerate", GST_TYPE_FRACTION, &fps_n,
      &fps_d, NULL));
  if (f->n > 0)
    g_string_append_printf (f->log, "%u of ", f->n);
  g_string_append_printf (f->log, "%dx%d %s %d/%d, ", width, height,
      gst_structure_get_string (structure, "format"), fps_n, fps_d);
  f->n = 0;
}

static GstPadProbeReturn
on_flow (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Fixture *f = data;

  if (info->type & GST_PAD_PROBE_TYPE_BUFFER) {
    GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);

    g_assert_cmpuint (GST_BUFFER_PTS (buffer), ==, f->end);
    f->end += GST_BUFFER_DURATION (buffer);
    f->n++;
  } else if (GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info))
             == GST_EVENT_CAPS) {
    log_caps (f, GST_PAD_PROBE_INFO_EVENT (info));
  }
  return GST_PAD_PROBE_OK;
}

/* The first frame of the first clip is shown. */
static void
setup (Fixture *f, const char *properties)
{
  g_autofree char *launch = g_strdup_printf (
      "opensorasrc name=src steps=1 num-clips=2 %s " SINK, properties);
  g_autoptr (GstElement) sink = NULL;
  g_autoptr (GstPad) pad = NULL;

  *f = (Fixture){ .log = g_string_new (NULL) };
  f->pipeline = gst_test_pipeline_new (launch);
  f->src = gst_bin_get_by_name (GST_BIN (f->pipeline), "src");
  f->filter = gst_bin_get_by_name (GST_BIN (f->pipeline), "filter");
  sink = gst_bin_get_by_name (GST_BIN (f->pipeline), "sink");
  pad = gst_element_get_static_pad (sink, "sink");
  gst_pad_add_probe (pad,
      GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_flow,
      f, NULL);
  gst_element_set_state (f->pipeline, GST_STATE_PAUSED);
  gst_element_get_state (f->pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
}

static void
teardown (Fixture *f)
{
  gst_test_pipeline_free (f->pipeline);
  gst_object_unref (f->src);
  gst_object_unref (f->filter);
  g_string_free (f->log, TRUE);
}

static void
set_caps (Fixture *f, const char *text)
{
  g_autoptr (GstCaps) caps = gst_caps_from_string (text);

  g_object_set (f->filter, "caps", caps, NULL);
}

static void
check_end (Fixture *f, const char *expected)
{
  gst_element_set_state (f->pipeline, GST_STATE_PLAYING);
  gst_test_wait_eos (f->pipeline);
  g_string_append_printf (f->log, "%u", f->n);
  g_assert_cmpstr (f->log->str, ==, expected);
  teardown (f);
}

static void
test_downstream (void)
{
  Fixture f;

  setup (&f, "");
  set_caps (&f, "video/x-raw,width=48,height=40,framerate=10/1");
  check_end (&f, "32x32 RGB 8/1, 17 of 48x40 RGB 10/1, 17");
}

static void
test_properties (void)
{
  Fixture f;

  setup (&f, "");
  g_object_set (f.src, "resolution", "48x40", "num-frames", 34, NULL);
  check_end (&f, "32x32 RGB 8/1, 17 of 48x40 RGB 8/1, 34");
}

/* What downstream asks for counts more. */
static void
test_both (void)
{
  Fixture f;

  setup (&f, "");
  g_object_set (f.src, "resolution", "48x40", NULL);
  set_caps (&f, "video/x-raw,format=I420,width=64");
  check_end (&f, "32x32 RGB 8/1, 17 of 64x56 I420 8/1, 17");
}

/* Who takes the clip's size no longer, in the middle of it, gets an error that
 * tells what does not fit. */
static void
test_impossible (void)
{
  g_autoptr (GstMessage) message = NULL;
  g_autoptr (GError) error = NULL;
  Fixture f;

  setup (&f, "");
  gst_util_set_object_arg (
      G_OBJECT (f.filter), "caps-change-mode", "immediate");
  set_caps (&f, "video/x-raw,width=48,height=40");
  gst_element_set_state (f.pipeline, GST_STATE_PLAYING);
  message =
      gst_test_wait_message (f.pipeline, GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
  gst_message_parse_error (message, &error, NULL);
  g_assert_error (error, GST_CORE_ERROR, GST_CORE_ERROR_NEGOTIATION);
  g_assert_nonnull (g_strstr_len (error->message, -1, "32x32"));
  teardown (&f);
}

static void
add_tests (void)
{
  g_test_add_func ("/gst/renegotiate/downstream", test_downstream);
  g_test_add_func ("/gst/renegotiate/properties", test_properties);
  g_test_add_func ("/gst/renegotiate/both", test_both);
  g_test_add_func ("/gst/renegotiate/impossible", test_impossible);
}

int
main (int argc, char **argv)
{
  return gst_test_main (argc, argv, add_tests);
}
