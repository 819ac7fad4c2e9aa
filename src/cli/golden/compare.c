/* SPDX-License-Identifier: Apache-2.0 */
/* Comparison of results with the reference's, element by element. */
#include "cli/golden/golden.h"

#include <math.h>

GoldenBounds
golden_bounds_read (JsonObject *bounds)
{
  if (json_object_has_member (bounds, "max_level_difference"))
    return (GoldenBounds){
      .atol = json_object_get_double_member (bounds, "max_level_difference"),
      .share = json_object_get_double_member_with_default (
          bounds, "share_differing", 1.0),
    };
  /* "exact" has neither: both stay 0. */
  return (GoldenBounds){
    .atol = json_object_get_double_member_with_default (bounds, "atol", 0.0),
    .rtol = json_object_get_double_member_with_default (bounds, "rtol", 0.0),
    .share = 1.0,
  };
}

gboolean
golden_compare (const GoldenBounds *bounds, gint64 n, const double *got,
    const double *want, GoldenDifference *difference)
{
  double peak = 0.0, worst = 0.0;

  *difference = (GoldenDifference){ 0 };
  for (gint64 i = 0; i < n; i++) {
    double distance = got[i] == want[i] ? 0.0 : fabs (got[i] - want[i]);
    double excess = distance - (bounds->atol + bounds->rtol * fabs (want[i]));

    if (isnan (distance))
      distance = excess = INFINITY;
    peak = fmax (peak, fabs (want[i]));
    difference->max_abs = fmax (difference->max_abs, distance);
    difference->n_differing += distance != 0.0;
    if (excess > 0.0) {
      difference->n_outside++;
      if (excess > worst) {
        worst = excess;
        difference->worst = i;
      }
    }
  }
  if (difference->max_abs > 0.0)
    difference->max_rel = difference->max_abs / peak;
  return difference->n_outside == 0
         && difference->n_differing <= bounds->share * n;
}
