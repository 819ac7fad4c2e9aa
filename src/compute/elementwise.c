/* SPDX-License-Identifier: Apache-2.0 */
/* Ops on each value, or on each row, by itself. */
#include <math.h>

#include "base/size.h"
#include "compute/compute-private.h"

/* Values of an item. */
#define CHUNK 16384

typedef void (*SpanKernel) (float *y, const float *x, gint64 n);

typedef struct {
  SpanKernel kernel;
  float *y;
  const float *x;
  gint64 n, period; /* x repeats after `period` values */
} Spans;

static void
run_span (gint64 index, guint worker, gpointer data)
{
  const Spans *s = data;
  const gint64 end = MIN (s->n, (index + 1) * CHUNK);

  for (gint64 i = index * CHUNK; i < end;) {
    const gint64 at = i % s->period;
    const gint64 n = MIN (end - i, s->period - at);

    s->kernel (s->y + i, s->x + at, n);
    i += n;
  }
}

static void
run_spans (
    OsCompute *compute, SpanKernel kernel, OsTensor *y, const OsTensor *x)
{
  const gint64 n = os_tensor_count (y);
  Spans s = { kernel, NULL, NULL, n, os_tensor_count (x) };

  if (!os_compute_ok (compute))
    return;
  s.y = os_tensor_f32 (y);
  s.x = os_tensor_f32 (x);
  os_compute_for (compute, os_div_up (n, CHUNK), run_span, &s);
}

static OsTensor *
copy_of (OsCompute *compute, const OsTensor *x)
{
  OsTensor *copy = os_compute_tensor (compute, x->n_dims, x->shape);

  if (os_compute_ok (compute))
    os_compute_download (compute, x, os_tensor_f32 (copy));
  return copy;
}

OsTensor *
os_add (OsCompute *compute, const OsTensor *a, const OsTensor *b)
{
  OS_PROFILE_OP (compute, OS_OP_ELEMENTWISE);
  OsTensor *out = copy_of (compute, a);

  run_spans (compute, compute->kernels->add, out, b);
  return out;
}

void
os_add_inplace (OsCompute *compute, OsTensor *a, const OsTensor *b)
{
  OS_PROFILE_OP (compute, OS_OP_ELEMENTWISE);
  run_spans (compute, compute->kernels->add, a, b);
}

void
os_mul_inplace (OsCompute *compute, OsTensor *a, const OsTensor *b)
{
  OS_PROFILE_OP (compute, OS_OP_ELEMENTWISE);
  run_spans (compute, compute->kernels->mul, a, b);
}

OsTensor *
os_activate (OsCompute *compute, const OsTensor *x, OsActivation act)
{
  OS_PROFILE_OP (compute, OS_OP_ELEMENTWISE);
  OsTensor *out = copy_of (compute, x);

  if (os_compute_ok (compute))
    compute->kernels->bias_act (
        os_tensor_f32 (out), NULL, os_tensor_count (out), act);
  return out;
}

OsTensor *
os_lerp (
    OsCompute *compute, const OsTensor *x, float a, const OsTensor *y, float b)
{
  OS_PROFILE_OP (compute, OS_OP_ELEMENTWISE);
  OsTensor *out = os_compute_tensor (compute, x->n_dims, x->shape);
  const gint64 C = x->shape[x->n_dims - 1];

  if (!os_compute_ok (compute))
    return out;
  for (gint64 row = 0; row < os_tensor_count (x) / C; row++)
    compute->kernels->lerp (os_tensor_f32 (out) + row * C,
        os_tensor_f32 (x) + os_tensor_row_offset (x, 1, row), a,
        os_tensor_f32 (y) + os_tensor_row_offset (y, 1, row), b, C);
  return out;
}

OsTensor *
os_scale_shift (OsCompute *compute, const OsTensor *x, const float *scale,
    const float *shift)
{
  OS_PROFILE_OP (compute, OS_OP_ELEMENTWISE);
  OsTensor *out = os_compute_tensor (compute, x->n_dims, x->shape);
  const gint64 C = x->shape[x->n_dims - 1];

  if (!os_compute_ok (compute))
    return out;
  for (gint64 row = 0; row < os_tensor_count (x) / C; row++)
    compute->kernels->scale_shift_act (os_tensor_f32 (out) + row * C,
        os_tensor_f32 (x) + os_tensor_row_offset (x, 1, row), scale, shift, C,
        OS_ACT_NONE);
  return out;
}

OsTensor *
os_normal_sample (
    OsCompute *compute, const OsTensor *moments, const OsTensor *noise)
{
  OS_PROFILE_OP (compute, OS_OP_ELEMENTWISE);
  OsTensor *out = os_compute_tensor (compute, noise->n_dims, noise->shape);
  const gint64 C = noise->shape[noise->n_dims - 1];

  if (!os_compute_ok (compute))
    return out;
  for (gint64 row = 0; row < os_tensor_count (noise) / C; row++) {
    const float *mean = os_tensor_f32 (moments) + row * 2 * C;
    const float *e =
        os_tensor_f32 (noise) + os_tensor_row_offset (noise, 1, row);
    float *to = os_tensor_f32 (out) + row * C;

    for (gint64 c = 0; c < C; c++)
      to[c] = mean[c] + expf (0.5f * CLAMP (mean[C + c], -30, 20)) * e[c];
  }
  return out;
}

OsTensor *
os_select_rows (OsCompute *compute, const guint8 *choose, const OsTensor *a,
    const OsTensor *b)
{
  OS_PROFILE_OP (compute, OS_OP_ELEMENTWISE);
  OsTensor *out = os_compute_tensor (compute, a->n_dims, a->shape);

  for (gint64 r = 0; r < a->shape[0] && os_compute_ok (compute); r++) {
    g_autoptr (OsTensor) row = os_tensor_slice (choose[r] ? a : b, 0, r, 1);

    os_compute_download (compute, row,
        os_tensor_f32 (out) + r * (os_tensor_count (a) / a->shape[0]));
  }
  return out;
}

typedef struct {
  const OsKernels *kernels;
  const float *a, *b;
  gint64 n;
  double *sums; /* of each item: |b - a|, |a| */
} Change;

static void
sum_change (gint64 index, guint worker, gpointer data)
{
  const Change *c = data;
  const gint64 at = index * CHUNK, n = MIN (CHUNK, c->n - at);

  c->sums[2 * index] = c->kernels->l1_distance (c->b + at, c->a + at, n);
  c->sums[2 * index + 1] = c->kernels->l1_distance (c->a + at, NULL, n);
}

/* Items are summed up in their order, whatever threads there are. */
double
os_relative_change (OsCompute *compute, const OsTensor *a, const OsTensor *b)
{
  OS_PROFILE_OP (compute, OS_OP_ELEMENTWISE);
  const gint64 n = os_tensor_count (a), n_items = os_div_up (n, CHUNK);
  g_autofree double *sums = g_new0 (double, 2 * n_items);
  Change c = { compute->kernels, .n = n, .sums = sums };
  double difference = 0, size = 0;

  if (!os_compute_ok (compute))
    return 0;
  c.a = os_tensor_f32 (a);
  c.b = os_tensor_f32 (b);
  os_compute_for (compute, n_items, sum_change, &c);
  for (gint64 i = 0; i < n_items; i++) {
    difference += sums[2 * i];
    size += sums[2 * i + 1];
  }
  return size > 0 ? difference / size : 0;
}
