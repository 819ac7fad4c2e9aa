/* SPDX-License-Identifier: Apache-2.0 */
/* OsStagedFile: a file that is written under a temporary name beside its own
 * and gets that at the end, whole. Whoever reads the folder meanwhile, or after
 * a crash, finds the old file or the new one, never a part. Several files that
 * belong together are all synced before the first is committed.
 *
 * Errors are OPENSORA_ERROR_WRITE and name the file. */
#pragma once

#include <glib.h>

typedef struct _OsStagedFile OsStagedFile;

OsStagedFile *os_staged_file_new (const char *path, GError **error);
/* Removes the file unless it was committed. */
void os_staged_file_free (OsStagedFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsStagedFile, os_staged_file_free)

gboolean os_staged_file_write (
    OsStagedFile *file, gconstpointer data, gsize size, GError **error);
/* Closes the file once all of it is on the disk. */
gboolean os_staged_file_sync (OsStagedFile *file, GError **error);
/* Gives a synced file its name, in place of an older file. */
gboolean os_staged_file_commit (OsStagedFile *file, GError **error);
