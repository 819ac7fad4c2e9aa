/* SPDX-License-Identifier: Apache-2.0 */
/* The worker thread of opensorasrc: see the header for who calls what. Every
 * wait here ends on the event it waits for, on an error, on cancellation
 * (worker thread) or on flushing (streaming thread), so that no state change
 * hangs. */
#include "gstopensoraworker.h"

/* Two of the chunks of 17 frames in which the Open-Sora 1.2 VAE decodes: one is
 * decoded while the other is being played. */
#define MAX_QUEUED_FRAMES 34

struct _GstOpensoraWorker {
  OpensoraPipeline *pipeline;
  GstOpensoraProgress *progress;
  GCancellable *cancellable;
  GThread *thread;

  GMutex lock; /* guards what follows */
  GCond cond;  /* any of it changed */
  gboolean flushing;
  gboolean loaded;
  gboolean done;
  OpensoraParams *params;
  GQueue frames;
  GError *error;
};

/* Waits for a change until cancelled. With the lock held. */
static gboolean
wait_unless_cancelled (GstOpensoraWorker *self)
{
  if (g_cancellable_is_cancelled (self->cancellable))
    return FALSE;
  g_cond_wait (&self->cond, &self->lock);
  return !g_cancellable_is_cancelled (self->cancellable);
}

static void
on_progress (OpensoraStage stage, guint64 done, guint64 total, gpointer data)
{
  GstOpensoraWorker *self = data;

  gst_opensora_progress_update (self->progress, stage, done, total);
}

static gboolean
on_frame (GBytes *rgb, guint width, guint height, guint index, gpointer data)
{
  GstOpensoraWorker *self = data;
  GstBuffer *frame = gst_buffer_new_wrapped_bytes (rgb);
  gboolean going = TRUE;

  GST_BUFFER_OFFSET (frame) = index;

  /* The application may only go to PLAYING once nothing is in progress. */
  gst_opensora_progress_close (self->progress, GST_PROGRESS_TYPE_COMPLETE);

  g_mutex_lock (&self->lock);
  while (going && g_queue_get_length (&self->frames) >= MAX_QUEUED_FRAMES)
    going = wait_unless_cancelled (self);
  g_queue_push_tail (&self->frames, frame);
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
  return going;
}

/* The parameters of the clip, or NULL when cancelled before they are known. */
static OpensoraParams *
wait_for_params (GstOpensoraWorker *self)
{
  gboolean going = TRUE;

  g_mutex_lock (&self->lock);
  self->loaded = TRUE;
  g_cond_broadcast (&self->cond);
  while (going && self->params == NULL)
    going = wait_unless_cancelled (self);
  g_mutex_unlock (&self->lock);
  return going ? self->params : NULL;
}

static gpointer
work (gpointer data)
{
  GstOpensoraWorker *self = data;
  OpensoraParams *params;
  GError *error = NULL;

  if (opensora_pipeline_load (
          self->pipeline, self->cancellable, on_progress, self, &error)
      && (params = wait_for_params (self)) != NULL)
    opensora_pipeline_generate (self->pipeline, params, on_frame, self,
        on_progress, self, self->cancellable, &error);
  gst_opensora_progress_end_stage (self->progress);

  if (g_cancellable_is_cancelled (self->cancellable))
    gst_opensora_progress_close (self->progress, GST_PROGRESS_TYPE_CANCELED);

  g_mutex_lock (&self->lock);
  self->done = TRUE;
  if (self->error == NULL)
    self->error = g_steal_pointer (&error);
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
  g_clear_error (&error);
  return NULL;
}

GstOpensoraWorker *
gst_opensora_worker_new (
    OpensoraPipeline *pipeline, GstOpensoraProgress *progress, GError **error)
{
  GstOpensoraWorker *self = g_new0 (GstOpensoraWorker, 1);

  self->pipeline = g_object_ref (pipeline);
  self->progress = progress;
  self->cancellable = g_cancellable_new ();
  g_mutex_init (&self->lock);
  g_cond_init (&self->cond);
  g_queue_init (&self->frames);
  self->thread = g_thread_try_new ("opensora", work, self, error);
  if (self->thread == NULL)
    g_clear_pointer (&self, gst_opensora_worker_free);
  return self;
}

void
gst_opensora_worker_free (GstOpensoraWorker *self)
{
  gst_opensora_worker_cancel (self);
  if (self->thread != NULL)
    g_thread_join (self->thread);

  g_queue_clear_full (&self->frames, (GDestroyNotify) gst_buffer_unref);
  g_clear_error (&self->error);
  g_clear_object (&self->params);
  g_object_unref (self->cancellable);
  g_object_unref (self->pipeline);
  g_cond_clear (&self->cond);
  g_mutex_clear (&self->lock);
  g_free (self);
}

void
gst_opensora_worker_cancel (GstOpensoraWorker *self)
{
  g_cancellable_cancel (self->cancellable);
  g_mutex_lock (&self->lock);
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

void
gst_opensora_worker_set_flushing (GstOpensoraWorker *self, gboolean flushing)
{
  g_mutex_lock (&self->lock);
  self->flushing = flushing;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

/* How the work ended. With the lock held. */
static GstFlowReturn
get_result (GstOpensoraWorker *self, GError **error)
{
  if (g_cancellable_is_cancelled (self->cancellable))
    return GST_FLOW_FLUSHING;
  if (self->error == NULL)
    return GST_FLOW_EOS;
  g_propagate_error (error, g_error_copy (self->error));
  return GST_FLOW_ERROR;
}

GstFlowReturn
gst_opensora_worker_wait_loaded (GstOpensoraWorker *self, GError **error)
{
  GstFlowReturn ret = GST_FLOW_OK;

  g_mutex_lock (&self->lock);
  while (!self->flushing && !self->loaded && !self->done)
    g_cond_wait (&self->cond, &self->lock);
  if (self->flushing)
    ret = GST_FLOW_FLUSHING;
  else if (self->done)
    ret = get_result (self, error);
  g_mutex_unlock (&self->lock);
  return ret;
}

void
gst_opensora_worker_generate (GstOpensoraWorker *self, OpensoraParams *params)
{
  g_mutex_lock (&self->lock);
  self->params = g_object_ref (params);
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

GstFlowReturn
gst_opensora_worker_pop (
    GstOpensoraWorker *self, GstBuffer **frame, GError **error)
{
  GstFlowReturn ret = GST_FLOW_OK;

  g_mutex_lock (&self->lock);
  while (!self->flushing && !self->done && g_queue_is_empty (&self->frames))
    g_cond_wait (&self->cond, &self->lock);
  if (self->flushing)
    ret = GST_FLOW_FLUSHING;
  else if ((*frame = g_queue_pop_head (&self->frames)) == NULL)
    ret = get_result (self, error);
  else
    g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
  return ret;
}
