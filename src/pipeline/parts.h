/* SPDX-License-Identifier: Apache-2.0 */
/* OsParts: where the parts of a model lie, found by the names that users give
 * them (pipeline/model-source.h). A model may be whole, in a folder or a
 * repository with a folder for each part; or it is the transformer alone, whose
 * release has the other parts in repositories of theirs. A part that has a name
 * of its own is taken from there.
 *
 * What a file is, its tensors tell. Repositories are taken from the cache or
 * downloaded, after everything that could fail before has been looked at. */
#pragma once

#include "base/task.h"
#include "pipeline/family.h"

/* What is NULL was not named. */
typedef struct {
  const char *model;
  const char *parts[OS_N_PARTS];
  const char *revision; /* of the model's repository; NULL: main */
  /* What a config names: it counts after the model, and before its release. */
  const char *configured[OS_N_PARTS];
  /* Of the hub's cache; NULL: as the environment says. */
  const char *cache_dirs[OS_N_PARTS];
  gboolean local_files_only;
} OsPartNames;

typedef struct {
  char *folder; /* with opensora.json and a folder for each part */
  /* A folder or a file for each part; NULL: in the folder. */
  char *paths[OS_N_PARTS];
  char *tokenizer; /* folder */
  char *commit;    /* of the model's repository; NULL: it has none */
  /* That the transformer is of; NULL: not known. */
  const OsRelease *release;
} OsParts;

/* All that is wrong is in one error. Its code is that of the first problem: of
 * the hub, NOT_FOUND, what os_checkpoint_open() says, or a part that does not
 * fit (pipeline/compatibility.h). */
gboolean os_parts_locate (OsParts *parts, const OsPartNames *names,
    const OsTask *task, GError **error);
void os_parts_clear (OsParts *parts);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (OsParts, os_parts_clear)
