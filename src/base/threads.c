/* SPDX-License-Identifier: Apache-2.0 */
/* The computing threads of the process. A run takes indices from a counter; its
 * caller works along, and helpers come when there are free cores.
 *
 * How many threads are at work is counted, callers and helpers. A run asks for
 * no more help than makes that as many as there are cores, and for no more than
 * its share when others run too. It never waits for help. When another caller
 * comes and there are more at work than cores, a helper leaves after its item.
 * So there are never more threads at work, for longer than an item takes, than
 * there are cores or callers. */
#include "base/threads.h"

struct _OsThreads {
  guint n_threads;
  gint n_cores; /* at least n_threads: more are there only if asked for */

  /* The run; written before it is offered. */
  OsThreadsFunc func;
  gpointer data;
  gint64 n;
  gint64 next; /* atomic */

  /* Under the lock of the process. */
  GList link;    /* in its runs */
  gint wanted;   /* helpers that may still come */
  guint came;    /* helpers that have come */
  guint there;   /* helpers that are at it */
  GCond is_left; /* there became 0 */
};

static struct {
  GMutex users_lock; /* held while threads are started and ended */
  guint n_users;
  GPtrArray *helpers; /* of GThread */

  GMutex lock;
  GCond is_offered; /* a run, or the end */
  GQueue runs;      /* that want helpers */
  gboolean ends;

  gint n_callers; /* atomic: threads in os_threads_run () */
  gint n_working; /* atomic: these and helpers */
} process;

/* ---- helpers ---- */

/* A run that wants help, if there is a core to help on. With the lock held. */
static OsThreads *
join_run (guint *worker)
{
  for (GList *link = process.runs.head; link != NULL; link = link->next) {
    OsThreads *run = link->data;

    if (g_atomic_int_get (&process.n_working) >= run->n_cores)
      continue;
    g_atomic_int_inc (&process.n_working);
    if (--run->wanted == 0)
      g_queue_unlink (&process.runs, link);
    run->there++;
    *worker = ++run->came;
    return run;
  }
  return NULL;
}

/* TRUE, and this thread no longer counts, if more are at work than cores. */
static gboolean
make_room (const OsThreads *run)
{
  gint n = g_atomic_int_get (&process.n_working);

  while (n > run->n_cores) {
    if (g_atomic_int_compare_and_exchange (&process.n_working, n, n - 1))
      return TRUE;
    n = g_atomic_int_get (&process.n_working);
  }
  return FALSE;
}

/* The next item of the run; FALSE if none is left. */
static gboolean
work (OsThreads *run, guint worker)
{
  const gint64 i = __atomic_fetch_add (&run->next, 1, __ATOMIC_RELAXED);

  if (i >= run->n)
    return FALSE;
  run->func (i, worker, run->data);
  return TRUE;
}

static void
work_along (OsThreads *run, guint worker)
{
  while (work (run, worker)) {
    if (make_room (run))
      return;
  }
  g_atomic_int_add (&process.n_working, -1);
}

static gpointer
help (gpointer data)
{
  g_mutex_lock (&process.lock);
  while (!process.ends) {
    guint worker;
    OsThreads *run = join_run (&worker);

    if (run == NULL) {
      g_cond_wait (&process.is_offered, &process.lock);
      continue;
    }
    g_mutex_unlock (&process.lock);
    work_along (run, worker);
    g_mutex_lock (&process.lock);
    if (--run->there == 0)
      g_cond_signal (&run->is_left);
  }
  g_mutex_unlock (&process.lock);
  return NULL;
}

/* ---- users ---- */

/* Starts what is missing of n helpers; how many there are. */
static guint
start_helpers (guint n)
{
  guint n_helpers;

  g_mutex_lock (&process.users_lock);
  if (process.n_users++ == 0)
    process.helpers = g_ptr_array_new ();
  while (process.helpers->len < n) {
    GThread *helper = g_thread_try_new ("opensora-helper", help, NULL, NULL);

    if (helper == NULL)
      break; /* no more to be had: make do with those that run */
    g_ptr_array_add (process.helpers, helper);
  }
  n_helpers = process.helpers->len;
  g_mutex_unlock (&process.users_lock);
  return n_helpers;
}

static void
set_ends (gboolean ends)
{
  g_mutex_lock (&process.lock);
  process.ends = ends;
  g_cond_broadcast (&process.is_offered);
  g_mutex_unlock (&process.lock);
}

static void
end_helpers (void)
{
  g_mutex_lock (&process.users_lock);
  if (--process.n_users == 0) {
    set_ends (TRUE);
    for (guint i = 0; i < process.helpers->len; i++)
      g_thread_join (process.helpers->pdata[i]);
    g_clear_pointer (&process.helpers, g_ptr_array_unref);
    set_ends (FALSE);
  }
  g_mutex_unlock (&process.users_lock);
}

OsThreads *
os_threads_new (guint n_threads)
{
  OsThreads *threads = g_new0 (OsThreads, 1);
  const guint n_cores = g_get_num_processors ();
  const guint n_wanted = n_threads > 0 ? n_threads : n_cores;
  const guint n_helpers = start_helpers (n_wanted - 1);

  threads->n_threads = MIN (n_wanted, n_helpers + 1);
  threads->n_cores = MAX (n_cores, threads->n_threads);
  threads->link.data = threads;
  g_cond_init (&threads->is_left);
  return threads;
}

void
os_threads_free (OsThreads *threads)
{
  end_helpers ();
  g_cond_clear (&threads->is_left);
  g_free (threads);
}

guint
os_threads_count (const OsThreads *threads)
{
  return threads->n_threads;
}

/* ---- runs ---- */

/* How many helpers a run that begins may have: what is free, but no more than
 * its share. */
static gint
count_helpers (const OsThreads *run)
{
  const gint n_callers = g_atomic_int_add (&process.n_callers, 1) + 1;
  const gint n_working = g_atomic_int_add (&process.n_working, 1) + 1;
  const gint share = (run->n_cores + n_callers - 1) / n_callers - 1;
  const gint wanted = MIN (run->n - 1, run->n_threads - 1);

  return MIN (wanted, MIN (share, run->n_cores - n_working));
}

static void
call_helpers (OsThreads *run, gint n)
{
  g_mutex_lock (&process.lock);
  run->wanted = n;
  run->came = 0;
  g_queue_push_tail_link (&process.runs, &run->link);
  g_mutex_unlock (&process.lock);
  for (gint i = 0; i < n; i++)
    g_cond_signal (&process.is_offered);
}

static void
dismiss_helpers (OsThreads *run)
{
  g_mutex_lock (&process.lock);
  if (run->wanted > 0)
    g_queue_unlink (&process.runs, &run->link);
  while (run->there > 0)
    g_cond_wait (&run->is_left, &process.lock);
  g_mutex_unlock (&process.lock);
}

void
os_threads_run (OsThreads *threads, gint64 n, OsThreadsFunc func, gpointer data)
{
  gint n_helpers;

  threads->func = func;
  threads->data = data;
  threads->n = n;
  threads->next = 0;
  n_helpers = count_helpers (threads);
  if (n_helpers > 0)
    call_helpers (threads, n_helpers);
  while (work (threads, 0))
    ;
  if (n_helpers > 0)
    dismiss_helpers (threads);
  g_atomic_int_add (&process.n_working, -1);
  g_atomic_int_add (&process.n_callers, -1);
}
