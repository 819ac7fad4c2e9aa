/* SPDX-License-Identifier: Apache-2.0 */
/* GstOpensoraBuffering: tells the application to pause while the next frame is
 * not there, and to go on once there is enough to play. */
#pragma once

#include <gst/gst.h>

#include "gstopensoraworker.h"

G_BEGIN_DECLS

typedef struct {
  GstElement *element; /* not owned */
  gint active;         /* atomic: less than 100 percent was posted */
  double begin;        /* how far the clip in work was then, 0 to 1 */
} GstOpensoraBuffering;

/* Returns when gst_opensora_worker_pop () has something to return and, if it is
 * a frame that had to be waited for, enough follow it. patience: how long a
 * frame may take before that is told, in microseconds. The streaming thread's.
 */
void gst_opensora_buffering_wait (
    GstOpensoraBuffering *self, GstOpensoraWorker *worker, gint64 patience);
/* From any thread: there is nothing to wait for any more. */
void gst_opensora_buffering_end (GstOpensoraBuffering *self);

G_END_DECLS
