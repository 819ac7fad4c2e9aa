/* SPDX-License-Identifier: Apache-2.0 */
/* Reading of references: values, counts of frames, and what is refused. */
#include "media/media.h"

#include <glib/gstdio.h>
#include <gst/video/video.h>
#include <math.h>
#include <opensora/opensora.h>
#include <string.h>
#include <sys/stat.h>

#include "../gst/gsttest.h"
#include "mediatest.h"

static OsMediaReader *
open_file (const char *path, guint width, guint height)
{
  g_autoptr (GError) error = NULL;
  OsMediaReader *reader = os_media_open (path, width, height, NULL, &error);

  g_assert_no_error (error);
  return reader;
}

/* The value of 8 bits that a float stands for. */
static int
level (float value)
{
  return lrintf ((value + 1.0f) * 127.5f);
}

static void
assert_levels (const float *rgb, const guint8 *want, gsize n, int tolerance)
{
  for (gsize i = 0; i < n; i++)
    g_assert_cmpint (ABS (level (rgb[i]) - want[i]), <=, tolerance);
}

/* Opening `path`, or reading of it, fails like that after n frames. */
static void
assert_fails (const char *path, guint n_frames, int code, const char *told)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (OsMediaReader) reader = os_media_open (path, 8, 8, NULL, &error);
  float rgb[8 * 8 * 3];

  g_test_message ("%s", path);
  if (reader) {
    for (guint i = 0; i < n_frames; i++)
      g_assert_cmpint (os_media_next (reader, rgb, NULL), ==, OS_MEDIA_FRAME);
    g_assert_cmpint (os_media_next (reader, rgb, &error), ==, OS_MEDIA_ERROR);
  }
  g_assert_error (error, OPENSORA_ERROR, code);
  g_assert_true (g_str_has_prefix (error->message, path));
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, told));
}

/* --- pictures --- */

#define W 7
#define H 5

static void
fill_counting (guint8 *frame, gsize size, guint index)
{
  for (gsize i = 0; i < size; i++)
    frame[i] = 37 * i + 11 * (i >> 5) + 97 * index;
}

/* What Pillow makes of each format: alpha goes, 16 bits become their upper
 * eight, grey is spread. */
static void
test_formats (void)
{
  static const struct {
    const char *format, *encoder, *name;
    guint pixel_size, r, g, b;
  } cases[] = {
    { "RGB", "pngenc", "rgb.png", 3, 0, 1, 2 },
    { "RGBA", "pngenc", "rgba.png", 4, 0, 1, 2 },
    { "GRAY8", "pngenc", "grey.png", 1, 0, 0, 0 },
    { "GRAY16_BE", "pngenc", "grey16.png", 2, 0, 0, 0 },
    { "RGB", "pngenc", "named.jpg", 3, 0, 1, 2 }, /* content counts */
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    guint pixel = cases[i].pixel_size, stride = GST_ROUND_UP_4 (W * pixel);
    g_autofree char *caps = g_strdup_printf (
        "video/x-raw,format=%s,width=%d,height=%d", cases[i].format, W, H);
    g_autofree char *path = media_test_write (
        cases[i].name, caps, 1, fill_counting, cases[i].encoder);
    g_autoptr (OsMediaReader) reader = open_file (path, W, H);
    guint8 raw[H * GST_ROUND_UP_4 (W * 4)], want[H * W * 3];
    float rgb[H * W * 3];

    g_test_message ("%s", cases[i].name);
    fill_counting (raw, H * stride, 0);
    for (guint k = 0; k < H * W; k++) {
      const guint8 *from = raw + k / W * stride + k % W * pixel;

      want[3 * k] = from[cases[i].r];
      want[3 * k + 1] = from[cases[i].g];
      want[3 * k + 2] = from[cases[i].b];
    }
    g_assert_cmpint (os_media_next (reader, rgb, NULL), ==, OS_MEDIA_FRAME);
    assert_levels (rgb, want, sizeof want, 0);
    g_assert_cmpint (os_media_next (reader, rgb, NULL), ==, OS_MEDIA_END);
    g_assert_cmpint (os_media_next (reader, rgb, NULL), ==, OS_MEDIA_END);
  }
}

