/* SPDX-License-Identifier: Apache-2.0 */
/* Caps and pixels: every format of the pad template against the RGB of the same
 * seed, colorimetry, strides, fixation. */
#include "gsttest.h"

#include <gst/video/video.h>
#include <math.h>

#define STILL "num-frames=1 steps=2 seed=3"

static GstSample *
make_picture (const char *caps)
{
  GstHarness *harness = gst_test_harness_new (STILL, caps);
  g_autoptr (GstCaps) got = NULL;
  GstBuffer *buffer;
  GstSample *sample;

  gst_harness_play (harness);
  buffer = gst_harness_pull (harness);
  g_assert_nonnull (buffer);
  got = gst_pad_get_current_caps (harness->sinkpad);
  sample = gst_sample_new (buffer, got, NULL, NULL);
  gst_buffer_unref (buffer);
  gst_test_harness_free (harness);
  return sample;
}

static void
map_picture (GstSample *sample, GstVideoFrame *frame)
{
  GstVideoInfo info;

  g_assert_true (
      gst_video_info_from_caps (&info, gst_sample_get_caps (sample)));
  g_assert_cmpuint (
      gst_buffer_get_size (gst_sample_get_buffer (sample)), ==, info.size);
  g_assert_true (gst_video_frame_map (
      frame, &info, gst_sample_get_buffer (sample), GST_MAP_READ));
}

/* A sample of a component, scaled to 8 bits. */
static double
get_value (const GstVideoFrame *frame, guint component, guint x, guint y)
{
  const GstVideoFormatInfo *format = frame->info.finfo;
  guint depth = GST_VIDEO_FORMAT_INFO_DEPTH (format, component);
  const guint8 *at = GST_VIDEO_FRAME_COMP_DATA (frame, component);

  /* GStreamer counts the offset of P010's V in samples, not bytes. */
  if (depth > 8)
    at += GST_VIDEO_FORMAT_INFO_POFFSET (format, component);
  at += y * GST_VIDEO_FRAME_COMP_STRIDE (frame, component)
        + x * GST_VIDEO_FRAME_COMP_PSTRIDE (frame, component);
  if (depth <= 8)
    return *at;
  return (double) (GST_READ_UINT16_LE (at)
                   >> GST_VIDEO_FORMAT_INFO_SHIFT (format, component))
         / (1 << (depth - 8));
}

static double
get_mean (const GstVideoFrame *frame, guint component)
{
  guint width = GST_VIDEO_FRAME_COMP_WIDTH (frame, component);
  guint height = GST_VIDEO_FRAME_COMP_HEIGHT (frame, component);
  double sum = 0;

  for (guint y = 0; y < height; y++)
    for (guint x = 0; x < width; x++)
      sum += get_value (frame, component, x, y);
  return sum / (width * height);
}

/* Y, U, V of 8-bit R, G, B: ITU-R BT.601 in limited range, or full-range luma.
 */
static void
to_yuv (const double rgb[3], gboolean full_range, double yuv[3])
{
  double y = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];

  yuv[0] = full_range ? y : 16 + y * 219 / 255;
  yuv[1] = 128 + (rgb[2] - y) / 1.772 * 224 / 255;
  yuv[2] = 128 + (rgb[0] - y) / 1.402 * 224 / 255;
}

/* Every pixel where the format has one value a pixel, the mean of the plane
 * where chroma is subsampled. */
