/* SPDX-License-Identifier: Apache-2.0 */
/* Scaled dot product attention, as much of it at a time as the cache holds
 * (arXiv 2205.14135): a block of keys, for which the maximum of the scores and
 * the sum of their exponentials are carried on (arXiv 1805.02867).
 *
 * Everything is transposed. A tile's columns are queries, so that the softmax
 * has a query in each lane, and the scores of a block of keys are at once what
 * the product with the values needs:
 *
 *   scores [keys, queries] = k [keys, D] q^T [D, queries]
 *   o^T [D, queries] = v^T [D, keys] exp (scores) [keys, queries]
 */
#include <float.h>
#include <string.h>

#include "base/size.h"
#include "compute/compute-private.h"
#include "compute/product.h"

/* Floats of the keys, values and scores of a block. */
#define BLOCK_FLOATS (64 * 1024)
/* Floats of queries and results of an item. */
#define QUERY_FLOATS (32 * 1024)

typedef struct {
  OsCompute *compute;
  const OsAttention *args;
  gint64 G, N, D, Lq, Lk;
  gint64 wide;            /* D, rounded up to rows of tiles */
  gint64 keys;            /* of a block, rounded up alike */
  gint64 tiles, n_chunks; /* of queries in an item; items along Lq */
} Attention;

/* Dimensions of q, k, v and out. */
enum {
  DIM_B,
  DIM_G,
  DIM_L,
  DIM_N
};

/* An item: queries of a head, a tile of columns each; and scratch. */
typedef struct {
  gint64 b, g, n, first, n_queries;
  float *k;      /* [keys, D] */
  float *v;      /* [keys, wide] */
  float *scores; /* [keys, columns] */
  float *tiles;  /* of size_of_tile() each */
} Item;

/* What is carried from block to block for a tile of queries. */
typedef struct {
  float *q;                   /* [D, columns], scaled */
  float *out;                 /* [wide, columns] */
  float *max, *sum, *rescale; /* [columns] */
} Tile;

static gint64
size_of_tile (const Attention *a)
{
  return (a->D + a->wide + 3) * a->compute->tile->columns;
}

static Tile
get_tile (const Attention *a, const Item *item, gint64 index)
{
  const gint64 C = a->compute->tile->columns;
  Tile tile;

  tile.q = item->tiles + index * size_of_tile (a);
  tile.out = tile.q + a->D * C;
  tile.max = tile.out + a->wide * C;
  tile.sum = tile.max + C;
  tile.rescale = tile.sum + C;
  return tile;
}

/* Queries of a tile. */
static gint64
tile_length (const Attention *a, const Item *item, gint64 index)
{
  const gint64 C = a->compute->tile->columns;

  return MIN (C, item->n_queries - index * C);
}

static float *
at (const OsTensor *t, const Item *item, gint64 l)
{
  return os_tensor_f32 (t) + item->b * t->stride[DIM_B]
         + item->g * t->stride[DIM_G] + l * t->stride[DIM_L]
         + item->n * t->stride[DIM_N];
}

/* --- reading and writing --- */

static void
read_queries (const Attention *a, const Item *item, gint64 index)
{
  const OsTensor *q = a->args->q;
  const gint64 C = a->compute->tile->columns;
  const Tile tile = get_tile (a, item, index);

  os_pack (at (q, item, item->first + index * C), q->stride[DIM_L],
      tile_length (a, item, index), a->D, C, tile.q);
  for (gint64 i = 0; i < a->D * C; i++)
    tile.q[i] *= a->args->scale;
  for (gint64 i = 0; i < C; i++) {
    tile.max[i] = -FLT_MAX;
    tile.sum[i] = 0;
  }
}

/* Rows l .. l + n of a head to to [rows, width], zero where there are none. */
static void
copy_rows (const Attention *a, const Item *item, const OsTensor *t, gint64 l,
    gint64 n, gint64 rows, gint64 width, float *to)
{
  for (gint64 i = 0; i < n; i++, to += width) {
    memcpy (to, at (t, item, l + i), a->D * sizeof *to);
    memset (to + a->D, 0, (width - a->D) * sizeof *to);
  }
  memset (to, 0, (rows - n) * width * sizeof *to);
}

static void
write_result (const Attention *a, const Item *item, gint64 index)
{
  const OsTensor *out = a->args->out;
  const OsTileKernels *kernels = a->compute->tile;
  const gint64 C = kernels->columns;
  Tile tile = get_tile (a, item, index);

  for (gint64 i = 0; i < C; i++)
    tile.sum[i] = 1 / tile.sum[i];
  kernels->scale (tile.out, a->D, tile.sum);
  os_transpose (tile.out, C, a->D, tile_length (a, item, index),
      at (out, item, item->first + index * C), out->stride[DIM_L]);
}

/* The whole softmax of a tile, of which all keys are one block. */
static void
write_probs (const Attention *a, const Item *item, gint64 index)
{
  const gint64 C = a->compute->tile->columns;
  const gint64 head = (item->b * a->G + item->g) * a->N + item->n;
  const gint64 first = head * a->Lq + item->first + index * C;
  float *to = os_tensor_f32 (a->args->probs) + first * a->Lk;
  const Tile tile = get_tile (a, item, index);

  for (gint64 i = 0; i < tile_length (a, item, index); i++)
    for (gint64 l = 0; l < a->Lk; l++)
      to[i * a->Lk + l] = item->scores[l * C + i] / tile.sum[i];
}