/* 2 x 2 pixels of 3 times 16 bits, which pngenc cannot write. */
static void
test_rgb16 (void)
{
  static const char base64[] =
      "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACEAIAAACtREYwAAAAIUlEQVR42mMQMmn4/5+BgaH+"
      "P5BiZPrH6MCw+izDf0YGAIlsCftkeMHVAAAAAElFTkSuQmCC";
  static const guint8 want[] = { 0x12, 0x80, 0xff, 0, 0x7f, 0xff, 0x01, 0xfe,
    0x40, 0xab, 0, 0x01 };
  gsize size;
  g_autofree guint8 *png = g_base64_decode (base64, &size);
  g_autofree char *path = media_test_write_bytes ("rgb16.png", png, size);
  g_autoptr (OsMediaReader) reader = open_file (path, 2, 2);
  float rgb[12];

  g_assert_cmpint (os_media_next (reader, rgb, NULL), ==, OS_MEDIA_FRAME);
  assert_levels (rgb, want, sizeof want, 0);
}

/* Green and red side by side, as JPEG has them, in three whole planes. */
static void
fill_halves (guint8 *frame, gsize size, guint index)
{
  static const guint8 planes[3][2] = { { 150, 76 }, { 44, 85 }, { 21, 255 } };

  for (gsize i = 0; i < size; i++)
    frame[i] = planes[i / (size / 3)][i % 16 / 8];
}

/* Not a pixel of chroma is lost. */
static void
test_jpeg (void)
{
  static const guint8 green[] = { 0, 255, 0 }, red[] = { 255, 0, 0 };
  g_autofree char *path = media_test_write ("halves.jpg",
      "video/x-raw,format=Y444,width=16,height=16", 1, fill_halves,
      "jpegenc quality=100");
  g_autoptr (OsMediaReader) reader = open_file (path, 16, 16);
  float rgb[16 * 16 * 3];

  g_assert_cmpint (os_media_next (reader, rgb, NULL), ==, OS_MEDIA_FRAME);
  for (guint x = 0; x < 16; x++)
    assert_levels (rgb + 3 * x, x < 8 ? green : red, 3, 3);
}

/* --- videos --- */

static void
fill_plain (guint8 *frame, gsize size, guint index)
{
  for (gsize i = 0; i < size; i++)
    frame[i] = 20 * index + 5;
}

/* Odd sizes, every frame, and none lost for the sound beside it. */
static void
test_video (void)
{
  static const char *const pipelines[] = { "avimux",
    "avimux name=mux audiotestsrc num-buffers=200 samplesperbuffer=4410 ! "
    "mux. mux.",
    "matroskamux" };
  static const char *const names[] = { "video.avi", "sound.avi", "video.MKV" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *path = media_test_write (names[i],
        i == 2 ? "video/x-raw,format=GRAY8,width=19,height=17"
               : "video/x-raw,format=BGR,width=19,height=17",
        12, fill_plain, pipelines[i]);
    g_autoptr (OsMediaReader) reader = open_file (path, 6, 4);
    float rgb[6 * 4 * 3];
    guint8 want[6 * 4 * 3];

    g_test_message ("%s", names[i]);
    for (guint n = 0; n < 12; n++) {
      memset (want, 20 * n + 5, sizeof want);
      g_assert_cmpint (os_media_next (reader, rgb, NULL), ==, OS_MEDIA_FRAME);
      assert_levels (rgb, want, sizeof want, 0);
    }
    g_assert_cmpint (os_media_next (reader, rgb, NULL), ==, OS_MEDIA_END);
    g_assert_cmpint (os_media_next (reader, rgb, NULL), ==, OS_MEDIA_END);
  }
}

/* The name decides how it is resized, the content how it is decoded: what is
 * between black and white of two pixels tells pictures from videos. */
static void
test_kinds (void)
{
  static const char *const names[] = { "step.png", "step.avi" };
  g_autofree char *picture = media_test_write (names[0],
      "video/x-raw,format=RGB,width=9,height=7", 1, fill_counting, "pngenc");
  g_autofree char *bytes = NULL;
  g_autofree char *video = NULL;
  float as_picture[4 * 4 * 3], as_video[4 * 4 * 3];
  gsize size;

  g_assert_true (g_file_get_contents (picture, &bytes, &size, NULL));
  video = media_test_write_bytes (names[1], bytes, size);
  {
    g_autoptr (OsMediaReader) a = open_file (picture, 4, 4);
    g_autoptr (OsMediaReader) b = open_file (video, 4, 4);

    g_assert_cmpint (os_media_next (a, as_picture, NULL), ==, OS_MEDIA_FRAME);
    g_assert_cmpint (os_media_next (b, as_video, NULL), ==, OS_MEDIA_FRAME);
    g_assert_cmpint (os_media_next (b, as_video, NULL), ==, OS_MEDIA_END);
  }
  g_assert_cmpint (memcmp (as_picture, as_video, sizeof as_video), !=, 0);
}

