/* SPDX-License-Identifier: Apache-2.0 */
/* GstOpensoraExtent: how big the stream is and what of it is there, for those
 * who ask the element. */
#pragma once

#include "gstopensoraclip.h"

G_BEGIN_DECLS

typedef struct {
  GstOpensoraSize size;  /* of the clip; the step is known once loaded */
  GstVideoInfo info;     /* what is pushed */
  guint64 n_frames;      /* of the whole stream, 0 while unknown */
  GstClockTime duration; /* of these */
  GstOpensoraClip *kept; /* whose frames can be pushed again, or NULL */
} GstOpensoraExtent;

/* count: clips that follow this one, taken to be as long; -1: without end. TRUE
 * if the length changed. */
gboolean gst_opensora_extent_update (
    GstOpensoraExtent *self, const GstOpensoraClip *clip, gint64 count);

/* Whether the stream can go on at that time. */
gboolean gst_opensora_extent_can_seek (
    const GstOpensoraExtent *self, GstClockTime time);

/* 0 while it is unknown. */
GstClockTime gst_opensora_extent_get_frame_duration (
    const GstOpensoraExtent *self);
/* Answer a query for the duration or a conversion; FALSE while that is unknown.
 */
gboolean gst_opensora_extent_query_duration (
    const GstOpensoraExtent *self, GstQuery *query);
gboolean gst_opensora_extent_query_convert (
    const GstOpensoraExtent *self, GstQuery *query);

G_END_DECLS
