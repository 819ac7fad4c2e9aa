/* SPDX-License-Identifier: Apache-2.0 */
/* A preview is linear: each channel of the latents adds its colour. */
#include "pipeline/preview.h"

#include <math.h>

#include "pipeline/frames.h"

/* The colour of one place, whose C channels are `plane` values apart. */
static void
mix (const OsFamily *family, const float *z, gint64 C, gint64 plane, float *rgb)
{
  const float (*map)[3] = family->preview_map;

  for (int i = 0; i < 3; i++) {
    rgb[i] = map[OS_PREVIEW_CHANNELS][i];
    for (gint64 c = 0; c < MIN (C, OS_PREVIEW_CHANNELS); c++)
      rgb[i] += z[c * plane] * map[c][i];
    if (!isfinite (rgb[i]))
      rgb[i] = 0;
  }
}

GBytes *
os_preview_render (
    const OsFamily *family, OsCompute *compute, const OsTensor *latents)
{
  const gint64 plane =
      latents->shape[2] * latents->shape[3] * latents->shape[4];
  g_autofree float *z = g_try_new (float, os_tensor_count (latents));
  g_autofree float *values = g_try_new (float, 3 * plane);
  g_autofree guint8 *rgb = g_try_new (guint8, 3 * plane);

  if (!z || !values || !rgb)
    return NULL;
  os_compute_download (compute, latents, z);
  for (gint64 i = 0; i < plane; i++)
    mix (family, z + i, latents->shape[1], plane, values + 3 * i);
  os_frames_to_u8 (values, 3 * plane, OS_DTYPE_F32, rgb);
  return g_bytes_new_take (g_steal_pointer (&rgb), 3 * plane);
}
