/* SPDX-License-Identifier: Apache-2.0 */
/* Scaled dot product attention, a block of queries at a time, and the rotary
 * embedding (arXiv 2104.09864). */
#include <string.h>

#include "base/size.h"
#include "compute/compute-private.h"

/* Scores of a block: about what the second-level cache holds. */
#define BLOCK_SCORES 65536
#define BLOCK_MIN 32
#define BLOCK_MAX 256

typedef struct {
  OsCompute *compute;
  const OsAttention *args;
  gint64 G, N, D, Lq, Lk;
  gint64 block, n_blocks;
} Attention;

/* Dimensions of q, k, v and out. */
enum {
  DIM_B,
  DIM_G,
  DIM_L,
  DIM_N
};

/* Which queries of which head an item is. */
typedef struct {
  gint64 b, g, n, l, rows;
} Block;

static float *
at (const OsTensor *t, const Block *block, gint64 l)
{
  return os_tensor_f32 (t) + block->b * t->stride[DIM_B]
         + block->g * t->stride[DIM_G] + l * t->stride[DIM_L]
         + block->n * t->stride[DIM_N];
}

static void
add_bias (const Attention *a, const Block *block, gint64 row, float *scores)
{
  const OsTensor *bias = a->args->bias, *keys = a->args->key_bias;

  if (bias) {
    const float *values = os_tensor_f32 (bias) + block->n * bias->stride[0]
                          + (block->l + row) * bias->stride[1];
    for (gint64 i = 0; i < a->Lk; i++)
      scores[i] += values[i * bias->stride[2]];
  }
  if (keys)
    a->compute->kernels->add (
        scores, os_tensor_f32 (keys) + block->b * keys->stride[0], a->Lk);
}

static void
attend (gint64 index, guint worker, gpointer data)
{
  const Attention *a = data;
  const OsAttention *args = a->args;
  const OsBackend *backend = a->compute->backend;
  float *scores = os_compute_scratch (a->compute, worker);
  Block block;

  block.l = index % a->n_blocks * a->block;
  block.rows = MIN (a->block, a->Lq - block.l);
  index /= a->n_blocks;
  block.n = index % a->N;
  index /= a->N;
  block.g = index % a->G;
  block.b = index / a->G;

  backend->sgemm (TRUE, block.rows, a->Lk, a->D, args->scale,
      at (args->q, &block, block.l), args->q->stride[DIM_L],
      at (args->k, &block, 0), args->k->stride[DIM_L], 0, scores, a->Lk);
  for (gint64 i = 0; i < block.rows; i++) {
    add_bias (a, &block, i, scores + i * a->Lk);
    a->compute->kernels->softmax (scores + i * a->Lk, a->Lk);
  }
  if (args->probs) {
    gint64 row = ((block.b * a->G + block.g) * a->N + block.n) * a->Lq;
    memcpy (os_tensor_f32 (args->probs) + (row + block.l) * a->Lk, scores,
        block.rows * a->Lk * sizeof *scores);
  }
  backend->sgemm (FALSE, block.rows, a->D, a->Lk, 1, scores, a->Lk,
      at (args->v, &block, 0), args->v->stride[DIM_L], 0,
      at (args->out, &block, block.l), args->out->stride[DIM_L]);
}

void
os_attention (OsCompute *compute, const OsAttention *args)
{
  OS_PROFILE_OP (compute, OS_OP_ATTENTION);
  const OsTensor *q = args->q;
  Attention a = { compute, args, q->shape[DIM_G], q->shape[DIM_N], q->shape[4],
    q->shape[DIM_L], args->k->shape[DIM_L], 0, 0 };

  if (!os_compute_ok (compute) || os_tensor_count (q) == 0)
    return;
  a.block = CLAMP (BLOCK_SCORES / a.Lk, BLOCK_MIN, BLOCK_MAX);
  a.block = MIN (a.block, a.Lq);
  a.n_blocks = os_div_up (a.Lq, a.block);
  if (!os_compute_reserve_scratch (compute, a.block * a.Lk * sizeof (float)))
    return;
  os_compute_for_tiles (
      compute, q->shape[DIM_B] * a.G * a.N * a.n_blocks, attend, &a);
  os_compute_count_flops (compute, 4 * os_tensor_count (q) * a.Lk);
}

typedef struct {
  const OsKernels *kernels;
  OsTensor *x;
  const float *table;
  gint64 n_rows, grain, N, n_pairs;
} Rope;

/* Rows are tokens: all dimensions before the heads. */
static void
rotate_rows (gint64 index, guint worker, gpointer data)
{
  const Rope *r = data;
  const OsTensor *x = r->x;
  const gint64 L = x->shape[x->n_dims - 3];
  const gint64 end = MIN (r->n_rows, (index + 1) * r->grain);

  for (gint64 row = index * r->grain; row < end; row++) {
    float *heads = os_tensor_f32 (x) + os_tensor_row_offset (x, 2, row);

    for (gint64 n = 0; n < r->N; n++)
      r->kernels->rope (heads + n * x->stride[x->n_dims - 2],
          r->table + row % L * r->n_pairs * 2, r->n_pairs);
  }
}

void
os_rope (OsCompute *compute, OsTensor *x, const OsTensor *table)
{
  OS_PROFILE_OP (compute, OS_OP_ROPE);
  const gint64 N = x->shape[x->n_dims - 2], D = x->shape[x->n_dims - 1];
  Rope r = { compute->kernels, x, NULL, 0, os_compute_grain (N * D), N, D / 2 };

  if (!os_compute_ok (compute) || os_tensor_count (x) == 0)
    return;
  r.table = os_tensor_f32 (table);
  r.n_rows = os_tensor_count (x) / (N * D);
  os_compute_for (compute, os_div_up (r.n_rows, r.grain), rotate_rows, &r);
}
