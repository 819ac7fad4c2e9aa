/* SPDX-License-Identifier: Apache-2.0 */
/* Fixation of raw video caps towards what is asked for or, where nothing is,
 * what the model was trained for. */
#include "gstopensoracaps.h"

GstCaps *
gst_opensora_caps_set_step (GstCaps *caps, gint step)
{
  static const char *const sides[] = { "width", "height" };

  caps = gst_caps_make_writable (caps);
  for (guint i = 0; i < G_N_ELEMENTS (sides); i++) {
    GstStructure *structure = gst_caps_get_structure (caps, 0);
    const GValue *all = gst_structure_get_value (structure, sides[i]);
    GValue range = G_VALUE_INIT;

    /* The bounds of a stepped range must be multiples of the step. */
    g_value_init (&range, GST_TYPE_INT_RANGE);
    gst_value_set_int_range_step (&range,
        (gst_value_get_int_range_min (all) + step - 1) / step * step,
        gst_value_get_int_range_max (all) / step * step, step);
    gst_structure_take_value (structure, sides[i], &range);
  }
  return caps;
}

GstCaps *
gst_opensora_caps_set_size (GstCaps *caps, const GstOpensoraSize *size)
{
  caps = gst_caps_make_writable (caps);
  gst_caps_set_simple (caps, "width", G_TYPE_INT, size->width, "height",
      G_TYPE_INT, size->height, "framerate", GST_TYPE_FRACTION, size->fps_n,
      size->fps_d, NULL);
  return caps;
}

/* Takes caps and keeps the first structure in the first format of
 * GST_OPENSORA_FORMATS that they allow. Downstream's own order is no guide:
 * x264enc lists Y444 first, and few players take that. */
static GstCaps *
keep_best_format (GstCaps *caps)
{
  static GstStaticCaps template = GST_STATIC_CAPS (GST_OPENSORA_CAPS);
  g_autoptr (GstCaps) ours = gst_static_caps_get (&template);
  const GValue *formats =
      gst_structure_get_value (gst_caps_get_structure (ours, 0), "format");

  for (guint i = 0; i < gst_value_list_get_size (formats); i++) {
    g_autoptr (GstCaps) one = gst_caps_new_empty_simple ("video/x-raw");
    GstCaps *found;

    gst_caps_set_value (one, "format", gst_value_list_get_value (formats, i));
    found = gst_caps_intersect_full (caps, one, GST_CAPS_INTERSECT_FIRST);
    if (!gst_caps_is_empty (found)) {
      gst_caps_unref (caps);
      return gst_caps_truncate (found);
    }
    gst_caps_unref (found);
  }
  return gst_caps_truncate (caps);
}

/* Sets an open side to the legal value nearest to wanted. The bounds of a range
 * that was intersected with the model's are multiples of its step already. */
static void
fixate_side (
    GstStructure *structure, const char *side, gint64 wanted, gint step)
{
  gint rounded = CLAMP ((wanted + step / 2) / step * step, step, G_MAXINT);

  gst_structure_fixate_field_nearest_int (structure, side, rounded);
}

/* A side that downstream fixed decides the other by the aspect ratio. */
static void
fixate_size (GstStructure *structure, const GstOpensoraSize *wanted)
{
  gint side;
  gint64 width = wanted->width, height = wanted->height;

  if (gst_structure_get_int (structure, "width", &side))
    height = gst_util_uint64_scale_int_round (side, height, width);
  else if (gst_structure_get_int (structure, "height", &side))
    width = gst_util_uint64_scale_int_round (side, width, height);
  fixate_side (structure, "width", width, wanted->step);
  fixate_side (structure, "height", height, wanted->step);
}

/* Says how YUV is made from the model's sRGB: as in standard definition below
 * 720 lines, as in high definition from there, unless downstream wants it
 * otherwise. */
static void
fixate_colorimetry (GstStructure *structure)
{
  const char *name = gst_structure_get_string (structure, "format");
  const GstVideoFormatInfo *format =
      gst_video_format_get_info (gst_video_format_from_string (name));
  const char *colorimetry = GST_VIDEO_COLORIMETRY_SRGB;
  gint height = 0;

  if (GST_VIDEO_FORMAT_INFO_IS_GRAY (format))
    return;
  gst_structure_get_int (structure, "height", &height);
  if (GST_VIDEO_FORMAT_INFO_IS_YUV (format))
    colorimetry = height < 720 ? GST_VIDEO_COLORIMETRY_BT601
                               : GST_VIDEO_COLORIMETRY_BT709;

  if (gst_structure_has_field (structure, "colorimetry"))
    gst_structure_fixate_field_string (structure, "colorimetry", colorimetry);
  else
    gst_structure_set (
        structure, "colorimetry", G_TYPE_STRING, colorimetry, NULL);
}

GstCaps *
gst_opensora_caps_fixate (GstCaps *caps, const GstOpensoraSize *wanted)
{
  GstStructure *structure;

  caps = gst_caps_make_writable (keep_best_format (caps));
  structure = gst_caps_get_structure (caps, 0);
  fixate_size (structure, wanted);
  gst_structure_fixate_field_nearest_fraction (
      structure, "framerate", wanted->fps_n, wanted->fps_d);
  fixate_colorimetry (structure);
  return gst_caps_fixate (caps);
}
