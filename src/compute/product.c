/* SPDX-License-Identifier: Apache-2.0 */
/* Products in the manner of Goto and van de Geijn (ACM TOMS 34, 2008): both
 * factors are packed in the order in which tiles read them, so that what is
 * used again stays near. Of the three caches, the first has a panel of the
 * weight (tile columns x DEPTH), the second a block of x, the third y.
 *
 * The weight is packed once for all blocks of x, not once a thread. */
#include "compute/product.h"

#include <string.h>

#include "base/size.h"
#include "compute/compute-private.h"

/* Values of a tile's inner loop: as many as let a panel fit the first cache. */
#define DEPTH 256
/* Floats of a block of x: half of a small second-level cache. */
#define BLOCK_FLOATS (48 * 1024)
/* Of a line of the caches. */
#define LINE_FLOATS 16
/* Panels that are finished together. */
#define GROUP 8
/* Work of an item: some 30 ms on a current core, so that a cancellation is seen
 * in time on a slow one too. */
#define ITEM_FLOPS 3e9
/* Items a thread should get, so that none is left waiting for long. */
#define ITEMS_PER_THREAD 4
/* Work that is not worth waking a thread for. */
#define SMALL_FLOPS 1e6

typedef struct {
  OsCompute *compute;
  const OsProduct *product;
  gint64 depth, rows;        /* of a block of x */
  gint64 n_panels, n_blocks; /* of the weight, of x */
  gint64 panels, n_columns;  /* of an item; items beside each other */
  float *packed;             /* [n_panels, K, tile columns], or NULL */
} Plan;

/* --- packing --- */

typedef float Four __attribute__ ((vector_size (16), aligned (4)));
typedef gint32 Order __attribute__ ((vector_size (16)));

#ifdef __clang__
#define SHUFFLE(a, b, ...) __builtin_shufflevector (a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle (a, b, (Order){ __VA_ARGS__ })
#endif

/* Four values of four rows. */
static inline void
transpose_four (const float *from, gint64 ld, float *to, gint64 to_ld)
{
  const Four a = *(const Four *) from, b = *(const Four *) (from + ld);
  const Four c = *(const Four *) (from + 2 * ld);
  const Four d = *(const Four *) (from + 3 * ld);
  const Four ab = SHUFFLE (a, b, 0, 4, 1, 5), cd = SHUFFLE (c, d, 0, 4, 1, 5);
  const Four ab2 = SHUFFLE (a, b, 2, 6, 3, 7), cd2 = SHUFFLE (c, d, 2, 6, 3, 7);

  *(Four *) to = SHUFFLE (ab, cd, 0, 1, 4, 5);
  *(Four *) (to + to_ld) = SHUFFLE (ab, cd, 2, 3, 6, 7);
  *(Four *) (to + 2 * to_ld) = SHUFFLE (ab2, cd2, 0, 1, 4, 5);
  *(Four *) (to + 3 * to_ld) = SHUFFLE (ab2, cd2, 2, 3, 6, 7);
}

void
os_transpose (
    const float *from, gint64 ld, gint64 n, gint64 k, float *to, gint64 to_ld)
{
  const gint64 n4 = n / 4 * 4, k4 = k / 4 * 4;

  for (gint64 i = 0; i < n4; i += 4) {
    for (gint64 l = 0; l < k4; l += 4)
      transpose_four (from + i * ld + l, ld, to + l * to_ld + i, to_ld);
    for (gint64 l = k4; l < k; l++)
      for (gint64 j = i; j < i + 4; j++)
        to[l * to_ld + j] = from[j * ld + l];
  }
  for (gint64 i = n4; i < n; i++)
    for (gint64 l = 0; l < k; l++)
      to[l * to_ld + i] = from[i * ld + l];
}

void
os_pack (
    const float *from, gint64 ld, gint64 n, gint64 k, gint64 width, float *to)
{
  os_transpose (from, ld, n, k, to, width);
  for (gint64 l = 0; n < width && l < k; l++)
    memset (to + l * width + n, 0, (width - n) * sizeof *to);
}

/* Values k .. k + depth of a panel of the weight. */
static void
pack_panel (const Plan *p, gint64 panel, gint64 k, gint64 depth, float *to)
{
  const OsProduct *product = p->product;
  const gint64 columns = p->compute->tile->columns;
  const gint64 first = panel * columns;

  os_pack (product->weight + first * product->K + k, product->K,
      MIN (columns, product->N - first), depth, columns, to);
}

static void
pack_whole_panel (gint64 index, guint worker, gpointer data)
{
  const Plan *p = data;
  const gint64 K = p->product->K;

  pack_panel (
      p, index, 0, K, p->packed + index * K * p->compute->tile->columns);
}

/* --- multiplying --- */

/* y [m, n], at most a tile: the sum over k, added to what is there or not. */
static void
multiply_tile (const OsTileKernels *tile, const float *x, const float *panel,
    gint64 k, float *y, gint64 ld, gint64 m, gint64 n, gboolean add)
{
  float whole[OS_TILE_MAX];

  if (m == tile->rows && n == tile->columns) {
    tile->multiply (x, 1, tile->rows, panel, k, y, ld, add);
    return;
  }
  tile->multiply (x, 1, tile->rows, panel, k, whole, tile->columns, FALSE);
  for (gint64 i = 0; i < m; i++)
    for (gint64 j = 0; j < n; j++)
      y[i * ld + j] = whole[i * tile->columns + j] + (add ? y[i * ld + j] : 0);
}

