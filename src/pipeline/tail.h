/* SPDX-License-Identifier: Apache-2.0 */
/* OsTail: what a clip leaves behind for another to go on from it: the latents
 * of its last loop, from which its last frames can be made once more. */
#pragma once

#include "pipeline/sources.h"

typedef struct {
  OsTensor *latents; /* [1, C, T, H, W]; NULL: there is no clip */
  guint num_frames;  /* that they decode to */
} OsTail;

void os_tail_set (OsTail *tail, const OsTensor *latents, guint num_frames);
void os_tail_copy (OsTail *tail, const OsTail *from);
void os_tail_clear (OsTail *tail);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (OsTail, os_tail_clear)

/* Whether a clip with these resolved parameters can go on from it: the size is
 * the same, and all is there that is carried. */
gboolean os_tail_fits (const OsTail *tail, const OsParams *params);

/* The end of the clip, which params say to go on from, decoded and encoded
 * again, as a loop goes on from the one before: [1, C, t, H, W]. */
OsTensor *os_tail_encode (const OsTail *tail, OsBundle *bundle,
    OsCompute *compute, const OsSources *sources, const OsParams *params);