/* --- computing --- */

/* To the scores of keys l .. l + n. */
static void
add_bias (
    const Attention *a, const Item *item, gint64 index, gint64 l, gint64 n)
{
  const OsTensor *bias = a->args->bias, *keys = a->args->key_bias;
  const gint64 C = a->compute->tile->columns;
  const gint64 n_queries = tile_length (a, item, index);

  for (gint64 i = 0; bias && i < n; i++) {
    const float *from = os_tensor_f32 (bias) + item->n * bias->stride[0]
                        + (item->first + index * C) * bias->stride[1]
                        + (l + i) * bias->stride[2];
    for (gint64 j = 0; j < n_queries; j++)
      item->scores[i * C + j] += from[j * bias->stride[1]];
  }
  for (gint64 i = 0; keys && i < n; i++) {
    const float value = os_tensor_f32 (keys)[item->b * keys->stride[0] + l + i];
    for (gint64 j = 0; j < C; j++)
      item->scores[i * C + j] += value;
  }
}

/* A tile of queries and the block of keys l .. l + n. */
static void
attend_tile (
    const Attention *a, const Item *item, gint64 index, gint64 l, gint64 n)
{
  const OsTileKernels *kernels = a->compute->tile;
  const gint64 R = kernels->rows, C = kernels->columns;
  const Tile tile = get_tile (a, item, index);

  for (gint64 i = 0; i < n; i += R)
    kernels->multiply (item->k + i * a->D, a->D, 1, tile.q, a->D,
        item->scores + i * C, C, FALSE);
  add_bias (a, item, index, l, n);
  kernels->softmax (item->scores, n, tile.max, tile.sum, tile.rescale);
  if (l > 0)
    kernels->scale (tile.out, a->D, tile.rescale);
  for (gint64 d = 0; d < a->D; d += R)
    kernels->multiply (
        item->v + d, 1, a->wide, item->scores, n, tile.out + d * C, C, l > 0);
}

static void
attend (gint64 index, guint worker, gpointer data)
{
  const Attention *a = data;
  const gint64 C = a->compute->tile->columns, R = a->compute->tile->rows;
  Item item;
  gint64 n_tiles;

  item.first = index % a->n_chunks * a->tiles * C;
  item.n_queries = MIN (a->tiles * C, a->Lq - item.first);
  index /= a->n_chunks;
  item.n = index % a->N;
  item.g = index / a->N % a->G;
  item.b = index / a->N / a->G;
  item.k = os_compute_scratch (a->compute, worker);
  item.v = item.k + a->keys * a->D;
  item.scores = item.v + a->keys * a->wide;
  item.tiles = item.scores + a->keys * C;
  n_tiles = os_div_up (item.n_queries, C);

  for (gint64 i = 0; i < n_tiles; i++)
    read_queries (a, &item, i);
  for (gint64 l = 0; l < a->Lk; l += a->keys) {
    const gint64 n = MIN (a->keys, a->Lk - l);

    copy_rows (a, &item, a->args->k, l, n, os_div_up (n, R) * R, a->D, item.k);
    copy_rows (a, &item, a->args->v, l, n, n, a->wide, item.v);
    for (gint64 i = 0; i < n_tiles; i++) {
      attend_tile (a, &item, i, l, n);
      if (a->args->probs)
        write_probs (a, &item, i);
    }
  }
  for (gint64 i = 0; i < n_tiles; i++)
    write_result (a, &item, i);
}

/* --- the whole --- */

static gint64
round_up (gint64 n, gint64 unit)
{
  return os_div_up (n, unit) * unit;
}

static void
plan (Attention *a)
{
  const gint64 R = a->compute->tile->rows, C = a->compute->tile->columns;
  gint64 n_blocks;

  a->wide = round_up (a->D, R);
  n_blocks = a->args->probs
                 ? 1
                 : os_div_up (a->Lk * (a->D + a->wide + C), BLOCK_FLOATS);
  a->keys = round_up (os_div_up (a->Lk, n_blocks), R);
  a->tiles = MAX (1, QUERY_FLOATS / size_of_tile (a));
  a->n_chunks = os_div_up (a->Lq, a->tiles * C);
  a->tiles = os_div_up (os_div_up (a->Lq, C), a->n_chunks);
}

void
os_attention (OsCompute *compute, const OsAttention *args)
{
  OS_PROFILE_OP (compute, OS_OP_ATTENTION);
  const OsTensor *q = args->q;
  const gint64 C = compute->tile->columns;
  Attention a = { compute, args, q->shape[DIM_G], q->shape[DIM_N], q->shape[4],
    q->shape[DIM_L], args->k->shape[DIM_L] };

  if (!os_compute_ok (compute) || os_tensor_count (q) == 0)
    return;
  plan (&a);
  if (!os_compute_reserve_scratch (
          compute, (a.keys * (a.D + a.wide + C) + a.tiles * size_of_tile (&a))
                       * sizeof (float)))
    return;
  os_compute_for (
      compute, q->shape[DIM_B] * a.G * a.N * a.n_chunks, attend, &a);
  os_compute_count_flops (compute, 4 * os_tensor_count (q) * a.Lk);
}
