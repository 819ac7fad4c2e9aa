/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that loads the model and makes a clip, and the bounded queue of
 * frames between it and the streaming thread.
 *
 *   worker thread                       streaming thread
 *   load ──────── loaded ─────────────► wait_loaded ()
 *   ◄──────────── params ────────────── generate ()
 *   frame callback ─► [ queue ] ──────► pop () */
#pragma once

#include <gst/gst.h>
#include <opensora/opensora.h>

#include "gstopensoramessages.h"

G_BEGIN_DECLS

typedef struct _GstOpensoraWorker GstOpensoraWorker;

/* Starts the thread; it loads the pipeline at once. NULL when the system gives
 * no thread. */
GstOpensoraWorker *gst_opensora_worker_new (
    OpensoraPipeline *pipeline, GstOpensoraProgress *progress, GError **error);

/* Cancels what is going on and joins the thread. */
void gst_opensora_worker_free (GstOpensoraWorker *self);

/* Ends the work soon and for good; frames already made stay in the queue. */
void gst_opensora_worker_cancel (GstOpensoraWorker *self);

/* While flushing, waits return GST_FLOW_FLUSHING at once. The work goes on:
 * a flush must not throw away minutes of computation. */
void gst_opensora_worker_set_flushing (
    GstOpensoraWorker *self, gboolean flushing);

GstFlowReturn gst_opensora_worker_wait_loaded (
    GstOpensoraWorker *self, GError **error);

/* params: resolved. Called once, after wait_loaded () said GST_FLOW_OK. */
void gst_opensora_worker_generate (
    GstOpensoraWorker *self, OpensoraParams *params);

/* The next frame: packed RGB rows without padding, its number in the offset.
 * GST_FLOW_EOS after the last; GST_FLOW_ERROR with error set; GST_FLOW_FLUSHING
 * also when cancelled. */
GstFlowReturn gst_opensora_worker_pop (
    GstOpensoraWorker *self, GstBuffer **frame, GError **error);

G_END_DECLS
