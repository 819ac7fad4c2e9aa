/* SPDX-License-Identifier: Apache-2.0 */
/* How far the work of opensorasrc is, as messages. Until the first frame it is
 * GstProgress: each stage is one operation, a START, CONTINUEs, and one of
 * COMPLETE, CANCELED and ERROR. Of later clips there is the element message
 * opensora-progress. docs/element.md lists the fields. */
#pragma once

#include <gst/gst.h>
#include <opensora/opensora.h>

G_BEGIN_DECLS

/* The library's stages, the one before them, and none. */
#define GST_OPENSORA_STAGE_RESOLVE (OPENSORA_STAGE_DOWNLOAD + 1)
#define GST_OPENSORA_STAGE_NONE (GST_OPENSORA_STAGE_RESOLVE + 1)
#define GST_OPENSORA_N_STAGES (GST_OPENSORA_STAGE_NONE + 1)

/* start () belongs to the state change; close () may come from any thread and
 * only its first call counts; the rest is the worker thread's. */
typedef struct {
  GstElement *element; /* not owned */
  gint open;           /* atomic */
  gboolean running;    /* an operation has started and not ended */
  guint clip;
  gboolean streaming; /* before the first frame */
  guint stage;
  guint64 total;      /* of the stage, in its units */
  guint64 begin;      /* what was done when it began: downloads are continued */
  gint64 stage_begin; /* monotonic, us; later when there were pauses */
  gint64 last_post;
  gint64 durations[GST_OPENSORA_N_STAGES]; /* us, of this clip's stages */
} GstOpensoraProgress;

void gst_opensora_progress_start (
    GstOpensoraProgress *self, GstElement *element);
void gst_opensora_progress_close (
    GstOpensoraProgress *self, GstProgressType type);

/* The stream begins before there is a frame: its first clip, too, is told of as
 * the others are. The worker thread's. */
void gst_opensora_progress_begin_stream (GstOpensoraProgress *self);
void gst_opensora_progress_begin_clip (GstOpensoraProgress *self, guint clip);
/* Another clip may follow, with operations of its own. */
void gst_opensora_progress_drop_clip (GstOpensoraProgress *self);
void gst_opensora_progress_update (GstOpensoraProgress *self,
    OpensoraStage stage, guint64 done, guint64 total);
/* A time in which nothing was computed, in microseconds. */
void gst_opensora_progress_add_pause (GstOpensoraProgress *self, gint64 us);
void gst_opensora_progress_end_stage (GstOpensoraProgress *self);

G_END_DECLS
