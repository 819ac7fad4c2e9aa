/* SPDX-License-Identifier: Apache-2.0 */
/* OsConditions: what clips are given. References as latents, and the groups of
 * a mask strategy, which say what frames of them go where in which loop. The
 * clip that a loop made is one more reference of the next, and a group of its
 * own goes on from the end of it. */
#pragma once

#include "compute/ops.h"

typedef struct _OsConditions OsConditions;

/* align and fit: as os_mask_strategy_apply() has them. */
OsConditions *os_conditions_new (
    const char *mask_strategy, guint align, gboolean fit, GError **error);
void os_conditions_free (OsConditions *conditions);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsConditions, os_conditions_free)

/* latents [1, C, T, H, W] of the next reference. */
void os_conditions_add (OsConditions *conditions, const OsTensor *latents);
/* Whether there are references or groups. */
gboolean os_conditions_any (const OsConditions *conditions);
/* The same of what the loop before `loop` made: this loop begins with its last
 * `length` frames, at that edit ratio. Before loop 0 it is another clip. */
void os_conditions_continue (OsConditions *conditions, guint loop,
    const OsTensor *latents, gint64 length, double edit);

/* FALSE and OPENSORA_ERROR_SETTINGS if a group of one of the loops cannot be
 * followed, with clips of T latent frames. For the time between the last
 * os_conditions_add() and the first loop. */
gboolean os_conditions_check (
    const OsConditions *conditions, guint n_loops, gint64 T, GError **error);

/* z [1, C, T, H, W] with the frames that this loop is given in place of noise,
 * and mask [T] for the sampler. *given: whether there is any. */
OsTensor *os_conditions_apply (const OsConditions *conditions,
    OsCompute *compute, guint loop, const OsTensor *z, float *mask,
    gboolean *given, GError **error);
