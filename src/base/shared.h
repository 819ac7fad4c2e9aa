/* SPDX-License-Identifier: Apache-2.0 */
/* OsShared: what several users in one process have in common instead of one
 * each: mapped files, prepared weights. An item is found by its key as long as
 * somebody holds it. Thread safe.
 *
 *   typedef struct {
 *     OsShared shared; // the first member
 *     ...
 *   } Item;
 *   static OsSharedTable items = { free_item };
 *
 *   item = os_shared_find (&items, key);
 *   if (!item)
 *     item = os_shared_add (&items, key, make_item ());
 *   ...
 *   os_shared_unref (item);
 */
#pragma once

#include <glib.h>

typedef struct {
  GDestroyNotify free; /* of an item, when nobody holds it */
  GMutex lock;
  GHashTable *items; /* GBytes -> OsShared; NULL: none */
} OsSharedTable;

/* Belongs to shared.c. */
typedef struct {
  OsSharedTable *table;
  GBytes *key;
  guint refs;
} OsShared;

/* Holds the item with this key; NULL if nobody has one. */
gpointer os_shared_find (OsSharedTable *table, GBytes *key);
/* Takes an item, zeroed in the beginning, and holds it under this key. If
 * somebody was quicker, that one is held and `item` freed: so an item may be
 * made without keeping others waiting. */
gpointer os_shared_add (OsSharedTable *table, GBytes *key, gpointer item);

gpointer os_shared_ref (gpointer item);
void os_shared_unref (gpointer item);
