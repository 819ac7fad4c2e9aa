/* SPDX-License-Identifier: Apache-2.0 */
/* Layer norm, RMS norm (arXiv 1910.07467) and group norm (arXiv 1803.08494). */
#include <math.h>
#include <string.h>

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

/* Group norm reads its input three times: means, then squares of what differs
 * from them (one pass would cancel digits), then the result. Sums are taken per
 * channel over chunks of pixels, and chunks added in double, so that the result
 * does not depend on the number of threads. */
#define CHUNK_PIXELS 1024

typedef struct {
  const OsKernels *kernels;
  const float *x; /* one batch element, [pixels, C] */
  float *out;
  gint64 pixels, C;
  float *partial;      /* [chunks, C] */
  const float *center; /* [C] or NULL while means are taken */
  const float *scale, *shift;
  OsActivation act;
} GroupNorm;

static void
sum_chunk (gint64 index, guint worker, gpointer data)
{
  const GroupNorm *g = data;
  const gint64 end = MIN (g->pixels, (index + 1) * CHUNK_PIXELS);
  float *sum = g->partial + index * g->C;

  memset (sum, 0, g->C * sizeof *sum);
  for (gint64 p = index * CHUNK_PIXELS; p < end; p++) {
    if (g->center)
      g->kernels->accumulate_squares (sum, g->x + p * g->C, g->center, g->C);
    else
      g->kernels->add (sum, g->x + p * g->C, g->C);
  }
}

static void
normalize_chunk (gint64 index, guint worker, gpointer data)
{
  const GroupNorm *g = data;
  const gint64 end = MIN (g->pixels, (index + 1) * CHUNK_PIXELS);

  for (gint64 p = index * CHUNK_PIXELS; p < end; p++)
    g->kernels->scale_shift_act (
        g->out + p * g->C, g->x + p * g->C, g->scale, g->shift, g->C, g->act);
}

/* Sum of the chunks' sums over the channels of a group. */
static double
group_sum (const GroupNorm *g, gint64 n_chunks, gint64 first, gint64 n)
{
  double sum = 0;

  for (gint64 chunk = 0; chunk < n_chunks; chunk++) {
    for (gint64 c = first; c < first + n; c++)
      sum += g->partial[chunk * g->C + c];
  }
  return sum;
}

/* tables [3, C]: the group's mean, and scale and shift of the result. */
static void
normalize_element (OsCompute *compute, GroupNorm *g, int n_groups, float eps,
    const float *weight, const float *bias, float *tables)
{
  const gint64 n_chunks = os_div_up (g->pixels, CHUNK_PIXELS);
  const gint64 per_group = g->C / n_groups;
  const double count = (double) per_group * g->pixels;
  float *mean = tables, *scale = tables + g->C, *shift = tables + 2 * g->C;

  g->center = NULL;
  os_compute_for (compute, n_chunks, sum_chunk, g);
  for (gint64 c = 0; c < g->C; c += per_group) {
    const float value = group_sum (g, n_chunks, c, per_group) / count;
    for (gint64 i = c; i < c + per_group; i++)
      mean[i] = value;
  }

  g->center = mean;
  os_compute_for (compute, n_chunks, sum_chunk, g);
  for (gint64 c = 0; c < g->C; c += per_group) {
    const double var = group_sum (g, n_chunks, c, per_group) / count;
    const double inverse = 1 / sqrt (var + eps);
    for (gint64 i = c; i < c + per_group; i++) {
      scale[i] = weight[i] * inverse;
      shift[i] = bias[i] - mean[i] * scale[i];
    }
  }

  g->scale = scale;
  g->shift = shift;
  os_compute_for (compute, n_chunks, normalize_chunk, g);
}

OsTensor *
os_group_norm (OsCompute *compute, const OsTensor *x, const OsNorm *norm,
    int n_groups, float eps, OsActivation act)
{
  OS_PROFILE_OP (compute, OS_OP_NORM);
  const gint64 C = x->shape[4];
  const gint64 pixels = x->shape[1] * x->shape[2] * x->shape[3];
  const OsTensor *weight = os_weight_get (norm->weight, compute);
  const OsTensor *bias = os_weight_get (norm->bias, compute);
  OsTensor *out = os_compute_tensor (compute, x->n_dims, x->shape);
  g_autoptr (OsTensor) partial = os_compute_tensor (
      compute, OS_SHAPE (os_div_up (pixels, CHUNK_PIXELS), C));
  g_autoptr (OsTensor) tables = os_compute_tensor (compute, OS_SHAPE (3, C));
  GroupNorm g = {
    .kernels = compute->kernels, .pixels = pixels, .C = C, .act = act
  };

  if (!os_compute_ok (compute))
    return out;
  g.partial = os_tensor_f32 (partial);
  for (gint64 b = 0; b < x->shape[0]; b++) {
    g.x = os_tensor_f32 (x) + b * pixels * C;
    g.out = os_tensor_f32 (out) + b * pixels * C;
    normalize_element (compute, &g, n_groups, eps, os_tensor_f32 (weight),
        os_tensor_f32 (bias), os_tensor_f32 (tables));
  }
  return out;
}
