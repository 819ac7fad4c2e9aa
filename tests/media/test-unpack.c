/* SPDX-License-Identifier: Apache-2.0 */
/* Colours of raw video formats. */
#include "media/unpack.h"

#include <string.h>

#define W 4
#define H 2

/* A frame whose planes have these values, as RGB. */
static void
unpack (GstVideoFormat format, const char *colorimetry, const guint8 *planes,
    guint8 *rgb)
{
  GstVideoInfo info;
  GstVideoFrame frame;
  GstBuffer *buffer;
  guint64 line[W];

  gst_video_info_set_format (&info, format, W, H);
  gst_video_colorimetry_from_string (&info.colorimetry, colorimetry);
  buffer = gst_buffer_new_allocate (NULL, info.size, NULL);
  g_assert_true (gst_video_frame_map (&frame, &info, buffer, GST_MAP_WRITE));
  for (guint i = 0; i < GST_VIDEO_FRAME_N_PLANES (&frame); i++) {
    gsize size =
        GST_VIDEO_FRAME_PLANE_STRIDE (&frame, i) * (i == 0 ? H : H / 2);

    memset (GST_VIDEO_FRAME_PLANE_DATA (&frame, i), planes[i], size);
  }
  g_assert_true (os_unpack_rgb (&frame, NULL, line, rgb, NULL));
  gst_video_frame_unmap (&frame);
  gst_buffer_unref (buffer);
}

static void
test_matrix (void)
{
  static const struct {
    const char *colorimetry;
    guint8 planes[3], rgb[3];
  } cases[] = {
    { "bt601", { 16, 128, 128 }, { 0, 0, 0 } },
    { "bt601", { 235, 128, 128 }, { 255, 255, 255 } },
    { "bt601", { 0, 128, 128 }, { 0, 0, 0 } },
    { "bt601", { 255, 128, 128 }, { 255, 255, 255 } },
    { "bt601", { 81, 90, 240 }, { 254, 0, 0 } },
    { "bt601", { 145, 54, 34 }, { 0, 255, 1 } },
    { "bt601", { 41, 240, 110 }, { 0, 0, 255 } },
    /* The matrix that the file names is not used. */
    { "bt709", { 81, 90, 240 }, { 254, 0, 0 } },
    { "bt2020", { 145, 54, 34 }, { 0, 255, 1 } },
    /* The range is. */
    { "1:4:0:0", { 16, 128, 128 }, { 16, 16, 16 } },
    { "1:4:0:0", { 76, 85, 255 }, { 254, 0, 0 } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    guint8 rgb[W * H * 3];

    g_test_message ("case %u", i);
    unpack (GST_VIDEO_FORMAT_I420, cases[i].colorimetry, cases[i].planes, rgb);
    for (guint k = 0; k < W * H; k++)
      g_assert_cmpmem (rgb + 3 * k, 3, cases[i].rgb, 3);
  }
}

/* The chroma of a pair of pixels is theirs alone. */
static void
test_chroma (void)
{
  GstVideoInfo info;
  GstVideoFrame frame;
  guint8 yuy2[W * 2] = { 81, 90, 81, 240, 145, 54, 145, 34 };
  guint8 rgb[W * 3], want[] = { 254, 0, 0, 254, 0, 0, 0, 255, 1, 0, 255, 1 };
  guint64 line[W];
  GstBuffer *buffer;

  gst_video_info_set_format (&info, GST_VIDEO_FORMAT_YUY2, W, 1);
  buffer = gst_buffer_new_memdup (yuy2, sizeof yuy2);
  g_assert_true (gst_video_frame_map (&frame, &info, buffer, GST_MAP_READ));
  g_assert_true (os_unpack_rgb (&frame, NULL, line, rgb, NULL));
  gst_video_frame_unmap (&frame);
  gst_buffer_unref (buffer);
  g_assert_cmpmem (rgb, sizeof rgb, want, sizeof want);
}

/* 10 bits, of which 64 is black and 940 white. */
static void
test_ten_bits (void)
{
  static const guint16 levels[W] = { 64, 940, 502, 0 };
  static const guint8 want[W] = { 0, 255, 128, 0 };
  GstVideoInfo info;
  GstVideoFrame frame;
  guint8 rgb[W * 2 * 3];
  guint64 line[W];
  GstBuffer *buffer;

  gst_video_info_set_format (&info, GST_VIDEO_FORMAT_I420_10LE, W, 2);
  buffer = gst_buffer_new_allocate (NULL, info.size, NULL);
  g_assert_true (gst_video_frame_map (&frame, &info, buffer, GST_MAP_WRITE));
  for (guint i = 0; i < info.size; i += 2)
    GST_WRITE_UINT16_LE ((guint8 *) frame.data[0] + i, 512);
  for (guint i = 0; i < W; i++)
    GST_WRITE_UINT16_LE ((guint8 *) frame.data[0] + 2 * i, levels[i]);
  g_assert_true (os_unpack_rgb (&frame, NULL, line, rgb, NULL));
  gst_video_frame_unmap (&frame);
  gst_buffer_unref (buffer);
  for (guint i = 0; i < 3 * W; i++)
    g_assert_cmpuint (rgb[i], ==, want[i / 3]);
}

static void
test_cancelled (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (OsTask) task = os_task_new (cancellable, NULL, NULL);
  g_autoptr (GError) error = NULL;
  guint8 grey[W] = { 0 }, rgb[W * 3];
  GstBuffer *buffer = gst_buffer_new_memdup (grey, sizeof grey);
  GstVideoInfo info;
  GstVideoFrame frame;
  guint64 line[W];

  gst_video_info_set_format (&info, GST_VIDEO_FORMAT_GRAY8, W, 1);
  g_assert_true (gst_video_frame_map (&frame, &info, buffer, GST_MAP_READ));
  g_cancellable_cancel (cancellable);
  g_assert_false (os_unpack_rgb (&frame, task, line, rgb, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  gst_video_frame_unmap (&frame);
  gst_buffer_unref (buffer);
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/media/unpack/matrix", test_matrix);
  g_test_add_func ("/media/unpack/chroma", test_chroma);
  g_test_add_func ("/media/unpack/ten-bits", test_ten_bits);
  g_test_add_func ("/media/unpack/cancelled", test_cancelled);
  return g_test_run ();
}
