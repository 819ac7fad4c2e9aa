/* SPDX-License-Identifier: Apache-2.0 */
/* Linear layers: tiles of the matrix product, each finished (bias, activation,
 * gate, residual) while it is in the cache. */
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "compute/compute-private.h"
#include "compute/product.h"

/* Work of a tile: some 20 ms on a current core, so that a cancellation is seen
 * in time on a slow one too. */
#define TILE_FLOPS 2e9
/* Sides of a tile are multiples of it. */
#define TILE_UNIT 64
/* Tiles a thread should get, so that none is left waiting for long. */
#define TILES_PER_THREAD 4
/* Work that is not worth waking a thread for. */
#define SMALL_FLOPS 1e6

typedef struct {
  OsCompute *compute;
  const float *x, *weight, *bias, *gate;
  gint64 gate_stride, rows_per_gate;
  float *out; /* or what is added to */
  gboolean add;
  OsActivation act;
  gint64 M, N, K;
  gint64 tile_m, tile_n, tiles_n;
} Product;

/* Square tiles: packing both factors then costs least. */
static void
plan_tiles (Product *p)
{
  const guint n_threads = os_compute_get_n_threads (p->compute);
  const double area = (double) p->M * p->N;
  double side = sqrt (TILE_FLOPS / (2.0 * p->K));

  if (2 * area * p->K > SMALL_FLOPS)
    side = MIN (side, sqrt (area / (TILES_PER_THREAD * n_threads)));
  side = MAX (1, floor (side / TILE_UNIT)) * TILE_UNIT;
  p->tile_m = os_div_up (p->M, os_div_up (p->M, side));
  p->tile_n = MIN (p->N, (gint64) side);
  p->tiles_n = os_div_up (p->N, p->tile_n);
}

static void
finish_row (const Product *p, float *y, gint64 row, gint64 n0, gint64 n)
{
  const OsKernels *kernels = p->compute->kernels;
  const float *bias = p->bias ? p->bias + n0 : NULL;

  if (!p->add) {
    kernels->bias_act (y, bias, n, p->act);
    return;
  }
  kernels->gated_add (p->out + row * p->N + n0, y, bias,
      p->gate ? p->gate + row / p->rows_per_gate * p->gate_stride + n0 : NULL,
      n);
}

static void
compute_tile (gint64 index, guint worker, gpointer data)
{
  const Product *p = data;
  const gint64 m0 = index / p->tiles_n * p->tile_m;
  const gint64 n0 = index % p->tiles_n * p->tile_n;
  const gint64 m = MIN (p->tile_m, p->M - m0);
  const gint64 n = MIN (p->tile_n, p->N - n0);
  float *y = p->out + m0 * p->N + n0;
  gint64 ld = p->N;

  if (p->add) {
    y = os_compute_scratch (p->compute, worker);
    ld = n;
  }
  p->compute->backend->sgemm (TRUE, m, n, p->K, 1, p->x + m0 * p->K, p->K,
      p->weight + n0 * p->K, p->K, 0, y, ld);
  for (gint64 i = 0; i < m; i++)
    finish_row (p, y + i * ld, m0 + i, n0, n);
}

static void
finish_rows (gpointer data, float *y, gint64 ld, gint64 row, gint64 m,
    gint64 column, gint64 n)
{
  for (gint64 i = 0; i < m; i++)
    finish_row (data, y + i * ld, row + i, column, n);
}

static void
run_product (Product *p)
{
  OsCompute *compute = p->compute;

  if (p->M == 0)
    return;
  if (compute->backend->tiles) {
    os_product_run (compute, &(OsProduct){ p->M, p->N, p->K, p->x, p->weight,
                                 p->add ? NULL : p->out, finish_rows, p });
    os_compute_count_flops (compute, 2 * p->M * p->N * p->K);
    return;
  }
  plan_tiles (p);
  if (p->add
      && !os_compute_reserve_scratch (
          compute, p->tile_m * p->tile_n * sizeof (float)))
    return;
  os_compute_for_tiles (
      compute, os_div_up (p->M, p->tile_m) * p->tiles_n, compute_tile, p);
  os_compute_count_flops (compute, 2 * p->M * p->N * p->K);
}

/* The weight may have further dimensions, all of them inputs (a patch
 * embedding's kernel). */
static gboolean
prepare (Product *p, const OsLinear *linear, const OsTensor *x)
{
  const OsTensor *weight = os_weight_get (linear->weight, p->compute);
  const OsTensor *bias =
      linear->bias ? os_weight_get (linear->bias, p->compute) : NULL;

  p->N = os_weight_dim (linear->weight, 0);
  p->K = os_weight_count (linear->weight) / p->N;
  p->M = os_tensor_count (x) / p->K;
  if (!os_compute_ok (p->compute))
    return FALSE;
  p->x = os_tensor_f32 (x);
  p->weight = os_tensor_f32 (weight);
  p->bias = bias ? os_tensor_f32 (bias) : NULL;
  return TRUE;
}

OsTensor *
os_linear (OsCompute *compute, const OsLinear *linear, const OsTensor *x,
    OsActivation act)
{
  OS_PROFILE_OP (compute, OS_OP_LINEAR);
  Product p = { .compute = compute, .act = act };
  gint64 shape[OS_MAX_DIMS];
  OsTensor *out;

  memcpy (shape, x->shape, sizeof shape);
  shape[x->n_dims - 1] = os_weight_dim (linear->weight, 0);
  out = os_compute_tensor (compute, x->n_dims, shape);
  if (prepare (&p, linear, x)) {
    p.out = os_tensor_f32 (out);
    run_product (&p);
  }
  return out;
}

void
os_linear_add (OsCompute *compute, const OsLinear *linear, const OsTensor *x,
    const OsTensor *gate, OsTensor *acc)
{
  OS_PROFILE_OP (compute, OS_OP_LINEAR);
  Product p = { .compute = compute, .add = TRUE };

  if (!prepare (&p, linear, x))
    return;
  p.out = os_tensor_f32 (acc);
  if (gate) {
    p.gate = os_tensor_f32 (gate);
    p.gate_stride = gate->stride[0];
    p.rows_per_gate = p.M / gate->shape[0];
  }
  run_product (&p);
}
