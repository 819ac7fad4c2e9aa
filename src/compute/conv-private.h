/* SPDX-License-Identifier: Apache-2.0 */
/* What the ways to convolve share: how pixels are read. */
#pragma once

#include "compute/compute-private.h"
#include "compute/ops.h"

/* A convolution; C_in is in[4], C_out is out->shape[4]. */
typedef struct {
  OsCompute *compute;
  const OsConv *conv;
  const OsConvGeometry *geometry;
  const OsTensor *x;
  const OsTensor *norm; /* NULL: x is taken as it is */
  OsTensor *out;
  gboolean add; /* to what is in out */
  gint64 in[5]; /* [B, T, H, W, C], H and W as they are convolved */
  gint64 stride[3];
} OsConvolution;

/* n pixels from w on of line h of a frame (of all B T), each of them followed
 * by zeros up to `stride` values; zero outside of x. */
void os_conv_read_line (const OsConvolution *c, gint64 frame, gint64 h,
    gint64 w, gint64 n, gint64 stride, float *to);

/* For kernels of [.., 3, 3] and strides of 1 over H and W. */
void os_conv_winograd (const OsConvolution *c);
