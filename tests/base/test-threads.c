/* SPDX-License-Identifier: Apache-2.0 */
/* The computing threads: each index once, worker numbers, many short runs. */
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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/base/threads/each-index-once", test_each_index_once);
  g_test_add_func ("/base/threads/many-runs", test_many_runs);
  g_test_add_func (
      "/base/threads/beside-each-other", test_runs_beside_each_other);
  g_test_add_func ("/base/threads/inline", test_inline);
  g_test_add_func ("/base/threads/all-cores", test_all_cores);
  return g_test_run ();
}
