/* SPDX-License-Identifier: Apache-2.0 */
/* Decoded values to 8-bit pictures
 * (opensora/datasets/utils.py save_sample, torchvision's save_image). */
#include "pipeline/frames.h"

#include "base/half.h"

void
os_frames_to_u8 (const float *values, gint64 n, OsDType dtype, guint8 *out)
{
  if (dtype == OS_DTYPE_BF16) {
    for (gint64 i = 0; i < n; i++) {
      const float x = os_round_bf16 (CLAMP (values[i], -1.0f, 1.0f));
      const float unit = os_round_bf16 (os_round_bf16 (x + 1) / 2);
      const float level = os_round_bf16 (os_round_bf16 (unit * 255) + 0.5f);
      out[i] = CLAMP (level, 0, 255);
    }
    return;
  }
  for (gint64 i = 0; i < n; i++) {
    const float x = CLAMP (values[i], -1.0f, 1.0f);
    const float level = (x + 1) / 2 * 255 + 0.5f;
    out[i] = CLAMP (level, 0, 255);
  }
}
