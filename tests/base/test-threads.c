/* SPDX-License-Identifier: Apache-2.0 */
/* The computing threads: each index once, worker numbers, many short runs, and
 * what several users have of each other. */
#include "base/threads.h"

#define MAX_ITEMS 1000

typedef struct {
  guint n_threads;
  GThread *caller;
  gint visits[MAX_ITEMS];
  gint elsewhere; /* items that ran on another thread than the caller */
  gint busy[8];   /* items that a worker is at */
} Record;

static void
visit (gint64 index, guint worker, gpointer data)
{
  Record *record = data;

  g_assert_cmpuint (worker, <, record->n_threads);
  /* Scratch memory belongs to a worker: never two items at once. */
  g_assert_cmpint (g_atomic_int_add (&record->busy[worker], 1), ==, 0);
  g_atomic_int_inc (&record->visits[index]);
  if (g_thread_self () != record->caller)
    g_atomic_int_inc (&record->elsewhere);
  g_atomic_int_add (&record->busy[worker], -1);
}

static void
run_and_check (OsThreads *threads, gint64 n, Record *record)
{
  *record = (Record){ os_threads_count (threads), g_thread_self () };
  os_threads_run (threads, n, visit, record);
  for (gint64 i = 0; i < MAX_ITEMS; i++)
    g_assert_cmpint (record->visits[i], ==, i < n ? 1 : 0);
}

static void
test_each_index_once (void)
{
  static const gint64 sizes[] = { 0, 1, 7, MAX_ITEMS };
  static const guint counts[] = { 1, 2, 3, 8 };
  Record record;

  for (guint i = 0; i < G_N_ELEMENTS (counts); i++) {
    g_autoptr (OsThreads) threads = os_threads_new (counts[i]);

    g_assert_cmpuint (os_threads_count (threads), ==, counts[i]);
    for (guint j = 0; j < G_N_ELEMENTS (sizes); j++)
      run_and_check (threads, sizes[j], &record);
  }
}

static void
test_many_runs (void)
{
  g_autoptr (OsThreads) threads = os_threads_new (4);
  Record record;

  for (guint i = 0; i < 3000; i++)
    run_and_check (threads, i % 9, &record);
}

/* A worker that waits for the caller's item to start is not the caller. */
static void
meet (gint64 index, guint worker, gpointer data)
{
  gint *arrived = data;

  g_atomic_int_inc (arrived);
  while (g_atomic_int_get (arrived) < 2)
    g_thread_yield ();
}

static void
test_runs_beside_each_other (void)
{
  g_autoptr (OsThreads) threads = os_threads_new (2);
  gint arrived = 0;

  os_threads_run (threads, 2, meet, &arrived);
  g_assert_cmpint (arrived, ==, 2);
}

/* One thread, or one item: nobody is woken. */
static void
test_inline (void)
{
  g_autoptr (OsThreads) one = os_threads_new (1);
  g_autoptr (OsThreads) four = os_threads_new (4);
  Record record;

  run_and_check (one, MAX_ITEMS, &record);
  g_assert_cmpint (record.elsewhere, ==, 0);
  run_and_check (four, 1, &record);
  g_assert_cmpint (record.elsewhere, ==, 0);
}

static void
test_all_cores (void)
{
  g_autoptr (OsThreads) threads = os_threads_new (0);

  g_assert_cmpuint (os_threads_count (threads), ==, g_get_num_processors ());
}

/* ---- several users ---- */

#define N_CALLERS 3
#define MAX_WORKERS 64

static gpointer
run_often (gpointer data)
{
  g_autoptr (OsThreads) threads = os_threads_new (4);
  Record record;

  for (guint i = 0; i < 500; i++)
    run_and_check (threads, i % 40, &record);
  return NULL;
}

static void
test_several_callers (void)
{
  GThread *callers[N_CALLERS];

  for (guint i = 0; i < N_CALLERS; i++)
    callers[i] = g_thread_new ("caller", run_often, NULL);
  for (guint i = 0; i < N_CALLERS; i++)
    g_thread_join (callers[i]);
}

/* Waits until *value is wanted. */
static void
wait_for (gint *value, gint wanted)
{
  while (g_atomic_int_get (value) != wanted)
    g_thread_yield ();
}

/* A run that has all cores until it is told to go on, then another. */
typedef struct {
  OsThreads *threads;
  gint started;
  gint goes_on, ends;
  gint items[MAX_WORKERS]; /* of the second run, that a worker has done */
} Other;

static void
take_core (gint64 index, guint worker, gpointer data)
{
  Other *other = data;

  g_atomic_int_inc (&other->started);
  wait_for (&other->goes_on, TRUE);
}

