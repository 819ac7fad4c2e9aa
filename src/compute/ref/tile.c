/* SPDX-License-Identifier: Apache-2.0 */
/* The tile kernels, in C with the vectors of GCC and clang. The build compiles
 * this file once for every instruction set, with OS_TILE naming the table.
 *
 * A tile is as large as the registers allow: ROWS x VECTORS accumulators, the
 * VECTORS of a line of b and one value of a, in all lanes. The more of them
 * there are, the more products a value that was loaded takes part in. */
#include "compute/tile.h"

#include "compute/ref/exp.h"

#if defined(__AVX512F__)
#define TILE_NAME "avx512"
#define LANES 16
#define ROWS 8
#define VECTORS 3
#elif defined(__AVX2__)
#define TILE_NAME "avx2"
#define LANES 8
#define ROWS 4
#define VECTORS 3
#elif defined(__aarch64__)
#define TILE_NAME "neon"
#define LANES 4
#define ROWS 8
#define VECTORS 3
#else
#define TILE_NAME "generic"
#define LANES 4
#define ROWS 4
#define VECTORS 2
#endif
#define COLUMNS (VECTORS * LANES)

G_STATIC_ASSERT (ROWS *COLUMNS <= OS_TILE_MAX);

typedef float Vector
    __attribute__ ((vector_size (LANES * sizeof (float)), aligned (4)));

static inline Vector
load (const float *from)
{
  return *(const Vector *) from;
}

static inline void
store (float *to, Vector value)
{
  *(Vector *) to = value;
}

static void
multiply (const float *a, gint64 a_row, gint64 a_step, const float *b, gint64 k,
    float *c, gint64 ldc, gboolean add)
{
  Vector sum[ROWS][VECTORS];

  /* c is written when the loop has ended: time enough to bring it here. */
  for (int i = 0; i < ROWS; i++) {
    __builtin_prefetch (c + i * ldc, 1);
    __builtin_prefetch (c + i * ldc + COLUMNS - 1, 1);
    for (int j = 0; j < VECTORS; j++)
      sum[i][j] = (Vector){ 0 };
  }
  for (gint64 l = 0; l < k; l++, a += a_step, b += COLUMNS) {
    Vector line[VECTORS];

    for (int j = 0; j < VECTORS; j++)
      line[j] = load (b + j * LANES);
    for (int i = 0; i < ROWS; i++)
      for (int j = 0; j < VECTORS; j++)
        sum[i][j] += a[i * a_row] * line[j];
  }
  /* Unrolled, or the sums would have to be in memory for their indices. */
#pragma GCC unroll 8
  for (int i = 0; i < ROWS; i++, c += ldc)
#pragma GCC unroll 8
    for (int j = 0; j < VECTORS; j++)
      store (c + j * LANES, add ? sum[i][j] + load (c + j * LANES) : sum[i][j]);
}

static void
softmax (float *x, gint64 k, float *max, float *sum, float *rescale)
{
  float top[COLUMNS], total[COLUMNS];

  for (int j = 0; j < COLUMNS; j++)
    top[j] = max[j];
  for (gint64 l = 0; l < k; l++)
    for (int j = 0; j < COLUMNS; j++)
      top[j] = x[l * COLUMNS + j] > top[j] ? x[l * COLUMNS + j] : top[j];
  for (int j = 0; j < COLUMNS; j++) {
    rescale[j] = exp_f32 (max[j] - top[j]);
    total[j] = sum[j] * rescale[j];
    max[j] = top[j];
  }
  for (gint64 l = 0; l < k; l++) {
    for (int j = 0; j < COLUMNS; j++) {
      const float e = exp_f32 (x[l * COLUMNS + j] - top[j]);

      x[l * COLUMNS + j] = e;
      total[j] += e;
    }
  }
  for (int j = 0; j < COLUMNS; j++)
    sum[j] = total[j];
}

static void
scale (float *x, gint64 k, const float *factors)
{
  for (gint64 l = 0; l < k; l++)
    for (int j = 0; j < COLUMNS; j++)
      x[l * COLUMNS + j] *= factors[j];
}

const OsTileKernels OS_TILE = {
  .name = TILE_NAME,
  .rows = ROWS,
  .columns = COLUMNS,
  .multiply = multiply,
  .softmax = softmax,
  .scale = scale,
};
