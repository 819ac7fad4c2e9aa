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
  gboolean live;
  GThread *thread;

  GMutex lock;               /* guards what follows */
  GCond cond;                /* any of it changed */
  GCancellable *cancellable; /* of what is being done, another for each clip */
  GstOpensoraClip *clip;     /* the last that was given, unless dropped */
  GQueue frames;
  guint64 n_bytes; /* of these */
  GstOpensoraPreview preview;
  guint64 room;        /* for frames that wait, in bytes */
  guint64 frame_size;  /* of the clip, in bytes */
  guint n_frames;      /* of the clip */
  guint n_made;        /* of these, that were queued */
  double denoised;     /* part of its denoising that is done, 0 to 1 */
  gboolean loaded;     /* the model */
  gboolean working;    /* the clip is not whole */
  gboolean unseen;     /* no frame of it was popped yet */
  gboolean wanting;    /* a clip, or to be told the end */
  gboolean ended;      /* no clip follows */
  gboolean done;       /* the thread ends */
  gboolean cancelled;  /* all of it */
  gboolean resumed;    /* after that the streaming thread was started again */
  gboolean flushing;   /* the streaming thread may not wait */
  gboolean dropped;    /* the streaming thread is to be told */
  gboolean announcing; /* the application is being told */
  GError *error;
};

/* ---- the thread ---- */

static void
on_progress (OpensoraStage stage, guint64 done, guint64 total, gpointer data)
{
  GstOpensoraWorker *self = data;

  gst_opensora_progress_update (self->progress, stage, done, total);
  if (stage != OPENSORA_STAGE_SAMPLE)
    return;
  g_mutex_lock (&self->lock);
  self->denoised = MAX (self->denoised, (double) done / total);
  g_mutex_unlock (&self->lock);
}

/* A clip that is being made. */
typedef struct {
  GstOpensoraWorker *worker;
  GstOpensoraClip *clip;
  guint n_frames; /* as planned */
  guint n_given;  /* of these, and previews among them */
  guint loop;     /* that is being denoised */
  guint step;     /* of it, that was shown last */
} Job;

/* With the lock held. */
static gboolean
is_wanted (const Job *job)
{
  return job->worker->clip == job->clip && !job->worker->cancelled;
}

/* Is there no room for one more? There is always some for one. */
static gboolean
is_full (GstOpensoraWorker *self)
{
  const guint n = g_queue_get_length (&self->frames);

  return n >= MAX_QUEUED_FRAMES
         || (n > 0 && self->n_bytes + self->frame_size > self->room);
}

/* The next of the clip. It may wait until there is room. */
static gboolean
push_frame (Job *job, GstBuffer *frame, gboolean may_wait)
{
  GstOpensoraWorker *self = job->worker;
  gboolean wanted;

  GST_BUFFER_OFFSET (frame) = job->n_given++;
  g_mutex_lock (&self->lock);
  while (may_wait && is_wanted (job) && is_full (self))
    g_cond_wait (&self->cond, &self->lock);
  wanted = is_wanted (job);
  if (wanted) {
    g_queue_push_tail (&self->frames, gst_buffer_ref (frame));
    self->n_bytes += gst_buffer_get_size (frame);
    self->n_made++;
    self->working = self->n_made < job->n_frames;
    g_atomic_int_set (&job->clip->whole, !self->working);
    g_cond_broadcast (&self->cond);
  }
  g_mutex_unlock (&self->lock);
  return wanted;
}

/* Until the stream has come to the clip. One that is dropped before was never
 * made: the next does not go on from it. */
static gboolean
wait_until_seen (const Job *job)
{
  GstOpensoraWorker *self = job->worker;
  gboolean wanted;

  g_mutex_lock (&self->lock);
  while (is_wanted (job) && self->unseen)
    g_cond_wait (&self->cond, &self->lock);
  wanted = is_wanted (job);
  g_mutex_unlock (&self->lock);
  return wanted;
}

static gboolean
on_frame (GBytes *rgb, guint width, guint height, guint index, gpointer data)
{
  Job *job = data;
  GstOpensoraProgress *progress = job->worker->progress;
  g_autoptr (GstBuffer) frame = gst_buffer_new_wrapped_bytes (rgb);
  const gint64 begin = g_get_monotonic_time ();
  gboolean going;

  /* The application may only go to PLAYING once nothing is in progress. */
  gst_opensora_progress_close (progress, GST_PROGRESS_TYPE_COMPLETE);
  if (job->n_given + 1 == job->n_frames) {
    gst_opensora_progress_end_stage (progress);
    memcpy (
        job->clip->durations, progress->durations, sizeof progress->durations);
  }
  going = push_frame (job, frame, TRUE);
  if (going && job->n_given == job->n_frames)
    going = wait_until_seen (job);
  gst_opensora_progress_add_pause (progress, g_get_monotonic_time () - begin);
  return going;
}

