/* SPDX-License-Identifier: Apache-2.0 */
/* OsMemPool: the allocator for everything whose size comes from a file, a model
 * or a picture. It can fail (g_malloc would abort the host), aligns to 64
 * bytes, counts, and keeps freed blocks for the next request of the same size:
 * a network asks for the same few sizes in every block, and fresh pages cost
 * more than the arithmetic of a norm. Thread safe. */
#pragma once

#include <glib.h>

#define OS_MEM_ALIGN 64

typedef struct _OsMemPool OsMemPool;

OsMemPool *os_mem_pool_new (void);
OsMemPool *os_mem_pool_ref (OsMemPool *pool);
void os_mem_pool_unref (OsMemPool *pool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsMemPool, os_mem_pool_unref)

/* Uninitialised memory, or NULL and OPENSORA_ERROR_MEMORY. */
gpointer os_mem_pool_alloc (OsMemPool *pool, gsize size, GError **error);
/* `size` is that of the allocation; NULL memory is ignored. */
void os_mem_pool_free (OsMemPool *pool, gpointer memory, gsize size);

/* Requests that would take more than `bytes` in use fail; 0: no limit. */
void os_mem_pool_set_limit (OsMemPool *pool, guint64 bytes);
guint64 os_mem_pool_get_in_use (OsMemPool *pool);
guint64 os_mem_pool_get_peak (OsMemPool *pool);
/* Gives the kept blocks back to the system. */
void os_mem_pool_trim (OsMemPool *pool);
