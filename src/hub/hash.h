/* SPDX-License-Identifier: Apache-2.0 */
/* OsHubHash: the hash by which the hub names a content. */
#pragma once

#include <gio/gio.h>

#include "base/task.h"

typedef struct _OsHubHash OsHubHash;

/* Of the kind that the etag is: 64 digits are the SHA-256 of a file in LFS, 40
 * the SHA-1 that git gives a file of `size` bytes. NULL for other etags. */
OsHubHash *os_hub_hash_new (const char *etag, guint64 size);
void os_hub_hash_free (OsHubHash *hash);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsHubHash, os_hub_hash_free)

void os_hub_hash_update (OsHubHash *hash, gconstpointer data, gsize size);
/* Adds the next `size` bytes of a file. `name` is for the message. */
gboolean os_hub_hash_read (OsHubHash *hash, int fd, guint64 size,
    const char *name, GCancellable *cancellable, GError **error);
/* Lower-case digits; the hash takes nothing more afterwards. */
char *os_hub_hash_finish (OsHubHash *hash);
