/* SPDX-License-Identifier: Apache-2.0 */
/* The element's own state, and what its files call of each other:
 *
 *   gstopensorasrc.c          the class, properties, states, queries
 *   gstopensoranegotiation.c  caps and allocation
 *   gstopensorastream.c       clip after clip, frame after frame */
#pragma once

#include "gstopensoraextent.h"
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

  GstOpensoraExtent extent; /* under the object lock */

  /* Made and freed in state changes. */
  OpensoraPipeline *pipeline; /* kept from run to run, freed in NULL */
  GstOpensoraPlan *plan;
  GstOpensoraProgress progress;
  GstOpensoraWorker *worker;
  guint n_threads; /* as set when the run began */

  /* The streaming thread's own. */
  GstOpensoraClip *next; /* in work, no frame of it was pushed */
  GstOpensoraClip *clip; /* being pushed */
  gboolean clip_ends;    /* its last frame was given to the base class */
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
/* Forgets the clips. */
void gst_opensora_src_clear_stream (GstOpensoraSrc *self);

G_END_DECLS