/* --- what is refused --- */

static void
test_names (void)
{
  g_autofree char *missing = media_test_path ("missing.png");
  g_autofree char *folder = media_test_path ("folder.png");
  g_autofree char *pipe = media_test_path ("pipe.mp4");

  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);
  assert_fails (missing, 0, OPENSORA_ERROR_NOT_FOUND, "No such file");
  assert_fails (folder, 0, OPENSORA_ERROR_READ, "regular");
  assert_fails (pipe, 0, OPENSORA_ERROR_READ, "regular");
  assert_fails ("x.gif", 0, OPENSORA_ERROR_UNSUPPORTED, ".webp");
  assert_fails ("mp4", 0, OPENSORA_ERROR_UNSUPPORTED, ".mp4");
  assert_fails ("", 0, OPENSORA_ERROR_UNSUPPORTED, ".mp4");
  assert_fails (
      "HTTPS://host/x.png", 0, OPENSORA_ERROR_SETTINGS, "download it first");
  assert_fails ("ftp://host/x.mp4", 0, OPENSORA_ERROR_SETTINGS, "download");
}

/* The first half of a file of this name. */
static char *
halve (const char *path, const char *name)
{
  g_autofree char *bytes = NULL;
  gsize size;

  g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
  return media_test_write_bytes (name, bytes, size / 2);
}

static void
test_truncated (void)
{
  g_autofree char *png = media_test_write ("whole.png",
      "video/x-raw,format=RGB,width=40,height=30", 1, fill_counting, "pngenc");
  g_autofree char *jpg = media_test_write ("whole.jpg",
      "video/x-raw,format=RGB,width=40,height=30", 1, fill_counting,
      "videoconvert ! jpegenc");
  g_autofree char *avi = media_test_write ("whole.avi",
      "video/x-raw,format=BGR,width=16,height=16", 12, fill_plain, "avimux");
  g_autofree char *half_png = halve (png, "half.png");
  g_autofree char *half_jpg = halve (jpg, "half.jpg");
  g_autofree char *half_avi = halve (avi, "half.avi");
  g_autoptr (OsMediaReader) reader = open_file (half_avi, 8, 8);
  float rgb[8 * 8 * 3];
  guint n = 0;

  assert_fails (half_png, 0, OPENSORA_ERROR_FORMAT, "ends early");
  assert_fails (half_jpg, 0, OPENSORA_ERROR_FORMAT, "ends early");
  /* Of a video the frames that are there are taken, as torchvision does. */
  while (os_media_next (reader, rgb, NULL) == OS_MEDIA_FRAME)
    n++;
  g_assert_cmpuint (n, >, 2);
  g_assert_cmpuint (n, <, 12);
}

/* A PNG header alone says how large the picture would be. */
static void
test_enormous (void)
{
  static const char png[] =
      "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\1\x86\xa0\0\1\x86\xa0\x08\2\0\0\0"
      "\0\0\0\0IEND\xae\x42\x60\x82";
  static const char bmp[] =
      "BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\1\0\0\0\1\0\0\x80\1\0\x18\0";
  g_autofree char *png_path =
      media_test_write_bytes ("enormous.png", png, sizeof png - 1);
  g_autofree char *bmp_path =
      media_test_write_bytes ("enormous.bmp", bmp, sizeof bmp - 1);

  assert_fails (
      png_path, 0, OPENSORA_ERROR_UNSUPPORTED, "100000 x 100000 pixels");
  assert_fails (bmp_path, 0, OPENSORA_ERROR_UNSUPPORTED, "2147483647 pixels");
}

/* Neither crashes, hangs nor connects to anything. */
static void
test_hostile (void)
{
#define BYTES(text) text, sizeof text - 1
  static const struct {
    const char *name, *bytes;
    gsize size;
    int code;
  } cases[] = {
    { "empty.png", BYTES (""), OPENSORA_ERROR_FORMAT },
    { "empty.mp4", BYTES (""), OPENSORA_ERROR_FORMAT },
    { "text.jpg", BYTES ("this is not a picture"), OPENSORA_ERROR_FORMAT },
    { "text.avi", BYTES ("this is not a video"), OPENSORA_ERROR_FORMAT },
    { "marker.jpg", BYTES ("\xff\xd8\xff"), OPENSORA_ERROR_FORMAT },
    { "fill.jpg", BYTES ("\xff\xd8\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
        OPENSORA_ERROR_FORMAT },
    { "zero.jpg", BYTES ("\xff\xd8\xff\xe0\0\0\xff\xe0\0\0\xff\xe0\0\0\0\0\0"),
        OPENSORA_ERROR_FORMAT },
    { "short.bmp", BYTES ("BM\xff\xff\xff\xff"), OPENSORA_ERROR_FORMAT },
    { "list.mp4",
        BYTES ("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n"
               "http://127.0.0.1:9/\n"),
        OPENSORA_ERROR_UNSUPPORTED },
  };
#undef BYTES

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path =
        media_test_write_bytes (cases[i].name, cases[i].bytes, cases[i].size);

    assert_fails (path, 0, cases[i].code, "");
  }
}

