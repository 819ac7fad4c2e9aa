/* SPDX-License-Identifier: Apache-2.0 */
/* OsHubListing: the commit that a revision is, and the files that it has. */
#pragma once

#include "hub/fetch.h"

typedef struct {
  char *commit;
  char **names;
  GHashTable *sizes; /* char * -> gint64 *; of those that are known */
} OsHubListing;

/* One request; what the cache has if there is no answer, or offline. */
OsHubListing *os_hub_listing_get (const OsHubRequest *request, GError **error);
/* What the cache has: no request. */
OsHubListing *os_hub_listing_get_local (
    const OsHubRequest *request, GError **error);
void os_hub_listing_free (OsHubListing *listing);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsHubListing, os_hub_listing_free)

gboolean os_hub_listing_has (const OsHubListing *listing, const char *name);
/* 0 if it is not known. */
guint64 os_hub_listing_size (const OsHubListing *listing, const char *name);
