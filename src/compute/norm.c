/* SPDX-License-Identifier: Apache-2.0 */
/* Layer norm and RMS norm (arXiv 1910.07467). */
#include "base/size.h"
#include "compute/compute-private.h"

typedef struct {
  const OsKernels *kernels;
  const OsTensor *x, *shift, *scale;
  const float *weight;
  OsTensor *out;
  gint64 n_rows, grain, C, rows_per_shift;
  float eps;
} RowNorm;

static void
layer_norm_rows (gint64 index, guint worker, gpointer data)
{
  const RowNorm *r = data;
  const gint64 end = MIN (r->n_rows, (index + 1) * r->grain);

  for (gint64 row = index * r->grain; row < end; row++) {
    const gint64 table = row / r->rows_per_shift;

    r->kernels->layer_norm (os_tensor_f32 (r->out) + row * r->C,
        os_tensor_f32 (r->x) + row * r->C,
        os_tensor_f32 (r->shift) + table * r->shift->stride[0],
        os_tensor_f32 (r->scale) + table * r->scale->stride[0], r->C, r->eps);
  }
}

static void
rms_norm_rows (gint64 index, guint worker, gpointer data)
{
  const RowNorm *r = data;
  const gint64 end = MIN (r->n_rows, (index + 1) * r->grain);

  for (gint64 row = index * r->grain; row < end; row++)
    r->kernels->rms_norm (
        os_tensor_f32 (r->out) + os_tensor_row_offset (r->out, 1, row),
        os_tensor_f32 (r->x) + os_tensor_row_offset (r->x, 1, row), r->weight,
        r->C, r->eps);
}

/* Only if compute is ok. */
static void
run_rows (OsCompute *compute, RowNorm *r, OsThreadsFunc func)
{
  if (os_tensor_count (r->x) == 0)
    return;
  r->kernels = compute->kernels;
  r->C = r->x->shape[r->x->n_dims - 1];
  r->n_rows = os_tensor_count (r->x) / r->C;
  r->grain = os_compute_grain (r->C);
  if (r->shift)
    r->rows_per_shift = r->n_rows / r->shift->shape[0];
  os_compute_for (compute, os_div_up (r->n_rows, r->grain), func, r);
}

OsTensor *
os_layer_norm_modulate (OsCompute *compute, const OsTensor *x,
    const OsTensor *shift, const OsTensor *scale, float eps)
{
  OS_PROFILE_OP (compute, OS_OP_NORM);
  OsTensor *out = os_compute_tensor (compute, x->n_dims, x->shape);
  RowNorm r = {
    .x = x, .shift = shift, .scale = scale, .out = out, .eps = eps
  };

  if (os_compute_ok (compute))
    run_rows (compute, &r, layer_norm_rows);
  return out;
}

static void
rms_norm (OsCompute *compute, const OsTensor *x, OsWeight *weight, float eps,
    OsTensor *out)
{
  const OsTensor *values = os_weight_get (weight, compute);
  RowNorm r = { .x = x, .out = out, .eps = eps };

  if (!os_compute_ok (compute))
    return;
  r.weight = os_tensor_f32 (values);
  run_rows (compute, &r, rms_norm_rows);
}

OsTensor *
os_rms_norm (OsCompute *compute, const OsTensor *x, OsWeight *weight, float eps)
{
  OS_PROFILE_OP (compute, OS_OP_NORM);
  OsTensor *out = os_compute_tensor (compute, x->n_dims, x->shape);

  rms_norm (compute, x, weight, eps, out);
  return out;
}

void
os_rms_norm_inplace (
    OsCompute *compute, OsTensor *x, OsWeight *weight, float eps)
{
  OS_PROFILE_OP (compute, OS_OP_NORM);
  rms_norm (compute, x, weight, eps, x);
}
