/* SPDX-License-Identifier: Apache-2.0 */
/* Queries for the length of the stream. */
#include "gstopensoraextent.h"

gboolean
gst_opensora_extent_update (
    GstOpensoraExtent *self, const GstOpensoraClip *clip, gint64 count)
{
  const guint64 before = self->n_frames;

  self->n_frames = count < 0 ? 0 : clip->first + (count + 1) * clip->n_frames;
  self->duration = gst_opensora_clip_get_time (clip, self->n_frames);
  return self->n_frames != before;
}

GstClockTime
gst_opensora_extent_get_frame_duration (const GstOpensoraExtent *self)
{
  return self->size.fps_n == 0 ? 0
                               : gst_util_uint64_scale (GST_SECOND,
                                   self->size.fps_d, self->size.fps_n);
}

gboolean
gst_opensora_extent_can_seek (const GstOpensoraExtent *self, GstClockTime time)
{
  guint n;

  return time == 0
         || (self->kept != NULL && g_atomic_int_get (&self->kept->whole)
             && gst_opensora_clip_find_frame (self->kept, time, &n));
}

gboolean
gst_opensora_extent_query_duration (
    const GstOpensoraExtent *self, GstQuery *query)
{
  GstFormat format;
  gint64 duration = -1;

  gst_query_parse_duration (query, &format, NULL);
  if (self->n_frames == 0)
    return FALSE;
  if (format == GST_FORMAT_TIME)
    duration = self->duration;
  else if (format == GST_FORMAT_DEFAULT)
    duration = self->n_frames;
  else if (format == GST_FORMAT_BYTES)
    duration = self->n_frames * self->info.size;
  gst_query_set_duration (query, format, duration);
  return duration != -1;
}

gboolean
gst_opensora_extent_query_convert (
    const GstOpensoraExtent *self, GstQuery *query)
{
  GstFormat from, to;
  gint64 value, result;

  gst_query_parse_convert (query, &from, &value, &to, NULL);
  if (self->size.width == 0
      || !gst_video_info_convert (&self->info, from, value, to, &result))
    return FALSE;
  gst_query_set_convert (query, from, value, to, result);
  return TRUE;
}
