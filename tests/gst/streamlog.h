/* SPDX-License-Identifier: Apache-2.0 */
/* What goes by on the source pad of the element called "src". */
#pragma once

#include <gst/gst.h>

/* The streaming thread writes it: to be read once that is idle. */
typedef struct {
  /* A letter a thing: tag, key unit, segment, flush, b for a frame, E for the
   * end. */
  GString *log;
  GPtrArray *titles;     /* of the tags, char* */
  GPtrArray *hashes;     /* of the frames, char* */
  GArray *times;         /* PTS of the frames, GstClockTime */
  GArray *offsets;       /* numbers of the frames, guint64 */
  GstClockTime duration; /* sum */
  GstSegment segment;    /* the last */
} Stream;

void stream_init (Stream *self, GstElement *pipeline);
void stream_clear (Stream *self);
/* What has gone by so far; the log begins anew. */
Stream stream_take (Stream *self);

/* Frame i of one stream and frame k of another. */
gboolean stream_same_frame (const Stream *a, guint i, const Stream *b, guint k);
/* Frames with these numbers, from `from` to `to` - 1, and no others, at a rate
 * of 8 a second and with the hashes that all has of them. */
void stream_check_frames (
    const Stream *self, const Stream *all, guint from, guint to);
