/* SPDX-License-Identifier: Apache-2.0 */
/* OsMappedFile: a file that is mapped read-only. Whoever opens the same file
 * while it is mapped gets the same mapping: the same addresses, and its pages
 * count once. */
#pragma once

#include <glib.h>

typedef struct _OsMappedFile OsMappedFile;

/* Never waits: pipes and devices are refused. Errors: OPENSORA_ERROR_NOT_FOUND,
 * OPENSORA_ERROR_READ. */
OsMappedFile *os_mapped_file_open (const char *path, GError **error);
OsMappedFile *os_mapped_file_ref (OsMappedFile *file);
void os_mapped_file_unref (OsMappedFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsMappedFile, os_mapped_file_unref)

/* Not to be written, not 0-terminated. */
char *os_mapped_file_get_contents (const OsMappedFile *file);
gsize os_mapped_file_get_length (const OsMappedFile *file);
