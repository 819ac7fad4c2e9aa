/* SPDX-License-Identifier: Apache-2.0 */
/* The published networks and how to tell them by names of tensors. */
#pragma once

#include "weights/checkpoint.h"

#define OS_MANIFEST_MAX_REPOS 3

typedef struct {
  const char *title; /* "Open-Sora 1.2 transformer (STDiT3)" */
  /* On Hugging Face's hub; none for a part of a file there. */
  const char *repos[OS_MANIFEST_MAX_REPOS];
  /* Names that the network has, or with "!" in front, has not. */
  const char *signs[4];
} OsManifest;

typedef gboolean (*OsManifestHas) (gconstpointer names, const char *name);

/* The network that these names fit best; NULL if half of its signs or less are
 * right for each. */
const OsManifest *os_manifest_find_nearest (
    OsManifestHas has, gconstpointer names);

/* The same for the tensors of a checkpoint. */
const OsManifest *os_manifest_find_for (const OsCheckpoint *checkpoint);

/* The network that a repository is known for, its first if it has several;
 * NULL. */
const OsManifest *os_manifest_find_published (const char *repo);
