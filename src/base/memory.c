/* SPDX-License-Identifier: Apache-2.0 */
/* The allocator of tensors: it can fail, counts, and keeps freed blocks. */
#include "base/memory.h"

#include <opensora/opensora.h>
#include <stdlib.h>

/* Blocks below this size come and go with malloc: keeping them saves nothing.
 */
#define KEEP_MIN (64 * 1024)

typedef struct {
  gpointer memory;
  gsize size;
} Block;

struct _OsMemPool {
  gatomicrefcount refs;
  GMutex lock;
  GArray *kept; /* of Block, most recently freed last */
  guint64 kept_bytes;
  guint64 in_use;
  guint64 peak;
  guint64 limit;
};

OsMemPool *
os_mem_pool_new (void)
{
  OsMemPool *pool = g_new0 (OsMemPool, 1);

  g_atomic_ref_count_init (&pool->refs);
  g_mutex_init (&pool->lock);
  pool->kept = g_array_new (FALSE, FALSE, sizeof (Block));
  return pool;
}

OsMemPool *
os_mem_pool_ref (OsMemPool *pool)
{
  g_atomic_ref_count_inc (&pool->refs);
  return pool;
}

static void
trim_locked (OsMemPool *pool)
{
  for (guint i = 0; i < pool->kept->len; i++)
    free (g_array_index (pool->kept, Block, i).memory);
  g_array_set_size (pool->kept, 0);
  pool->kept_bytes = 0;
}

void
os_mem_pool_unref (OsMemPool *pool)
{
  if (!g_atomic_ref_count_dec (&pool->refs))
    return;
  trim_locked (pool);
  g_array_unref (pool->kept);
  g_mutex_clear (&pool->lock);
  g_free (pool);
}

/* Rounded up, so that nearly equal sizes share blocks and aligned_alloc() is
 * content; 0 on overflow. */
static gsize
block_size (gsize size)
{
  gsize unit = size < KEEP_MIN ? OS_MEM_ALIGN : KEEP_MIN;

  if (size > G_MAXSSIZE - unit)
    return 0;
  return MAX (unit, (size + unit - 1) / unit * unit);
}

static gpointer
take_kept (OsMemPool *pool, gsize size)
{
  for (guint i = pool->kept->len; i-- > 0;) {
    Block block = g_array_index (pool->kept, Block, i);

    if (block.size == size) {
      g_array_remove_index_fast (pool->kept, i);
      pool->kept_bytes -= size;
      return block.memory;
    }
  }
  return NULL;
}

gpointer
os_mem_pool_alloc (OsMemPool *pool, gsize size, GError **error)
{
  gsize block = block_size (size);
  gpointer memory = NULL;

  g_mutex_lock (&pool->lock);
  if (block > 0 && (pool->limit == 0 || pool->in_use + block <= pool->limit)) {
    memory = take_kept (pool, block);
    if (!memory) {
      /* A new size: the kept blocks are those of an earlier stage. Keep at
       * most as much as is in use, and nothing beyond the limit. */
      if (pool->kept_bytes > pool->in_use + block
          || (pool->limit > 0
              && pool->in_use + pool->kept_bytes + block > pool->limit))
        trim_locked (pool);
      memory = aligned_alloc (OS_MEM_ALIGN, block);
    }
  }
  if (memory) {
    pool->in_use += block;
    pool->peak = MAX (pool->peak, pool->in_use);
  } else {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MEMORY,
        "No memory for %" G_GSIZE_FORMAT " bytes (%" G_GUINT64_FORMAT
        " in use%s); choose a smaller size or fewer frames",
        size, pool->in_use, pool->limit ? ", limited" : "");
  }
  g_mutex_unlock (&pool->lock);
  return memory;
}

void
os_mem_pool_free (OsMemPool *pool, gpointer memory, gsize size)
{
  Block block = { memory, block_size (size) };

  if (!memory)
    return;
  g_mutex_lock (&pool->lock);
  pool->in_use -= block.size;
  if (block.size >= KEEP_MIN) {
    g_array_append_val (pool->kept, block);
    pool->kept_bytes += block.size;
  } else {
    free (memory);
  }
  g_mutex_unlock (&pool->lock);
}

void
os_mem_pool_set_limit (OsMemPool *pool, guint64 bytes)
{
  g_mutex_lock (&pool->lock);
  pool->limit = bytes;
  g_mutex_unlock (&pool->lock);
}

guint64
os_mem_pool_get_in_use (OsMemPool *pool)
{
  guint64 bytes;

  g_mutex_lock (&pool->lock);
  bytes = pool->in_use;
  g_mutex_unlock (&pool->lock);
  return bytes;
}

guint64
os_mem_pool_get_peak (OsMemPool *pool)
{
  guint64 bytes;

  g_mutex_lock (&pool->lock);
  bytes = pool->peak;
  g_mutex_unlock (&pool->lock);
  return bytes;
}

void
os_mem_pool_trim (OsMemPool *pool)
{
  g_mutex_lock (&pool->lock);
  trim_locked (pool);
  g_mutex_unlock (&pool->lock);
}
