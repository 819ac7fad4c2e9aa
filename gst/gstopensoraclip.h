/* SPDX-License-Identifier: Apache-2.0 */
/* GstOpensoraClip: one clip of the stream, from its plan to its last frame, and
 * what the application is told of it: element messages and tags.
 * docs/element.md lists the fields. */
#pragma once

#include "gstopensoracaps.h"
#include "gstopensoraprogress.h"

G_BEGIN_DECLS

/* Counted, as the worker has it as well. */
typedef struct {
  OpensoraParams *params; /* resolved */
  guint index;            /* number of the clip, from 0 */
  guint n_frames;         /* fewer once it was cancelled */
  guint64 first;          /* number of its first frame in the stream */
  GstOpensoraSize size;
  guint64 room; /* bytes of frames that may wait to be pushed */
  /* A frame and its time, from which times are counted: the rate has been the
   * same since then. */
  guint64 base;
  GstClockTime base_time;  /* none in a live stream until it is there */
  guint preview_interval;  /* steps; 0: none */
  gboolean shows_previews; /* as frames of its own */
  guint n_repeated;        /* frames shown again while one was waited for */
  guint n_previews;        /* shown in the stream */
  gint whole; /* atomic: all frames are made, and this is what they took: */
  gint64 durations[GST_OPENSORA_N_STAGES]; /* us */
} GstOpensoraClip;

/* The clip that follows `last` in the stream, which is NULL for the first. */
GstOpensoraClip *gst_opensora_clip_new (OpensoraParams *params, guint n_frames,
    const GstOpensoraSize *size, guint index, const GstOpensoraClip *last);
/* Has it begin with frame `first`, after another clip. */
void gst_opensora_clip_place (
    GstOpensoraClip *self, const GstOpensoraClip *last, guint64 first);
GstOpensoraClip *gst_opensora_clip_ref (GstOpensoraClip *self);
void gst_opensora_clip_unref (GstOpensoraClip *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstOpensoraClip, gst_opensora_clip_unref)

gboolean gst_opensora_clip_has_size_of (
    const GstOpensoraClip *self, const GstOpensoraClip *other);

/* Start of frame n of the stream: from its number, so that errors never add up.
 * None for all still pictures but the first. */
GstClockTime gst_opensora_clip_get_time (
    const GstOpensoraClip *self, guint64 n);

/* Number in the clip of the frame that is shown at that time. FALSE if it is of
 * another clip; of the end it is n_frames. */
gboolean gst_opensora_clip_find_frame (
    const GstOpensoraClip *self, GstClockTime time, guint *n);

/* Times and numbers of frame n, that the buffer holds. */
void gst_opensora_clip_stamp (
    const GstOpensoraClip *self, GstBuffer *buffer, guint64 n);

void gst_opensora_clip_post_started (const GstOpensoraClip *self,
    GstElement *element, OpensoraPipeline *pipeline, guint n_threads);
void gst_opensora_clip_post_done (const GstOpensoraClip *self,
    GstElement *element, OpensoraPipeline *pipeline, guint n_threads);
/* Asks encoders to begin anew with the clip. */
GstEvent *gst_opensora_clip_make_key_unit_event (const GstOpensoraClip *self);
GstTagList *gst_opensora_clip_make_tags (
    const GstOpensoraClip *self, OpensoraPipeline *pipeline);

G_END_DECLS
