/* SPDX-License-Identifier: Apache-2.0 */
/* Winograd's transforms and the product between them (compute/winograd.h), in
 * vectors of GNU C. The build compiles this file once for every instruction
 * set, with OS_WINOGRAD naming the table. */
#include "compute/winograd.h"

#if defined(__AVX512F__)
#define LANES 16
#define ROWS 12
#elif defined(__AVX2__)
#define LANES 8
#define ROWS 6
#else
#define LANES 4
#define ROWS 6
#endif
/* Two vectors of sums a row: ROWS x 2 sums and three operands fill the
 * registers. */
#define PANEL (2 * LANES)

#define INLINE static inline __attribute__ ((always_inline))
#define EDGE OS_WINOGRAD_EDGE
#define TILE OS_WINOGRAD_TILE

typedef float Vec
    __attribute__ ((vector_size (4 * LANES), aligned (4), may_alias));

INLINE Vec
load (const float *from)
{
  return *(const Vec *) from;
}

INLINE void
store (float *to, Vec value)
{
  *(Vec *) to = value;
}

/* The points are 0, +-A, +-B, infinity; A B = 1. */
#define A (2.0f / 3.0f)
#define B (3.0f / 2.0f)
#define AA (A * A)
#define BB (B * B)

/* B^T: rows are the coefficients of prod (x - q) over the other points q. */
INLINE void
input_line (const Vec *d, int step, Vec *out, int out_step)
{
  const Vec d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step];
  const Vec even_a = d4 - BB * d2, odd_a = A * (d3 - BB * d1);
  const Vec even_b = d4 - AA * d2, odd_b = B * (d3 - AA * d1);

  out[0] = d[0] - (AA + BB) * d2 + d4;
  out[out_step] = even_a + odd_a;
  out[2 * out_step] = even_a - odd_a;
  out[3 * out_step] = even_b + odd_b;
  out[4 * out_step] = even_b - odd_b;
  out[5 * out_step] = d1 - (AA + BB) * d3 + d[5 * step];
}

/* G: values at the points, over prod (p - q). */
INLINE void
weights_line (const Vec *g, int step, Vec *out, int out_step)
{
  const float over_a = 1 / (2 * AA * (AA - BB));
  const float over_b = 1 / (2 * BB * (BB - AA));
  const Vec g0 = g[0], g1 = g[step], g2 = g[2 * step];
  const Vec even_a = over_a * g0 + over_a * AA * g2, odd_a = over_a * A * g1;
  const Vec even_b = over_b * g0 + over_b * BB * g2, odd_b = over_b * B * g1;

  out[0] = g0;
  out[out_step] = even_a + odd_a;
  out[2 * out_step] = even_a - odd_a;
  out[3 * out_step] = even_b + odd_b;
  out[4 * out_step] = even_b - odd_b;
  out[5 * out_step] = g2;
}

/* A^T: row i has the powers i of the points. */
INLINE void
output_line (const Vec *m, int step, Vec *out, int out_step)
{
  const Vec even_a = m[step] + m[2 * step], odd_a = m[step] - m[2 * step];
  const Vec even_b = m[3 * step] + m[4 * step];
  const Vec odd_b = m[3 * step] - m[4 * step];

  out[0] = m[0] + even_a + even_b;
  out[out_step] = A * odd_a + B * odd_b;
  out[2 * out_step] = AA * even_a + BB * even_b;
  out[3 * out_step] = A * AA * odd_a + B * BB * odd_b + m[5 * step];
}

static void
input (const float *d, gint64 line, gint64 C, float *out, gint64 plane)
{
  for (gint64 c = 0; c < C; c += LANES) {
    Vec columns[EDGE * EDGE];

    for (int j = 0; j < EDGE; j++) {
      Vec column[EDGE];

      for (int i = 0; i < EDGE; i++)
        column[i] = load (d + i * line + j * C + c);
      input_line (column, 1, columns + j, EDGE);
    }
    for (int i = 0; i < EDGE; i++) {
      Vec row[EDGE];

      input_line (columns + i * EDGE, 1, row, 1);
      for (int j = 0; j < EDGE; j++)
        store (out + (i * EDGE + j) * plane + c, row[j]);
    }
  }
}