/* The latest is there for a live stream. */
static void
keep_preview (const Job *job, const GstOpensoraPreview *preview)
{
  GstOpensoraWorker *self = job->worker;

  g_mutex_lock (&self->lock);
  if (is_wanted (job))
    gst_opensora_preview_copy (&self->preview, preview);
  g_mutex_unlock (&self->lock);
}

/* Pictures that the loop shares with what is before it are not news. */
static guint
count_shared (Job *job, guint step, guint n_pictures)
{
  gboolean previous;
  gint length;

  job->loop += step <= job->step;
  job->step = step;
  g_object_get (job->clip->params, "continue-previous", &previous,
      "condition-frame-length", &length, NULL);
  return job->loop > 0 || previous ? MIN ((guint) length, n_pictures - 1) : 0;
}

/* The work is not held up by previews that wait. */
static void
on_preview (GBytes *rgb, guint width, guint height, guint n_frames, guint step,
    guint steps, gpointer data)
{
  Job *job = data;
  GstOpensoraProgress *progress = job->worker->progress;
  const GstOpensoraPreview preview = { rgb, width, height, n_frames,
    count_shared (job, step, n_frames), job->clip->index, step, steps };
  g_autoptr (GstBuffer) frame = NULL;

  gst_opensora_preview_post (&preview, progress->element);
  if (!job->clip->shows_previews)
    return;
  if (job->worker->live) {
    keep_preview (job, &preview);
    return;
  }
  gst_opensora_progress_begin_stream (progress);
  frame = gst_opensora_preview_make_buffer (
      &preview, gst_opensora_preview_get_position (&preview));
  push_frame (job, frame, FALSE);
}

/* The next clip and how to cancel it. FALSE when there is none. */
static gboolean
wait_for_clip (
    GstOpensoraWorker *self, GstOpensoraClip **clip, GCancellable **cancellable)
{
  gboolean found;

  g_mutex_lock (&self->lock);
  while (!self->working && !self->ended && !self->cancelled) {
    self->wanting = TRUE;
    g_cond_broadcast (&self->cond);
    g_cond_wait (&self->cond, &self->lock);
  }
  found = self->working && !self->cancelled;
  if (found) {
    *clip = gst_opensora_clip_ref (self->clip);
    *cancellable = g_object_ref (self->cancellable);
  }
  g_mutex_unlock (&self->lock);
  return found;
}

static gboolean
was_dropped (GstOpensoraWorker *self, GstOpensoraClip *clip)
{
  gboolean dropped;

  g_mutex_lock (&self->lock);
  dropped = self->clip != clip && !self->cancelled;
  g_mutex_unlock (&self->lock);
  return dropped;
}

static gboolean
generate (Job *job, GCancellable *cancellable, GError **error)
{
  GstOpensoraWorker *self = job->worker;
  gboolean done;

  opensora_pipeline_set_preview_func (
      self->pipeline, job->clip->preview_interval, on_preview, job, NULL);
  done = opensora_pipeline_generate (self->pipeline, job->clip->params,
      on_frame, job, on_progress, self, cancellable, error);
  opensora_pipeline_set_preview_func (self->pipeline, 0, NULL, NULL, NULL);
  return done;
}

/* FALSE at the end and when there is nothing to go on with. */
static gboolean
make_clip (GstOpensoraWorker *self, GError **error)
{
  g_autoptr (GstOpensoraClip) clip = NULL;
  g_autoptr (GCancellable) cancellable = NULL;
  g_autoptr (GError) cause = NULL;
  Job job = { .worker = self };

  if (!wait_for_clip (self, &clip, &cancellable))
    return FALSE;
  job.clip = clip;
  job.n_frames = clip->n_frames;
  gst_opensora_progress_begin_clip (self->progress, clip->index);
  if (generate (&job, cancellable, &cause))
    return TRUE;
  if (was_dropped (self, clip)) {
    gst_opensora_progress_drop_clip (self->progress);
    return TRUE;
  }
  g_propagate_error (error, g_steal_pointer (&cause));
  return FALSE;
}

static gboolean
load (GstOpensoraWorker *self, GError **error)
{
  const gboolean loaded = opensora_pipeline_load (
      self->pipeline, self->cancellable, on_progress, self, error);

  g_mutex_lock (&self->lock);
  self->loaded = loaded;
  g_mutex_unlock (&self->lock);
  return loaded;
}

/* How the progress ends if nothing has ended it: after an error the streaming
 * thread does, once it has posted that. */
