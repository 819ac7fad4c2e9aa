/* SPDX-License-Identifier: Apache-2.0 */
/* What lies in a cache of the Hugging Face hub:
 *
 *   models--ORG--NAME/refs/REVISION              the commit
 *   models--ORG--NAME/snapshots/COMMIT/FILE      a link to, or the file itself
 *   models--ORG--NAME/blobs/HASH                 its content */
#pragma once

#include <glib.h>

typedef struct {
  char *commit;
  char *refs;       /* names of branches and tags, with commas; "" for none */
  GPtrArray *files; /* paths in the repository */
  guint64 size;     /* of the files, in bytes */
  gint64 last_used; /* seconds since 1970 */
} CliRevision;

typedef struct {
  char *id;             /* org/name */
  char *path;           /* of its folder */
  GPtrArray *revisions; /* of CliRevision */
  guint64 size;         /* on the disk: what revisions share counts once */
} CliRepo;

/* Paths of the files below a folder, relative to it, in order; links count as
 * files. Empty for a folder that is not there. */
GPtrArray *cli_list_files (const char *folder);

gboolean cli_is_repo_folder (const char *path);
/* Its folder need not exist. */
CliRepo *cli_repo_scan (const char *path);
void cli_repo_free (CliRepo *repo);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliRepo, cli_repo_free)

/* The repositories in a cache, of CliRepo. */
GPtrArray *cli_cache_scan (const char *cache_dir);
