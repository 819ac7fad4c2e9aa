/* SPDX-License-Identifier: Apache-2.0 */
/* What opensorasrc tells the application: progress, the clip's element messages
 * and tags, errors. docs/element.md lists the fields. */
#pragma once

#include <gst/gst.h>
#include <opensora/opensora.h>

G_BEGIN_DECLS

/* The library's stages, and the one before them. */
#define GST_OPENSORA_STAGE_RESOLVE (OPENSORA_STAGE_DOWNLOAD + 1)
#define GST_OPENSORA_N_STAGES (GST_OPENSORA_STAGE_RESOLVE + 1)

/* GstProgress of the work until the first frame. Each stage is one operation:
 * a START, CONTINUEs, and one of COMPLETE, CANCELED and ERROR.
 *
 * start () belongs to the state change, update () and end_stage () to the
 * worker thread; close () may come from any thread and only its first call
 * counts. */
typedef struct {
  GstElement *element; /* not owned */
  gint open;           /* atomic */
  guint stage;
  guint64 total;      /* of the stage, in its units */
  guint64 begin;      /* what was done when it began: downloads are continued */
  gint64 stage_begin; /* monotonic, us */
  gint64 last_post;
  gint64 durations[GST_OPENSORA_N_STAGES]; /* us */
} GstOpensoraProgress;

void gst_opensora_progress_start (
    GstOpensoraProgress *self, GstElement *element);
void gst_opensora_progress_update (GstOpensoraProgress *self,
    OpensoraStage stage, guint64 done, guint64 total);
void gst_opensora_progress_end_stage (GstOpensoraProgress *self);
void gst_opensora_progress_close (
    GstOpensoraProgress *self, GstProgressType type);

/* A clip as the messages and tags describe it. params: resolved. */
typedef struct {
  OpensoraPipeline *pipeline;
  OpensoraParams *params;
  gint fps_n, fps_d;
  guint n_threads;
} GstOpensoraClip;

void gst_opensora_post_clip_started (
    GstElement *element, const GstOpensoraClip *clip);
void gst_opensora_post_clip_done (GstElement *element,
    const GstOpensoraClip *clip, const GstOpensoraProgress *progress,
    GstClockTime duration);
GstTagList *gst_opensora_clip_tags (const GstOpensoraClip *clip);

/* Tells once a run that no model was asked for. */
void gst_opensora_post_demo_info (GstElement *element);

/* Posts the one error message that says what failed and what to do. error: of
 * the library's domain, or of a GStreamer domain, which then stays. */
void gst_opensora_post_error (GstElement *element, const GError *error);

G_END_DECLS
