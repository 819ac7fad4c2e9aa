/* SPDX-License-Identifier: Apache-2.0 */
/* Which steps are computed, and what the others are made of. */
#include "models/step-cache.h"

#include <string.h>

#include "optest.h"

/* What is seen in each step, where 1 is compared with what was seen before; C
 * are steps that are computed, in a string like "CC-C". */
typedef struct {
  const char *name;
  OsStepCacheSettings settings;
  double seen[8];
  const char *steps;
} Run;

static const Run runs[] = {
  /* Changes of 0.5 add up: 0.5, 1.0, then computed; the last is computed. */
  { "identity", { 1.25 }, { 16, 8, 4, 2, 1, 0.5 }, "C--C-C" },
  /* A sum that reaches the threshold is computed. */
  { "reached", { 1.0 }, { 16, 8, 4, 2, 1, 0.5 }, "C-C-CC" },
  { "none", { 0 }, { 1, 1, 1, 1 }, "CCCC" },
  { "all", { 1e9 }, { 1, 2, 3, 9, 1, 7 }, "C----C" },
  /* p (d) = 4 d^2 + 1: each change of 0.5 counts as 2. */
  { "polynomial", { 4.5, { 0, 0, 4, 0, 1 } }, { 16, 8, 4, 2, 1, 0.5 },
      "C--C-C" },
  /* d^4 + 2 d^3 at 0.5 is 0.3125. */
  { "highest", { 0.65, { 1, 2, 0, 0, 0 } }, { 16, 8, 4, 2, 1, 0.5 }, "C--C-C" },
  /* A fit below 0 is no change. */
  { "negative", { 0.1, { 0, 0, 0, 0, -1 } }, { 1, 2, 3, 4 }, "C--C" },
  { "one", { 1e9 }, { 1 }, "C" },
  { "two", { 1e9 }, { 1, 1 }, "CC" },
};

static OsTensor *
filled (OsCompute *compute, double value)
{
  const float values[] = { value, -value, value };

  return os_compute_upload (compute, values, OS_SHAPE (1, 3));
}

static void
test_steps (gconstpointer data)
{
  const Run *run = data;
  const guint n = strlen (run->steps);
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
  g_autoptr (OsStepCache) cache = os_step_cache_new (&run->settings, n);

  for (guint i = 0; i < n; i++) {
    g_autoptr (OsTensor) seen = filled (compute, run->seen[i]);
    const OsTensor *residual =
        os_step_cache_reuse (cache, compute, seen, NULL, 0);

    g_assert_true ((residual == NULL) == (run->steps[i] == 'C'));
    if (!residual) {
      g_autoptr (OsTensor) input = filled (compute, 2);
      g_autoptr (OsTensor) output = filled (compute, 5 + i);

      os_step_cache_keep (cache, compute, input, output);
    } else {
      guint computed = i;

      while (run->steps[computed] != 'C')
        computed--;
      g_assert_cmpfloat (AT (residual, 0, 0), ==, 3 + computed);
      g_assert_cmpfloat (AT (residual, 0, 1), ==, -3.0 - computed);
    }
  }
}

/* Frames that come in, or go, are not in the residual of before. */
static void
test_given_frames (void)
{
  const OsStepCacheSettings settings = { 1e9 };
  const guint8 one[] = { 0, 1, 1 }, two[] = { 0, 0, 1 };
  const guint8 *const given[] = { one, one, two, two, NULL, NULL, one, NULL };
  const char *expected = "C-C-C-CC";
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
  g_autoptr (OsStepCache) cache = os_step_cache_new (&settings, 9);

  for (guint i = 0; i < G_N_ELEMENTS (given); i++) {
    g_autoptr (OsTensor) seen = filled (compute, 1);
    const OsTensor *residual =
        os_step_cache_reuse (cache, compute, seen, given[i], 3);

    g_assert_true ((residual == NULL) == (expected[i] == 'C'));
    if (!residual)
      os_step_cache_keep (cache, compute, seen, seen);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (runs); i++) {
    g_autofree char *path =
        g_strconcat ("/models/step-cache/", runs[i].name, NULL);

    g_test_add_data_func (path, &runs[i], test_steps);
  }
  g_test_add_func ("/models/step-cache/given-frames", test_given_frames);
  return g_test_run ();
}