static void
end_progress (GstOpensoraWorker *self)
{
  GstProgressType type = GST_PROGRESS_TYPE_COMPLETE;

  g_mutex_lock (&self->lock);
  if (self->error != NULL)
    type = GST_PROGRESS_TYPE_ERROR;
  else if (self->cancelled || !self->loaded)
    type = GST_PROGRESS_TYPE_CANCELED;
  g_mutex_unlock (&self->lock);
  if (type != GST_PROGRESS_TYPE_ERROR)
    gst_opensora_progress_close (self->progress, type);
}

static gpointer
work (gpointer data)
{
  GstOpensoraWorker *self = data;
  g_autoptr (GError) error = NULL;

  if (load (self, &error)) {
    if (self->live)
      gst_opensora_progress_begin_stream (self->progress);
    while (make_clip (self, &error))
      ;
  }
  if (error != NULL
      && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    gst_opensora_worker_end (self, error);
  end_progress (self);

  g_mutex_lock (&self->lock);
  self->done = TRUE;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
  return NULL;
}

GstOpensoraWorker *
gst_opensora_worker_new (OpensoraPipeline *pipeline,
    GstOpensoraProgress *progress, gboolean live, GError **error)
{
  GstOpensoraWorker *self = g_new0 (GstOpensoraWorker, 1);

  self->pipeline = g_object_ref (pipeline);
  self->progress = progress;
  self->live = live;
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
  gst_opensora_preview_clear (&self->preview);
  g_clear_pointer (&self->clip, gst_opensora_clip_unref);
  g_clear_error (&self->error);
  g_object_unref (self->cancellable);
  g_object_unref (self->pipeline);
  g_cond_clear (&self->cond);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* ---- what it is told ---- */

/* Takes the lock, which the caller holds, away: who listens to the cancellable
 * is unknown here. */
static void
cancel_and_unlock (GstOpensoraWorker *self)
{
  g_autoptr (GCancellable) cancellable = g_object_ref (self->cancellable);

  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
  g_cancellable_cancel (cancellable);
}

void
gst_opensora_worker_cancel (GstOpensoraWorker *self)
{
  g_mutex_lock (&self->lock);
  self->cancelled = TRUE;
  cancel_and_unlock (self);
}

gboolean
gst_opensora_worker_is_cancelled (GstOpensoraWorker *self)
{
  gboolean cancelled;

  g_mutex_lock (&self->lock);
  cancelled = self->cancelled;
  g_mutex_unlock (&self->lock);
  return cancelled;
}

void
gst_opensora_worker_set_flushing (GstOpensoraWorker *self, gboolean flushing)
{
  g_mutex_lock (&self->lock);
  self->flushing = flushing;
  self->resumed |= self->cancelled && !flushing;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

void
gst_opensora_worker_get_preview (
    GstOpensoraWorker *self, GstOpensoraPreview *preview)
{
  g_mutex_lock (&self->lock);
  gst_opensora_preview_copy (preview, &self->preview);
  g_mutex_unlock (&self->lock);
}

void
gst_opensora_worker_generate (GstOpensoraWorker *self, GstOpensoraClip *clip)
{
  g_mutex_lock (&self->lock);
  g_clear_pointer (&self->clip, gst_opensora_clip_unref);
  self->clip = gst_opensora_clip_ref (clip);
  gst_opensora_preview_clear (&self->preview);
  if (!self->cancelled) {
    g_object_unref (self->cancellable);
    self->cancellable = g_cancellable_new ();
  }
  self->room = clip->room;
  self->frame_size = (guint64) clip->size.width * clip->size.height * 3;
  self->n_frames = clip->n_frames;
  self->n_made = 0;
  self->denoised = 0;
  self->working = TRUE;
  self->unseen = TRUE;
  self->wanting = FALSE;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

void
gst_opensora_worker_end (GstOpensoraWorker *self, const GError *error)
{
  g_mutex_lock (&self->lock);
  if (error != NULL && self->error == NULL)
    self->error = g_error_copy (error);
  self->ended = TRUE;
  self->wanting = FALSE;
  if (!self->loaded) { /* nothing is wanted of the model */
    cancel_and_unlock (self);
    return;
  }
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

/* ---- dropping ---- */

/* Is there something to drop? With the lock held. */
static gboolean
is_ahead (GstOpensoraWorker *self)
{
  if (self->done || self->cancelled)
    return self->unseen;
  return self->working || self->unseen
         || (!self->loaded && !self->ended && !self->dropped);
}

/* All queued frames of the clip. */
static void
drop_frames (GstOpensoraWorker *self)
{
  guint n = g_queue_get_length (&self->frames);

  for (n = MIN (n, self->n_made); n > 0; n--) {
    GstBuffer *frame = g_queue_pop_tail (&self->frames);

    self->n_bytes -= gst_buffer_get_size (frame);
    gst_buffer_unref (frame);
  }
}

gboolean
gst_opensora_worker_begin_drop (
    GstOpensoraWorker *self, GstOpensoraClip **dropped)
{
  g_mutex_lock (&self->lock);
  *dropped = NULL;
  if (!is_ahead (self)) {
    g_mutex_unlock (&self->lock);
    return FALSE;
  }
  *dropped = g_steal_pointer (&self->clip);
  gst_opensora_preview_clear (&self->preview);
  drop_frames (self);
  self->unseen = FALSE;
  self->dropped = TRUE;
  self->announcing = TRUE;
  if (self->working) {
    self->working = FALSE;
    cancel_and_unlock (self);
    return TRUE;
  }
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
  return TRUE;
}

void
gst_opensora_worker_end_drop (GstOpensoraWorker *self)
{
  g_mutex_lock (&self->lock);
  self->announcing = FALSE;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

/* ---- the streaming thread ---- */

/* How the work ended. Whoever cancels it sends EOS himself, for which the base
 * class stops this thread and starts it again: asked after that, a flush has
 * taken his EOS away. With the lock held. */
static GstFlowReturn
get_result (GstOpensoraWorker *self, GError **error)
{
  if (self->cancelled)
    return self->resumed ? GST_FLOW_EOS : GST_FLOW_FLUSHING;
  if (self->error == NULL)
    return GST_FLOW_EOS;
  g_propagate_error (error, g_error_copy (self->error));
  return GST_FLOW_ERROR;
}

static gboolean
wants_clip (const GstOpensoraWorker *self)
{
  return self->wanting && !self->unseen && !self->done;
}

/* Is there something for the streaming thread? With the lock held. */
static gboolean
is_ready (GstOpensoraWorker *self, gboolean filled)
{
  if (self->flushing || self->announcing)
    return self->flushing;
  if (self->dropped || self->done || wants_clip (self))
    return TRUE;
  return !g_queue_is_empty (&self->frames)
         && (!filled || !self->working || is_full (self));
}

gboolean
gst_opensora_worker_wait (GstOpensoraWorker *self, gboolean filled, gint64 us)
{
  const gint64 end = g_get_monotonic_time () + us;
  gboolean ready;

  g_mutex_lock (&self->lock);
  while (!(ready = is_ready (self, filled))
         && g_cond_wait_until (&self->cond, &self->lock, end))
    ;
  g_mutex_unlock (&self->lock);
  return ready;
}

gboolean
gst_opensora_worker_has_frame (GstOpensoraWorker *self)
{
  gboolean has;

  g_mutex_lock (&self->lock);
  has = !self->flushing && (self->done || !g_queue_is_empty (&self->frames));
  g_mutex_unlock (&self->lock);
  return has;
}

double
gst_opensora_worker_get_work (GstOpensoraWorker *self)
{
  double work;

  g_mutex_lock (&self->lock);
  work = 0.9 * self->denoised;
  if (self->clip != NULL && self->n_made > 0)
    work = 0.9 + 0.1 * self->n_made / self->n_frames;
  g_mutex_unlock (&self->lock);
  return work;
}

/* With the lock held. */
static GstFlowReturn
take_frame (GstOpensoraWorker *self, GstBuffer **frame, GError **error)
{
  *frame = g_queue_pop_head (&self->frames);
  if (*frame == NULL)
    return get_result (self, error);
  self->n_bytes -= gst_buffer_get_size (*frame);
  self->unseen &= GST_BUFFER_OFFSET (*frame) > 0;
  g_cond_broadcast (&self->cond);
  return GST_FLOW_OK;
}

GstFlowReturn
gst_opensora_worker_pop (
    GstOpensoraWorker *self, GstBuffer **frame, GError **error)
{
  GstFlowReturn ret = GST_FLOW_OK;

  g_mutex_lock (&self->lock);
  while (frame != NULL && !is_ready (self, FALSE))
    g_cond_wait (&self->cond, &self->lock);
  if (self->flushing) {
    ret = GST_FLOW_FLUSHING;
  } else if (self->dropped && !self->announcing) {
    self->dropped = FALSE;
    ret = GST_OPENSORA_FLOW_DROPPED;
  } else if (wants_clip (self) && !self->announcing) {
    ret = GST_OPENSORA_FLOW_WANTED;
  } else if (frame != NULL) {
    ret = take_frame (self, frame, error);
  }
  g_mutex_unlock (&self->lock);
  return ret;
}
