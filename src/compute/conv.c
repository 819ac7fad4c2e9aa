/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions over [B, T, H, W, C]: by Winograd's method where it applies,
 * else patches of some output pixels are gathered into a matrix, which is
 * multiplied with the kernel. */
#include <string.h>

#include "base/size.h"
#include "compute/conv-private.h"

/* Floats of the gathered matrix, rows (output pixels) at least and at most. */
#define PATCH_FLOATS (1024 * 1024)
#define ROWS_MIN 64
#define ROWS_MAX 512

/* --- reading --- */

static void
read_pixel (
    const OsConvolution *c, const float *x, const float *norm, float *to)
{
  const gint64 C = c->in[4];

  if (norm)
    c->compute->kernels->scale_shift_act (
        to, x, norm, norm + C, C, OS_ACT_SILU);
  else
    memcpy (to, x, C * sizeof *to);
}

void
os_conv_read_line (const OsConvolution *c, gint64 frame, gint64 h, gint64 w,
    gint64 n, gint64 stride, float *to)
{
  const gint64 H = c->in[2], W = c->in[3], C = c->in[4];
  const int doubled = c->geometry->doubled ? 1 : 0;
  const gboolean inside = h >= 0 && h < H && frame >= 0;
  const gint64 first = inside ? CLAMP (-w, 0, n) : n;
  const gint64 last = inside ? CLAMP (W - w, first, n) : n;
  const float *norm =
      c->norm ? os_tensor_f32 (c->norm) + frame / c->in[1] * 2 * C : NULL;
  const float *line =
      os_tensor_f32 (c->x)
      + (frame * (H >> doubled) + (h >> doubled)) * (W >> doubled) * C;

  memset (to, 0, first * stride * sizeof *to);
  memset (to + last * stride, 0, (n - last) * stride * sizeof *to);
  if (!norm && !doubled && stride == C) {
    memcpy (to + first * C, line + (w + first) * C,
        (last - first) * C * sizeof *to);
    return;
  }
  for (gint64 i = first; i < last; i++) {
    read_pixel (c, line + ((w + i) >> doubled) * C, norm, to + i * stride);
    memset (to + i * stride + C, 0, (stride - C) * sizeof *to);
  }
}

/* --- patches --- */

typedef struct {
  const OsConvolution *c;
  const float *kernel, *bias;
  gint64 K;             /* values of a patch */
  gint64 rows, n_items; /* of an item; of a frame */
  gboolean in_place;    /* patches are the pixels of x, in their order */
} Patches;

static void
gather_patch (const OsConvolution *c, gint64 row, float *patch)
{
  const OsConvGeometry *g = c->geometry;
  const int *kernel = c->conv->kernel;
  const gint64 *out = c->out->shape;
  const gint64 w = row % out[3] * c->stride[2] - g->pad_left;
  const gint64 h = row / out[3] % out[2] * c->stride[1] - g->pad_top;
  const gint64 frame = row / (out[3] * out[2]);
  const gint64 t = frame % out[1] * c->stride[0] - g->pad_front;

  for (int dt = 0; dt < kernel[0]; dt++) {
    const gint64 from = t + dt < 0 ? -1 : frame / out[1] * c->in[1] + t + dt;

    for (int dh = 0; dh < kernel[1]; dh++) {
      os_conv_read_line (c, from, h + dh, w, kernel[2], c->in[4], patch);
      patch += kernel[2] * c->in[4];
    }
  }
}

/* No item has pixels of two frames: products round as their shape is, and a
 * frame's result does not depend on those beside it. */
static void
multiply_patches (gint64 index, guint worker, gpointer data)
{
  const Patches *p = data;
  OsCompute *compute = p->c->compute;
  const gint64 *shape = p->c->out->shape;
  const gint64 pixels = shape[2] * shape[3], N = shape[4];
  const gint64 skipped = index % p->n_items * p->rows;
  const gint64 first = index / p->n_items * pixels + skipped;
  const gint64 n = MIN (p->rows, pixels - skipped);
  float *patches = os_compute_scratch (compute, worker);
  float *out = os_tensor_f32 (p->c->out) + first * N;

  if (p->in_place)
    patches = os_tensor_f32 (p->c->x) + first * p->K;
  for (gint64 i = 0; i < n && !p->in_place; i++)
    gather_patch (p->c, first + i, patches + i * p->K);
  compute->backend->sgemm (TRUE, n, N, p->K, 1, patches, p->K, p->kernel, p->K,
      p->c->add ? 1 : 0, out, N);
  for (gint64 i = 0; p->bias && i < n; i++)
    compute->kernels->add (out + i * N, p->bias, N);
}

