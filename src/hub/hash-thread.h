/* SPDX-License-Identifier: Apache-2.0 */
/* OsHubHashThread: hashes blocks beside the thread that fills them. Hashing
 * costs about as much time as receiving and writing. */
#pragma once

#include "hub/hash.h"

#define OS_HUB_BLOCK (1 << 20) /* bytes */

typedef struct _OsHubHashThread OsHubHashThread;

/* Adds to a hash that outlives it; NULL: blocks are only lent. */
OsHubHashThread *os_hub_hash_thread_new (OsHubHash *hash);
/* Returns when everything is in the hash. */
void os_hub_hash_thread_free (OsHubHashThread *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsHubHashThread, os_hub_hash_thread_free)

/* A block to fill; the same one until it is pushed. */
char *os_hub_hash_thread_get_block (OsHubHashThread *self);
/* Takes the first `size` bytes of that block. */
void os_hub_hash_thread_push (OsHubHashThread *self, gsize size);