static void
compare_yuv (const GstVideoFrame *rgb, const GstVideoFrame *out)
{
  gboolean gray = GST_VIDEO_INFO_IS_GRAY (&out->info);
  guint width = out->info.width, height = out->info.height;
  double sums[3] = { 0 };

  for (guint y = 0; y < height; y++)
    for (guint x = 0; x < width; x++) {
      double in[3], yuv[3];

      for (guint c = 0; c < 3; c++)
        in[c] = get_value (rgb, c, x, y);
      to_yuv (in, gray, yuv);
      g_assert_cmpfloat_with_epsilon (get_value (out, 0, x, y), yuv[0], 2);
      for (guint c = 1; c < 3; c++) {
        sums[c] += yuv[c] / (width * height);
        if (!gray && GST_VIDEO_FRAME_COMP_WIDTH (out, c) == width)
          g_assert_cmpfloat_with_epsilon (get_value (out, c, x, y), yuv[c], 2);
      }
    }
  for (guint c = 1; c < 3 && !gray; c++)
    g_assert_cmpfloat_with_epsilon (get_mean (out, c), sums[c], 2);
}

static void
compare_rgb (const GstVideoFrame *rgb, const GstVideoFrame *out)
{
  for (guint y = 0; y < (guint) out->info.height; y++)
    for (guint x = 0; x < (guint) out->info.width; x++) {
      for (guint c = 0; c < 3; c++)
        g_assert_cmpfloat (
            get_value (out, c, x, y), ==, get_value (rgb, c, x, y));
      if (GST_VIDEO_INFO_HAS_ALPHA (&out->info))
        g_assert_cmpfloat (get_value (out, GST_VIDEO_COMP_A, x, y), ==, 255);
    }
}

static void
check_format (GstSample *rgb_sample, const char *format)
{
  g_autofree char *caps = g_strdup_printf ("video/x-raw,format=%s", format);
  g_autoptr (GstSample) out_sample = make_picture (caps);
  GstVideoFrame rgb, out;

  g_test_message ("%s", format);
  map_picture (rgb_sample, &rgb);
  map_picture (out_sample, &out);
  g_assert_cmpstr (out.info.finfo->name, ==, format);
  g_assert_cmpint (out.info.width, ==, rgb.info.width);
  g_assert_cmpint (out.info.height, ==, rgb.info.height);
  if (!GST_VIDEO_INFO_IS_GRAY (&out.info))
    g_assert_true (gst_video_colorimetry_matches (&out.info.colorimetry,
        GST_VIDEO_INFO_IS_YUV (&out.info) ? GST_VIDEO_COLORIMETRY_BT601
                                          : GST_VIDEO_COLORIMETRY_SRGB));
  if (GST_VIDEO_INFO_IS_RGB (&out.info))
    compare_rgb (&rgb, &out);
  else
    compare_yuv (&rgb, &out);
  gst_video_frame_unmap (&rgb);
  gst_video_frame_unmap (&out);
}

/* Every format of the pad template. */
static void
test_formats (void)
{
  g_autoptr (GstSample) rgb = make_picture ("video/x-raw,format=RGB");
  GstElement *src = gst_element_factory_make ("opensorasrc", NULL);
  g_autoptr (GstCaps) caps =
      gst_pad_template_get_caps (gst_element_get_pad_template (src, "src"));
  const GValue *formats =
      gst_structure_get_value (gst_caps_get_structure (caps, 0), "format");

  g_assert_cmpuint (gst_value_list_get_size (formats), >=, 17);
  for (guint i = 0; i < gst_value_list_get_size (formats); i++)
    check_format (
        rgb, g_value_get_string (gst_value_list_get_value (formats, i)));
  gst_object_unref (gst_object_ref_sink (src));
}

/* A picture all of one value would pass the comparisons. */
static void
test_picture_has_contrast (void)
{
  g_autoptr (GstSample) sample = make_picture (NULL);
  GstVideoFrame frame;
  double low = 255, high = 0;

  map_picture (sample, &frame);
  g_assert_cmpstr (frame.info.finfo->name, ==, "RGB");
  for (gint y = 0; y < frame.info.height; y++)
    for (gint x = 0; x < frame.info.width; x++) {
      low = MIN (low, get_value (&frame, 0, x, y));
      high = MAX (high, get_value (&frame, 0, x, y));
    }
  g_assert_cmpfloat (high - low, >, 50);
  gst_video_frame_unmap (&frame);
}