static gboolean
is_pointwise (const OsConvolution *c)
{
  const int *kernel = c->conv->kernel;

  return kernel[0] * kernel[1] * kernel[2] == 1
         && c->stride[0] * c->stride[1] * c->stride[2] == 1 && !c->norm
         && !c->geometry->doubled
         && memcmp (c->in, c->out->shape, 4 * sizeof c->in[0]) == 0;
}

static void
convolve_patches (const OsConvolution *c)
{
  const int *kernel = c->conv->kernel;
  const gint64 *shape = c->out->shape;
  const OsTensor *weight = os_weight_get (c->conv->weight, c->compute);
  const OsTensor *bias =
      c->conv->bias ? os_weight_get (c->conv->bias, c->compute) : NULL;
  Patches p = { .c = c, .in_place = is_pointwise (c) };

  p.K = kernel[0] * kernel[1] * kernel[2] * c->in[4];
  p.rows = CLAMP (PATCH_FLOATS / p.K, ROWS_MIN, ROWS_MAX);
  p.rows = MIN (p.rows, shape[2] * shape[3]);
  p.n_items = os_div_up (shape[2] * shape[3], p.rows);
  if (!os_compute_ok (c->compute)
      || !os_compute_reserve_scratch (
          c->compute, p.rows * p.K * sizeof (float)))
    return;
  p.kernel = os_tensor_f32 (weight);
  p.bias = bias ? os_tensor_f32 (bias) : NULL;
  os_compute_for_tiles (
      c->compute, shape[0] * shape[1] * p.n_items, multiply_patches, &p);
}

/* --- the ops --- */

static void
set_up (OsConvolution *c, OsCompute *compute, const OsConv *conv,
    const OsTensor *x, const OsConvGeometry *g, const OsTensor *norm)
{
  *c = (OsConvolution){ .compute = compute,
    .conv = conv,
    .geometry = g,
    .x = x,
    .norm = norm,
    .stride = {
        MAX (1, g->stride_t), MAX (1, g->stride_h), MAX (1, g->stride_w) } };
  memcpy (c->in, x->shape, sizeof c->in);
  if (g->doubled) {
    c->in[2] *= 2;
    c->in[3] *= 2;
  }
}

static void
convolve (OsConvolution *c)
{
  const int *kernel = c->conv->kernel;

  if (!os_compute_ok (c->compute) || os_tensor_count (c->out) == 0)
    return;
  if (kernel[1] == 3 && kernel[2] == 3 && c->stride[1] == 1
      && c->stride[2] == 1)
    os_conv_winograd (c);
  else
    convolve_patches (c);
  os_weight_drop (c->conv->weight);
  os_compute_count_flops (c->compute, 2 * os_tensor_count (c->out) * kernel[0]
                                          * kernel[1] * kernel[2] * c->in[4]);
}

static gint64
out_size (gint64 in, int pad, int kernel, gint64 stride)
{
  return (in + pad - kernel) / stride + 1;
}

OsTensor *
os_conv (OsCompute *compute, const OsConv *conv, const OsTensor *x,
    const OsConvGeometry *g, const OsTensor *norm)
{
  OS_PROFILE_OP (compute, OS_OP_CONV);
  const int *kernel = conv->kernel;
  OsConvolution c;

  set_up (&c, compute, conv, x, g, norm);
  c.out = os_compute_tensor (compute,
      OS_SHAPE (c.in[0],
          out_size (c.in[1], g->pad_front, kernel[0], c.stride[0]),
          out_size (
              c.in[2], g->pad_top + g->pad_bottom, kernel[1], c.stride[1]),
          out_size (
              c.in[3], g->pad_left + g->pad_right, kernel[2], c.stride[2]),
          os_weight_dim (conv->weight, 0)));
  convolve (&c);
  return c.out;
}

void
os_conv_add (OsCompute *compute, const OsConv *conv, const OsTensor *x,
    const OsConvGeometry *geometry, const OsTensor *norm, OsTensor *acc)
{
  OS_PROFILE_OP (compute, OS_OP_CONV);
  OsConvolution c;

  set_up (&c, compute, conv, x, geometry, norm);
  c.out = acc;
  c.add = TRUE;
  convolve (&c);
}
