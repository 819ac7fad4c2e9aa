/* SPDX-License-Identifier: Apache-2.0 */
/* A file a prompt through splitmuxsink: where the stream is cut, and which
 * title each file has. */
#include "gsttest.h"

#include <glib/gstdio.h>
#include <string.h>

static const char *const prompts[] = { "a red circle", "a blue square",
  "a yellow star" };

/* The title in a file, and how long its video is. */
static char *
read_title (const char *path, gint64 *duration)
{
  g_autofree char *launch = g_strdup_printf (
      "filesrc location=%s ! qtdemux ! fakesink name=sink", path);
  GstElement *pipeline = gst_test_pipeline_new (launch);
  char *title = NULL;

  gst_element_set_state (pipeline, GST_STATE_PAUSED);
  while (title == NULL) {
    g_autoptr (GstMessage) message =
        gst_test_wait_message (pipeline, GST_MESSAGE_TAG | GST_MESSAGE_ERROR);
    g_autoptr (GstTagList) tags = NULL;

    g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_TAG);
    gst_message_parse_tag (message, &tags);
    gst_tag_list_get_string (tags, GST_TAG_TITLE, &title);
  }
  gst_element_get_state (pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
  g_assert_true (
      gst_element_query_duration (pipeline, GST_FORMAT_TIME, duration));
  gst_test_pipeline_free (pipeline);
  return title;
}

/* Not EOS: splitmuxsink of GStreamer 1.22 loses it at times, with any source,
 * when its last file is short-lived. */
static void
wait_for_files (GstElement *pipeline, guint n)
{
  while (n > 0) {
    g_autoptr (GstMessage) message = gst_test_wait_message (
        pipeline, GST_MESSAGE_ELEMENT | GST_MESSAGE_ERROR);

    g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_ELEMENT);
    n -= gst_message_has_name (message, "splitmuxsink-fragment-closed");
  }
}

static void
test_file_a_prompt (void)
{
  g_autofree char *folder = g_dir_make_tmp ("opensora-split-XXXXXX", NULL);
  g_autofree char *list = g_build_filename (folder, "prompts.txt", NULL);
  g_autofree char *text =
      g_strdup_printf ("%s\n%s\n%s\n", prompts[0], prompts[1], prompts[2]);
  g_autofree char *launch = g_strdup_printf (
      "opensorasrc prompt-path=%s steps=1 ! splitmuxsink muxer=qtmux "
      "max-size-time=2125000000 location=%s/%%02d.mov",
      list, folder);
  GstElement *pipeline;

  g_assert_true (g_file_set_contents (list, text, -1, NULL));
  pipeline = gst_test_pipeline_new (launch);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  wait_for_files (pipeline, G_N_ELEMENTS (prompts));
  gst_test_pipeline_free (pipeline);

  for (guint i = 0; i < G_N_ELEMENTS (prompts); i++) {
    g_autofree char *name = g_strdup_printf ("%02u.mov", i);
    g_autofree char *path = g_build_filename (folder, name, NULL);
    gint64 duration;
    g_autofree char *title = read_title (path, &duration);

    g_assert_cmpstr (title, ==, prompts[i]);
    g_assert_cmpint (duration, ==, 17 * GST_SECOND / 8);
    g_unlink (path);
  }
  g_unlink (list);
  g_assert_cmpint (g_rmdir (folder), ==, 0); /* there are no other files */
}

static void
add_tests (void)
{
  g_test_add_func ("/gst/split/file-a-prompt", test_file_a_prompt);
}

int
main (int argc, char **argv)
{
  return gst_test_main (argc, argv, add_tests);
}
