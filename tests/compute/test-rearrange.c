/* SPDX-License-Identifier: Apache-2.0 */
/* Ops that move values: where each value comes from. */
#include <string.h>

#include "optest.h"

static void
test_contiguous (OsCompute *compute)
{
  g_autoptr (OsTensor) x = optest_tensor (compute, OS_SHAPE (3, 17, 65, 5));
  g_autoptr (OsTensor) same = os_contiguous (compute, x);
  g_autoptr (OsTensor) turned = os_tensor_permute (x, (int[]){ 3, 1, 0, 2 });
  g_autoptr (OsTensor) y = os_contiguous (compute, turned);
  /* Backwards, and one value again and again. */
  g_autoptr (OsTensor) back =
      os_tensor_as_strided (x, 99, OS_SHAPE (10, 10), (gint64[]){ -10, -1 });
  g_autoptr (OsTensor) reversed = os_contiguous (compute, back);
  g_autoptr (OsTensor) one =
      os_tensor_as_strided (x, 7, OS_SHAPE (4, 3), (gint64[]){ 0, 0 });
  g_autoptr (OsTensor) repeated = os_contiguous (compute, one);
  g_autoptr (OsTensor) none = os_tensor_slice (turned, 1, 3, 0);
  g_autoptr (OsTensor) empty = os_contiguous (compute, none);

  g_assert_true (same == x);
  g_assert_true (os_tensor_is_contiguous (y));
  g_assert_true (os_tensor_has_shape (y, OS_SHAPE (5, 17, 3, 65)));
  for (gint64 i = 0; i < os_tensor_count (y); i++)
    g_assert_cmpfloat (os_tensor_f32 (y)[i], ==,
        AT (x, i / 65 % 3, i / 195 % 17, i % 65, i / 3315));
  for (int i = 0; i < 100; i++)
    g_assert_cmpfloat (
        os_tensor_f32 (reversed)[i], ==, os_tensor_f32 (x)[99 - i]);
  for (int i = 0; i < 12; i++)
    g_assert_cmpfloat (os_tensor_f32 (repeated)[i], ==, os_tensor_f32 (x)[7]);
  g_assert_true (os_tensor_has_shape (empty, OS_SHAPE (5, 0, 3, 65)));
}

static void
test_download (OsCompute *compute)
{
  const float host[] = { 1, 2, 3, 4, 5, 6 };
  const float expected[] = { 1, 4, 2, 5, 3, 6 };
  g_autoptr (OsTensor) x = os_compute_upload (compute, host, OS_SHAPE (2, 3));
  g_autoptr (OsTensor) turned = os_tensor_permute (x, (int[]){ 1, 0 });
  float back[6];

  g_assert_true (os_tensor_f32 (x) != host);
  os_compute_download (compute, x, back);
  g_assert_cmpmem (back, sizeof back, host, sizeof host);
  os_compute_download (compute, turned, back);
  g_assert_cmpmem (back, sizeof back, expected, sizeof expected);
}

static void
check_channel_to_time (OsCompute *compute, int s)
{
  const gint64 B = 2, T = 3, H = 5, W = 4, C = 3;
  g_autoptr (OsTensor) x =
      optest_tensor (compute, OS_SHAPE (B, T, H, W, C * s));
  g_autoptr (OsTensor) y = os_channel_to_time (compute, x, s);

  g_assert_true (os_tensor_has_shape (y, OS_SHAPE (B, T * s, H, W, C)));
  for (gint64 i = 0; i < os_tensor_count (y); i++) {
    const gint64 c = i % C, w = i / C % W, h = i / (C * W) % H;
    const gint64 t = i / (C * W * H) % (T * s), b = i / (C * W * H * T * s);

    g_assert_cmpfloat (
        os_tensor_f32 (y)[i], ==, AT (x, b, t / s, h, w, c * s + t % s));
  }
}

static void
test_channel_to_time (OsCompute *compute)
{
  check_channel_to_time (compute, 1);
  check_channel_to_time (compute, 2);
  check_channel_to_time (compute, 3);
}

