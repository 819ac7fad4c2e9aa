/* SPDX-License-Identifier: Apache-2.0 */
/* OsThreads: the one pool of threads that computes. Matrix libraries are called
 * single-threaded from its workers, so no second pool competes for the cores.
 *
 * The calling thread works too: a pool of n has n - 1 threads of its own. */
#pragma once

#include <glib.h>

typedef struct _OsThreads OsThreads;

/* Handles item `index` (0 .. n-1) on worker `worker` (0 .. n_threads-1). */
typedef void (*OsThreadsFunc) (gint64 index, guint worker, gpointer data);

/* n_threads 0: all cores this process may use. */
OsThreads *os_threads_new (guint n_threads);
void os_threads_free (OsThreads *threads);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsThreads, os_threads_free)

guint os_threads_count (const OsThreads *threads);

/* Runs func for every index, in any order, and returns when all are done. Not
 * to be called from inside func, nor from two threads at once. */
void os_threads_run (
    OsThreads *threads, gint64 n, OsThreadsFunc func, gpointer data);
