/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels: the inner loops of the ops over one row of n floats, in one table an
 * instruction set. ref/kernels.c is the plain C that all of them are compiled
 * from.
 *
 * Pointers need no alignment beyond 4 bytes. `out` may equal `x`. */
#pragma once

#include "compute/ops.h"

typedef struct {
  const char *name;

  /* out = widened x. */
  void (*widen_f16) (const guint16 *x, gint64 n, float *out);
  void (*widen_bf16) (const guint16 *x, gint64 n, float *out);

  /* y = act (y + bias); bias NULL: 0. */
  void (*bias_act) (float *y, const float *bias, gint64 n, OsActivation act);
  /* acc += gate * (y + bias); bias NULL: 0, gate NULL: 1. */
  void (*gated_add) (float *acc, const float *y, const float *bias,
      const float *gate, gint64 n);
  void (*add) (float *y, const float *x, gint64 n);
  void (*mul) (float *y, const float *x, gint64 n);
  /* out = a x + b y. */
  void (*lerp) (
      float *out, const float *x, float a, const float *y, float b, gint64 n);
  /* out = act (x scale + shift), all rows. */
  void (*scale_shift_act) (float *out, const float *x, const float *scale,
      const float *shift, gint64 n, OsActivation act);

  /* (x - mean) / sqrt (var + eps) * (1 + scale) + shift. */
  void (*layer_norm) (float *out, const float *x, const float *shift,
      const float *scale, gint64 n, float eps);
  /* x / sqrt (mean (x^2) + eps) * weight. */
  void (*rms_norm) (
      float *out, const float *x, const float *weight, gint64 n, float eps);
  /* sum += x - about; squares += (x - about)^2. */
  void (*accumulate_moments) (
      float *sum, float *squares, const float *x, const float *about, gint64 n);

  /* The sum of |x - y|; y NULL: 0. */
  float (*l1_distance) (const float *x, const float *y, gint64 n);
  /* n_pairs pairs rotated by table [n_pairs, 2] of cos, sin. */
  void (*rope) (float *x, const float *table, gint64 n_pairs);
} OsKernels;

extern const OsKernels os_kernels_generic;
extern const OsKernels os_kernels_avx2;
extern const OsKernels os_kernels_avx512;
