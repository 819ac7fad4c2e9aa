/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions with kernels of 3 x 3 by Winograd's minimal filtering (Lavin and
 * Gray, arXiv 1509.09308). A tile of 4 x 4 output pixels of one channel is
 *
 *   Y = A^T [ sum_c (G g_c G^T) * (B^T d_c B) ] A
 *
 * with the 6 x 6 input pixels d_c under it, the kernel g_c and * by elements:
 * 36 multiplications a channel instead of 144. The sums over channels of all
 * tiles are 36 matrix products, one for each of the elements ("planes").
 *
 * Points of interpolation are 0, +-2/3, +-3/2 and infinity. They decide how
 * rounding errors grow (Barabasz et al., arXiv 1803.10986): with these the
 * error is 1.3e-6 of the result's size for 256 channels, 2.8e-6 with the usual
 * 0, +-1,
 * +-2, and 0.3e-6 for a plain sum. */
#pragma once

#include <glib.h>

#define OS_WINOGRAD_TILE 4
#define OS_WINOGRAD_EDGE 6
#define OS_WINOGRAD_PLANES (OS_WINOGRAD_EDGE * OS_WINOGRAD_EDGE)

/* Plain C, compiled once for every instruction set (ref/winograd.c). */
typedef struct {
  int lanes; /* input channels are padded to a multiple of it */
  int panel; /* output channels that are multiplied at once */

  /* B^T d B for C channels (padded): d [6, 6, C] with `line` floats from one
   * line to the next, out [C] of every plane. */
  void (*input) (
      const float *d, gint64 line, gint64 C, float *out, gint64 plane);
  /* G g G^T for n <= panel output and C input channels: g [n, C, 3, 3] with
   * these strides, out [C, panel] of every plane, zero beyond n. */
  void (*weights) (const float *g, gint64 stride_n, gint64 stride_c, gint64 n,
      gint64 C, float *out, gint64 plane);
  /* c (+)= a panel: a [M, K], panel [K, panel], c [M, panel]. */
  void (*multiply) (gint64 M, gint64 K, const float *a, gint64 lda,
      const float *panel, float *c, gint64 ldc, gboolean add);
  /* A^T m A + bias for N output channels (padded to panels): m [N] of every
   * plane, out [4, 4, N]. */
  void (*output) (
      const float *m, gint64 plane, gint64 N, const float *bias, float *out);
} OsWinogradKernels;

extern const OsWinogradKernels os_winograd_generic;
extern const OsWinogradKernels os_winograd_avx2;
extern const OsWinogradKernels os_winograd_avx512;