/* LANES output channels of one input channel. */
INLINE void
transform_kernel (const float *g, float *out, gint64 plane)
{
  Vec kernel[9], columns[EDGE * 3];

  for (int i = 0; i < 9; i++)
    kernel[i] = load (g + i * PANEL);
  for (int j = 0; j < 3; j++)
    weights_line (kernel + j, 3, columns + j, 3);
  for (int i = 0; i < EDGE; i++) {
    Vec row[EDGE];

    weights_line (columns + i * 3, 1, row, 1);
    for (int j = 0; j < EDGE; j++)
      store (out + (i * EDGE + j) * plane, row[j]);
  }
}

static void
weights (const float *g, gint64 stride_n, gint64 stride_c, gint64 n, gint64 C,
    float *out, gint64 plane)
{
  float kernels[9 * PANEL] = { 0 };

  for (gint64 c = 0; c < C; c++) {
    for (gint64 i = 0; i < n; i++) {
      for (int k = 0; k < 9; k++)
        kernels[k * PANEL + i] = g[i * stride_n + c * stride_c + k];
    }
    transform_kernel (kernels, out + c * PANEL, plane);
    transform_kernel (kernels + LANES, out + c * PANEL + LANES, plane);
  }
}

INLINE void
multiply_rows (int rows, gint64 K, const float *a, gint64 lda, const float *b,
    float *c, gint64 ldc, gboolean add)
{
  Vec sum[ROWS][2];

  for (int r = 0; r < rows; r++) {
    sum[r][0] = add ? load (c + r * ldc) : (Vec){ 0 };
    sum[r][1] = add ? load (c + r * ldc + LANES) : (Vec){ 0 };
  }
  for (gint64 k = 0; k < K; k++) {
    const Vec b0 = load (b + k * PANEL), b1 = load (b + k * PANEL + LANES);

    for (int r = 0; r < rows; r++) {
      sum[r][0] += a[r * lda + k] * b0;
      sum[r][1] += a[r * lda + k] * b1;
    }
  }
  for (int r = 0; r < rows; r++) {
    store (c + r * ldc, sum[r][0]);
    store (c + r * ldc + LANES, sum[r][1]);
  }
}

static void
multiply (gint64 M, gint64 K, const float *a, gint64 lda, const float *panel,
    float *c, gint64 ldc, gboolean add)
{
  gint64 m = 0;

  for (; m + ROWS <= M; m += ROWS)
    multiply_rows (ROWS, K, a + m * lda, lda, panel, c + m * ldc, ldc, add);
  for (; m + 4 <= M; m += 4)
    multiply_rows (4, K, a + m * lda, lda, panel, c + m * ldc, ldc, add);
  for (; m + 2 <= M; m += 2)
    multiply_rows (2, K, a + m * lda, lda, panel, c + m * ldc, ldc, add);
  if (m < M)
    multiply_rows (1, K, a + m * lda, lda, panel, c + m * ldc, ldc, add);
}

static void
output (const float *m, gint64 plane, gint64 N, const float *bias, float *out)
{
  for (gint64 n = 0; n < N; n += LANES) {
    const Vec b = bias ? load (bias + n) : (Vec){ 0 };
    Vec columns[TILE * EDGE];

    for (int j = 0; j < EDGE; j++) {
      Vec column[EDGE];

      for (int i = 0; i < EDGE; i++)
        column[i] = load (m + (i * EDGE + j) * plane + n);
      output_line (column, 1, columns + j, EDGE);
    }
    for (int i = 0; i < TILE; i++) {
      Vec row[TILE];

      output_line (columns + i * EDGE, 1, row, 1);
      for (int j = 0; j < TILE; j++)
        store (out + (i * TILE + j) * N + n, row[j] + b);
    }
  }
}

const OsWinogradKernels OS_WINOGRAD = {
  .lanes = LANES,
  .panel = PANEL,
  .input = input,
  .weights = weights,
  .multiply = multiply,
  .output = output,
};
