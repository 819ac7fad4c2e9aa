/* SPDX-License-Identifier: Apache-2.0 */
/* Tile kernels: matrix products of the size that vector registers hold, which
 * products (product.c) and attention are built of. One table an instruction
 * set; ref/tile.c is the plain C that all of them are compiled from. */
#pragma once

#include <glib.h>

typedef struct {
  const char *name;
  /* c is [rows, columns]. */
  int rows, columns;

  /* c = a b, or c += a b: a [rows, k] with any strides, b [k, columns]
   * contiguous, rows of c ldc apart. */
  void (*multiply) (const float *a, gint64 a_row, gint64 a_step, const float *b,
      gint64 k, float *c, gint64 ldc, gboolean add);

  /* A softmax down the columns that goes on: x [k, columns] = exp (x - max)
   * with the new maximum of each column, rescale [columns] = exp (old - new),
   * sum multiplied by that and increased by the column's. */
  void (*softmax) (float *x, gint64 k, float *max, float *sum, float *rescale);
  /* x [k, columns] times factors [columns]. */
  void (*scale) (float *x, gint64 k, const float *factors);
} OsTileKernels;

/* At most this many values. */
#define OS_TILE_MAX (8 * 48)

extern const OsTileKernels os_tile_generic;
extern const OsTileKernels os_tile_avx2;
extern const OsTileKernels os_tile_avx512;