/* Patches of [B, C, T, H, W], from the values' places in both. */
static void
check_patches (OsCompute *compute, const gint64 *s, const int *p)
{
  const gint64 t = (s[2] + p[0] - 1) / p[0], h = (s[3] + p[1] - 1) / p[1];
  const gint64 w = (s[4] + p[2] - 1) / p[2], size = s[1] * p[0] * p[1] * p[2];
  g_autoptr (OsTensor) x = optest_tensor (compute, 5, s);
  g_autoptr (OsTensor) y = os_patchify (compute, x, p);
  g_autoptr (OsTensor) turned = os_compute_tensor (compute, 3, y->shape);
  g_autoptr (OsTensor) back = NULL;

  g_assert_true (os_tensor_has_shape (y, OS_SHAPE (s[0], t * h * w, size)));
  for (gint64 i = 0; i < os_tensor_count (y); i++) {
    const gint64 dw = i % p[2], dh = i / p[2] % p[1];
    const gint64 dt = i / (p[2] * p[1]) % p[0], c = i % size / (size / s[1]);
    const gint64 token = i / size % (t * h * w), b = i / size / (t * h * w);
    const gint64 T = token / (h * w) * p[0] + dt;
    const gint64 H = token / w % h * p[1] + dh, W = token % w * p[2] + dw;
    const float value =
        T < s[2] && H < s[3] && W < s[4] ? AT (x, b, c, T, H, W) : 0;

    g_assert_cmpfloat (os_tensor_f32 (y)[i], ==, value);
    /* The same with the channel fastest, for the way back. */
    os_tensor_f32 (
        turned)[(i / size * p[0] * p[1] * p[2] + (dt * p[1] + dh) * p[2] + dw)
                    * s[1]
                + c] = value;
  }
  back = os_unpatchify (compute, turned, p, s[1], s[2], s[3], s[4]);
  optest_assert_equal (compute, back, x);
}

static void
test_patches (OsCompute *compute)
{
  check_patches (compute, (gint64[]){ 1, 1, 1, 1, 1 }, (int[]){ 1, 1, 1 });
  check_patches (compute, (gint64[]){ 2, 4, 3, 6, 8 }, (int[]){ 1, 2, 2 });
  check_patches (compute, (gint64[]){ 2, 3, 5, 7, 9 }, (int[]){ 1, 2, 2 });
  check_patches (compute, (gint64[]){ 1, 3, 5, 7, 10 }, (int[]){ 2, 3, 4 });
}

static void
test_concat (OsCompute *compute)
{
  g_autoptr (OsTensor) a = optest_tensor (compute, OS_SHAPE (2, 3, 5));
  g_autoptr (OsTensor) wide = optest_tensor (compute, OS_SHAPE (1, 5, 3));
  g_autoptr (OsTensor) b = os_tensor_permute (wide, (int[]){ 0, 2, 1 });
  g_autoptr (OsTensor) y =
      os_concat (compute, (const OsTensor *[]){ a, b, a }, 3);
  g_autoptr (OsTensor) first = os_tensor_slice (y, 0, 0, 2);
  g_autoptr (OsTensor) second = os_tensor_slice (y, 0, 2, 1);
  g_autoptr (OsTensor) third = os_tensor_slice (y, 0, 3, 2);

  g_assert_true (os_tensor_has_shape (y, OS_SHAPE (5, 3, 5)));
  optest_assert_equal (compute, first, a);
  optest_assert_equal (compute, second, b);
  optest_assert_equal (compute, third, a);
}

static void
test_embedding (OsCompute *compute)
{
  const gint32 ids[] = { 6, 0, 6, 3 };
  g_autoptr (OsWeight) table = optest_weight (compute, OS_SHAPE (7, 5));
  g_autoptr (OsTensor) y = os_embedding (compute, table, ids, 4);

  g_assert_true (os_tensor_has_shape (y, OS_SHAPE (4, 5)));
  for (int i = 0; i < 20; i++)
    g_assert_cmpfloat (os_tensor_f32 (y)[i], ==,
        AT (os_weight_get (table, compute), ids[i / 5], i % 5));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  optest_add ("/compute/rearrange/contiguous", test_contiguous);
  optest_add ("/compute/rearrange/download", test_download);
  optest_add ("/compute/rearrange/channel-to-time", test_channel_to_time);
  optest_add ("/compute/rearrange/patches", test_patches);
  optest_add ("/compute/rearrange/concat", test_concat);
  optest_add ("/compute/rearrange/embedding", test_embedding);
  return g_test_run ();
}
