/* SPDX-License-Identifier: Apache-2.0 */
/* The pool of computing threads: workers wait for a job, take indices from a
 * shared counter, and the caller works along. */
#include "base/threads.h"

typedef struct {
  OsThreads *threads;
  guint index;
} Worker;

struct _OsThreads {
  guint n_threads;
  GThread **handles; /* n_threads - 1 */
  Worker *workers;

  GMutex lock;
  GCond start; /* a new job, or quit */
  GCond done;  /* running became 0 */
  guint job;   /* counts jobs */
  guint running;
  gboolean quit;

  /* The job; written before it starts. */
  OsThreadsFunc func;
  gpointer data;
  gint64 n;
  gint64 next; /* atomic */
};

static void
take_items (OsThreads *threads, guint worker)
{
  for (;;) {
    gint64 i = __atomic_fetch_add (&threads->next, 1, __ATOMIC_RELAXED);

    if (i >= threads->n)
      return;
    threads->func (i, worker, threads->data);
  }
}

static gpointer
work (gpointer data)
{
  Worker *worker = data;
  OsThreads *threads = worker->threads;
  guint seen = 0;

  g_mutex_lock (&threads->lock);
  for (;;) {
    while (threads->job == seen && !threads->quit)
      g_cond_wait (&threads->start, &threads->lock);
    if (threads->quit)
      break;
    seen = threads->job;
    g_mutex_unlock (&threads->lock);
    take_items (threads, worker->index);
    g_mutex_lock (&threads->lock);
    if (--threads->running == 0)
      g_cond_signal (&threads->done);
  }
  g_mutex_unlock (&threads->lock);
  return NULL;
}

OsThreads *
os_threads_new (guint n_threads)
{
  OsThreads *threads = g_new0 (OsThreads, 1);

  threads->n_threads = n_threads ? n_threads : g_get_num_processors ();
  g_mutex_init (&threads->lock);
  g_cond_init (&threads->start);
  g_cond_init (&threads->done);
  threads->handles = g_new0 (GThread *, threads->n_threads);
  threads->workers = g_new0 (Worker, threads->n_threads);
  for (guint i = 1; i < threads->n_threads; i++) {
    threads->workers[i] = (Worker){ threads, i };
    threads->handles[i] =
        g_thread_try_new ("opensora-compute", work, &threads->workers[i], NULL);
    if (!threads->handles[i]) {
      /* No more threads to be had: make do with those that run. */
      threads->n_threads = i;
    }
  }
  return threads;
}

void
os_threads_free (OsThreads *threads)
{
  g_mutex_lock (&threads->lock);
  threads->quit = TRUE;
  g_cond_broadcast (&threads->start);
  g_mutex_unlock (&threads->lock);
  for (guint i = 1; i < threads->n_threads; i++)
    g_thread_join (threads->handles[i]);
  g_cond_clear (&threads->start);
  g_cond_clear (&threads->done);
  g_mutex_clear (&threads->lock);
  g_free (threads->handles);
  g_free (threads->workers);
  g_free (threads);
}

guint
os_threads_count (const OsThreads *threads)
{
  return threads->n_threads;
}

void
os_threads_run (OsThreads *threads, gint64 n, OsThreadsFunc func, gpointer data)
{
  if (threads->n_threads == 1 || n <= 1) {
    for (gint64 i = 0; i < n; i++)
      func (i, 0, data);
    return;
  }

  g_mutex_lock (&threads->lock);
  threads->func = func;
  threads->data = data;
  threads->n = n;
  threads->next = 0;
  threads->running = threads->n_threads - 1;
  threads->job++;
  g_cond_broadcast (&threads->start);
  g_mutex_unlock (&threads->lock);

  take_items (threads, 0);

  g_mutex_lock (&threads->lock);
  while (threads->running > 0)
    g_cond_wait (&threads->done, &threads->lock);
  g_mutex_unlock (&threads->lock);
}
