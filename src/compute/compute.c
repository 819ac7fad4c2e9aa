/* SPDX-License-Identifier: Apache-2.0 */
/* The context that ops run in: backend, threads, memory, sticky error. */
#include "compute/compute-private.h"

#include <opensora/opensora.h>
#include <string.h>

#include "base/size.h"
#include "compute/cpu.h"

OsCompute *
os_compute_new (const char *backend, guint n_threads, GError **error)
{
  const OsBackend *found = os_backend_find (backend, error);
  OsCompute *compute;

  if (!found)
    return NULL;
  compute = g_new0 (OsCompute, 1);
  compute->backend = found;
  compute->kernels = os_cpu_kernels ();
  compute->tile = os_cpu_tile_kernels ();
  compute->threads = os_threads_new (n_threads);
  compute->pool = os_mem_pool_new ();
  compute->probe_prefixes = g_ptr_array_new_with_free_func (g_free);
  g_debug ("Computing with %s, %s kernels, %u threads", found->name,
      compute->kernels->name, os_threads_count (compute->threads));
  return compute;
}

void
os_compute_free (OsCompute *compute)
{
  gsize all = compute->scratch_size * os_threads_count (compute->threads);

  os_mem_pool_free (compute->pool, compute->scratch, all);
  os_mem_pool_unref (compute->pool);
  os_threads_free (compute->threads);
  g_clear_error (&compute->error);
  g_ptr_array_unref (compute->probe_prefixes);
  g_free (compute);
}

const char *
os_compute_get_backend (const OsCompute *compute)
{
  return compute->backend->name;
}

const char *
os_compute_get_kernels (const OsCompute *compute)
{
  return compute->kernels->name;
}

guint
os_compute_get_n_threads (const OsCompute *compute)
{
  return os_threads_count (compute->threads);
}

OsMemPool *
os_compute_get_pool (const OsCompute *compute)
{
  return compute->pool;
}

guint64
os_compute_get_flops (const OsCompute *compute)
{
  return compute->flops;
}

void
os_compute_set_task (OsCompute *compute, OsTask *task)
{
  compute->task = task;
}

OsTask *
os_compute_get_task (const OsCompute *compute)
{
  return compute->task;
}

void
os_compute_fail (OsCompute *compute, GError *error)
{
  if (compute->error)
    g_error_free (error);
  else
    compute->error = error;
}

gboolean
os_compute_ok (OsCompute *compute)
{
  if (!compute->error)
    os_task_check (compute->task, &compute->error);
  return compute->error == NULL;
}

gboolean
os_compute_check (OsCompute *compute, GError **error)
{
  if (os_compute_ok (compute))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&compute->error));
  return FALSE;
}

OsTensor *
os_compute_tensor (OsCompute *compute, int n_dims, const gint64 *shape)
{
  OsTensor *tensor = NULL;
  GError *error = NULL;

  if (os_compute_ok (compute)) {
    tensor = os_tensor_new (compute->pool, OS_DTYPE_F32, n_dims, shape, &error);
    if (!tensor)
      os_compute_fail (compute, error);
  }
  return tensor ? tensor : os_tensor_new_hollow (OS_DTYPE_F32, n_dims, shape);
}

OsTensor *
os_compute_zeros (OsCompute *compute, int n_dims, const gint64 *shape)
{
  OsTensor *tensor = os_compute_tensor (compute, n_dims, shape);

  if (os_compute_ok (compute))
    memset (
        os_tensor_f32 (tensor), 0, os_tensor_count (tensor) * sizeof (float));
  return tensor;
}

OsTensor *
os_compute_upload (
    OsCompute *compute, const float *host, int n_dims, const gint64 *shape)
{
  OsTensor *tensor = os_compute_tensor (compute, n_dims, shape);

  if (os_compute_ok (compute))
    memcpy (os_tensor_f32 (tensor), host,
        os_tensor_count (tensor) * sizeof (float));
  return tensor;
}

