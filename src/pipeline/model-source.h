/* SPDX-License-Identifier: Apache-2.0 */
/* OsModelSource: what users mean by the name of a model, or of a part of one
 *
 *   "demo"            the bundled model
 *   a path            a file or folder; a path that exists always wins
 *   "opensora-1.2"    a release: a repository for each part
 *   "org/name"        a repository on the hub
 *
 * Only the disk is looked at. */
#pragma once

#include "pipeline/family.h"

#define OS_MODEL_CONFIG "opensora.json"

/* One of path, release and repo. */
typedef struct {
  char *path;     /* of a file or a folder */
  gboolean whole; /* the folder is a model, with a folder for each part */
  const OsRelease *release;
  char *repo;
} OsModelSource;

/* Errors: NOT_FOUND. */
gboolean os_model_source_find (
    OsModelSource *source, const char *name, GError **error);
void os_model_source_clear (OsModelSource *source);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (OsModelSource, os_model_source_clear)
