/* SPDX-License-Identifier: Apache-2.0 */
/* The element's own state, and what its files call of each other:
 *
 *   gstopensorasrc.c          the class, properties, states, queries
 *   gstopensoranegotiation.c  caps and allocation
 *   gstopensorastream.c       clip after clip, frame after frame
 *   gstopensoralive.c         the same by the clock
 *   gstopensoraseek.c         which seeks are possible */
#pragma once

#include "gstopensorabuffering.h"
#include "gstopensoraextent.h"
#include "gstopensoralive.h"
#include "gstopensoraplan.h"
#include "gstopensorasrc.h"
#include "gstopensoraworker.h"
#include "gstopensorawriter.h"

G_BEGIN_DECLS

GST_DEBUG_CATEGORY_EXTERN (gst_opensora_src_debug);

struct _GstOpensoraSrc {
  GstPushSrc parent;

  GstOpensoraSettings settings;
  gint warned; /* atomic: of a property that was set too late */

  /* Under the object lock; the streaming thread reads the worker without. */
  GstOpensoraExtent extent;
  GstOpensoraWorker *worker;
  gboolean flushing;
  GstClockID wait; /* in a live stream */

  /* Made and freed in state changes. */
  OpensoraPipeline *pipeline; /* kept from run to run, freed in NULL */
  GstOpensoraPlan *plan;
  GstOpensoraProgress progress;
  GstOpensoraBuffering buffering;
  guint n_threads; /* as set when the run began */

  /* The streaming thread's own. */
  GstOpensoraClip *next; /* in work, no frame of it was pushed */
  GstOpensoraClip *clip; /* being pushed */
  gboolean clip_done;    /* opensora-clip-done was posted, or is not to be */
  guint at;              /* number in the clip of the frame to push next */
  GPtrArray *frames;     /* that came of it; NULL: they were too many */
  gboolean tagged;       /* nothing that was queued was flushed since */
  GstOpensoraLive live;
  GstOpensoraWriter writer;
};

/* Posts the error, then ends the progress. */
void gst_opensora_src_fail (GstOpensoraSrc *self, const GError *error);

/* The base class queues it until after the segment and before the next buffer.
 */
void gst_opensora_src_send_in_stream (GstOpensoraSrc *self, GstEvent *event);

/* The clip's size and rate are those of the stream from now on. */
void gst_opensora_src_set_size (
    GstOpensoraSrc *self, const GstOpensoraSize *size);
/* Negotiates in mid-stream; a flush is no failure. */
GstFlowReturn gst_opensora_src_negotiate_again (GstOpensoraSrc *self);
void gst_opensora_src_install_negotiation (GstBaseSrcClass *klass);

/* GstPushSrc::create */
GstFlowReturn gst_opensora_src_create (GstPushSrc *push, GstBuffer **out);
/* The same in a live stream. */
GstFlowReturn gst_opensora_src_create_live (
    GstOpensoraSrc *self, GstBuffer **out);
/* A wait of the live stream ends, which flushing is. With the object lock held.
 */
void gst_opensora_src_interrupt_live (GstOpensoraSrc *self);

/* The worker wanted something, which was done. */
#define GST_OPENSORA_FLOW_SERVED GST_FLOW_CUSTOM_SUCCESS
/* Waits for the worker and does what it wants, or returns its next frame.
 * Without a frame to return it does not wait, and GST_FLOW_OK says that nothing
 * is wanted. */
GstFlowReturn gst_opensora_src_serve_worker (
    GstOpensoraSrc *self, GstBuffer **rgb);
/* The first frame of the next clip is there. Encoders begin anew with it, so
 * that a stream can be cut between clips. */
GstFlowReturn gst_opensora_src_enter_clip (GstOpensoraSrc *self);
/* Tells that the clip was pushed, if it was, once. */
void gst_opensora_src_end_clip (GstOpensoraSrc *self);
/* Frame n of the stream as downstream wants it, at the time that the clip says.
 */
GstFlowReturn gst_opensora_src_make_buffer (GstOpensoraSrc *self,
    GstBuffer *rgb, const GstOpensoraClip *clip, guint64 n, GstBuffer **out);
/* The action: drops the clip in work. */
void gst_opensora_src_cancel (GstOpensoraSrc *self);
/* Forgets the clips. */
void gst_opensora_src_clear_stream (GstOpensoraSrc *self);
/* Time of the frame that is pushed next. */
GstClockTime gst_opensora_src_get_position (GstOpensoraSrc *self);
/* Goes on with the frame of that time, if it is there; at 0 the stream can
 * always begin anew. */
gboolean gst_opensora_src_move_to (GstOpensoraSrc *self, GstClockTime time);
/* Begins the stream anew. FALSE if there is no thread, which is reported. */
gboolean gst_opensora_src_restart (GstOpensoraSrc *self);

void gst_opensora_src_install_seeking (GstBaseSrcClass *klass);
/* GstElement::send_event for a seek. */
gboolean gst_opensora_src_send_seek (GstOpensoraSrc *self, GstEvent *event);
/* Answers a query for what can be sought. */
gboolean gst_opensora_src_query_seeking (GstOpensoraSrc *self, GstQuery *query);

G_END_DECLS