/* Y, U, V with the matrix of ITU-R BT.709. */
static void
to_bt709 (const double rgb[3], double yuv[3])
{
  double y = 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2];

  yuv[0] = 16 + y * 219 / 255;
  yuv[1] = 128 + (rgb[2] - y) / 1.8556 * 224 / 255;
  yuv[2] = 128 + (rgb[0] - y) / 1.5748 * 224 / 255;
}

/* The matrix follows caps that downstream fixes. */
static void
test_fixed_colorimetry (void)
{
  g_autoptr (GstSample) rgb_sample = make_picture (NULL);
  g_autoptr (GstSample) sample =
      make_picture ("video/x-raw,format=Y444,colorimetry=bt709");
  GstVideoFrame rgb, frame;

  map_picture (rgb_sample, &rgb);
  map_picture (sample, &frame);
  g_assert_true (gst_video_colorimetry_matches (
      &frame.info.colorimetry, GST_VIDEO_COLORIMETRY_BT709));
  for (gint y = 0; y < frame.info.height; y++)
    for (gint x = 0; x < frame.info.width; x++) {
      double in[3], yuv[3];

      for (guint c = 0; c < 3; c++)
        in[c] = get_value (&rgb, c, x, y);
      to_bt709 (in, yuv);
      for (guint c = 0; c < 3; c++)
        g_assert_cmpfloat_with_epsilon (get_value (&frame, c, x, y), yuv[c], 2);
    }
  gst_video_frame_unmap (&rgb);
  gst_video_frame_unmap (&frame);
}

/* Pools with padding round the picture, as hardware sinks have them; the second
 * makes every row begin at an odd place. */
static const GstVideoAlignment alignments[] = {
  { .padding_left = 16,
      .padding_top = 2,
      .padding_right = 24,
      .padding_bottom = 4 },
  { .padding_left = 2,
      .padding_top = 6,
      .padding_right = 13,
      .padding_bottom = 3,
      .stride_align = { 31, 31, 31, 31 } },
};

static GstPadProbeReturn
offer_padded_pool (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  GstQuery *query = GST_PAD_PROBE_INFO_QUERY (info);
  GstVideoAlignment alignment = *(const GstVideoAlignment *) data;
  GstStructure *config;
  GstBufferPool *pool;
  GstVideoInfo video;
  GstCaps *caps;

  if (GST_QUERY_TYPE (query) != GST_QUERY_ALLOCATION)
    return GST_PAD_PROBE_OK;
  gst_query_parse_allocation (query, &caps, NULL);
  if (caps == NULL)
    return GST_PAD_PROBE_OK;

  g_assert_true (gst_video_info_from_caps (&video, caps));
  pool = gst_video_buffer_pool_new ();
  config = gst_buffer_pool_get_config (pool);
  gst_buffer_pool_config_set_params (config, caps, video.size, 2, 0);
  gst_buffer_pool_config_add_option (config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  gst_buffer_pool_config_add_option (
      config, GST_BUFFER_POOL_OPTION_VIDEO_ALIGNMENT);
  gst_buffer_pool_config_set_video_alignment (config, &alignment);
  g_assert_true (gst_buffer_pool_set_config (pool, config));
  gst_query_add_allocation_pool (query, pool, video.size, 2, 0);
  gst_query_add_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL);
  gst_object_unref (pool);
  return GST_PAD_PROBE_HANDLED;
}

