/* SPDX-License-Identifier: Apache-2.0 */
/* OsSearch: what os_parts_locate() knows while it looks for the parts of a
 * model; and its first step, from names to places. */
#pragma once

#include "pipeline/parts.h"

#define OS_PART_CONFIG "config.json"
#define OS_TOKENIZER_FOLDER "tokenizer"

/* Where a part is to come from: a path, or a repository. */
typedef struct {
  const char *property; /* that a user changes to change it; NULL: not known */
  char *path;
  char *repo, *revision;
  const char *subfolder, *tokenizer; /* in a repository; NULL: its top */
  const char *file; /* the only one of a repository that has no component */
} OsOrigin;

typedef struct {
  const OsPartNames *names;
  OpensoraHub *hubs[OS_N_PARTS];
  OpensoraHub *caches[OS_N_PARTS]; /* the same without network */
  gboolean offline;                /* so are the hubs */
  const OsTask *task;
  OsParts *found;
  GPtrArray *problems; /* of GError * */

  const OsRelease *release; /* that the model is of */
  OsOrigin origins[OS_N_PARTS];
  OsOrigin tokenizer; /* if it comes from a repository */
} OsSearch;

/* path: taken; or a repository. */
void os_origin_set (OsOrigin *origin, const char *property, char *path,
    const char *repo, const char *revision);
void os_origin_clear (OsOrigin *origin);

/* Takes the problem; its message names the property then. */
void os_search_add_problem (
    OsSearch *search, const char *property, GError *problem);
/* The path of a file of a repository. */
char *os_search_download (const OsSearch *search, OpensoraHub *hub,
    const char *repo, const char *revision, const char *file, GError **error);
/* The folder with the files of a component. */
char *os_search_fetch (const OsSearch *search, OpensoraHub *hub,
    const OsOrigin *origin, OpensoraHubComponent component, GError **error);
/* The folder or the file of a network. */
char *os_search_fetch_network (
    const OsSearch *search, OpensoraHub *hub, OsPartKind part, GError **error);

/* Fills in release and origins, and folder and commit of a whole model. What is
 * wrong with a name is a problem, and its origin is not known. */
void os_search_name_parts (OsSearch *search);
