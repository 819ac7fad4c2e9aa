/* SPDX-License-Identifier: Apache-2.0 */
/* Previews as buffers and as messages. */
#include "gstopensorapreview.h"

#include <gst/video/video.h>

void
gst_opensora_preview_copy (
    GstOpensoraPreview *self, const GstOpensoraPreview *from)
{
  GBytes *rgb = from->rgb != NULL ? g_bytes_ref (from->rgb) : NULL;

  gst_opensora_preview_clear (self);
  *self = *from;
  self->rgb = rgb;
}

void
gst_opensora_preview_clear (GstOpensoraPreview *self)
{
  g_clear_pointer (&self->rgb, g_bytes_unref);
}

void
gst_opensora_preview_register_meta (void)
{
  static const gchar *no_tags[] = { NULL };

  if (gst_meta_get_info (GST_OPENSORA_PREVIEW_META) == NULL)
    gst_meta_register_custom (
        GST_OPENSORA_PREVIEW_META, no_tags, NULL, NULL, NULL);
}

GstBuffer *
gst_opensora_preview_make_buffer (
    const GstOpensoraPreview *self, double position)
{
  const gsize size = (gsize) 3 * self->width * self->height;
  const guint n =
      self->n_shared + (guint) (position * (self->n_pictures - self->n_shared));
  const guint8 *pictures = g_bytes_get_data (self->rgb, NULL);
  GstBuffer *buffer = gst_buffer_new_memdup (pictures + n * size, size);
  GstCustomMeta *meta =
      gst_buffer_add_custom_meta (buffer, GST_OPENSORA_PREVIEW_META);

  /* clang-format off */
  gst_structure_set (gst_custom_meta_get_structure (meta),
      "clip", G_TYPE_UINT, self->clip,
      "step", G_TYPE_UINT, self->step,
      "steps", G_TYPE_UINT, self->steps,
      "width", G_TYPE_UINT, self->width,
      "height", G_TYPE_UINT, self->height, NULL);
  /* clang-format on */
  return buffer;
}

gboolean
gst_opensora_preview_get_size (GstBuffer *buffer, guint *width, guint *height)
{
  GstCustomMeta *meta =
      gst_buffer_get_custom_meta (buffer, GST_OPENSORA_PREVIEW_META);

  return meta != NULL
         && gst_structure_get (gst_custom_meta_get_structure (meta), "width",
             G_TYPE_UINT, width, "height", G_TYPE_UINT, height, NULL);
}

double
gst_opensora_preview_get_position (const GstOpensoraPreview *self)
{
  return (double) (self->step - 1) / self->steps;
}

/* Rows are packed, which is not what RGB usually is. */
static GstSample *
make_sample (const GstOpensoraPreview *self)
{
  gsize offset[GST_VIDEO_MAX_PLANES] = { 0 };
  gint stride[GST_VIDEO_MAX_PLANES] = { 3 * self->width };
  g_autoptr (GstBuffer) buffer = gst_opensora_preview_make_buffer (
      self, gst_opensora_preview_get_position (self));
  g_autoptr (GstCaps) caps =
      gst_caps_new_simple ("video/x-raw", "format", G_TYPE_STRING, "RGB",
          "width", G_TYPE_INT, (gint) self->width, "height", G_TYPE_INT,
          (gint) self->height, "framerate", GST_TYPE_FRACTION, 0, 1, NULL);

  gst_buffer_add_video_meta_full (buffer, GST_VIDEO_FRAME_FLAG_NONE,
      GST_VIDEO_FORMAT_RGB, self->width, self->height, 1, offset, stride);
  return gst_sample_new (buffer, caps, NULL, NULL);
}

void
gst_opensora_preview_post (const GstOpensoraPreview *self, GstElement *element)
{
  g_autoptr (GstSample) sample = make_sample (self);
  GstStructure *structure;

  /* clang-format off */
  structure = gst_structure_new ("opensora-preview",
      "clip", G_TYPE_UINT, self->clip,
      "step", G_TYPE_UINT, self->step,
      "steps", G_TYPE_UINT, self->steps,
      "sample", GST_TYPE_SAMPLE, sample, NULL);
  /* clang-format on */
  gst_element_post_message (
      element, gst_message_new_element (GST_OBJECT (element), structure));
}
