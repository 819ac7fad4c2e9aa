/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions over [B, T, H, W, C]: patches of some output pixels are gathered
 * into a matrix, which is multiplied with the kernel. */
#include <string.h>

#include "base/size.h"
#include "compute/compute-private.h"

/* Floats of the gathered matrix, rows (output pixels) at least and at most. */
#define PATCH_FLOATS (1024 * 1024)
#define ROWS_MIN 64
#define ROWS_MAX 512

typedef struct {
  OsCompute *compute;
  const float *x, *kernel, *bias, *residual;
  float *out;
  gint64 in[5], shape[5]; /* of x and out */
  int size[3], pad[3], stride[3];
  gint64 K;            /* values of a patch */
  gint64 rows, n_rows; /* of an item, in all */
} Conv;

/* The values under one row of the kernel (kw pixels), zero outside of x. */
static void
gather_line (const Conv *c, gint64 b, gint64 t, gint64 h, gint64 w, float *to)
{
  const gint64 C = c->in[4], W = c->in[3], kw = c->size[2];
  gint64 before, after;

  if (t < 0 || h < 0 || h >= c->in[2]) {
    memset (to, 0, kw * C * sizeof *to);
    return;
  }
  before = CLAMP (-w, 0, kw);
  after = CLAMP (w + kw - W, 0, kw - before);
  memset (to, 0, before * C * sizeof *to);
  memcpy (to + before * C,
      c->x + (((b * c->in[1] + t) * c->in[2] + h) * W + w + before) * C,
      (kw - before - after) * C * sizeof *to);
  memset (to + (kw - after) * C, 0, after * C * sizeof *to);
}

static void
gather_patch (const Conv *c, gint64 row, float *patch)
{
  const gint64 line = c->size[2] * c->in[4];
  const gint64 w = row % c->shape[3] * c->stride[2] - c->pad[2];
  gint64 h, t;

  row /= c->shape[3];
  h = row % c->shape[2] * c->stride[1] - c->pad[1];
  row /= c->shape[2];
  t = row % c->shape[1] * c->stride[0] - c->pad[0];
  row /= c->shape[1];
  for (int dt = 0; dt < c->size[0]; dt++) {
    for (int dh = 0; dh < c->size[1]; dh++) {
      gather_line (c, row, t + dt, h + dh, w, patch);
      patch += line;
    }
  }
}

static void
convolve_rows (gint64 index, guint worker, gpointer data)
{
  const Conv *c = data;
  const gint64 first = index * c->rows, N = c->shape[4];
  const gint64 n = MIN (c->rows, c->n_rows - first);
  float *patches = os_compute_scratch (c->compute, worker);
  float *out = c->out + first * N;

  for (gint64 i = 0; i < n; i++)
    gather_patch (c, first + i, patches + i * c->K);
  c->compute->backend->sgemm (
      TRUE, n, N, c->K, 1, patches, c->K, c->kernel, c->K, 0, out, N);
  for (gint64 i = 0; i < n; i++) {
    if (c->bias)
      c->compute->kernels->add (out + i * N, c->bias, N);
    if (c->residual)
      c->compute->kernels->add (out + i * N, c->residual + (first + i) * N, N);
  }
}

static gint64
out_size (gint64 in, int pad, int kernel, int stride)
{
  return (in + pad - kernel) / stride + 1;
}

static void
set_geometry (
    Conv *c, const OsConv *conv, const OsTensor *x, const OsConvGeometry *g)
{
  memcpy (c->in, x->shape, sizeof c->in);
  memcpy (c->size, conv->kernel, sizeof c->size);
  c->pad[0] = g->pad_front;
  c->pad[1] = g->pad_top;
  c->pad[2] = g->pad_left;
  c->stride[0] = MAX (1, g->stride_t);
  c->stride[1] = MAX (1, g->stride_h);
  c->stride[2] = MAX (1, g->stride_w);
  c->shape[0] = c->in[0];
  c->shape[1] = out_size (c->in[1], g->pad_front, c->size[0], c->stride[0]);
  c->shape[2] =
      out_size (c->in[2], g->pad_top + g->pad_bottom, c->size[1], c->stride[1]);
  c->shape[3] =
      out_size (c->in[3], g->pad_left + g->pad_right, c->size[2], c->stride[2]);
  c->shape[4] = os_weight_dim (conv->weight, 0);
  c->K = c->size[0] * c->size[1] * c->size[2] * c->in[4];
  c->n_rows = c->shape[0] * c->shape[1] * c->shape[2] * c->shape[3];
  c->rows = CLAMP (PATCH_FLOATS / c->K, ROWS_MIN, ROWS_MAX);
  c->rows = MIN (
      c->rows, os_div_up (c->n_rows, os_compute_get_n_threads (c->compute)));
}

OsTensor *
os_conv (OsCompute *compute, const OsConv *conv, const OsTensor *x,
    const OsConvGeometry *geometry, const OsTensor *residual)
{
  OS_PROFILE_OP (compute, OS_OP_CONV);
  const OsTensor *kernel = os_weight_get (conv->weight, compute);
  const OsTensor *bias =
      conv->bias ? os_weight_get (conv->bias, compute) : NULL;
  Conv c = { .compute = compute };
  OsTensor *out;

  set_geometry (&c, conv, x, geometry);
  out = os_compute_tensor (compute, 5, c.shape);
  if (!os_compute_ok (compute) || c.n_rows == 0
      || !os_compute_reserve_scratch (compute, c.rows * c.K * sizeof (float)))
    return out;
  c.x = os_tensor_f32 (x);
  c.kernel = os_tensor_f32 (kernel);
  c.bias = bias ? os_tensor_f32 (bias) : NULL;
  c.residual = residual ? os_tensor_f32 (residual) : NULL;
  c.out = os_tensor_f32 (out);
  os_compute_for_tiles (
      compute, os_div_up (c.n_rows, c.rows), convolve_rows, &c);
  os_compute_count_flops (compute, 2 * c.n_rows * c.K * c.shape[4]);
  return out;
}
