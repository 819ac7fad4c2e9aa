/* SPDX-License-Identifier: Apache-2.0 */
/* STDiT3, the denoiser of Open-Sora 1.2: a diffusion transformer that
 * alternates spatial and temporal blocks (opensora/models/stdit/stdit3.py). */
#pragma once

#include "compute/ops.h"
#include "weights/binder.h"
#include "weights/config.h"

typedef struct _OsStdit3 OsStdit3;
/* What stays the same over the sampling steps of a clip: text keys and values
 * of every block, position tables, frame rate embedding. */
typedef struct _OsStdit3Clip OsStdit3Clip;

OsStdit3 *os_stdit3_new (OsConfig *config, OsBinder *binder, GError **error);
void os_stdit3_free (OsStdit3 *stdit3);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsStdit3, os_stdit3_free)

gint64 os_stdit3_get_in_channels (const OsStdit3 *stdit3);
gint64 os_stdit3_get_caption_channels (const OsStdit3 *stdit3);
gint64 os_stdit3_get_max_length (const OsStdit3 *stdit3);

/* The learned caption of the unconditional branch, its first n rows:
 * [n, caption_channels]. */
OsTensor *os_stdit3_null_caption (
    OsStdit3 *stdit3, OsCompute *compute, gint64 n);

typedef struct {
  gint64 B, T, H, W;               /* of the latents */
  const OsTensor *const *captions; /* B text states [L_b, caption_channels] */
  const float *fps;                /* n_fps values; row b uses fps[b % n_fps] */
  guint n_fps;
  double height, width; /* in pixels, as asked for */
} OsStdit3ClipInfo;

/* Problems of memory or cancellation are the compute's sticky error. */
OsStdit3Clip *os_stdit3_clip_new (
    OsStdit3 *stdit3, OsCompute *compute, const OsStdit3ClipInfo *info);
void os_stdit3_clip_free (OsStdit3Clip *clip);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsStdit3Clip, os_stdit3_clip_free)

/* x [B, C_in, T, H, W], timestep [B]; x_mask [B, T] or NULL: frames with 0 are
 * given, not generated, and see timestep 0. Returns [B, C_out, T, H, W]. */
OsTensor *os_stdit3_forward (OsStdit3Clip *clip, OsCompute *compute,
    const OsTensor *x, const float *timestep, const guint8 *x_mask);

/* The same for both halves of guidance: x [B / 2, ...] and one timestep serve
 * the rows of the prompts and the unconditional rows after them; x_mask is
 * [B / 2, T]. */
OsTensor *os_stdit3_forward_guided (OsStdit3Clip *clip, OsCompute *compute,
    const OsTensor *x, float timestep, const guint8 *x_mask);
