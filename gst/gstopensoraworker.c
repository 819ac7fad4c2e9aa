/* SPDX-License-Identifier: Apache-2.0 */
/* The worker thread of opensorasrc: see the header for who calls what. Every
 * wait here ends on the event it waits for, on an error, on cancellation
 * (worker thread) or on flushing (streaming thread), so that no state change
 * hangs. */
#include "gstopensoraworker.h"

#include <string.h>

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
  gboolean wanting;      /* a clip, or to be told the end */
  gboolean done;         /* the thread ends */
  gboolean unseen;       /* no frame of the last clip was popped yet */
  GstOpensoraClip *clip; /* that was given, not owned */
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
push_frame (GstOpensoraWorker *self, GstBuffer *frame)
{
  gboolean going = TRUE;

  g_mutex_lock (&self->lock);
  while (going && g_queue_get_length (&self->frames) >= MAX_QUEUED_FRAMES)
    going = wait_unless_cancelled (self);
  g_queue_push_tail (&self->frames, frame);
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
  return going;
}

/* A clip that is being made. */
typedef struct {
  GstOpensoraWorker *worker;
  GstOpensoraClip *clip;
  guint n_frames;
} Job;

static gboolean
on_frame (GBytes *rgb, guint width, guint height, guint index, gpointer data)
{
  const Job *job = data;
  GstOpensoraProgress *progress = job->worker->progress;
  GstBuffer *frame = gst_buffer_new_wrapped_bytes (rgb);
  const gint64 begin = g_get_monotonic_time ();
  gboolean going;

  GST_BUFFER_OFFSET (frame) = index;

  /* The application may only go to PLAYING once nothing is in progress. */
  gst_opensora_progress_close (progress, GST_PROGRESS_TYPE_COMPLETE);
  if (index + 1 == job->n_frames) {
    gst_opensora_progress_end_stage (progress);
    memcpy (
        job->clip->durations, progress->durations, sizeof progress->durations);
  }
  going = push_frame (job->worker, frame);
  gst_opensora_progress_add_pause (progress, g_get_monotonic_time () - begin);
  return going;
}

/* The next clip, or NULL when there is none or when cancelled. */
static GstOpensoraClip *
wait_for_clip (GstOpensoraWorker *self)
{
  GstOpensoraClip *clip;
  gboolean going = TRUE;

  g_mutex_lock (&self->lock);
  self->wanting = TRUE;
  g_cond_broadcast (&self->cond);
  while (going && self->wanting)
    going = wait_unless_cancelled (self);
  clip = g_steal_pointer (&self->clip);
  g_mutex_unlock (&self->lock);
  return going ? clip : NULL;
}

static gboolean
make_clip (GstOpensoraWorker *self, GstOpensoraClip *clip, GError **error)
{
  Job job = { self, clip, clip->n_frames };
  g_autoptr (OpensoraParams) params = g_object_ref (clip->params);

  gst_opensora_progress_begin_clip (self->progress, clip->index);
  return opensora_pipeline_generate (self->pipeline, params, on_frame, &job,
      on_progress, self, self->cancellable, error);
}

/* How the progress ends if nothing has ended it: after an error the streaming
 * thread does, once it has posted that. */
static void
end_progress (GstOpensoraWorker *self)
{
  if (g_cancellable_is_cancelled (self->cancellable))
    gst_opensora_progress_close (self->progress, GST_PROGRESS_TYPE_CANCELED);
  else if (self->error == NULL)
    gst_opensora_progress_close (self->progress, GST_PROGRESS_TYPE_COMPLETE);
}

static gpointer
work (gpointer data)
{
  GstOpensoraWorker *self = data;
  GstOpensoraClip *clip;
  g_autoptr (GError) error = NULL;

  if (opensora_pipeline_load (
          self->pipeline, self->cancellable, on_progress, self, &error)) {
    do
      clip = wait_for_clip (self);
    while (clip != NULL && make_clip (self, clip, &error));
  }
  if (error != NULL)
    gst_opensora_worker_end (self, error);
  end_progress (self);

  g_mutex_lock (&self->lock);
  self->done = TRUE;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
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

void
gst_opensora_worker_generate (GstOpensoraWorker *self, GstOpensoraClip *clip)
{
  g_mutex_lock (&self->lock);
  self->clip = clip;
  self->unseen = TRUE;
  self->wanting = FALSE;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

void
gst_opensora_worker_end (GstOpensoraWorker *self, const GError *error)
{
  g_mutex_lock (&self->lock);
  if (error != NULL)
    self->error = g_error_copy (error);
  self->wanting = FALSE;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

/* Is there something for the streaming thread? With the lock held. */
static gboolean
is_ready (GstOpensoraWorker *self)
{
  return self->flushing || self->done || !g_queue_is_empty (&self->frames)
         || (self->wanting && !self->unseen);
}

GstFlowReturn
gst_opensora_worker_pop (
    GstOpensoraWorker *self, GstBuffer **frame, GError **error)
{
  GstFlowReturn ret = GST_FLOW_OK;

  g_mutex_lock (&self->lock);
  while (!is_ready (self))
    g_cond_wait (&self->cond, &self->lock);
  if (self->flushing) {
    ret = GST_FLOW_FLUSHING;
  } else if (!self->done && self->wanting && !self->unseen) {
    ret = GST_OPENSORA_FLOW_WANTED;
  } else if ((*frame = g_queue_pop_head (&self->frames)) == NULL) {
    ret = get_result (self, error);
  } else {
    self->unseen &= GST_BUFFER_OFFSET (*frame) > 0;
    g_cond_broadcast (&self->cond);
  }
  g_mutex_unlock (&self->lock);
  return ret;
}
