/* SPDX-License-Identifier: Apache-2.0 */
/* The operations that networks are written in. All tensors are F32. Unless a
 * line says otherwise an op returns a new contiguous tensor, and its inputs may
 * have any strides whose last dimension is contiguous.
 *
 * Shapes are the caller's business: networks check their configuration and
 * their weights' shapes when they are built, after which no op can be handed a
 * wrong one. */
#pragma once

#include "compute/compute.h"
#include "compute/profile.h"
#include "compute/weight.h"

typedef enum {
  OS_ACT_NONE,
  OS_ACT_SILU,      /* x sigmoid(x) */
  OS_ACT_GELU_TANH, /* 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) */
} OsActivation;

/* --- linear.c --- */

/* act (x W^T + b): x [..., in] -> [..., out]. x contiguous. */
OsTensor *os_linear (OsCompute *compute, const OsLinear *linear,
    const OsTensor *x, OsActivation act);
/* acc += gate * (x W^T + b), in place. acc [M, out] contiguous; gate [R, out],
 * R divides M, row i of acc uses gate row i / (M / R); NULL: 1. */
void os_linear_add (OsCompute *compute, const OsLinear *linear,
    const OsTensor *x, const OsTensor *gate, OsTensor *acc);

/* --- attention.c --- */

/* softmax (scale q k^T + bias) v for every batch, group and head.
 *
 *   q [B, G, Lq, N, D], k and v [B, G, Lk > 0, N, D], out like q: views with
 * any strides over B, G, L, N; out's values are overwritten. bias [N, Lq, Lk]
 * (any strides), key_bias [B, Lk]; both may be NULL. probs: if not NULL,
 * receives the softmax, [B, G, N, Lq, Lk] contiguous.
 *
 * Scores live in the cache; no Lq x Lk matrix is held. */
typedef struct {
  const OsTensor *q, *k, *v;
  OsTensor *out;
  const OsTensor *bias;
  const OsTensor *key_bias;
  OsTensor *probs;
  float scale;
} OsAttention;
void os_attention (OsCompute *compute, const OsAttention *attention);

/* --- rope.c --- */

/* Rotary embedding in place, interleaved pairs: x [..., L, N, D] at position l:
 * (x_2i, x_2i+1) -> (x_2i cos - x_2i+1 sin, x_2i+1 cos + x_2i sin),
 * table [L, D/2, 2] holds cos, sin. */
void os_rope (OsCompute *compute, OsTensor *x, const OsTensor *table);

/* --- norm.c --- */

/* (x - mean) / sqrt (var + eps) over the last dimension, biased variance, then
 * * (1 + scale) + shift. x [M, C] contiguous (any leading dimensions); scale,
 * shift [R, C] as os_linear_add's gate. */
OsTensor *os_layer_norm_modulate (OsCompute *compute, const OsTensor *x,
    const OsTensor *shift, const OsTensor *scale, float eps);
/* x / sqrt (mean (x^2) + eps) * weight over the last dimension. */
OsTensor *os_rms_norm (
    OsCompute *compute, const OsTensor *x, OsWeight *weight, float eps);
/* The same in place, any strides (a view of heads in a qkv row). */
void os_rms_norm_inplace (
    OsCompute *compute, OsTensor *x, OsWeight *weight, float eps);

/* --- group-norm.c --- */

/* Group norm with affine weights over (T, H, W, channels of the group) of each
 * batch element: x [B, T, H, W, C] contiguous. */
OsTensor *os_group_norm (OsCompute *compute, const OsTensor *x,
    const OsNorm *norm, int n_groups, float eps);
/* What it multiplies x with and then adds, [B, 2, C]: os_conv()'s norm. */
OsTensor *os_group_norm_table (OsCompute *compute, const OsTensor *x,
    const OsNorm *norm, int n_groups, float eps);

/* --- conv.c --- */

