/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels in plain C. The build compiles this file once for every
 * instruction set, with OS_KERNELS naming the table; loops are written so that
 * compilers vectorise them. */
#include "compute/kernels.h"

#include <math.h>
#include <string.h>

#include "base/half.h"
#include "compute/ref/exp.h"

#if defined(__AVX512F__)
#define KERNELS_NAME "avx512"
#elif defined(__AVX2__)
#define KERNELS_NAME "avx2"
#else
#define KERNELS_NAME "generic"
#endif

/* Sums run in LANES partial sums, which map to vector registers. */
#define LANES 16

static inline float
silu (float x)
{
  return x / (1.0f + exp_f32 (-x));
}

/* 0.5 x (1 + tanh (u)) = x / (1 + exp (-2u)), which loses no digits. */
static inline float
gelu_tanh (float x)
{
  const float u = 0.79788456f * (x + 0.044715f * x * x * x);

  return x / (1.0f + exp_f32 (-2.0f * u));
}

static inline float
sum_lanes (const float *lanes)
{
  float sum = 0;

  for (int j = 0; j < LANES; j++)
    sum += lanes[j];
  return sum;
}

static void
widen_f16 (const guint16 *x, gint64 n, float *out)
{
  for (gint64 i = 0; i < n; i++) {
#ifdef __FLT16_MAX__
    _Float16 half;
    memcpy (&half, &x[i], sizeof half);
    out[i] = half;
#else
    out[i] = os_f16_to_f32 (x[i]);
#endif
  }
}

static void
widen_bf16 (const guint16 *x, gint64 n, float *out)
{
  for (gint64 i = 0; i < n; i++)
    out[i] = os_bf16_to_f32 (x[i]);
}

static void
bias_act (float *y, const float *bias, gint64 n, OsActivation act)
{
  if (bias) {
    for (gint64 i = 0; i < n; i++)
      y[i] += bias[i];
  }
  if (act == OS_ACT_SILU) {
    for (gint64 i = 0; i < n; i++)
      y[i] = silu (y[i]);
  } else if (act == OS_ACT_GELU_TANH) {
    for (gint64 i = 0; i < n; i++)
      y[i] = gelu_tanh (y[i]);
  }
}

static void
gated_add (
    float *acc, const float *y, const float *bias, const float *gate, gint64 n)
{
  for (gint64 i = 0; i < n; i++) {
    const float value = bias ? y[i] + bias[i] : y[i];
    acc[i] += gate ? gate[i] * value : value;
  }
}

static void
add (float *y, const float *x, gint64 n)
{
  for (gint64 i = 0; i < n; i++)
    y[i] += x[i];
}

static void
mul (float *y, const float *x, gint64 n)
{
  for (gint64 i = 0; i < n; i++)
    y[i] *= x[i];
}

static void
lerp (float *out, const float *x, float a, const float *y, float b, gint64 n)
{
  for (gint64 i = 0; i < n; i++)
    out[i] = a * x[i] + b * y[i];
}

static void
scale_shift_act (float *out, const float *x, const float *scale,
    const float *shift, gint64 n, OsActivation act)
{
  if (act == OS_ACT_SILU) {
    for (gint64 i = 0; i < n; i++)
      out[i] = silu (x[i] * scale[i] + shift[i]);
    return;
  }
  for (gint64 i = 0; i < n; i++)
    out[i] = x[i] * scale[i] + shift[i];
  bias_act (out, NULL, n, act);
}

static float
mean_of (const float *x, gint64 n)
{
  float lanes[LANES] = { 0 };
  float sum;
  gint64 i;

  for (i = 0; i + LANES <= n; i += LANES) {
    for (int j = 0; j < LANES; j++)
      lanes[j] += x[i + j];
  }
  sum = sum_lanes (lanes);
  for (; i < n; i++)
    sum += x[i];
  return sum / n;
}

/* mean ((x - center)^2) */
static float
mean_square (const float *x, float center, gint64 n)
{
  float lanes[LANES] = { 0 };
  float sum;
  gint64 i;

  for (i = 0; i + LANES <= n; i += LANES) {
    for (int j = 0; j < LANES; j++) {
      const float d = x[i + j] - center;
      lanes[j] += d * d;
    }
  }
  sum = sum_lanes (lanes);
  for (; i < n; i++)
    sum += (x[i] - center) * (x[i] - center);
  return sum / n;
}

static void
layer_norm (float *out, const float *x, const float *shift, const float *scale,
    gint64 n, float eps)
{
  const float mean = mean_of (x, n);
  const float inverse = 1.0f / sqrtf (mean_square (x, mean, n) + eps);

  for (gint64 i = 0; i < n; i++)
    out[i] = (x[i] - mean) * inverse * (1.0f + scale[i]) + shift[i];
}

static void
rms_norm (float *out, const float *x, const float *weight, gint64 n, float eps)
{
  const float inverse = 1.0f / sqrtf (mean_square (x, 0, n) + eps);

  for (gint64 i = 0; i < n; i++)
    out[i] = x[i] * inverse * weight[i];
}

static float
l1_distance (const float *x, const float *y, gint64 n)
{
  float lanes[LANES] = { 0 };
  gint64 i = 0;

  for (; i + LANES <= n; i += LANES) {
    for (int j = 0; j < LANES; j++)
      lanes[j] += fabsf (y ? x[i + j] - y[i + j] : x[i + j]);
  }
  for (; i < n; i++)
    lanes[0] += fabsf (y ? x[i] - y[i] : x[i]);
  return sum_lanes (lanes);
}

static void
accumulate_moments (
    float *sum, float *squares, const float *x, const float *about, gint64 n)
{
  for (gint64 i = 0; i < n; i++) {
    const float difference = x[i] - about[i];

    sum[i] += difference;
    squares[i] += difference * difference;
  }
}

static void
rope (float *x, const float *table, gint64 n_pairs)
{
  for (gint64 i = 0; i < n_pairs; i++) {
    const float even = x[2 * i], odd = x[2 * i + 1];
    const float c = table[2 * i], s = table[2 * i + 1];

    x[2 * i] = even * c - odd * s;
    x[2 * i + 1] = odd * c + even * s;
  }
}

const OsKernels OS_KERNELS = {
  .name = KERNELS_NAME,
  .widen_f16 = widen_f16,
  .widen_bf16 = widen_bf16,
  .bias_act = bias_act,
  .gated_add = gated_add,
  .add = add,
  .mul = mul,
  .lerp = lerp,
  .scale_shift_act = scale_shift_act,
  .layer_norm = layer_norm,
  .rms_norm = rms_norm,
  .accumulate_moments = accumulate_moments,
  .l1_distance = l1_distance,
  .rope = rope,
};
