/* SPDX-License-Identifier: Apache-2.0 */
/* Ops that move values and compute nothing. */
#include <string.h>

#include "base/size.h"
#include "compute/compute-private.h"

typedef struct {
  const OsTensor *x;
  float *out;
  gint64 n_rows, grain, C, stride;
} Copy;

static void
copy_rows (gint64 index, guint worker, gpointer data)
{
  const Copy *c = data;
  const gint64 end = MIN (c->n_rows, (index + 1) * c->grain);

  for (gint64 row = index * c->grain; row < end; row++) {
    const float *from =
        os_tensor_f32 (c->x) + os_tensor_row_offset (c->x, 1, row);
    float *to = c->out + row * c->C;

    if (c->stride == 1) {
      memcpy (to, from, c->C * sizeof *to);
      continue;
    }
    for (gint64 i = 0; i < c->C; i++)
      to[i] = from[i * c->stride];
  }
}

OsTensor *
os_contiguous (OsCompute *compute, const OsTensor *x)
{
  OS_PROFILE_OP (compute, OS_OP_REARRANGE);
  const int last = x->n_dims - 1;
  OsTensor *out;
  Copy c;

  if (os_tensor_is_contiguous (x))
    return os_tensor_ref (x);
  out = os_compute_tensor (compute, x->n_dims, x->shape);
  if (!os_compute_ok (compute) || os_tensor_count (x) == 0)
    return out;
  c = (Copy){ x, os_tensor_f32 (out), os_tensor_count (x) / x->shape[last],
    os_compute_grain (x->shape[last]), x->shape[last], x->stride[last] };
  os_compute_for (compute, os_div_up (c.n_rows, c.grain), copy_rows, &c);
  return out;
}

OsTensor *
os_channel_to_time (OsCompute *compute, const OsTensor *x, int s)
{
  OS_PROFILE_OP (compute, OS_OP_REARRANGE);
  const gint64 B = x->shape[0], T = x->shape[1], C = x->shape[4] / s;
  g_autoptr (OsTensor) split = os_tensor_split (x, 4, OS_SHAPE (C, s));
  /* [B, T, H, W, C, s] -> [B, T, s, H, W, C] */
  g_autoptr (OsTensor) view =
      os_tensor_permute (split, (int[]){ 0, 1, 5, 2, 3, 4 });
  g_autoptr (OsTensor) moved = os_contiguous (compute, view);

  return os_tensor_reshape (
      moved, OS_SHAPE (B, T * s, x->shape[2], x->shape[3], C));
}

typedef struct {
  const float *from;
  float *to;
  gint64 C, T, H, W;    /* of the picture */
  gint64 p[3], t, h, w; /* of a patch; patches along each axis */
} Patches;

static Patches
plan_patches (const int patch[3], gint64 C, gint64 T, gint64 H, gint64 W)
{
  return (Patches){ NULL, NULL, C, T, H, W, { patch[0], patch[1], patch[2] },
    os_div_up (T, patch[0]), os_div_up (H, patch[1]), os_div_up (W, patch[2]) };
}

static gint64
patch_size (const Patches *p)
{
  return p->C * p->p[0] * p->p[1] * p->p[2];
}

/* Index of the pixel (c, t, h, w), counted from a patch's corner, in
 * [B, C, T, H, W]; -1 in the padding. `token` counts over b, t, h, w. */
static gint64
pixel_index (
    const Patches *p, gint64 token, gint64 c, gint64 dt, gint64 dh, gint64 dw)
{
  const gint64 w = token % p->w * p->p[2] + dw;
  const gint64 h = token / p->w % p->h * p->p[1] + dh;
  const gint64 t = token / (p->w * p->h) % p->t * p->p[0] + dt;
  const gint64 b = token / (p->w * p->h * p->t);

  if (t >= p->T || h >= p->H || w >= p->W)
    return -1;
  return (((b * p->C + c) * p->T + t) * p->H + h) * p->W + w;
}