/* Zero padding and stride; the channels-last input is [B, T, H, W, C_in]. */
typedef struct {
  int pad_front;                    /* T, before only: causal */
  int pad_top, pad_bottom;          /* H */
  int pad_left, pad_right;          /* W */
  int stride_t, stride_h, stride_w; /* 0 means 1 */
  gboolean doubled; /* each pixel is taken four times, as [.., 2H, 2W, ..] */
} OsConvGeometry;
/* f (x) * kernel + b: [B, T', H', W', C_out], x contiguous. norm
 * [B, 2, C_in]: f (x) = silu (x norm[b, 0] + norm[b, 1]), before padding;
 * NULL: f (x) = x. A streamed kernel is given back after use. */
OsTensor *os_conv (OsCompute *compute, const OsConv *conv, const OsTensor *x,
    const OsConvGeometry *geometry, const OsTensor *norm);
/* acc += f (x) * kernel + b, in place; acc may not be x. */
void os_conv_add (OsCompute *compute, const OsConv *conv, const OsTensor *x,
    const OsConvGeometry *geometry, const OsTensor *norm, OsTensor *acc);
/* About how many bytes one of 3 x 3 takes for itself, with a kernel of so many
 * values, and values of x and of the result together. */
guint64 os_conv_estimate_bytes (gint64 kernel, gint64 values);

/* --- rearrange.c --- */

/* A contiguous copy (a new reference if it is contiguous already). */
OsTensor *os_contiguous (OsCompute *compute, const OsTensor *x);
/* [B, T, H, W, C s] -> [B, T s, H, W, C], channel c s + i -> time t s + i. */
OsTensor *os_channel_to_time (OsCompute *compute, const OsTensor *x, int s);
/* [B, C, T, H, W] -> [B, t h w, C pt ph pw], zero padded at the end of T, H, W
 * to whole patches; the feature order is that of a Conv3d kernel. */
OsTensor *os_patchify (
    OsCompute *compute, const OsTensor *x, const int patch[3]);
/* [B, t h w, pt ph pw C] -> [B, C, T, H, W], cropped; channel fastest. */
OsTensor *os_unpatchify (OsCompute *compute, const OsTensor *x,
    const int patch[3], gint64 C, gint64 T, gint64 H, gint64 W);
/* Concatenation along dim 0. */
OsTensor *os_concat (
    OsCompute *compute, const OsTensor *const *tensors, guint n);
/* Rows of a table [V, C]: ids -> [n, C]. ids are checked by the caller. */
OsTensor *os_embedding (
    OsCompute *compute, OsWeight *table, const gint32 *ids, gint64 n);

/* --- elementwise.c --- */

/* a + b; b is repeated as a whole: its count divides a's. Contiguous. */
OsTensor *os_add (OsCompute *compute, const OsTensor *a, const OsTensor *b);
/* The same in place. */
void os_add_inplace (OsCompute *compute, OsTensor *a, const OsTensor *b);
/* a *= b, same shape, contiguous. */
void os_mul_inplace (OsCompute *compute, OsTensor *a, const OsTensor *b);
OsTensor *os_activate (OsCompute *compute, const OsTensor *x, OsActivation act);
/* x a + y b, same shape, any strides of x and y. */
OsTensor *os_lerp (
    OsCompute *compute, const OsTensor *x, float a, const OsTensor *y, float b);
/* x * scale[c] + shift[c] over the last dimension. */
OsTensor *os_scale_shift (OsCompute *compute, const OsTensor *x,
    const float *scale, const float *shift);
/* A sample of normal distributions: moments [.., C + C], contiguous, are means
 * and logarithms of variances, which are clamped to -30 .. 20; noise [.., C] is
 * standard normal. */
OsTensor *os_normal_sample (
    OsCompute *compute, const OsTensor *moments, const OsTensor *noise);
/* Row r of the result is a's where choose[r], else b's: a, b [R, ...], any
 * strides over R, same shape. */
OsTensor *os_select_rows (OsCompute *compute, const guint8 *choose,
    const OsTensor *a, const OsTensor *b);
/* mean |b - a| / mean |a|, same count, contiguous. 0 after an error. */
double os_relative_change (
    OsCompute *compute, const OsTensor *a, const OsTensor *b);
