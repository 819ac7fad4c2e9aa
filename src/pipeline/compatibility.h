/* SPDX-License-Identifier: Apache-2.0 */
/* Does a network belong where it was given? Published networks are told by the
 * names of their tensors (weights/manifest.h). */
#pragma once

#include "pipeline/family.h"

typedef struct {
  const OsRelease *release; /* of the model */
  OsPartKind part;
  const char *property; /* that names the part: "model", "vae", ... */
} OsPlace;

/* FALSE and a report that says what was found, where, what fits there, and
 * which property to change: MISMATCH for a network of another place,
 * UNSUPPORTED for one that has no place here. */
gboolean os_compatibility_check (
    const OsPlace *place, const OsCheckpoint *checkpoint, GError **error);
/* The same for a published repository, before anything is downloaded; TRUE if
 * it is none. */
gboolean os_compatibility_check_repo (
    const OsPlace *place, const char *repo, GError **error);
