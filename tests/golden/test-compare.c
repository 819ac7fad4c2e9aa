/* SPDX-License-Identifier: Apache-2.0 */
/* The comparison that every golden case rests on. */
#include "cli/golden/golden.h"

#include <math.h>

static void
test_bound_is_inclusive (void)
{
  const GoldenBounds bounds = { .atol = 0.5, .rtol = 0.25, .share = 1.0 };
  const double want[] = { 2.0, -2.0, 0.0 };
  const double inside[] = { 3.0, -3.0, 0.5 }, outside[] = { 3.0, -3.1, 0.5 };
  GoldenDifference difference;

  g_assert_true (golden_compare (&bounds, 3, inside, want, &difference));
  g_assert_cmpfloat (difference.max_abs, ==, 1.0);
  g_assert_cmpfloat (difference.max_rel, ==, 0.5);
  g_assert_cmpint (difference.n_differing, ==, 3);

  g_assert_false (golden_compare (&bounds, 3, outside, want, &difference));
  g_assert_cmpint (difference.n_outside, ==, 1);
  g_assert_cmpint (difference.worst, ==, 1);
}

static void
test_exact (void)
{
  const GoldenBounds bounds = { .share = 1.0 };
  const double want[] = { 1.0, INFINITY }, off[] = { 1.0 + 1e-12, INFINITY };
  GoldenDifference difference;

  g_assert_true (golden_compare (&bounds, 2, want, want, &difference));
  g_assert_cmpfloat (difference.max_abs, ==, 0.0);
  g_assert_false (golden_compare (&bounds, 2, off, want, &difference));
}

static void
test_nan_never_passes (void)
{
  const GoldenBounds bounds = { .atol = 1e9, .share = 1.0 };
  const double number[] = { 1.0 }, nan[] = { NAN };
  GoldenDifference difference;

  g_assert_false (golden_compare (&bounds, 1, nan, number, &difference));
  g_assert_false (golden_compare (&bounds, 1, number, nan, &difference));
  g_assert_false (golden_compare (&bounds, 1, nan, nan, &difference));
}

static void
test_levels (void)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  const double want[] = { 0, 10, 20, 255 };
  const double one[] = { 0, 11, 20, 255 }, two[] = { 1, 11, 20, 255 };
  const double far[] = { 0, 10, 20, 253 };
  GoldenDifference difference;
  GoldenBounds bounds;

  g_assert_true (json_parser_load_from_data (parser,
      "{\"max_level_difference\": 1, \"share_differing\": 0.25}", -1, NULL));
  bounds =
      golden_bounds_read (json_node_get_object (json_parser_get_root (parser)));
  g_assert_true (golden_compare (&bounds, 4, one, want, &difference));
  g_assert_false (golden_compare (&bounds, 4, two, want, &difference));
  g_assert_cmpint (difference.n_outside, ==, 0);
  g_assert_false (golden_compare (&bounds, 4, far, want, &difference));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/golden/bound-is-inclusive", test_bound_is_inclusive);
  g_test_add_func ("/golden/exact", test_exact);
  g_test_add_func ("/golden/nan-never-passes", test_nan_never_passes);
  g_test_add_func ("/golden/levels", test_levels);
  return g_test_run ();
}