static void
check_strides (const char *format, const GstVideoAlignment *alignment)
{
  g_autofree char *caps = g_strdup_printf ("video/x-raw,format=%s", format);
  g_autoptr (GstSample) plain_sample = make_picture (caps);
  GstHarness *harness = gst_test_harness_new (STILL, caps);
  GstVideoFrame plain, padded;
  GstBuffer *buffer;

  gst_pad_add_probe (harness->sinkpad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM,
      offer_padded_pool, (gpointer) alignment, NULL);
  gst_harness_play (harness);
  buffer = gst_harness_pull (harness);
  g_assert_nonnull (gst_buffer_get_video_meta (buffer));

  map_picture (plain_sample, &plain);
  g_assert_true (
      gst_video_frame_map (&padded, &plain.info, buffer, GST_MAP_READ));
  g_assert_cmpint (GST_VIDEO_FRAME_PLANE_STRIDE (&padded, 0), >,
      GST_VIDEO_FRAME_PLANE_STRIDE (&plain, 0));
  for (guint c = 0; c < GST_VIDEO_FRAME_N_COMPONENTS (&plain); c++)
    for (gint y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT (&plain, c); y++)
      for (gint x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH (&plain, c); x++)
        g_assert_cmpfloat (
            get_value (&padded, c, x, y), ==, get_value (&plain, c, x, y));
  gst_video_frame_unmap (&plain);
  gst_video_frame_unmap (&padded);
  gst_buffer_unref (buffer);
  gst_test_harness_free (harness);
}

static void
test_strides (gconstpointer data)
{
  for (guint i = 0; i < G_N_ELEMENTS (alignments); i++)
    check_strides (data, &alignments[i]);
}

/* Without one, the element has its own. */
static void
test_own_pool (void)
{
  GstHarness *harness = gst_test_harness_new (STILL " name=film", NULL);
  GstBuffer *buffer;

  gst_harness_play (harness);
  buffer = gst_harness_pull (harness);
  g_assert_nonnull (buffer->pool);
  g_assert_cmpstr (GST_OBJECT_NAME (buffer->pool), ==, "film-pool");
  gst_buffer_unref (buffer);
  gst_test_harness_free (harness);
}

/* The caps that are chosen when downstream takes these; the clip is not made.
 */
static void
check_fixation (const char *downstream, const char *expected)
{
  GstHarness *harness = gst_test_harness_new ("num-frames=1", downstream);
  g_autoptr (GstCaps) wanted = gst_caps_from_string (expected);
  GstEvent *event;
  GstCaps *caps;

  gst_harness_play (harness);
  while (GST_EVENT_TYPE (event = gst_harness_pull_event (harness))
         != GST_EVENT_CAPS)
    gst_event_unref (event);
  gst_event_parse_caps (event, &caps);
  g_assert_true (gst_caps_is_subset (caps, wanted));
  gst_event_unref (event);
  gst_test_harness_free (harness);
}

static void
test_fixation (void)
{
  /* Nothing asked: the model's own size and rate. */
  check_fixation ("video/x-raw", "video/x-raw,format=RGB,width=32,height=32,"
                                 "framerate=8/1,pixel-aspect-ratio=1/1,"
                                 "interlace-mode=progressive,colorimetry=sRGB");
  /* One side asked: the other keeps the aspect ratio. */
  check_fixation ("video/x-raw,width=64", "video/x-raw,width=64,height=64");
  check_fixation ("video/x-raw,height=64", "video/x-raw,width=64,height=64");
  /* A range: the nearest in it, a multiple of the model's step. */
  check_fixation ("video/x-raw,width=[41,500],height=[1,70]",
      "video/x-raw,width=48,height=32");
  check_fixation (
      "video/x-raw,framerate=[12/1,60/1]", "video/x-raw,framerate=12/1");
  check_fixation (
      "video/x-raw,framerate=30000/1001", "video/x-raw,framerate=30000/1001");
  /* Encoders list Y444 first; players want I420. */
  check_fixation ("video/x-raw,format=(string){Y444,Y42B,I420,NV12}",
      "video/x-raw,format=I420,colorimetry=bt601");
  check_fixation ("video/x-raw,format=Y444;video/x-raw,format=NV12",
      "video/x-raw,format=NV12");
  check_fixation ("video/x-raw,format=I420,width=720,height=720",
      "video/x-raw,colorimetry=bt709");
}

