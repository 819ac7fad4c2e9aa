/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of items that do not keep them alive. Counts of users change under the
 * table's lock, so that nobody finds an item that is on its way out. */
#include "base/shared.h"

static OsShared *
find_locked (OsSharedTable *table, GBytes *key)
{
  OsShared *shared =
      table->items ? g_hash_table_lookup (table->items, key) : NULL;

  if (shared)
    shared->refs++;
  return shared;
}

static void
insert_locked (OsSharedTable *table, GBytes *key, OsShared *shared)
{
  shared->table = table;
  shared->key = g_bytes_ref (key);
  shared->refs = 1;
  if (!table->items)
    table->items = g_hash_table_new (g_bytes_hash, g_bytes_equal);
  g_hash_table_insert (table->items, shared->key, shared);
}

static void
remove_locked (OsSharedTable *table, OsShared *shared)
{
  g_hash_table_remove (table->items, shared->key);
  if (g_hash_table_size (table->items) == 0)
    g_clear_pointer (&table->items, g_hash_table_unref);
}

gpointer
os_shared_find (OsSharedTable *table, GBytes *key)
{
  OsShared *shared;

  g_mutex_lock (&table->lock);
  shared = find_locked (table, key);
  g_mutex_unlock (&table->lock);
  return shared;
}

gpointer
os_shared_add (OsSharedTable *table, GBytes *key, gpointer item)
{
  OsShared *first;

  g_mutex_lock (&table->lock);
  first = find_locked (table, key);
  if (!first)
    insert_locked (table, key, item);
  g_mutex_unlock (&table->lock);
  if (!first)
    return item;
  table->free (item);
  return first;
}

gpointer
os_shared_ref (gpointer item)
{
  OsShared *shared = item;

  g_mutex_lock (&shared->table->lock);
  shared->refs++;
  g_mutex_unlock (&shared->table->lock);
  return item;
}

void
os_shared_unref (gpointer item)
{
  OsShared *shared = item;
  OsSharedTable *table = shared->table;
  gboolean last;

  g_mutex_lock (&table->lock);
  last = --shared->refs == 0;
  if (last)
    remove_locked (table, shared);
  g_mutex_unlock (&table->lock);
  if (!last)
    return;
  g_bytes_unref (shared->key);
  table->free (item);
}