static void
gather_token (gint64 token, guint worker, gpointer data)
{
  const Patches *p = data;
  float *to = p->to + token * patch_size (p);

  for (gint64 c = 0; c < p->C; c++) {
    for (gint64 dt = 0; dt < p->p[0]; dt++) {
      for (gint64 dh = 0; dh < p->p[1]; dh++) {
        for (gint64 dw = 0; dw < p->p[2]; dw++) {
          gint64 i = pixel_index (p, token, c, dt, dh, dw);
          *to++ = i < 0 ? 0 : p->from[i];
        }
      }
    }
  }
}

static void
scatter_token (gint64 token, guint worker, gpointer data)
{
  const Patches *p = data;
  const float *from = p->from + token * patch_size (p);

  for (gint64 dt = 0; dt < p->p[0]; dt++) {
    for (gint64 dh = 0; dh < p->p[1]; dh++) {
      for (gint64 dw = 0; dw < p->p[2]; dw++) {
        for (gint64 c = 0; c < p->C; c++, from++) {
          gint64 i = pixel_index (p, token, c, dt, dh, dw);
          if (i >= 0)
            p->to[i] = *from;
        }
      }
    }
  }
}

OsTensor *
os_patchify (OsCompute *compute, const OsTensor *x, const int patch[3])
{
  OS_PROFILE_OP (compute, OS_OP_REARRANGE);
  const gint64 *s = x->shape;
  Patches p = plan_patches (patch, s[1], s[2], s[3], s[4]);
  const gint64 n = p.t * p.h * p.w;
  OsTensor *out =
      os_compute_tensor (compute, OS_SHAPE (s[0], n, patch_size (&p)));

  if (!os_compute_ok (compute))
    return out;
  p.from = os_tensor_f32 (x);
  p.to = os_tensor_f32 (out);
  os_compute_for (compute, s[0] * n, gather_token, &p);
  return out;
}

OsTensor *
os_unpatchify (OsCompute *compute, const OsTensor *x, const int patch[3],
    gint64 C, gint64 T, gint64 H, gint64 W)
{
  OS_PROFILE_OP (compute, OS_OP_REARRANGE);
  const gint64 B = x->shape[0];
  Patches p = plan_patches (patch, C, T, H, W);
  OsTensor *out = os_compute_tensor (compute, OS_SHAPE (B, C, T, H, W));

  if (!os_compute_ok (compute))
    return out;
  p.from = os_tensor_f32 (x);
  p.to = os_tensor_f32 (out);
  os_compute_for (compute, B * p.t * p.h * p.w, scatter_token, &p);
  return out;
}

OsTensor *
os_concat (OsCompute *compute, const OsTensor *const *tensors, guint n)
{
  OS_PROFILE_OP (compute, OS_OP_REARRANGE);
  gint64 shape[OS_MAX_DIMS];
  OsTensor *out;
  float *to;

  memcpy (shape, tensors[0]->shape, sizeof shape);
  for (guint i = 1; i < n; i++)
    shape[0] += tensors[i]->shape[0];
  out = os_compute_tensor (compute, tensors[0]->n_dims, shape);
  if (!os_compute_ok (compute))
    return out;
  to = os_tensor_f32 (out);
  for (guint i = 0; i < n; i++) {
    os_compute_download (compute, tensors[i], to);
    to += os_tensor_count (tensors[i]);
  }
  return out;
}

OsTensor *
os_embedding (OsCompute *compute, OsWeight *table, const gint32 *ids, gint64 n)
{
  OS_PROFILE_OP (compute, OS_OP_REARRANGE);
  const gint64 C = os_weight_dim (table, 1);
  const OsTensor *rows = os_weight_get (table, compute);
  OsTensor *out = os_compute_tensor (compute, OS_SHAPE (n, C));

  if (!os_compute_ok (compute))
    return out;
  for (gint64 i = 0; i < n; i++)
    memcpy (os_tensor_f32 (out) + i * C, os_tensor_f32 (rows) + ids[i] * C,
        C * sizeof (float));
  return out;
}