void
os_compute_download (OsCompute *compute, const OsTensor *tensor, float *host)
{
  g_autoptr (OsTensor) rows = os_contiguous (compute, tensor);

  if (os_compute_ok (compute))
    memcpy (
        host, os_tensor_f32 (rows), os_tensor_count (rows) * sizeof (float));
}

typedef struct {
  OsTask *task;
  OsThreadsFunc func;
  gpointer data;
} Items;

static void
run_unless_cancelled (gint64 index, guint worker, gpointer data)
{
  const Items *items = data;

  if (!os_task_is_cancelled (items->task))
    items->func (index, worker, items->data);
}

void
os_compute_for (OsCompute *compute, gint64 n, OsThreadsFunc func, gpointer data)
{
  Items items = { compute->task, func, data };

  os_threads_run (compute->threads, n, run_unless_cancelled, &items);
}

void
os_compute_for_tiles (
    OsCompute *compute, gint64 n, OsThreadsFunc func, gpointer data)
{
  Items items = { compute->task, func, data };

  if (!compute->backend->own_threads) {
    os_threads_run (compute->threads, n, run_unless_cancelled, &items);
    return;
  }
  for (gint64 i = 0; i < n; i++)
    run_unless_cancelled (i, 0, &items);
}

gboolean
os_compute_reserve_scratch (OsCompute *compute, gsize size)
{
  guint n_threads = os_threads_count (compute->threads);
  GError *error = NULL;
  gint64 all;

  size = os_div_up (size, OS_MEM_ALIGN) * OS_MEM_ALIGN;
  if (size <= compute->scratch_size)
    return TRUE;

  os_mem_pool_free (
      compute->pool, compute->scratch, compute->scratch_size * n_threads);
  compute->scratch = NULL;
  compute->scratch_size = 0;
  if (!os_size_mul (size, n_threads, &all))
    all = G_MAXINT64;
  compute->scratch = os_mem_pool_alloc (compute->pool, all, &error);
  if (!compute->scratch) {
    os_compute_fail (compute, error);
    return FALSE;
  }
  compute->scratch_size = size;
  return TRUE;
}

gpointer
os_compute_scratch (OsCompute *compute, guint worker)
{
  return compute->scratch + worker * compute->scratch_size;
}

gint64
os_compute_grain (gint64 n)
{
  return MAX (1, 16384 / MAX (n, 1));
}

gint64
os_tensor_row_offset (const OsTensor *tensor, int inner, gint64 row)
{
  gint64 offset = 0;

  for (int i = tensor->n_dims - inner; i-- > 0;) {
    offset += row % tensor->shape[i] * tensor->stride[i];
    row /= tensor->shape[i];
  }
  return offset;
}

void
os_compute_set_probe (OsCompute *compute, OsProbeFunc probe, gpointer data)
{
  compute->probe = probe;
  compute->probe_data = data;
}

gboolean
os_compute_has_probe (const OsCompute *compute)
{
  return compute->probe != NULL;
}

void
os_probe (OsCompute *compute, const OsTensor *tensor, const char *format, ...)
{
  g_autoptr (GString) name = NULL;
  va_list args;

  if (!compute->probe || !os_compute_ok (compute))
    return;
  name = g_string_new (NULL);
  for (guint i = 0; i < compute->probe_prefixes->len; i++)
    g_string_append_printf (
        name, "%s.", (char *) compute->probe_prefixes->pdata[i]);
  va_start (args, format);
  g_string_append_vprintf (name, format, args);
  va_end (args);
  compute->probe (name->str, tensor, compute->probe_data);
}

void
os_probe_push (OsCompute *compute, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  if (compute->probe)
    g_ptr_array_add (compute->probe_prefixes, g_strdup_vprintf (format, args));
  va_end (args);
}

void
os_probe_pop (OsCompute *compute)
{
  if (compute->probe)
    g_ptr_array_set_size (
        compute->probe_prefixes, compute->probe_prefixes->len - 1);
}
