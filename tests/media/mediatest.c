/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures and videos made by GStreamer. */
#include "mediatest.h"

#include <glib/gstdio.h>
#include <gst/app/app.h>

static char *folder;
static GPtrArray *paths;

static void
remove_files (void)
{
  for (guint i = 0; i < paths->len; i++)
    g_remove (g_ptr_array_index (paths, i));
  g_rmdir (folder);
  g_ptr_array_unref (paths);
  g_free (folder);
}

const char *
media_test_folder (void)
{
  if (folder == NULL) {
    folder = g_dir_make_tmp ("opensora-media-XXXXXX", NULL);
    g_assert_nonnull (folder);
    paths = g_ptr_array_new_with_free_func (g_free);
    atexit (remove_files);
  }
  return folder;
}

char *
media_test_path (const char *name)
{
  char *path = g_build_filename (media_test_folder (), name, NULL);

  g_ptr_array_add (paths, g_strdup (path));
  return path;
}

char *
media_test_write_bytes (const char *name, gconstpointer data, gsize size)
{
  char *path = media_test_path (name);

  g_assert_true (g_file_set_contents (path, data, size, NULL));
  return path;
}

static void
push_frames (GstAppSrc *source, guint n, MediaFill fill)
{
  g_autoptr (GstCaps) caps = gst_app_src_get_caps (source);
  GstVideoInfo info;

  g_assert_true (gst_video_info_from_caps (&info, caps));
  for (guint i = 0; i < n; i++) {
    GstBuffer *buffer = gst_buffer_new_allocate (NULL, info.size, NULL);
    GstMapInfo map;

    g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_WRITE));
    fill (map.data, map.size, i);
    gst_buffer_unmap (buffer, &map);
    GST_BUFFER_PTS (buffer) = i * GST_SECOND / 10;
    GST_BUFFER_DURATION (buffer) = GST_SECOND / 10;
    gst_app_src_push_buffer (source, buffer);
  }
  gst_app_src_end_of_stream (source);
}

char *
media_test_write (const char *name, const char *caps, guint n, MediaFill fill,
    const char *pipeline)
{
  char *path = media_test_path (name);
  g_autofree char *full = g_strconcat (caps, ",framerate=10/1", NULL);
  /* Muxers choose their pad by the filter. */
  g_autofree char *launch = g_strdup_printf (
      "appsrc name=source format=time max-bytes=0 caps=\"%s\" ! %s ! %s ! "
      "filesink location=\"%s\"",
      full, full, pipeline, path);
  g_autoptr (GError) error = NULL;
  g_autoptr (GstElement) writer = gst_parse_launch (launch, &error);
  g_autoptr (GstElement) source = NULL;
  g_autoptr (GstBus) bus = NULL;
  g_autoptr (GstMessage) message = NULL;

  g_assert_no_error (error);
  source = gst_bin_get_by_name (GST_BIN (writer), "source");
  gst_element_set_state (writer, GST_STATE_PLAYING);
  push_frames (GST_APP_SRC (source), n, fill);
  bus = gst_element_get_bus (writer);
  message = gst_bus_timed_pop_filtered (
      bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, NULL);
  g_assert_no_error (error);
  gst_element_set_state (writer, GST_STATE_NULL);
  return path;
}
