/* SPDX-License-Identifier: Apache-2.0 */
/* Decoded values to bytes. */
#include "pipeline/frames.h"

#include <math.h>

static guint8
convert (float value, OsDType dtype)
{
  guint8 out = 77;

  os_frames_to_u8 (&value, 1, dtype, &out);
  return out;
}

static void
test_clamping (void)
{
  static const OsDType dtypes[] = { OS_DTYPE_F32, OS_DTYPE_BF16 };

  for (guint i = 0; i < G_N_ELEMENTS (dtypes); i++) {
    g_assert_cmpuint (convert (-1, dtypes[i]), ==, 0);
    g_assert_cmpuint (convert (-1.5f, dtypes[i]), ==, 0);
    g_assert_cmpuint (convert (-INFINITY, dtypes[i]), ==, 0);
    g_assert_cmpuint (convert (1, dtypes[i]), ==, 255);
    g_assert_cmpuint (convert (1.001f, dtypes[i]), ==, 255);
    g_assert_cmpuint (convert (1e30f, dtypes[i]), ==, 255);
    g_assert_cmpuint (convert (INFINITY, dtypes[i]), ==, 255);
    g_assert_cmpuint (convert (0, dtypes[i]), ==, 128);
  }
}

/* The level k is what lies nearer to k than to its neighbours. */
static void
test_rounding (void)
{
  for (int k = 0; k <= 255; k++) {
    g_assert_cmpuint (convert (k / 127.5f - 1, OS_DTYPE_F32), ==, k);
    g_assert_cmpuint (convert ((k + 0.45f) / 127.5f - 1, OS_DTYPE_F32), ==, k);
    g_assert_cmpuint (convert ((k - 0.45f) / 127.5f - 1, OS_DTYPE_F32), ==, k);
  }
}

/* bfloat16 has 8 bits: upper levels are coarse. 0.5: 0.75 * 255 = 191.25 is
 * 191, + 0.5 is 191.5, which is 192 in bfloat16. */
static void
test_bf16 (void)
{
  g_assert_cmpuint (convert (0.5f, OS_DTYPE_F32), ==, 191);
  g_assert_cmpuint (convert (0.5f, OS_DTYPE_BF16), ==, 192);
  g_assert_cmpuint (convert (-0.875f, OS_DTYPE_BF16), ==, 16);
}

static void
test_row (void)
{
  const float values[] = { -1, 0, 1, -2, 2 };
  guint8 out[6] = { 9, 9, 9, 9, 9, 9 };
  const guint8 expected[6] = { 0, 128, 255, 0, 255, 9 };

  os_frames_to_u8 (values, 5, OS_DTYPE_F32, out);
  g_assert_cmpmem (out, 6, expected, 6);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pipeline/frames/clamping", test_clamping);
  g_test_add_func ("/pipeline/frames/rounding", test_rounding);
  g_test_add_func ("/pipeline/frames/bf16", test_bf16);
  g_test_add_func ("/pipeline/frames/row", test_row);
  return g_test_run ();
}
