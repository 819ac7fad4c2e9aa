/* SPDX-License-Identifier: Apache-2.0 */
/* The records of a zip archive: names and where their bytes lie in the mapped
 * file. PyTorch keeps records as they are; nothing is unpacked. */
#pragma once

#include <glib.h>

typedef struct _OsZip OsZip;

typedef struct {
  char *name;
  gint64 offset; /* of the data, from the start of the file */
  gint64 size;
  guint32 crc;         /* 0: unknown */
  gboolean compressed; /* then the data are of no use */
} OsZipRecord;

/* `origin` names the archive in messages. Errors: FORMAT. */
OsZip *os_zip_open (
    const guint8 *data, gint64 size, const char *origin, GError **error);
void os_zip_free (OsZip *zip);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsZip, os_zip_free)

guint os_zip_get_n_records (const OsZip *zip);
const OsZipRecord *os_zip_get_record (const OsZip *zip, guint index);
/* NULL if there is none. */
const OsZipRecord *os_zip_find (const OsZip *zip, const char *name);
