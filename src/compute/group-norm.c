/* SPDX-License-Identifier: Apache-2.0 */
/* Group norm (arXiv 1803.08494).
 *
 * x is read once for its statistics: chunks of pixels that the cache holds give
 * the mean of each channel and the squares of what differs from it, and chunks
 * are joined in double (Chan, Golub and LeVeque 1979). No digits cancel, and
 * the result does not depend on the number of threads. */
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "compute/compute-private.h"

/* Floats and pixels of a chunk at most: sums of more would lose digits. */
#define CHUNK_FLOATS 65536
#define CHUNK_PIXELS 1024

typedef struct {
  const OsKernels *kernels;
  const float *x; /* [B, pixels, C] */
  float *out;
  const float *table; /* [B, 2, C] */
  gint64 pixels, C;
  gint64 chunk, n_chunks; /* pixels; of a batch element */
  float *sums;            /* [B, chunks, 3, C]: means, squares, rests */
} GroupNorm;

static void
plan_chunks (GroupNorm *g, OsCompute *compute, const OsTensor *x)
{
  g->kernels = compute->kernels;
  g->pixels = x->shape[1] * x->shape[2] * x->shape[3];
  g->C = x->shape[4];
  g->chunk = CLAMP (CHUNK_FLOATS / g->C, 1, CHUNK_PIXELS);
  g->n_chunks = os_div_up (g->pixels, g->chunk);
}

/* Pixels of a chunk. */
static gint64
chunk_length (const GroupNorm *g, gint64 chunk)
{
  return MIN (g->chunk, g->pixels - chunk * g->chunk);
}

/* The mean of so many floats has an error, which is the mean of what differs
 * from it: the corrected two-pass algorithm of the same authors. */
static void
measure_chunk (gint64 index, guint worker, gpointer data)
{
  const GroupNorm *g = data;
  const gint64 chunk = index % g->n_chunks, n = chunk_length (g, chunk);
  const float *x =
      g->x + (index / g->n_chunks * g->pixels + chunk * g->chunk) * g->C;
  float *mean = g->sums + index * 3 * g->C, *squares = mean + g->C;
  float *rest = squares + g->C;

  memset (mean, 0, 3 * g->C * sizeof *mean);
  for (gint64 p = 0; p < n; p++)
    g->kernels->add (mean, x + p * g->C, g->C);
  for (gint64 c = 0; c < g->C; c++)
    mean[c] /= n;
  for (gint64 p = 0; p < n; p++)
    g->kernels->accumulate_moments (rest, squares, x + p * g->C, mean, g->C);
}

/* Mean and variance of channels c .. c + n - 1 of a batch element. */
static void
join_chunks (
    const GroupNorm *g, gint64 b, gint64 c, gint64 n, double *mean, double *var)
{
  const float *sums = g->sums + b * g->n_chunks * 3 * g->C;
  const double count = (double) n * g->pixels;
  double sum = 0, squares = 0;

  for (gint64 chunk = 0; chunk < g->n_chunks; chunk++) {
    const float *means = sums + chunk * 3 * g->C, *rests = means + 2 * g->C;

    for (gint64 i = c; i < c + n; i++)
      sum += (double) means[i] * chunk_length (g, chunk) + rests[i];
  }
  *mean = sum / count;
  for (gint64 chunk = 0; chunk < g->n_chunks; chunk++) {
    const float *means = sums + chunk * 3 * g->C, *rests = means + 2 * g->C;
    const gint64 length = chunk_length (g, chunk);

    /* Squares about another point: sum (d + s)^2 with s = means - mean. */
    for (gint64 i = c; i < c + n; i++) {
      const double shift = means[i] - *mean;

      squares += means[g->C + i] + shift * (2 * rests[i] + length * shift);
    }
  }
  *var = squares / count;
}

static void
fill_table (const GroupNorm *g, gint64 b, int n_groups, float eps,
    const float *weight, const float *bias, float *table)
{
  const gint64 n = g->C / n_groups;

  for (gint64 c = 0; c < g->C; c += n) {
    double mean, var;

    join_chunks (g, b, c, n, &mean, &var);
    for (gint64 i = c; i < c + n; i++) {
      table[i] = weight[i] / sqrt (var + eps);
      table[g->C + i] = bias[i] - mean * table[i];
    }
  }
}

static OsTensor *
measure (OsCompute *compute, const OsTensor *x, const OsNorm *norm,
    int n_groups, float eps)
{
  const gint64 B = x->shape[0], C = x->shape[4];
  const OsTensor *weight = os_weight_get (norm->weight, compute);
  const OsTensor *bias = os_weight_get (norm->bias, compute);
  OsTensor *table = os_compute_tensor (compute, OS_SHAPE (B, 2, C));
  g_autoptr (OsTensor) sums = NULL;
  GroupNorm g = { 0 };

  plan_chunks (&g, compute, x);
  sums = os_compute_tensor (compute, OS_SHAPE (B, g.n_chunks, 3, C));
  if (!os_compute_ok (compute))
    return table;
  g.x = os_tensor_f32 (x);
  g.sums = os_tensor_f32 (sums);
  os_compute_for (compute, B * g.n_chunks, measure_chunk, &g);
  for (gint64 b = 0; b < B; b++)
    fill_table (&g, b, n_groups, eps, os_tensor_f32 (weight),
        os_tensor_f32 (bias), os_tensor_f32 (table) + b * 2 * C);
  return table;
}

OsTensor *
os_group_norm_table (OsCompute *compute, const OsTensor *x, const OsNorm *norm,
    int n_groups, float eps)
{
  OS_PROFILE_OP (compute, OS_OP_NORM);

  return measure (compute, x, norm, n_groups, eps);
}

static void
normalize_chunk (gint64 index, guint worker, gpointer data)
{
  const GroupNorm *g = data;
  const gint64 b = index / g->n_chunks, chunk = index % g->n_chunks;
  const gint64 first = b * g->pixels + chunk * g->chunk;
  const float *scale = g->table + b * 2 * g->C;

  for (gint64 p = first; p < first + chunk_length (g, chunk); p++)
    g->kernels->scale_shift_act (g->out + p * g->C, g->x + p * g->C, scale,
        scale + g->C, g->C, OS_ACT_NONE);
}

OsTensor *
os_group_norm (OsCompute *compute, const OsTensor *x, const OsNorm *norm,
    int n_groups, float eps)
{
  OS_PROFILE_OP (compute, OS_OP_NORM);
  g_autoptr (OsTensor) table = measure (compute, x, norm, n_groups, eps);
  OsTensor *out = os_compute_tensor (compute, x->n_dims, x->shape);
  GroupNorm g = { 0 };

  if (!os_compute_ok (compute))
    return out;
  plan_chunks (&g, compute, x);
  g.x = os_tensor_f32 (x);
  g.out = os_tensor_f32 (out);
  g.table = os_tensor_f32 (table);
  os_compute_for (compute, x->shape[0] * g.n_chunks, normalize_chunk, &g);
  return out;
}
