/* SPDX-License-Identifier: Apache-2.0 */
/* Resizing and cropping of references to exactly what Open-Sora makes of them.
 *
 * A picture of h x w is resized to cover height x width, keeping its shape: the
 * side that fits exactly gets its size, the other one is rounded, half to even,
 * and the middle is cut out of it. Pictures and videos differ in how.
 *
 * - os_resize_picture(): Pillow's bicubic (a = -1/2, widened when it shrinks),
 *   columns first, then rows, in fixed point, 8 bits after each; the crop is
 *   rounded half to even. Bit by bit what Pillow 10 to 12 gives.
 * - os_resize_frame(): bilinear in float between half-pixel centres, without
 *   smoothing when it shrinks, as PyTorch's interpolate() with align_corners
 *   off; the crop is rounded down. */
#pragma once

#include "base/task.h"

/* 8-bit RGB; rows are `stride` bytes apart. */
typedef struct {
  const guint8 *rgb;
  gint64 width, height, stride;
} OsPicture;

/* Sides of pictures and of what they are resized to. */
#define OS_PICTURE_MAX_SIDE 16384

/* Into rgb [height, width, 3], values -1 to 1. All sides are 1 to
 * OS_PICTURE_MAX_SIDE. FALSE if there is no memory, or when cancelled. */
gboolean os_resize_picture (const OsPicture *picture, guint width, guint height,
    const OsTask *task, float *rgb, GError **error);
gboolean os_resize_frame (const OsPicture *picture, guint width, guint height,
    const OsTask *task, float *rgb, GError **error);
