/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of OsCompute, for the ops. */
#pragma once

#include "compute/backend.h"
#include "compute/compute.h"
#include "compute/kernels.h"
#include "compute/profile.h"
#include "compute/tile.h"

struct _OsCompute {
  const OsBackend *backend;
  const OsKernels *kernels;
  const OsTileKernels *tile;
  OsThreads *threads;
  OsMemPool *pool;
  OsTask *task; /* not owned */
  GError *error;
  guint64 flops;
  OsProfile *profile; /* not owned; NULL: none */

  guint8 *scratch; /* scratch_size bytes a thread */
  gsize scratch_size;

  OsProbeFunc probe;
  gpointer probe_data;
  GPtrArray *probe_prefixes;
};

/* Runs func for 0 .. n-1 on all threads; once cancelled, the rest is skipped.
 * os_compute_for_tiles() is for work that calls the matrix backend. */
void os_compute_for (
    OsCompute *compute, gint64 n, OsThreadsFunc func, gpointer data);
void os_compute_for_tiles (
    OsCompute *compute, gint64 n, OsThreadsFunc func, gpointer data);

/* At least `size` bytes for each thread, all in one block; FALSE if there is no
 * memory. The contents do not survive the op. */
gboolean os_compute_reserve_scratch (OsCompute *compute, gsize size);
gpointer os_compute_scratch (OsCompute *compute, guint worker);

/* Work of the current op. */
void os_compute_count_flops (OsCompute *compute, guint64 flops);

/* Rows of `n` values, of which one item should handle several. */
gint64 os_compute_grain (gint64 n);

/* Offset of the row `row` (the last `inner` dimensions are the row). */
gint64 os_tensor_row_offset (const OsTensor *tensor, int inner, gint64 row);
