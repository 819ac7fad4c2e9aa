/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoint tensors, made ready for the kernels when they are first used. */
#include "compute/weight.h"

#include <string.h>

#include "base/size.h"
#include "compute/compute-private.h"

struct _OsWeight {
  OsTensor *source; /* NULL once prepared, unless streamed or a kernel */
  OsTensor *prepared;
  gint64 shape[OS_MAX_DIMS];
  gint64 count;
  gboolean conv;
  gboolean streamed;
  gboolean in_place; /* the source is read as it is */
};

static gboolean
is_ready (const OsTensor *tensor)
{
  return tensor->dtype == OS_DTYPE_F32
         && GPOINTER_TO_SIZE (os_tensor_data (tensor)) % sizeof (float) == 0;
}

OsWeight *
os_weight_new (OsTensor *source)
{
  OsWeight *weight = g_new0 (OsWeight, 1);

  weight->source = os_tensor_ref (source);
  weight->in_place = is_ready (source);
  weight->count = os_tensor_count (source);
  memcpy (weight->shape, source->shape, sizeof weight->shape);
  return weight;
}

OsWeight *
os_weight_new_conv (OsTensor *source)
{
  OsWeight *weight = os_weight_new (source);

  weight->conv = TRUE;
  return weight;
}

void
os_weight_free (OsWeight *weight)
{
  g_clear_pointer (&weight->source, os_tensor_unref);
  g_clear_pointer (&weight->prepared, os_tensor_unref);
  g_free (weight);
}

void
os_weight_stream (OsWeight *weight)
{
  weight->streamed = TRUE;
}

void
os_weight_read_ahead (const OsWeight *weight)
{
  if (weight->streamed && !weight->prepared)
    os_tensor_read_ahead (weight->source);
}

void
os_weight_drop (OsWeight *weight)
{
  if (!weight->streamed)
    return;
  g_clear_pointer (&weight->prepared, os_tensor_unref);
  os_tensor_release (weight->source);
}

gint64
os_weight_dim (const OsWeight *weight, int dim)
{
  return weight->shape[dim];
}

gint64
os_weight_count (const OsWeight *weight)
{
  return weight->count;
}

gsize
os_weight_get_bytes (const OsWeight *weight)
{
  return weight->in_place ? 0 : weight->count * sizeof (float);
}

typedef struct {
  const OsKernels *kernels;
  OsDType dtype;
  const guint8 *from;
  float *to;
  gint64 count;
} Widening;

/* Items of this many values. */
#define WIDEN_CHUNK 65536

static void
widen_chunk (gint64 index, guint worker, gpointer data)
{
  const Widening *job = data;
  const gint64 start = index * WIDEN_CHUNK;
  const gint64 n = MIN (WIDEN_CHUNK, job->count - start);
  const guint8 *from = job->from + start * os_dtype_size (job->dtype);
  float *to = job->to + start;

  switch (job->dtype) {
    case OS_DTYPE_F16:
      job->kernels->widen_f16 ((const guint16 *) from, n, to);
      break;
    case OS_DTYPE_BF16:
      job->kernels->widen_bf16 ((const guint16 *) from, n, to);
      break;
    case OS_DTYPE_F64:
      for (gint64 i = 0; i < n; i++) {
        double value;
        memcpy (&value, from + i * sizeof value, sizeof value);
        to[i] = value;
      }
      break;
    default:
      memcpy (to, from, n * sizeof *to);
  }
}

static OsTensor *
widen (OsCompute *compute, const OsTensor *source)
{
  OsTensor *wide = os_compute_tensor (compute, source->n_dims, source->shape);
  Widening job = { compute->kernels, source->dtype, os_tensor_data (source),
    NULL, os_tensor_count (source) };

  if (!os_compute_ok (compute))
    return wide;
  job.to = os_tensor_f32 (wide);
  os_compute_for (
      compute, os_div_up (job.count, WIDEN_CHUNK), widen_chunk, &job);
  return wide;
}

/* [C_out, C_in, (kt,) kh, kw] -> [C_out, (kt,) kh, kw, C_in] */
static OsTensor *
to_channels_last (OsCompute *compute, OsTensor *wide)
{
  const int order[] = { 0, 2, 3, 4, 1 }, order_2d[] = { 0, 2, 3, 1 };
  g_autoptr (OsTensor) source = wide;
  g_autoptr (OsTensor) view =
      os_tensor_permute (source, source->n_dims == 5 ? order : order_2d);

  return os_contiguous (compute, view);
}

OsTensor *
os_weight_read (const OsWeight *weight, OsCompute *compute)
{
  return weight->in_place ? os_tensor_ref (weight->source)
                          : widen (compute, weight->source);
}

const OsTensor *
os_weight_get (OsWeight *weight, OsCompute *compute)
{
  OsTensor *ready;

  if (weight->prepared)
    return weight->prepared;

  OS_PROFILE_OP (compute, OS_OP_WEIGHT);
  ready = os_weight_read (weight, compute);
  if (weight->conv)
    ready = to_channels_last (compute, ready);
  if (!os_compute_ok (compute)) {
    /* The caller computes nothing with it; the next attempt starts anew. */
    os_tensor_unref (ready);
    return weight->source;
  }
  weight->prepared = ready;
  if (!weight->streamed && !weight->conv)
    g_clear_pointer (&weight->source, os_tensor_unref);
  return ready;
}
