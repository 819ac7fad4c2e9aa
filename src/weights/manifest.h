/* SPDX-License-Identifier: Apache-2.0 */
/* The published networks and how to tell them by names of tensors. */
#pragma once

#include <glib.h>

typedef struct {
  const char *title; /* "Open-Sora 1.2 STDiT3" */
  const char *repo;  /* on Hugging Face's hub */
  /* Names that the network has, or with "!" in front, has not. */
  const char *signs[4];
} OsManifest;

typedef gboolean (*OsManifestHas) (gconstpointer names, const char *name);

/* The network that these names fit best; NULL if half of its signs or less are
 * right for each. */
const OsManifest *os_manifest_find_nearest (
    OsManifestHas has, gconstpointer names);
