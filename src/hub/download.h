/* SPDX-License-Identifier: Apache-2.0 */
/* The transfer of one content: continued where an earlier one stopped, repeated
 * while it gets on, hashed on the way. */
#pragma once

#include "base/task.h"
#include "hub/metadata.h"

typedef struct {
  OsHubHttp *http;
  const char *url;  /* that the metadata came from */
  const char *what; /* for messages: repository and file */
  const OsTask *task;
  guint64 before; /* bytes of other files that count as done */
  guint64 total;  /* bytes of all files; 0: of this one */
} OsHubSource;

/* How much of the source is there. */
void os_hub_source_progress (
    const OsHubSource *source, guint64 done, gint64 size);

/* Gives the content the name `blob` once all of it is on the disk and has the
 * size and the hash that the metadata announce; until then it is in `partial`,
 * which stays for the next time after every other failure than INTEGRITY. The
 * location in the metadata is renewed when it expires. */
gboolean os_hub_download (const OsHubSource *source, OsHubMetadata *metadata,
    const char *partial, const char *blob, GError **error);