static GstCaps *
query_caps (GstHarness *harness, const char *filter)
{
  g_autoptr (GstPad) pad = gst_element_get_static_pad (harness->element, "src");
  g_autoptr (GstCaps) wanted =
      filter != NULL ? gst_caps_from_string (filter) : NULL;

  return gst_pad_query_caps (pad, wanted);
}

static void
check_width (GstCaps *caps, const char *expected)
{
  const GValue *width =
      gst_structure_get_value (gst_caps_get_structure (caps, 0), "width");
  g_autofree char *text = gst_value_serialize (width);

  g_assert_cmpstr (text, ==, expected);
}

/* The template, and once a clip is planned its size; in the order of whoever
 * asks. */
static void
test_query (void)
{
  GstHarness *harness = gst_test_harness_new ("steps=1000", NULL);
  g_autoptr (GstCaps) before = query_caps (harness, NULL);
  g_autoptr (GstCaps) after = NULL, filtered = NULL;

  check_width (before, "[ 16, 4096, 8 ]");
  gst_harness_play (harness);
  gst_test_wait_progress (harness->element, GST_PROGRESS_TYPE_START, "sample");
  after = query_caps (harness, NULL);
  check_width (after, "32");
  filtered = query_caps (
      harness, "video/x-raw,format=NV12;video/x-raw,format=RGB,width=[1,100]");
  g_assert_cmpuint (gst_caps_get_size (filtered), ==, 2);
  g_assert_cmpstr (
      gst_structure_get_string (gst_caps_get_structure (filtered, 0), "format"),
      ==, "NV12");
  g_assert_true (gst_caps_is_subset (filtered, before));
  gst_test_harness_free (harness);
}

/* Downstream changes its mind in mid-clip: the format follows at once, the size
 * and the rate stay. */
static void
test_reconfigure (void)
{
  GstHarness *harness =
      gst_test_harness_new ("steps=2", "video/x-raw,format=RGB");

  /* The source is never far ahead of what this thread has asked for. */
  gst_harness_set_blocking_push_mode (harness);
  gst_harness_play (harness);
  for (guint n = 0; n < 17; n++) {
    GstBuffer *buffer = gst_harness_pull (harness);
    const gsize size = gst_buffer_get_size (buffer);

    g_assert_cmpuint (GST_BUFFER_OFFSET (buffer), ==, n);
    g_assert_true (size == 32 * 32 * 3 || size == 32 * 32);
    if (n == 16)
      g_assert_cmpuint (size, ==, 32 * 32);
    gst_buffer_unref (buffer);
    if (n == 2) {
      gst_harness_set_sink_caps_str (
          harness, "video/x-raw,format=GRAY8,width=[1,500]");
      gst_harness_push_upstream_event (harness, gst_event_new_reconfigure ());
    }
  }
  gst_test_harness_free (harness);
}

static void
add_tests (void)
{
  static const char *const padded[] = { "RGB", "BGRx", "I420", "NV12",
    "GRAY8" };

  g_test_add_func ("/gst/formats", test_formats);
  for (guint i = 0; i < G_N_ELEMENTS (padded); i++) {
    g_autofree char *path = g_strdup_printf ("/gst/strides/%s", padded[i]);

    g_test_add_data_func (path, padded[i], test_strides);
  }
  g_test_add_func ("/gst/own-pool", test_own_pool);
  g_test_add_func ("/gst/query", test_query);
  g_test_add_func ("/gst/reconfigure", test_reconfigure);
  g_test_add_func ("/gst/picture-has-contrast", test_picture_has_contrast);
  g_test_add_func ("/gst/fixed-colorimetry", test_fixed_colorimetry);
  g_test_add_func ("/gst/fixation", test_fixation);
}

int
main (int argc, char **argv)
{
  return gst_test_main (argc, argv, add_tests);
}
