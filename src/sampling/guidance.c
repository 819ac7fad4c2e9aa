/* SPDX-License-Identifier: Apache-2.0 */
/* Guidance. */
#include "sampling/guidance.h"

OsTensor *
os_guide (OsCompute *compute, const OsTensor *prediction, gint64 n_guided,
    float scale)
{
  const gint64 B = prediction->shape[0] / 2, C = prediction->shape[1];
  const int channel_first[] = { 1, 0, 2, 3, 4 };
  g_autoptr (OsTensor) view = os_tensor_permute (prediction, channel_first);
  g_autoptr (OsTensor) prompts = os_tensor_slice (view, 1, 0, B);
  g_autoptr (OsTensor) unconditional = os_tensor_slice (view, 1, B, B);
  g_autoptr (OsTensor) from = os_tensor_slice (unconditional, 0, 0, n_guided);
  g_autoptr (OsTensor) to = os_tensor_slice (prompts, 0, 0, n_guided);
  g_autoptr (OsTensor) rest =
      os_tensor_slice (prompts, 0, n_guided, C - n_guided);
  g_autoptr (OsTensor) guided = os_lerp (compute, to, scale, from, 1 - scale);
  g_autoptr (OsTensor) all =
      os_concat (compute, (const OsTensor *const[]){ guided, rest }, 2);
  g_autoptr (OsTensor) rows = os_tensor_permute (all, channel_first);

  return os_contiguous (compute, rows);
}
