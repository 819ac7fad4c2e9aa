/* SPDX-License-Identifier: Apache-2.0 */
/* Decoded values to 8-bit pictures. */
#pragma once

#include "tensor/tensor.h"

/* n values about -1 .. 1 -> 0 .. 255: clamp, (x + 1) / 2 * 255 + 0.5, truncate.
 * dtype BF16 rounds after every operation, as a bfloat16 run of the reference
 * does. */
void os_frames_to_u8 (
    const float *values, gint64 n, OsDType dtype, guint8 *out);
