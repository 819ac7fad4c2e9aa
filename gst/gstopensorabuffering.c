/* SPDX-License-Identifier: Apache-2.0 */
/* BUFFERING messages. A clip is slower to make than to play; so a wait does not
 * end with the next frame, after which the following one would be missing, but
 * when the clip is whole or no more frames may be made ahead. */
#include "gstopensorabuffering.h"

#define POST_INTERVAL (G_USEC_PER_SEC / 4)

static void
post (GstOpensoraBuffering *self, gint percent)
{
  gst_element_post_message (self->element,
      gst_message_new_buffering (GST_OBJECT (self->element), percent));
}

/* Less than 100, and not the last word if another thread has had that. */
static void
post_progress (GstOpensoraBuffering *self, GstOpensoraWorker *worker)
{
  const double work = gst_opensora_worker_get_work (worker);

  if (work < self->begin) /* of another clip */
    self->begin = 0;
  post (self, MIN (100 * (work - self->begin) / (1 - self->begin), 99));
  if (!g_atomic_int_get (&self->active))
    post (self, 100);
}

void
gst_opensora_buffering_wait (
    GstOpensoraBuffering *self, GstOpensoraWorker *worker, gint64 patience)
{
  if (!g_atomic_int_get (&self->active)) {
    if (gst_opensora_worker_wait (worker, FALSE, patience))
      return;
    self->begin = MIN (gst_opensora_worker_get_work (worker), 0.99);
    g_atomic_int_set (&self->active, TRUE);
    post_progress (self, worker);
  }
  while (!gst_opensora_worker_wait (worker, TRUE, POST_INTERVAL))
    post_progress (self, worker);
  if (gst_opensora_worker_has_frame (worker))
    gst_opensora_buffering_end (self);
}

void
gst_opensora_buffering_end (GstOpensoraBuffering *self)
{
  if (g_atomic_int_compare_and_exchange (&self->active, TRUE, FALSE))
    post (self, 100);
}
