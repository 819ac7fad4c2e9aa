/* SPDX-License-Identifier: Apache-2.0 */
/* When the blocks are computed, and what is added when they are not. */
#include "models/step-cache.h"

struct _OsStepCache {
  OsStepCacheSettings settings;
  guint step, steps; /* done, of all */
  guint n_computed;
  double sum;         /* of p (d) since the last computed step */
  OsTensor *seen;     /* in the step before */
  OsTensor *residual; /* of the last computed step */
  GBytes *given;      /* in the step before; NULL: no frames */
};

OsStepCache *
os_step_cache_new (const OsStepCacheSettings *settings, guint steps)
{
  OsStepCache *cache = g_new0 (OsStepCache, 1);

  cache->settings = *settings;
  cache->steps = steps;
  return cache;
}

void
os_step_cache_free (OsStepCache *cache)
{
  g_debug ("%u of %u steps were computed", cache->n_computed, cache->step);
  g_clear_pointer (&cache->seen, os_tensor_unref);
  g_clear_pointer (&cache->residual, os_tensor_unref);
  g_clear_pointer (&cache->given, g_bytes_unref);
  g_free (cache);
}

/* p (d), which a fit may let fall below 0. */
static double
predict_change (const OsStepCacheSettings *settings, double d)
{
  gboolean fitted = FALSE;
  double p = 0;

  for (guint i = 0; i < OS_STEP_CACHE_COEFFICIENTS; i++) {
    p = p * d + settings->coefficients[i];
    fitted |= settings->coefficients[i] != 0;
  }
  return fitted ? MAX (p, 0) : d;
}

/* Keeps what is given, and tells whether it is what was given before. */
static gboolean
same_given (OsStepCache *cache, const guint8 *given, gsize n)
{
  GBytes *before = cache->given;
  gboolean same;

  cache->given = given ? g_bytes_new (given, n) : NULL;
  same = before && cache->given ? g_bytes_equal (before, cache->given)
                                : before == cache->given;
  g_clear_pointer (&before, g_bytes_unref);
  return same;
}

const OsTensor *
os_step_cache_reuse (OsStepCache *cache, OsCompute *compute,
    const OsTensor *seen, const guint8 *given, gsize n)
{
  g_autoptr (OsTensor) before = g_steal_pointer (&cache->seen);
  const gboolean first = cache->step == 0;
  const gboolean last = ++cache->step >= cache->steps;
  gboolean same = same_given (cache, given, n);

  os_probe (compute, seen, "step_cache.seen");
  cache->seen = os_tensor_ref (seen);
  if (!first && !last && same && cache->residual) {
    cache->sum += predict_change (
        &cache->settings, os_relative_change (compute, before, seen));
    if (cache->sum < cache->settings.threshold)
      return cache->residual;
  }
  cache->sum = 0;
  cache->n_computed++;
  return NULL;
}

void
os_step_cache_keep (OsStepCache *cache, OsCompute *compute,
    const OsTensor *input, const OsTensor *output)
{
  g_clear_pointer (&cache->residual, os_tensor_unref);
  cache->residual = os_lerp (compute, output, 1, input, -1);
  os_probe (compute, cache->residual, "step_cache.residual");
}
