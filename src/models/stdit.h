/* SPDX-License-Identifier: Apache-2.0 */
/* The denoisers of Open-Sora 1.0 to 1.2, diffusion transformers over the tokens
 * of a video's latents (opensora/models/stdit):
 *
 *   STDiT   1.0: spatial, then temporal attention in every block
 *   STDiT2  1.1: the same, for any size, length and frame rate
 *   STDiT3  1.2: spatial and temporal blocks in turns
 *
 * stdit-weights.c has the table of their differences. */
#pragma once

#include "compute/ops.h"
#include "models/step-cache.h"
#include "weights/binder.h"
#include "weights/config.h"

typedef struct _OsStdit OsStdit;
/* What stays the same over the sampling steps of a clip: text keys and values
 * of every block, position tables, embeddings of size and frame rate. */
typedef struct _OsStditClip OsStditClip;

typedef enum {
  OS_STDIT_1,
  OS_STDIT_2,
  OS_STDIT_3,
} OsStditVersion;

/* The version is the one that "model_type" of the configuration names, or else
 * that the names of the weights tell. */
OsStdit *os_stdit_new (OsConfig *config, OsBinder *binder, GError **error);
void os_stdit_free (OsStdit *stdit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsStdit, os_stdit_free)

/* What distances between positions are divided by, of which STDiT's files say
 * nothing: in space, 0: as the size asked for, and in time. */
void os_stdit_set_scales (
    OsStdit *stdit, double space_scale, double time_scale);

OsStditVersion os_stdit_get_version (const OsStdit *stdit);
gint64 os_stdit_get_in_channels (const OsStdit *stdit);
gint64 os_stdit_get_caption_channels (const OsStdit *stdit);
gint64 os_stdit_get_max_length (const OsStdit *stdit);

/* Bytes of all weights, which stay. */
guint64 os_stdit_get_weight_bytes (const OsStdit *stdit);
/* About what a clip and a guided step on its latents [1, C_in, T, H, W] take
 * beside them, with captions of L tokens and a step cache or none. */
guint64 os_stdit_estimate_bytes (const OsStdit *stdit, gint64 T, gint64 H,
    gint64 W, gint64 L, gboolean step_cache);

/* The learned caption of the unconditional branch, its first n rows:
 * [n, caption_channels]. */
OsTensor *os_stdit_null_caption (OsStdit *stdit, OsCompute *compute, gint64 n);

/* What a clip is asked to be; each version takes from it what it knows of. */
typedef struct {
  float height, width; /* in pixels */
  float num_frames, fps;
} OsStditFormat;

typedef struct {
  gint64 B, T, H, W;               /* of the latents */
  const OsTensor *const *captions; /* B text states [L_b, caption_channels] */
  const OsStditFormat *formats;    /* row b is of formats[b % n_formats] */
  guint n_formats;
  const OsStepCacheSettings *step_cache; /* NULL: all steps are computed */
  guint steps;                           /* for step_cache */
} OsStditClipInfo;

/* Problems of memory or cancellation are the compute's sticky error. */
OsStditClip *os_stdit_clip_new (
    OsStdit *stdit, OsCompute *compute, const OsStditClipInfo *info);
void os_stdit_clip_free (OsStditClip *clip);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsStditClip, os_stdit_clip_free)

/* x [B, C_in, T, H, W], timestep [B]; x_mask [B, T] or NULL: frames with 0 are
 * given, not generated, and see timestep 0. Returns [B, C_out, T, H, W]. */
OsTensor *os_stdit_forward (OsStditClip *clip, OsCompute *compute,
    const OsTensor *x, const float *timestep, const guint8 *x_mask);

/* The same for both halves of guidance: x [B / 2, ...] and one timestep serve
 * the rows of the prompts and the unconditional rows after them; x_mask is
 * [B / 2, T]. */
OsTensor *os_stdit_forward_guided (OsStditClip *clip, OsCompute *compute,
    const OsTensor *x, float timestep, const guint8 *x_mask);
