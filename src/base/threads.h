/* SPDX-License-Identifier: Apache-2.0 */
/* OsThreads: the right to have work done by several threads at once. Matrix
 * libraries are called single-threaded from them, so no second pool competes
 * for the cores.
 *
 * The threads are the process's, whoever asks for work: where several compute
 * at the same time, each gets its share of the cores. The calling thread works
 * too and never waits for a core, so nobody holds anybody up. */
#pragma once

#include <glib.h>

typedef struct _OsThreads OsThreads;

/* Handles item `index` (0 .. n-1) on worker `worker` (0 .. n_threads-1). Two
 * items that run at the same time have different workers. */
typedef void (*OsThreadsFunc) (gint64 index, guint worker, gpointer data);

/* n_threads, the caller among them, work at most; 0: as many as there are cores
 * that this process may use. The threads end when the last OsThreads is freed.
 */
OsThreads *os_threads_new (guint n_threads);
void os_threads_free (OsThreads *threads);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsThreads, os_threads_free)

guint os_threads_count (const OsThreads *threads);

/* Runs func for every index, in any order, and returns when all are done. Not
 * to be called from inside func, nor from two threads at once. */
void os_threads_run (
    OsThreads *threads, gint64 n, OsThreadsFunc func, gpointer data);
