/* SPDX-License-Identifier: Apache-2.0 */
/* OsHubCache: the folder of one repository in the cache that is shared with
 * huggingface_hub.
 *
 *   models--org--name/blobs/<etag>                  contents
 *   models--org--name/snapshots/<commit>/<file>     links to them
 *   models--org--name/refs/<revision>               the commit, 40 bytes
 *   models--org--name/.no_exist/<commit>/<file>     known to be missing
 *   .locks/models--org--name/<etag>.lock
 *
 * Names are checked before they come here (hub/repo-id.h). */
#pragma once

#include <gio/gio.h>

#include "hub/environment.h"

typedef struct {
  char *root;   /* the cache folder */
  char *folder; /* of the repository */
  char *locks;  /* of the repository */
  gboolean no_symlinks;
} OsHubCache;

OsHubCache *os_hub_cache_new (
    const OsHubEnvironment *environment, const char *repo);
void os_hub_cache_free (OsHubCache *cache);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsHubCache, os_hub_cache_free)

/* Reading: neither writes nor locks. */

/* The commit that a revision was when it was last asked for, or NULL. */
char *os_hub_cache_get_commit (const OsHubCache *cache, const char *revision);
/* Where a file is or would be. */
char *os_hub_cache_path (
    const OsHubCache *cache, const char *commit, const char *file);
/* The path of a file that is there, or NULL. */
char *os_hub_cache_find (
    const OsHubCache *cache, const char *revision, const char *file);
/* Paths of the files of a commit, relative to its snapshot, sorted. */
char **os_hub_cache_list (const OsHubCache *cache, const char *commit);
char *os_hub_cache_blob (const OsHubCache *cache, const char *etag);
char *os_hub_cache_lock_path (const OsHubCache *cache, const char *etag);
/* The etag of a file of a snapshot, NULL if no link says it. */
char *os_hub_cache_etag (const char *path);

/* Writing. */

/* Makes the folders. */
gboolean os_hub_cache_prepare (const OsHubCache *cache, GError **error);
/* Makes the blob visible as a file of the commit. Without symbolic links, a
 * `fresh` blob is moved there and an older one copied. */
gboolean os_hub_cache_publish (const OsHubCache *cache, const char *commit,
    const char *file, const char *etag, gboolean fresh, GError **error);
/* These two do what they can: a cache that is read-only is no error. */
void os_hub_cache_set_commit (
    const OsHubCache *cache, const char *revision, const char *commit);
void os_hub_cache_note_missing (
    const OsHubCache *cache, const char *commit, const char *file);
