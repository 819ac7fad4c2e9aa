/* SPDX-License-Identifier: Apache-2.0 */
/* OsCompute: where and with what a network runs: matrix backend, kernels,
 * threads, memory, and the task that can cancel it.
 *
 * Errors are sticky, as in cairo: after a failed allocation or a cancellation
 * every op returns at once with a hollow tensor of the right shape, and
 * os_compute_check() at the end of a stage reports the first error. A forward
 * pass therefore reads as a list of calls.
 *
 * One OsCompute belongs to one thread at a time. */
#pragma once

#include "base/task.h"
#include "base/threads.h"
#include "tensor/tensor.h"

typedef struct _OsCompute OsCompute;

/* backend: "openblas", "onednn", "ref" (plain C), or NULL: the environment's
 * OPENSORA_BACKEND, else the best that is there. n_threads 0: all cores. */
OsCompute *os_compute_new (
    const char *backend, guint n_threads, GError **error);
void os_compute_free (OsCompute *compute);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsCompute, os_compute_free)

const char *os_compute_get_backend (const OsCompute *compute);
/* "avx512", "avx2" or "generic": the kernels chosen for this CPU. */
const char *os_compute_get_kernels (const OsCompute *compute);
guint os_compute_get_n_threads (const OsCompute *compute);
OsMemPool *os_compute_get_pool (const OsCompute *compute);
/* Floating point operations of matrix products since creation. */
guint64 os_compute_get_flops (const OsCompute *compute);

/* Not owned; NULL for none. */
void os_compute_set_task (OsCompute *compute, OsTask *task);
OsTask *os_compute_get_task (const OsCompute *compute);

/* TRUE as long as nothing failed and nobody cancelled. */
gboolean os_compute_ok (OsCompute *compute);
/* Takes the first error and clears it; FALSE if there was one. */
gboolean os_compute_check (OsCompute *compute, GError **error);
/* Keeps `error` (transfer full) unless there is one already. */
void os_compute_fail (OsCompute *compute, GError *error);

/* A new F32 tensor: uninitialised, or zero. */
OsTensor *os_compute_tensor (
    OsCompute *compute, int n_dims, const gint64 *shape);
OsTensor *os_compute_zeros (
    OsCompute *compute, int n_dims, const gint64 *shape);

/* The only ways for values to enter and leave: networks never touch data. */
OsTensor *os_compute_upload (
    OsCompute *compute, const float *host, int n_dims, const gint64 *shape);
/* count floats in row-major order, whatever the strides. */
void os_compute_download (
    OsCompute *compute, const OsTensor *tensor, float *host);

/* Observation of intermediate results by name, for goldens and debugging. */
typedef void (*OsProbeFunc) (
    const char *name, const OsTensor *tensor, gpointer data);
void os_compute_set_probe (
    OsCompute *compute, OsProbeFunc probe, gpointer data);
gboolean os_compute_has_probe (const OsCompute *compute);
/* Names are those of submodules: "spatial_blocks.0.attn". */
void os_probe (OsCompute *compute, const OsTensor *tensor, const char *format,
    ...) G_GNUC_PRINTF (3, 4);
/* Prefix of all names until popped. */
void os_probe_push (OsCompute *compute, const char *format, ...)
    G_GNUC_PRINTF (2, 3);
void os_probe_pop (OsCompute *compute);
