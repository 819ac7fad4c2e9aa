/* SPDX-License-Identifier: Apache-2.0 */
/* Names of repositories, revisions and files: which are legal, how URLs and
 * folders are made of them. The errors are INVALID_ARGUMENT. */
#pragma once

#include <glib.h>

/* "name" or "namespace/name". */
gboolean os_hub_check_repo (const char *repo, GError **error);
gboolean os_hub_check_revision (const char *revision, GError **error);
/* A relative path that stays below its folder. */
gboolean os_hub_check_filename (const char *filename, GError **error);

/* 40 hexadecimal digits. */
gboolean os_hub_is_commit (const char *revision);
/* As is_commit, of `digits` digits. */
gboolean os_hub_is_hex (const char *text, gsize digits);

/* models--namespace--name */
char *os_hub_folder_name (const char *repo);
/* endpoint/repo/resolve/revision/filename */
char *os_hub_file_url (const char *endpoint, const char *repo,
    const char *revision, const char *filename);
/* The description of a revision, with sizes of files. */
char *os_hub_info_url (
    const char *endpoint, const char *repo, const char *revision);
