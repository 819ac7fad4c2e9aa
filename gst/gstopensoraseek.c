/* SPDX-License-Identifier: Apache-2.0 */
/* Seeking in opensorasrc. The stream can always begin anew, at 0; with
 * keep-clip it can go on at any time within the clip that is being pushed, once
 * that is whole. All else is refused before anything is flushed: the base class
 * would find out only afterwards. */
#include "gstopensorasrc-private.h"

#define GST_CAT_DEFAULT gst_opensora_src_debug

static const GstSeekFlags snapping =
    GST_SEEK_FLAG_KEY_UNIT | GST_SEEK_FLAG_SNAP_NEAREST;

/* Every frame is a key frame: to the start of the one at that time, or of the
 * next. */
static GstClockTime
snap (const GstOpensoraClip *clip, GstClockTime time, GstSeekFlags flags)
{
  GstClockTime before, after;
  guint n;

  if (!(flags & GST_SEEK_FLAG_KEY_UNIT)
      || !gst_opensora_clip_find_frame (clip, time, &n) || n == clip->n_frames)
    return time;
  before = gst_opensora_clip_get_time (clip, clip->first + n);
  after = gst_opensora_clip_get_time (clip, clip->first + n + 1);
  if (before == time || !(flags & GST_SEEK_FLAG_SNAP_AFTER))
    return before;
  if (!(flags & GST_SEEK_FLAG_SNAP_BEFORE))
    return after;
  return time - before < after - time ? before : after;
}

/* Where the seek leads, in times. NULL or why it is impossible. With the object
 * lock held. */
static const char *
find_segment (GstOpensoraSrc *self, GstEvent *event, GstSegment *segment)
{
  const GstOpensoraExtent *extent = &self->extent;
  GstSeekType start_type, stop_type;
  gint64 start, stop;
  GstFormat format;
  GstSeekFlags flags;
  double rate;

  gst_event_parse_seek (
      event, &rate, &format, &flags, &start_type, &start, &stop_type, &stop);
  if (self->live.on)
    return "the stream is live";
  if (rate != 1)
    return "the only rate is 1";
  if (format != GST_FORMAT_TIME)
    return "only times can be sought";

  gst_segment_copy_into (&GST_BASE_SRC (self)->segment, segment);
  if (extent->n_frames > 0)
    segment->duration = extent->duration;
  if (!gst_segment_do_seek (segment, rate, format, flags, start_type, start,
          stop_type, stop, NULL))
    return "its times make no segment";
  if (!gst_opensora_extent_can_seek (extent, segment->position))
    return extent->kept != NULL
               ? "only 0 and, once it is whole, the clip being pushed are there"
               : "only 0 can be sought without keep-clip";
  if (extent->kept != NULL)
    segment->start = snap (extent->kept, segment->position, flags);
  return NULL;
}

/* The same seek in absolute times, at the start of a frame if that was asked
 * for; NULL if it is impossible. */
static GstEvent *
prepare (GstOpensoraSrc *self, GstEvent *event)
{
  GstSegment segment;
  GstSeekFlags flags;
  GstEvent *prepared;
  const char *problem;

  GST_OBJECT_LOCK (self);
  problem = find_segment (self, event, &segment);
  GST_OBJECT_UNLOCK (self);
  if (problem != NULL) {
    GST_WARNING_OBJECT (self, "no seek: %s; %" GST_PTR_FORMAT, problem, event);
    return NULL;
  }
  gst_event_parse_seek (event, NULL, NULL, &flags, NULL, NULL, NULL, NULL);
  prepared = gst_event_new_seek (1, GST_FORMAT_TIME, flags & ~snapping,
      GST_SEEK_TYPE_SET, segment.start, GST_SEEK_TYPE_SET, segment.stop);
  gst_event_set_seqnum (prepared, gst_event_get_seqnum (event));
  return prepared;
}

static gboolean
gst_opensora_src_event (GstBaseSrc *base, GstEvent *event)
{
  GstBaseSrcClass *parent = g_type_class_peek (GST_TYPE_PUSH_SRC);
  g_autoptr (GstEvent) seek = NULL;

  if (GST_EVENT_TYPE (event) != GST_EVENT_SEEK)
    return parent->event (base, event);
  seek = prepare (GST_OPENSORA_SRC (base), event);
  return seek != NULL && parent->event (base, seek);
}

gboolean
gst_opensora_src_send_seek (GstOpensoraSrc *self, GstEvent *event)
{
  GstElementClass *parent = g_type_class_peek (GST_TYPE_PUSH_SRC);
  GstEvent *seek = prepare (self, event);

  gst_event_unref (event);
  return seek != NULL && parent->send_event (GST_ELEMENT (self), seek);
}

static gboolean
gst_opensora_src_is_seekable (GstBaseSrc *base)
{
  return TRUE;
}

/* The clip that was sought in may be over by now, or the stream ended. It is
 * too late to refuse, as downstream is flushed and waits for a segment: the
 * stream goes on where it is. */
static void
stay (GstOpensoraSrc *self, GstSegment *segment)
{
  GST_WARNING_OBJECT (self, "no seek to %" GST_TIME_FORMAT " any more",
      GST_TIME_ARGS (segment->position));
  segment->start = segment->position = gst_opensora_src_get_position (self);
  segment->stop = GST_CLOCK_TIME_NONE;
}

/* The first segment comes here unprepared. At 0 only a new start can fail,
 * which is told. */
static gboolean
gst_opensora_src_do_seek (GstBaseSrc *base, GstSegment *segment)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (base);

  if (!gst_opensora_src_move_to (self, segment->position)) {
    if (segment->position == 0)
      return FALSE;
    stay (self, segment);
  }
  segment->time = segment->start;
  return TRUE;
}

gboolean
gst_opensora_src_query_seeking (GstOpensoraSrc *self, GstQuery *query)
{
  const GstOpensoraExtent *extent = &self->extent;
  gint64 start = 0, end = 0;
  gboolean possible;
  GstFormat format;

  gst_query_parse_seeking (query, &format, NULL, NULL, NULL);
  GST_OBJECT_LOCK (self);
  possible = format == GST_FORMAT_TIME && extent->kept != NULL
             && g_atomic_int_get (&extent->kept->whole);
  if (possible) {
    const guint64 first = extent->kept->first;

    start = gst_opensora_clip_get_time (extent->kept, first);
    end = gst_opensora_clip_get_time (
        extent->kept, first + extent->kept->n_frames);
  }
  GST_OBJECT_UNLOCK (self);
  gst_query_set_seeking (query, format, possible, start, end);
  return TRUE;
}

void
gst_opensora_src_install_seeking (GstBaseSrcClass *klass)
{
  klass->event = GST_DEBUG_FUNCPTR (gst_opensora_src_event);
  klass->is_seekable = GST_DEBUG_FUNCPTR (gst_opensora_src_is_seekable);
  klass->do_seek = GST_DEBUG_FUNCPTR (gst_opensora_src_do_seek);
}
