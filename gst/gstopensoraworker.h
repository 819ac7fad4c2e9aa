/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that loads the model and makes clips, and the bounded queue of
 * frames between it and the streaming thread. Its functions never wait, but for
 * pop (), wait () and free ().
 *
 *   worker thread                       streaming thread
 *   load, wants a clip ───────────────► pop (): GST_OPENSORA_FLOW_WANTED
 *   ◄───────────── clip ─────────────── generate ()
 *   frame callback ─► [ queue ] ──────► pop (): GST_FLOW_OK
 *   wants the next ───────────────────► pop (): GST_OPENSORA_FLOW_WANTED
 *   ◄────────────────────────────────── end ()
 *   the end ──────────────────────────► pop (): GST_FLOW_EOS */
#pragma once

#include <gst/gst.h>
#include <opensora/opensora.h>

#include "gstopensoraclip.h"
#include "gstopensorapreview.h"

G_BEGIN_DECLS

typedef struct _GstOpensoraWorker GstOpensoraWorker;

/* Starts the thread; it loads the pipeline at once. live: the stream begins
 * when it is loaded. NULL when the system gives no thread. */
GstOpensoraWorker *gst_opensora_worker_new (OpensoraPipeline *pipeline,
    GstOpensoraProgress *progress, gboolean live, GError **error);

/* Cancels what is going on and joins the thread. */
void gst_opensora_worker_free (GstOpensoraWorker *self);

/* Ends the work soon and for good; frames already made stay in the queue. */
void gst_opensora_worker_cancel (GstOpensoraWorker *self);
gboolean gst_opensora_worker_is_cancelled (GstOpensoraWorker *self);

/* While flushing, waits return GST_FLOW_FLUSHING at once. The work goes on:
 * a flush must not throw away minutes of computation. */
void gst_opensora_worker_set_flushing (
    GstOpensoraWorker *self, gboolean flushing);

/* The worker has nothing to do and waits for generate () or end (). */
#define GST_OPENSORA_FLOW_WANTED GST_FLOW_CUSTOM_SUCCESS
/* The last clip that was given was dropped, or the one to come while the model
 * is being loaded. */
#define GST_OPENSORA_FLOW_DROPPED GST_FLOW_CUSTOM_SUCCESS_1

/* The next frame, or preview if the clip shows them: packed RGB rows without
 * padding, its number in the clip in the offset. GST_OPENSORA_FLOW_WANTED comes
 * before frames that wait, but not before the first frame of the last clip that
 * was given: so the work is at most one clip ahead. GST_FLOW_EOS after the
 * last; GST_FLOW_ERROR with error set; GST_FLOW_FLUSHING also when cancelled.
 * Without a frame to return it does not wait, and GST_FLOW_OK says that there
 * is nothing to tell. */
GstFlowReturn gst_opensora_worker_pop (
    GstOpensoraWorker *self, GstBuffer **frame, GError **error);

/* Waits at most so many microseconds until pop () has something to tell.
 * filled: a frame counts only once its clip is whole or there is no room for
 * another. */
gboolean gst_opensora_worker_wait (
    GstOpensoraWorker *self, gboolean filled, gint64 us);
/* Whether pop () has a frame, or the end. */
gboolean gst_opensora_worker_has_frame (GstOpensoraWorker *self);
/* How far the last clip that was given is, from 0 to 1: nine tenths for the
 * denoising, one for the frames. */
double gst_opensora_worker_get_work (GstOpensoraWorker *self);

/* The last preview of the clip in work, if the stream is live and shows them;
 * else empty. */
void gst_opensora_worker_get_preview (
    GstOpensoraWorker *self, GstOpensoraPreview *preview);

/* Makes the clip, whose durations are set when it is whole. */
void gst_opensora_worker_generate (
    GstOpensoraWorker *self, GstOpensoraClip *clip);

/* No clip follows. error: why not, if that is one; it is copied. */
void gst_opensora_worker_end (GstOpensoraWorker *self, const GError *error);

/* Drops what is ahead: the clip in work, with the frames of it that wait, or
 * one that is whole but of which no frame was popped. FALSE if there is none.
 * Its name goes to dropped, NULL while the model is being loaded; pop () does
 * not return, unless it is flushing, until that was announced. */
gboolean gst_opensora_worker_begin_drop (
    GstOpensoraWorker *self, GstOpensoraClip **dropped);
void gst_opensora_worker_end_drop (GstOpensoraWorker *self);

G_END_DECLS
