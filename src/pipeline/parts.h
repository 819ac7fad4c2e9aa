/* SPDX-License-Identifier: Apache-2.0 */
/* OsParts: where the parts of a model lie, found by the name that users give it
 *
 *   NULL, "demo"      the bundled model
 *   a path            a folder; a path that exists always wins
 *   "opensora-1.2"    a release: a repository for each part
 *   "org/name"        a repository on the hub: the transformer of a release,
 *                     or a whole model as in the folder of one
 *
 * Repositories are taken from the cache or downloaded. */
#pragma once

#include "base/task.h"

typedef struct {
  char *folder; /* with opensora.json and a folder for each part */
  /* Where a part lies instead; NULL: in the folder. */
  char *text_encoder, *tokenizer, *transformer, *vae;
  char *commit; /* of the model's repository; NULL: it has none */
} OsParts;

/* revision: of the model's repository; NULL: main. The errors are of the hub,
 * or OPENSORA_ERROR_NOT_FOUND. */
gboolean os_parts_locate (OsParts *parts, const char *model, OpensoraHub *hub,
    const char *revision, const OsTask *task, GError **error);
void os_parts_clear (OsParts *parts);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (OsParts, os_parts_clear)