static void
use_core (gint64 index, guint worker, gpointer data)
{
  Other *other = data;

  if (g_atomic_int_get (&other->ends))
    return;
  g_usleep (100);
  g_atomic_int_inc (&other->items[worker]);
}

static gpointer
take_cores (gpointer data)
{
  Other *other = data;

  os_threads_run (
      other->threads, os_threads_count (other->threads), take_core, other);
  os_threads_run (other->threads, 1000000, use_core, other);
  return NULL;
}

static gint
count_items (Other *other)
{
  gint n = 0;

  for (guint i = 0; i < os_threads_count (other->threads); i++)
    n += g_atomic_int_get (&other->items[i]);
  return n;
}

/* Until all workers are at it. */
static void
wait_for_workers (Other *other)
{
  for (guint i = 0; i < os_threads_count (other->threads); i++) {
    while (g_atomic_int_get (&other->items[i]) == 0)
      g_usleep (1000);
  }
}

/* Does a worker nothing while a thousand items are done? */
static gboolean
has_idle_worker (Other *other)
{
  const guint n = os_threads_count (other->threads);
  const gint begin = count_items (other);
  gint before[MAX_WORKERS];
  gboolean idle = FALSE;

  for (guint i = 0; i < n; i++)
    before[i] = g_atomic_int_get (&other->items[i]);
  while (count_items (other) < begin + 1000)
    g_usleep (1000);
  for (guint i = 0; i < n; i++)
    idle |= g_atomic_int_get (&other->items[i]) == before[i];
  return idle;
}

static void
visit_slowly (gint64 index, guint worker, gpointer data)
{
  g_usleep (1000);
  visit (index, worker, data);
}

static void
check_room (gint64 index, guint worker, gpointer data)
{
  for (guint i = 0; i < 20; i++) {
    if (has_idle_worker (data))
      return;
  }
  g_test_fail ();
}

/* While all cores work for one, another works on its own; and where a helper
 * was, there is soon a core for it. */
static void
test_no_more_than_cores (void)
{
  const guint n = CLAMP (g_get_num_processors (), 4, MAX_WORKERS);
  g_autoptr (OsThreads) threads = os_threads_new (n);
  g_autoptr (OsThreads) others = os_threads_new (n);
  g_autoptr (OsThreads) spare = os_threads_new (n + 2);
  Other other = { others };
  GThread *caller = g_thread_new ("other", take_cores, &other);
  Record record = { n, g_thread_self () };

  wait_for (&other.started, n);
  os_threads_run (threads, 50, visit_slowly, &record);
  g_assert_cmpint (record.elsewhere, ==, 0);

  g_atomic_int_set (&other.goes_on, TRUE);
  wait_for_workers (&other);
  os_threads_run (threads, 1, check_room, &other);
  g_atomic_int_set (&other.ends, TRUE);
  g_thread_join (caller);
}

/* Threads of this process that compute; -1 where the system does not tell. */
static int
count_helpers (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  const char *id;
  int n = 0;

  if (dir == NULL)
    return -1;
  while ((id = g_dir_read_name (dir)) != NULL) {
    g_autofree char *path = g_strdup_printf ("/proc/self/task/%s/comm", id);
    g_autofree char *name = NULL;

    if (g_file_get_contents (path, &name, NULL, NULL))
      n += g_str_equal (g_strchomp (name), "opensora-helper");
  }
  return n;
}

/* A thread has its name soon after it has begun, and is listed for a moment
 * after its end. */
static void
wait_for_helpers (int n)
{
  while (count_helpers () >= 0 && count_helpers () != n)
    g_usleep (1000);
}

/* One set of threads, which ends with its last user. */
static void
test_threads_are_shared (void)
{
  for (guint round = 0; round < 3; round++) {
    OsThreads *one = os_threads_new (3);
    OsThreads *two = os_threads_new (4);
    OsThreads *three = os_threads_new (2);

    wait_for_helpers (3);
    os_threads_free (two);
    os_threads_free (one);
    wait_for_helpers (3);
    os_threads_free (three);
    wait_for_helpers (0);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/base/threads/shared", test_threads_are_shared);
  g_test_add_func ("/base/threads/each-index-once", test_each_index_once);
  g_test_add_func ("/base/threads/many-runs", test_many_runs);
  g_test_add_func (
      "/base/threads/beside-each-other", test_runs_beside_each_other);
  g_test_add_func ("/base/threads/inline", test_inline);
  g_test_add_func ("/base/threads/all-cores", test_all_cores);
  g_test_add_func ("/base/threads/several-callers", test_several_callers);
  g_test_add_func ("/base/threads/no-more-than-cores", test_no_more_than_cores);
  return g_test_run ();
}
