/* SPDX-License-Identifier: Apache-2.0 */
/* One file of a repository: from the cache, or from the hub into it. */
#pragma once

#include "hub/cache.h"
#include "hub/download.h"

typedef struct {
  const OsHubEnvironment *environment;
  const OsHubCache *cache;
  OsHubHttp *http; /* NULL: offline */
  const char *repo;
  const char *revision;
  const OsTask *task;
  guint64 before; /* as in OsHubSource */
  guint64 total;
} OsHubRequest;

/* The path in the cache; the names have been checked. */
char *os_hub_fetch (
    const OsHubRequest *request, const char *file, GError **error);

/* Asks for the commit and the files' metadata as often as makes sense, without
 * a look at the cache. */
gboolean os_hub_request_metadata (const OsHubRequest *request, const char *file,
    OsHubMetadata *metadata, GError **error);

/* "namespace/name@revision: file", for messages. */
char *os_hub_request_what (const OsHubRequest *request, const char *file);

/* Reports that a file (NULL: the revision) is not in the cache. */
void os_hub_request_fail_local (
    const OsHubRequest *request, const char *file, GError **error);

/* Is this a failure that a cached file makes up for? */
gboolean os_hub_may_fall_back (const GError *error);

#define OS_HUB_MAX_REPEATS 6
/* Waits before the repeat of a failed request; FALSE when cancelled. */
gboolean os_hub_wait_for_repeat (
    guint repeat, gint retry, const OsTask *task, GError **error);
