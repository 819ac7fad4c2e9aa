/* SPDX-License-Identifier: Apache-2.0 */
/* What a profile counts, and that its times add up. */
#include "compute/profile.h"

#include "optest.h"

static const OsProfileEntry *
find (const OsProfile *profile, const char *part, OsOp op)
{
  guint n;
  const OsProfileEntry *entries = os_profile_get_entries (profile, &n);

  for (guint i = 0; i < n; i++)
    if (g_strcmp0 (entries[i].part, part) == 0 && entries[i].op == op)
      return &entries[i];
  return NULL;
}

static void
assert_work (const OsProfile *profile, const char *part, OsOp op, guint64 calls,
    guint64 flops)
{
  const OsProfileEntry *entry = find (profile, part, op);

  g_assert_nonnull (entry);
  g_assert_cmpuint (entry->calls, ==, calls);
  g_assert_cmpuint (entry->flops, ==, flops);
  g_assert_cmpfloat (entry->seconds, >, 0);
}

/* A layer, by itself and in a part of the network. */
static void
run_layers (OsCompute *compute, const OsLinear *linear, const OsTensor *x)
{
  g_autoptr (OsTensor) y = os_linear (compute, linear, x, OS_ACT_NONE);

  OS_PROFILE_PART (compute, "feed-forward");
  for (int i = 0; i < 2; i++) {
    g_autoptr (OsTensor) z = os_linear (compute, linear, x, OS_ACT_NONE);
    g_autoptr (OsTensor) sum = os_add (compute, z, y);
  }
}

static void
test_entries (OsCompute *compute)
{
  g_autoptr (OsTensor) x = optest_tensor (compute, OS_SHAPE (6, 5));
  g_autoptr (OsWeight) weight = optest_weight (compute, OS_SHAPE (7, 5));
  const OsLinear linear = { weight, NULL };
  g_autoptr (OsProfile) profile = os_profile_new ();
  const guint64 flops = 2 * 6 * 5 * 7;
  guint n;

  os_profile_start (profile, compute);
  run_layers (compute, &linear, x);
  os_profile_stop (profile, compute);
  assert_work (profile, NULL, OS_OP_NONE, 0, 0);
  assert_work (profile, NULL, OS_OP_LINEAR, 1, flops);
  assert_work (profile, NULL, OS_OP_WEIGHT, 1, 0);
  assert_work (profile, "feed-forward", OS_OP_NONE, 1, 0);
  assert_work (profile, "feed-forward", OS_OP_LINEAR, 2, 2 * flops);
  assert_work (profile, "feed-forward", OS_OP_ELEMENTWISE, 2, 0);
  g_assert_null (find (profile, "feed-forward", OS_OP_WEIGHT));

  /* Stopped, it sees nothing; started again, it has forgotten. */
  run_layers (compute, &linear, x);
  assert_work (profile, NULL, OS_OP_LINEAR, 1, flops);
  os_profile_start (profile, compute);
  os_profile_stop (profile, compute);
  os_profile_get_entries (profile, &n);
  g_assert_cmpuint (n, ==, 1);
}

/* Time is exclusive: nothing is lost and nothing counted twice. */
static void
test_times (OsCompute *compute)
{
  g_autoptr (OsTensor) x = optest_tensor (compute, OS_SHAPE (64, 64));
  g_autoptr (OsWeight) weight = optest_weight (compute, OS_SHAPE (64, 64));
  const OsLinear linear = { weight, NULL };
  g_autoptr (OsProfile) profile = os_profile_new ();
  const gint64 start = g_get_monotonic_time ();
  double sum = 0, passed;
  guint n;
  const OsProfileEntry *entries;

  os_profile_start (profile, compute);
  for (int i = 0; i < 10; i++)
    run_layers (compute, &linear, x);
  g_usleep (20000);
  os_profile_stop (profile, compute);
  passed = (g_get_monotonic_time () - start) / 1e6;
  entries = os_profile_get_entries (profile, &n);
  for (guint i = 0; i < n; i++) {
    sum += entries[i].seconds;
    g_assert_cmpfloat (entries[i].busy_seconds, >=, 0);
  }
  g_assert_cmpfloat (sum, <=, passed + 1e-5);
  g_assert_cmpfloat (entries[0].seconds, >=, 0.02);
  /* What sleeps is not busy. */
  g_assert_cmpfloat (entries[0].busy_seconds, <, 0.02);
}

static void
test_names (void)
{
  g_assert_cmpstr (os_op_name (OS_OP_NONE), ==, "other");
  g_assert_cmpstr (os_op_name (OS_OP_WEIGHT), ==, "weight");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  optest_add ("/compute/profile/entries", test_entries);
  optest_add ("/compute/profile/times", test_times);
  g_test_add_func ("/compute/profile/names", test_names);
  return g_test_run ();
}
