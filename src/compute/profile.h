/* SPDX-License-Identifier: Apache-2.0 */
/* OsProfile: where the time of a computation goes, by the op and by the part of
 * the network that it belongs to.
 *
 * Time is exclusive: that of an op inside of another one is the inner one's, so
 * that all entries add up to the time between start and stop. Without a profile
 * an op pays for one comparison. */
#pragma once

#include "compute/compute.h"

typedef enum {
  OS_OP_NONE, /* between the ops */
  OS_OP_LINEAR,
  OS_OP_ATTENTION,
  OS_OP_CONV,
  OS_OP_NORM,
  OS_OP_ROPE,
  OS_OP_ELEMENTWISE,
  OS_OP_REARRANGE,
  OS_OP_WEIGHT, /* preparing one */
} OsOp;

typedef struct {
  const char *part; /* NULL: none was named */
  OsOp op;
  guint64 calls;
  guint64 flops;       /* of matrix products */
  double seconds;      /* that passed */
  double busy_seconds; /* of processor time of the process, all threads */
} OsProfileEntry;

typedef struct _OsProfile OsProfile;

OsProfile *os_profile_new (void);
void os_profile_free (OsProfile *profile);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsProfile, os_profile_free)

/* Forgets what there is, and takes the time of `compute` until stopped. The
 * profile is not owned by it. */
void os_profile_start (OsProfile *profile, OsCompute *compute);
void os_profile_stop (OsProfile *profile, OsCompute *compute);

/* In the order in which they were met first. */
const OsProfileEntry *os_profile_get_entries (
    const OsProfile *profile, guint *n);
const char *os_op_name (OsOp op);

/* What the rest of the enclosing block of C does; one of them a block. `part`
 * is a literal. */
#define OS_PROFILE_OP(compute, op)                                             \
  G_GNUC_UNUSED g_auto (OsProfileScope) profile_scope =                        \
      os_profile_enter (compute, NULL, op)
#define OS_PROFILE_PART(compute, part)                                         \
  G_GNUC_UNUSED g_auto (OsProfileScope) profile_scope =                        \
      os_profile_enter (compute, part, OS_OP_NONE)

typedef struct {
  OsCompute *compute; /* NULL: nobody profiles */
  guint outer;        /* entry to return to */
} OsProfileScope;

/* part NULL: that of the enclosing scope. */
OsProfileScope os_profile_enter (OsCompute *compute, const char *part, OsOp op);
void os_profile_leave (OsProfileScope *scope);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (OsProfileScope, os_profile_leave)