/* A file without pictures, and one whose data never come to be described: the
 * demuxer's error may get lost on its way, again and again. */
static void
test_no_video (void)
{
  static const char mp4[2000] = "\0\0\0\x18"
                                "ftypisom\0\0\2\0isomiso2"
                                "\0\x1e\x84\x80"
                                "mdat";
  g_autofree char *sound = media_test_write ("sound.mkv",
      "video/x-raw,format=GRAY8,width=8,height=8", 1, fill_plain,
      "fakesink audiotestsrc num-buffers=20 ! matroskamux");
  g_autofree char *cut = media_test_write_bytes ("cut.mp4", mp4, sizeof mp4);

  assert_fails (sound, 0, OPENSORA_ERROR_FORMAT, "no video");
  for (guint i = 0; i < 50; i++)
    assert_fails (cut, 0, OPENSORA_ERROR_FORMAT, "decoded");
}

/* --- cancellation --- */

typedef struct {
  GCancellable *cancellable;
  gint64 at; /* when it was cancelled */
} Cancel;

static gpointer
cancel_soon (gpointer data)
{
  Cancel *cancel = data;

  g_usleep (30 * 1000);
  cancel->at = g_get_monotonic_time ();
  g_cancellable_cancel (cancel->cancellable);
  return NULL;
}

/* However much is left to do, all has ended 200 ms after the cancellation. */
static void
cancel_reading (const char *path)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (OsTask) task = os_task_new (cancellable, NULL, NULL);
  g_autoptr (GError) error = NULL;
  OsMediaReader *reader = os_media_open (path, 64, 64, task, &error);
  Cancel cancel = { cancellable };
  GThread *thread = g_thread_new ("cancel", cancel_soon, &cancel);
  g_autofree float *rgb = g_new (float, 64 * 64 * 3);
  OsMediaResult result;
  gint64 end;

  g_assert_no_error (error);
  while ((result = os_media_next (reader, rgb, &error)) == OS_MEDIA_FRAME)
    g_assert_no_error (error);
  g_assert_cmpint (result, ==, OS_MEDIA_ERROR);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  os_media_free (reader);
  end = g_get_monotonic_time ();
  g_thread_join (thread);
  g_test_message ("%s: after %.3f s", path, (end - cancel.at) * 1e-6);
  g_assert_cmpfloat ((end - cancel.at) * 1e-6, <, gst_test_limit (0.2));
}

static void
test_cancelled (void)
{
  g_autofree char *large = media_test_write ("large.png",
      "video/x-raw,format=GRAY8,width=4000,height=4000", 1, fill_plain,
      "pngenc compression-level=1");
  g_autofree char *long_video = media_test_write ("long.avi",
      "video/x-raw,format=BGR,width=320,height=240", 500, fill_plain, "avimux");

  cancel_reading (large);
  cancel_reading (long_video);
}

static void
add_tests (void)
{
  /* First: what it leaves to end by itself has time until the last. */
  g_test_add_func ("/media/media/cancelled", test_cancelled);
  g_test_add_func ("/media/media/formats", test_formats);
  g_test_add_func ("/media/media/rgb16", test_rgb16);
  g_test_add_func ("/media/media/jpeg", test_jpeg);
  g_test_add_func ("/media/media/video", test_video);
  g_test_add_func ("/media/media/kinds", test_kinds);
  g_test_add_func ("/media/media/names", test_names);
  g_test_add_func ("/media/media/truncated", test_truncated);
  g_test_add_func ("/media/media/enormous", test_enormous);
  g_test_add_func ("/media/media/hostile", test_hostile);
  g_test_add_func ("/media/media/no-video", test_no_video);
}

int
main (int argc, char **argv)
{
  return gst_test_main (argc, argv, add_tests);
}