/* An item: rows of x times columns of the weight. */
typedef struct {
  gint64 row, m, column, n;
  float *y; /* [m, n], ld apart */
  gint64 ld;
  float *block, *panel; /* scratch */
} Item;

/* The block of x times a panel; meanwhile, a piece with each tile, the panel
 * `next` is brought near, if there is one. */
static void
multiply_panel (const Plan *p, const Item *item, const float *panel,
    const float *next, gint64 depth, gint64 j, gboolean add)
{
  const OsTileKernels *tile = p->compute->tile;
  const gint64 R = tile->rows, n = MIN (tile->columns, item->n - j);
  const gint64 size = depth * tile->columns;
  const gint64 piece = os_div_up (size, os_div_up (item->m, R));

  for (gint64 i = 0; i < item->m; i += R) {
    for (gint64 at = i / R * piece; next && at < (i / R + 1) * piece;
         at += LINE_FLOATS)
      __builtin_prefetch (next + at);
    multiply_tile (tile, item->block + i * depth, panel, depth,
        item->y + i * item->ld + j, item->ld, MIN (R, item->m - i), n, add);
  }
}

/* Values k .. k + depth of all products. */
static void
multiply_depth (const Plan *p, const Item *item, gint64 k, gint64 depth)
{
  const OsProduct *product = p->product;
  const gint64 R = p->compute->tile->rows, C = p->compute->tile->columns;

  for (gint64 i = 0; i < item->m; i += R)
    os_pack (product->x + (item->row + i) * product->K + k, product->K,
        MIN (R, item->m - i), depth, R, item->block + i * depth);
  for (gint64 j = 0; j < item->n; j += C) {
    const gint64 index = (item->column + j) / C, end = MIN (j + C, item->n);
    const gint64 first = j - j / C % GROUP * C; /* of those that wait */

    if (p->packed) {
      const float *panel = p->packed + (index * product->K + k) * C;
      multiply_panel (p, item, panel, panel + product->K * C, depth, j, k > 0);
    } else {
      pack_panel (p, index, k, depth, item->panel);
      multiply_panel (p, item, item->panel, NULL, depth, j, k > 0);
    }
    if (k + depth == product->K && (end == item->n || end == first + GROUP * C))
      product->finish (product->data, item->y + first, item->ld, item->row,
          item->m, item->column + first, end - first);
  }
}

static gint64
item_width (const Plan *p)
{
  return p->panels * p->compute->tile->columns;
}

static void
multiply_item (gint64 index, guint worker, gpointer data)
{
  const Plan *p = data;
  const OsProduct *product = p->product;
  Item item;

  item.row = index / p->n_columns * p->rows;
  item.m = MIN (p->rows, product->M - item.row);
  item.column = index % p->n_columns * item_width (p);
  item.n = MIN (item_width (p), product->N - item.column);
  item.block = os_compute_scratch (p->compute, worker);
  item.panel = item.block + p->rows * p->depth;
  if (product->out) {
    item.y = product->out + item.row * product->N + item.column;
    item.ld = product->N;
  } else {
    item.y = item.panel + p->depth * p->compute->tile->columns;
    item.ld = item.n;
  }
  for (gint64 k = 0; k < product->K; k += p->depth)
    multiply_depth (p, &item, k, MIN (p->depth, product->K - k));
}

/* --- the whole --- */

/* x is cut into blocks of equal height; where that makes too few items, or too
 * large ones, the weight is cut as well. */
static void
plan_items (Plan *p)
{
  const OsProduct *product = p->product;
  const OsTileKernels *tile = p->compute->tile;
  const double flops = 2.0 * product->M * product->N * product->K;
  double items = flops / ITEM_FLOPS;

  if (flops > SMALL_FLOPS)
    items =
        MAX (items, ITEMS_PER_THREAD * os_compute_get_n_threads (p->compute));
  p->depth = os_div_up (product->K, os_div_up (product->K, DEPTH));
  p->rows =
      os_div_up (product->M, os_div_up (product->M, BLOCK_FLOATS / p->depth));
  p->rows = os_div_up (p->rows, tile->rows) * tile->rows;
  p->n_blocks = os_div_up (product->M, p->rows);
  p->n_panels = os_div_up (product->N, tile->columns);
  p->panels = MAX (1, p->n_panels * p->n_blocks / MAX (items, p->n_blocks));
  p->n_columns = os_div_up (p->n_panels, p->panels);
  p->panels = os_div_up (p->n_panels, p->n_columns);
}

static gboolean
reserve_scratch (const Plan *p)
{
  gint64 floats = p->rows * p->depth + p->depth * p->compute->tile->columns;

  if (!p->product->out)
    floats += p->rows * item_width (p);
  return os_compute_reserve_scratch (p->compute, floats * sizeof (float));
}

void
os_product_run (OsCompute *compute, const OsProduct *product)
{
  Plan p = { .compute = compute, .product = product };
  g_autoptr (OsTensor) packed = NULL;

  if (product->M == 0)
    return;
  plan_items (&p);
  if (!reserve_scratch (&p))
    return;
  /* A single block of x meets every value of the weight but once. */
  if (p.n_blocks > 1) {
    packed = os_compute_tensor (
        compute, OS_SHAPE (p.n_panels, product->K, compute->tile->columns));
    if (!os_compute_ok (compute))
      return;
    p.packed = os_tensor_f32 (packed);
    os_compute_for (compute, p.n_panels, pack_whole_panel, &p);
  }
  os_compute_for (compute, p.n_blocks * p.n_columns, multiply_item, &p);
}
