/* SPDX-License-Identifier: Apache-2.0 */
/* Items that users have in common: found while held, gone with the last. */
#include "base/shared.h"

typedef struct {
  OsShared shared;
  gint *freed;
} Item;

static void
free_item (gpointer data)
{
  Item *item = data;

  g_atomic_int_inc (item->freed);
  g_free (item);
}

static OsSharedTable items = { free_item };

static Item *
new_item (gint *freed)
{
  Item *item = g_new0 (Item, 1);

  item->freed = freed;
  return item;
}

static void
test_lifetime (void)
{
  g_autoptr (GBytes) key = g_bytes_new_static ("key", 3);
  g_autoptr (GBytes) equal = g_bytes_new ("key", 3);
  g_autoptr (GBytes) other = g_bytes_new_static ("other", 5);
  gint freed = 0;
  Item *item = new_item (&freed);

  g_assert_null (os_shared_find (&items, key));
  g_assert_true (os_shared_add (&items, key, item) == item);
  g_assert_true (os_shared_find (&items, equal) == item);
  g_assert_null (os_shared_find (&items, other));
  g_assert_true (os_shared_ref (item) == item);
  os_shared_unref (item);
  os_shared_unref (item);
  g_assert_cmpint (freed, ==, 0);
  os_shared_unref (item);
  g_assert_cmpint (freed, ==, 1);
  g_assert_null (os_shared_find (&items, key));
  g_assert_null (items.items);
}

/* Who comes second with an item gets the first. */
static void
test_second (void)
{
  g_autoptr (GBytes) key = g_bytes_new_static ("key", 3);
  gint freed = 0, freed_second = 0;
  Item *first = os_shared_add (&items, key, new_item (&freed));
  Item *second = os_shared_add (&items, key, new_item (&freed_second));

  g_assert_true (second == first);
  g_assert_cmpint (freed_second, ==, 1);
  os_shared_unref (first);
  g_assert_cmpint (freed, ==, 0);
  os_shared_unref (second);
  g_assert_cmpint (freed, ==, 1);
}

#define N_THREADS 4
#define N_ROUNDS 20000

typedef struct {
  gint made, freed;
} Counts;

static gpointer
use_often (gpointer data)
{
  Counts *counts = data;

  for (guint i = 0; i < N_ROUNDS; i++) {
    const gint64 number = i % 3;
    g_autoptr (GBytes) key = g_bytes_new (&number, sizeof number);
    Item *item = os_shared_find (&items, key);

    if (!item) {
      g_atomic_int_inc (&counts->made);
      item = os_shared_add (&items, key, new_item (&counts->freed));
    }
    g_assert_true (item->freed == &counts->freed);
    os_shared_unref (item);
  }
  return NULL;
}

static void
test_threads (void)
{
  GThread *threads[N_THREADS];
  Counts counts = { 0 };

  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("user", use_often, &counts);
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  g_assert_cmpint (counts.made, ==, counts.freed);
  g_assert_null (items.items);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/base/shared/lifetime", test_lifetime);
  g_test_add_func ("/base/shared/second", test_second);
  g_test_add_func ("/base/shared/threads", test_threads);
  return g_test_run ();
}
