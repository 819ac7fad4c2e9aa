/* SPDX-License-Identifier: Apache-2.0 */
/* Steps that do without the blocks: TeaCache (arXiv 2411.19108).
 *
 * From one step to the next what the first block sees changes by
 *
 *   d = mean |seen - seen before| / mean |seen before|
 *
 * and a polynomial p (d), fitted to a model, tells by how much the blocks'
 * residual, their output minus their input, would change. While the sum of
 * p (d) since the last step that was computed is below a threshold, the
 * residual of that step is added to the tokens and no block runs. */
#pragma once

#include "compute/ops.h"

#define OS_STEP_CACHE_COEFFICIENTS 5

typedef struct {
  double threshold; /* 0: every step is computed */
  /* Of p, that of the highest power first; all 0: p (d) = d. */
  double coefficients[OS_STEP_CACHE_COEFFICIENTS];
} OsStepCacheSettings;

typedef struct _OsStepCache OsStepCache;

/* For a clip of so many steps, of which the first and the last are computed. */
OsStepCache *os_step_cache_new (
    const OsStepCacheSettings *settings, guint steps);
void os_step_cache_free (OsStepCache *cache);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsStepCache, os_step_cache_free)

/* To be asked once a step, with what the first block sees and n values that
 * tell the frames that are given, or NULL: the residual to add, or NULL: the
 * blocks are to be computed, and os_step_cache_keep() is to be told of them. A
 * step whose frames are not given as in the one before is always computed. */
const OsTensor *os_step_cache_reuse (OsStepCache *cache, OsCompute *compute,
    const OsTensor *seen, const guint8 *given, gsize n);
void os_step_cache_keep (OsStepCache *cache, OsCompute *compute,
    const OsTensor *input, const OsTensor *output);
