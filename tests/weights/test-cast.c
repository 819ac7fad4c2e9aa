/* SPDX-License-Identifier: Apache-2.0 */
/* Casts, against what PyTorch 2.13 makes of the same numbers. */
#include <math.h>
#include <string.h>

#include "base/half.h"
#include "weights/cast.h"

static void
assert_bits (float value, guint32 want)
{
  g_assert_cmphex (os_f32_bits (value), ==, want);
}

/* In the two 8-bit formats; NaN is compared as such. */
static void
test_f8 (void)
{
  static const struct {
    guint8 bits;
    float e4m3;
    float e5m2;
  } cases[] = { { 0x00, 0.0f, 0.0f }, { 0x80, -0.0f, -0.0f },
    { 0x01, 0.001953125f, 1.52587890625e-05f },
    { 0x07, 0.013671875f, 0.0001068115234375f },
    { 0x08, 0.015625f, 0.0001220703125f }, { 0x38, 1.0f, 0.5f },
    { 0xb8, -1.0f, -0.5f }, { 0x7b, 352.0f, 57344.0f },
    { 0x7c, 384.0f, INFINITY }, { 0x7e, 448.0f, NAN }, { 0x7f, NAN, NAN },
    { 0xff, NAN, NAN } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    float e4m3, e5m2;

    os_cast (OS_DTYPE_F8_E4M3, &cases[i].bits, OS_DTYPE_F32, &e4m3, 1);
    os_cast (OS_DTYPE_F8_E5M2, &cases[i].bits, OS_DTYPE_F32, &e5m2, 1);
    if (isnan (cases[i].e4m3))
      g_assert_true (isnan (e4m3));
    else
      assert_bits (e4m3, os_f32_bits (cases[i].e4m3));
    if (isnan (cases[i].e5m2))
      g_assert_true (isnan (e5m2));
    else
      assert_bits (e5m2, os_f32_bits (cases[i].e5m2));
  }
}

static void
test_f64 (void)
{
  static const struct {
    double value;
    guint32 f32;
    guint16 f16;
    guint16 bf16;
  } cases[] = { { 1.0, 0x3f800000, 0x3c00, 0x3f80 },
    { -0.0, 0x80000000, 0x8000, 0x8000 },
    { 1 + 0x1p-24, 0x3f800000, 0x3c00, 0x3f80 },
    { 1 + 0x3p-24, 0x3f800002, 0x3c00, 0x3f80 },
    { 1e300, 0x7f800000, 0x7c00, 0x7f80 },
    { -1e300, 0xff800000, 0xfc00, 0xff80 },
    { 1e-40, 0x000116c2, 0x0000, 0x0001 },
    { 65519.0, 0x477fef00, 0x7bff, 0x4780 },
    { 65520.0, 0x477ff000, 0x7c00, 0x4780 },
    { 1 + 0x1p-11 + 0x1p-30, 0x3f801000, 0x3c00, 0x3f80 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    float f32;
    guint16 f16, bf16;

    os_cast (OS_DTYPE_F64, &cases[i].value, OS_DTYPE_F32, &f32, 1);
    os_cast (OS_DTYPE_F64, &cases[i].value, OS_DTYPE_F16, &f16, 1);
    os_cast (OS_DTYPE_F64, &cases[i].value, OS_DTYPE_BF16, &bf16, 1);
    assert_bits (f32, cases[i].f32);
    g_assert_cmphex (f16, ==, cases[i].f16);
    g_assert_cmphex (bf16, ==, cases[i].bf16);
  }
}

/* All 16-bit patterns but NaN are the same after a way through F32. */
static void
test_halves (void)
{
  static const OsDType dtypes[] = { OS_DTYPE_F16, OS_DTYPE_BF16 };

  for (guint i = 0; i < G_N_ELEMENTS (dtypes); i++) {
    for (guint32 bits = 0; bits <= G_MAXUINT16; bits++) {
      guint16 in = (guint16) bits, out;
      float wide;

      os_cast (dtypes[i], &in, OS_DTYPE_F32, &wide, 1);
      os_cast (OS_DTYPE_F32, &wide, dtypes[i], &out, 1);
      if (!isnan (wide))
        g_assert_cmphex (out, ==, in);
    }
  }
}

/* More elements than the inner loop takes at once, none of them aligned. */
static void
test_long (void)
{
  enum {
    N = 5000
  };
  g_autofree guint8 *in = g_malloc (N * 2 + 1);
  g_autofree guint8 *out = g_malloc (N * 4 + 2);

  for (guint i = 0; i < N; i++) {
    guint16 half = os_f32_to_f16 ((float) i);
    memcpy (in + 1 + 2 * i, &half, 2);
  }
  out[N * 4 + 1] = 0xee;
  os_cast (OS_DTYPE_F16, in + 1, OS_DTYPE_F32, out + 1, N);
  for (guint i = 0; i < N; i++) {
    float value;
    memcpy (&value, out + 1 + 4 * i, 4);
    g_assert_cmpfloat (value, ==, os_f16_to_f32 (os_f32_to_f16 ((float) i)));
  }
  g_assert_cmphex (out[N * 4 + 1], ==, 0xee);
}

static void
test_is_float (void)
{
  guint n = 0;

  for (int i = 0; i < OS_N_DTYPES; i++)
    n += os_dtype_is_float (i);
  g_assert_cmpuint (n, ==, 6);
  g_assert_true (os_dtype_is_float (OS_DTYPE_BF16));
  g_assert_false (os_dtype_is_float (OS_DTYPE_I64));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/weights/cast/f8", test_f8);
  g_test_add_func ("/weights/cast/f64", test_f64);
  g_test_add_func ("/weights/cast/halves", test_halves);
  g_test_add_func ("/weights/cast/long", test_long);
  g_test_add_func ("/weights/cast/is-float", test_is_float);
  return g_test_run ();
}
