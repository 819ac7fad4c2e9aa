/* SPDX-License-Identifier: Apache-2.0 */
/* OsProduct: y = x W^T in float32, by this library's own tiles. */
#pragma once

#include "compute/compute.h"

typedef struct {
  gint64 M, N, K;
  const float *x;      /* [M, K] */
  const float *weight; /* [N, K] */
  float *out;          /* [M, N]; NULL: only finish() sees y */
  /* Takes a part of y that is complete, as long as it is in the cache: m rows
   * of n values from (row, column) on, ld apart. Called from all threads. */
  void (*finish) (gpointer data, float *y, gint64 ld, gint64 row, gint64 m,
      gint64 column, gint64 n);
  gpointer data;
} OsProduct;

void os_product_run (OsCompute *compute, const OsProduct *product);

/* to [k, n], rows to_ld apart = the transpose of from [n, k], rows ld apart. */
void os_transpose (
    const float *from, gint64 ld, gint64 n, gint64 k, float *to, gint64 to_ld);
/* to [k, width] = the transpose of n <= width rows of k values, ld apart; zero
 * beyond n. */
void os_pack (
    const float *from, gint64 ld, gint64 n, gint64 k, gint64 width, float *to);
