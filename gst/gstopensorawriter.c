/* SPDX-License-Identifier: Apache-2.0 */
/* From packed sRGB to the negotiated format: the YUV matrix and range of the
 * caps, chroma averaged, no dithering, no change of gamma or primaries. */
#include "gstopensorawriter.h"

#include "gstopensorapreview.h"

static void
set_packed (GstVideoInfo *info, guint width, guint height, GstVideoInfo *out)
{
  gst_video_info_set_format (info, GST_VIDEO_FORMAT_RGB, width, height);
  info->fps_n = out->fps_n;
  info->fps_d = out->fps_d;
  info->stride[0] = 3 * width;
  info->size = (gsize) 3 * width * height;
}

static GstVideoConverter *
make_converter (GstVideoInfo *from, GstVideoInfo *to)
{
  return gst_video_converter_new (from, to,
      gst_structure_new ("opensora", GST_VIDEO_CONVERTER_OPT_DITHER_METHOD,
          GST_TYPE_VIDEO_DITHER_METHOD, GST_VIDEO_DITHER_NONE, NULL));
}

void
gst_opensora_writer_set_output (
    GstOpensoraWriter *self, const GstVideoInfo *out)
{
  gst_opensora_writer_clear (self);
  self->out = *out;
  set_packed (&self->rgb, out->width, out->height, &self->out);
  if (GST_VIDEO_INFO_FORMAT (out) != GST_VIDEO_FORMAT_RGB)
    self->converter = make_converter (&self->rgb, &self->out);
}

void
gst_opensora_writer_clear (GstOpensoraWriter *self)
{
  g_clear_pointer (&self->converter, gst_video_converter_free);
  g_clear_pointer (&self->scaler, gst_video_converter_free);
}

void
gst_opensora_writer_configure_pool (
    GstOpensoraWriter *self, GstQuery *query, GstCaps *caps, const char *name)
{
  g_autoptr (GstBufferPool) pool = NULL;
  guint size = 0, min = 0, max = 0;
  gboolean offered = gst_query_get_n_allocation_pools (query) > 0;
  GstStructure *config;

  if (offered)
    gst_query_parse_nth_allocation_pool (query, 0, &pool, &size, &min, &max);
  size = MAX (size, self->out.size);
  if (pool == NULL) {
    pool = gst_video_buffer_pool_new ();
    gst_object_set_name (GST_OBJECT (pool), name);
  }
  config = gst_buffer_pool_get_config (pool);
  gst_buffer_pool_config_set_params (config, caps, size, min, max);
  if (gst_query_find_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL))
    gst_buffer_pool_config_add_option (
        config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  gst_buffer_pool_set_config (pool, config);

  if (offered)
    gst_query_set_nth_allocation_pool (query, 0, pool, size, min, max);
  else
    gst_query_add_allocation_pool (query, pool, size, min, max);
}

/* From `info` to what was negotiated. */
static gboolean
convert (GstOpensoraWriter *self, GstVideoConverter *converter,
    GstVideoInfo *info, GstBuffer *rgb, GstBuffer *out)
{
  GstVideoFrame from, to;
  gboolean mapped;

  if (!gst_video_frame_map (&from, info, rgb, GST_MAP_READ))
    return FALSE;
  mapped = gst_video_frame_map (&to, &self->out, out, GST_MAP_WRITE);
  if (mapped) {
    if (converter != NULL)
      gst_video_converter_frame (converter, &from, &to);
    else
      gst_video_frame_copy (&to, &from);
    gst_video_frame_unmap (&to);
  }
  gst_video_frame_unmap (&from);
  return mapped;
}

gboolean
gst_opensora_writer_write (
    GstOpensoraWriter *self, GstBuffer *rgb, GstBuffer *out)
{
  guint width, height;

  if (!gst_opensora_preview_get_size (rgb, &width, &height))
    return convert (self, self->converter, &self->rgb, rgb, out);
  if (self->scaler == NULL) { /* as long as the output is the same */
    set_packed (&self->small, width, height, &self->out);
    self->scaler = make_converter (&self->small, &self->out);
  }
  return convert (self, self->scaler, &self->small, rgb, out);
}
