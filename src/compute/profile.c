/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles: one entry a part and op; the clock is charged to the entry that is
 * current whenever that changes. */
#include "compute/profile.h"

#include <time.h>

#include "compute/compute-private.h"

struct _OsProfile {
  GArray *entries; /* of OsProfileEntry */
  guint current;
  double seconds, busy_seconds; /* when the current entry began */
};

static const char *const names[] = {
  [OS_OP_NONE] = "other",
  [OS_OP_LINEAR] = "linear",
  [OS_OP_ATTENTION] = "attention",
  [OS_OP_CONV] = "conv",
  [OS_OP_NORM] = "norm",
  [OS_OP_ROPE] = "rope",
  [OS_OP_ELEMENTWISE] = "elementwise",
  [OS_OP_REARRANGE] = "rearrange",
  [OS_OP_WEIGHT] = "weight",
};

const char *
os_op_name (OsOp op)
{
  return names[op];
}

OsProfile *
os_profile_new (void)
{
  OsProfile *profile = g_new0 (OsProfile, 1);

  profile->entries = g_array_new (FALSE, FALSE, sizeof (OsProfileEntry));
  return profile;
}

void
os_profile_free (OsProfile *profile)
{
  g_array_unref (profile->entries);
  g_free (profile);
}

const OsProfileEntry *
os_profile_get_entries (const OsProfile *profile, guint *n)
{
  *n = profile->entries->len;
  return (const OsProfileEntry *) profile->entries->data;
}

static OsProfileEntry *
entry (OsProfile *profile, guint index)
{
  return &g_array_index (profile->entries, OsProfileEntry, index);
}

static guint
find_entry (OsProfile *profile, const char *part, OsOp op)
{
  const OsProfileEntry fresh = { .part = part, .op = op };

  for (guint i = 0; i < profile->entries->len; i++)
    if (entry (profile, i)->op == op
        && g_strcmp0 (entry (profile, i)->part, part) == 0)
      return i;
  g_array_append_val (profile->entries, fresh);
  return profile->entries->len - 1;
}

static double
seconds_of (clockid_t clock)
{
  struct timespec t;

  clock_gettime (clock, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static void
restart_clock (OsProfile *profile)
{
  profile->seconds = seconds_of (CLOCK_MONOTONIC);
  profile->busy_seconds = seconds_of (CLOCK_PROCESS_CPUTIME_ID);
}

static void
charge_current (OsProfile *profile)
{
  const double seconds = profile->seconds, busy = profile->busy_seconds;
  OsProfileEntry *current = entry (profile, profile->current);

  restart_clock (profile);
  current->seconds += profile->seconds - seconds;
  current->busy_seconds += profile->busy_seconds - busy;
}

void
os_profile_start (OsProfile *profile, OsCompute *compute)
{
  g_array_set_size (profile->entries, 0);
  profile->current = find_entry (profile, NULL, OS_OP_NONE);
  restart_clock (profile);
  compute->profile = profile;
}

void
os_profile_stop (OsProfile *profile, OsCompute *compute)
{
  charge_current (profile);
  compute->profile = NULL;
}

OsProfileScope
os_profile_enter (OsCompute *compute, const char *part, OsOp op)
{
  OsProfile *profile = compute->profile;
  OsProfileScope scope = { NULL };

  if (!profile)
    return scope;
  charge_current (profile);
  scope.compute = compute;
  scope.outer = profile->current;
  profile->current = find_entry (
      profile, part ? part : entry (profile, scope.outer)->part, op);
  entry (profile, profile->current)->calls++;
  return scope;
}

void
os_profile_leave (OsProfileScope *scope)
{
  if (!scope->compute || !scope->compute->profile)
    return;
  charge_current (scope->compute->profile);
  scope->compute->profile->current = scope->outer;
}

void
os_compute_count_flops (OsCompute *compute, guint64 flops)
{
  compute->flops += flops;
  if (compute->profile)
    entry (compute->profile, compute->profile->current)->flops += flops;
}
