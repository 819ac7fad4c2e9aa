/* SPDX-License-Identifier: Apache-2.0 */
/* Guidance, of all channels and of some. */
#include "sampling/guidance.h"

#include "optest.h"

static void
check (OsCompute *compute, gint64 n_guided, float scale)
{
  const gint64 shape[] = { 4, 5, 2, 3, 2 };
  g_autoptr (OsTensor) prediction = optest_tensor (compute, 5, shape);
  g_autoptr (OsTensor) guided = os_guide (compute, prediction, n_guided, scale);

  g_assert_true (os_tensor_has_shape (guided, OS_SHAPE (2, 5, 2, 3, 2)));
  g_assert_true (os_tensor_is_contiguous (guided));
  for (gint64 i = 0; i < os_tensor_count (guided); i++) {
    const gint64 b = i / 60, c = i / 12 % 5, t = i / 6 % 2, h = i / 2 % 3;
    const double prompt = AT (prediction, b, c, t, h, i % 2);
    const double unconditional = AT (prediction, b + 2, c, t, h, i % 2);
    const double expected =
        c < n_guided ? unconditional + scale * (prompt - unconditional)
                     : prompt;

    optest_assert_near (os_tensor_f32 (guided)[i], expected, 1e-6, i);
  }
}

static void
test_channels (OsCompute *compute)
{
  for (gint64 n_guided = 0; n_guided <= 5; n_guided++) {
    check (compute, n_guided, 7);
    check (compute, n_guided, 1);
    check (compute, n_guided, 0);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  optest_add ("/sampling/guidance/channels", test_channels);
  return g_test_run ();
}
