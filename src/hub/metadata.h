/* SPDX-License-Identifier: Apache-2.0 */
/* OsHubMetadata: what the hub says about a file without sending it. */
#pragma once

#include "hub/http.h"

typedef struct {
  char *commit;   /* of the revision; also set if the file does not exist */
  char *etag;     /* names the content, see hub/hash.h */
  gint64 size;    /* -1: unknown */
  GUri *location; /* of the content */
} OsHubMetadata;

void os_hub_metadata_clear (OsHubMetadata *metadata);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (OsHubMetadata, os_hub_metadata_clear)

#define OS_HUB_NO_RETRY -1

/* Asks once. *retry is the number of seconds after which it makes sense to ask
 * again (0: any), or OS_HUB_NO_RETRY. */
gboolean os_hub_metadata_get (OsHubMetadata *metadata, OsHubHttp *http,
    const char *url, const char *what, gint *retry, GCancellable *cancellable,
    GError **error);
