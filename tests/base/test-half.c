/* SPDX-License-Identifier: Apache-2.0 */
/* Half precision: every 16-bit value goes to float32 and back, and rounding is
 * compared between all neighbours. */
#include <math.h>

#include "base/half.h"

static gboolean
is_nan16 (guint16 half, guint16 infinity)
{
  return (half & 0x7fff) > infinity;
}

static void
test_round_trip (void)
{
  for (guint i = 0; i <= G_MAXUINT16; i++) {
    guint16 half = (guint16) i;

    if (is_nan16 (half, 0x7c00)) {
      g_assert_true (isnan (os_f16_to_f32 (half)));
      g_assert_true (is_nan16 (os_f32_to_f16 (os_f16_to_f32 (half)), 0x7c00));
    } else {
      g_assert_cmphex (os_f32_to_f16 (os_f16_to_f32 (half)), ==, half);
    }
    if (is_nan16 (half, 0x7f80)) {
      g_assert_true (isnan (os_bf16_to_f32 (half)));
      g_assert_true (is_nan16 (os_f32_to_bf16 (os_bf16_to_f32 (half)), 0x7f80));
    } else {
      g_assert_cmphex (os_f32_to_bf16 (os_bf16_to_f32 (half)), ==, half);
    }
  }
}

/* Widening by the definition of the format, in double. */
static double
f16_by_definition (guint16 half)
{
  int exponent = half >> 10 & 31;
  double fraction = half & 1023;
  double value = exponent == 0 ? ldexp (fraction, -24)
                               : ldexp (1024 + fraction, exponent - 25);

  return half & 0x8000 ? -value : value;
}

static void
test_f16_values (void)
{
  for (guint i = 0; i <= G_MAXUINT16; i++) {
    guint16 half = (guint16) i;

    if ((half & 0x7c00) != 0x7c00)
      g_assert_cmpfloat (os_f16_to_f32 (half), ==, f16_by_definition (half));
  }
  g_assert_cmpfloat (os_f16_to_f32 (0x7c00), ==, INFINITY);
  g_assert_cmpfloat (os_f16_to_f32 (0xfc00), ==, -INFINITY);
  g_assert_cmphex (os_f32_bits (os_f16_to_f32 (0x8000)), ==, 0x80000000u);
}

/* Between each two neighbours: just below the middle, the middle, just above.
 * The middle goes to the even one. */
static void
assert_rounds (float low, float high, guint16 half, guint16 (*narrow) (float))
{
  float middle = (float) (((double) low + high) / 2);

  g_assert_cmphex (narrow (nextafterf (middle, low)), ==, half);
  g_assert_cmphex (narrow (middle), ==, half + (half & 1));
  g_assert_cmphex (narrow (nextafterf (middle, high)), ==, half + 1);
  g_assert_cmphex (narrow (-middle), ==, 0x8000 | (half + (half & 1)));
}

static void
test_f16_rounding (void)
{
  for (guint16 half = 0; half < 0x7bff; half++)
    assert_rounds (
        os_f16_to_f32 (half), os_f16_to_f32 (half + 1), half, os_f32_to_f16);
  g_assert_cmphex (os_f32_to_f16 (65519.996f), ==, 0x7bff);
  g_assert_cmphex (os_f32_to_f16 (65520), ==, 0x7c00);
  g_assert_cmphex (os_f32_to_f16 (-1e30f), ==, 0xfc00);
  g_assert_cmphex (os_f32_to_f16 (1e-30f), ==, 0);
  g_assert_cmphex (os_f32_to_f16 (-1e-30f), ==, 0x8000);
}

static void
test_bf16_rounding (void)
{
  for (guint16 half = 0; half < 0x7f7f; half++)
    assert_rounds (
        os_bf16_to_f32 (half), os_bf16_to_f32 (half + 1), half, os_f32_to_bf16);
  g_assert_cmphex (os_f32_to_bf16 (G_MAXFLOAT), ==, 0x7f80);
  g_assert_cmphex (os_f32_to_bf16 (-INFINITY), ==, 0xff80);
  g_assert_cmpfloat (os_round_bf16 (1.00390625f), ==, 1.0f);
}

/* A NaN whose payload is all in the part that is cut stays a NaN. */
static void
test_nan (void)
{
  float low = os_f32_from_bits (0x7f800001);
  float negative = os_f32_from_bits (0xffffffff);

  g_assert_true (is_nan16 (os_f32_to_f16 (low), 0x7c00));
  g_assert_true (is_nan16 (os_f32_to_bf16 (low), 0x7f80));
  g_assert_true (is_nan16 (os_f32_to_f16 (negative), 0x7c00));
  g_assert_cmphex (os_f32_to_bf16 (negative), ==, 0xffff);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/base/half/round-trip", test_round_trip);
  g_test_add_func ("/base/half/f16-values", test_f16_values);
  g_test_add_func ("/base/half/f16-rounding", test_f16_rounding);
  g_test_add_func ("/base/half/bf16-rounding", test_bf16_rounding);
  g_test_add_func ("/base/half/nan", test_nan);
  return g_test_run ();
}
