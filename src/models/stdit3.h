/* SPDX-License-Identifier: Apache-2.0 */
/* The names that models/stdit.h had, for callers that are being rewritten. */
#pragma once

#include "models/stdit.h"

typedef OsStdit OsStdit3;
typedef OsStditClip OsStdit3Clip;
#define os_stdit3_new os_stdit_new
#define os_stdit3_free os_stdit_free
#define os_stdit3_get_in_channels os_stdit_get_in_channels
#define os_stdit3_get_caption_channels os_stdit_get_caption_channels
#define os_stdit3_get_max_length os_stdit_get_max_length
#define os_stdit3_null_caption os_stdit_null_caption
#define os_stdit3_clip_free os_stdit_clip_free
#define os_stdit3_forward os_stdit_forward
#define os_stdit3_forward_guided os_stdit_forward_guided

typedef struct {
  gint64 B, T, H, W;
  const OsTensor *const *captions;
  const float *fps;
  guint n_fps;
  double height, width;
} OsStdit3ClipInfo;

static inline OsStditClip *
os_stdit3_clip_new (
    OsStdit *stdit, OsCompute *compute, const OsStdit3ClipInfo *info)
{
  g_autofree OsStditFormat *formats = g_new (OsStditFormat, info->n_fps);

  for (guint i = 0; i < info->n_fps; i++)
    formats[i] = (OsStditFormat){ info->height, info->width, 0, info->fps[i] };
  return os_stdit_clip_new (stdit, compute,
      &(OsStditClipInfo){ info->B, info->T, info->H, info->W, info->captions,
          formats, info->n_fps });
}
