/* SPDX-License-Identifier: Apache-2.0 */
/* The table of decoded values. Elements of lists, tuples and dicts are links
 * in one array, so that appending is cheap and everything is freed at once,
 * however deep it is nested. */
#include "weights/pickle-private.h"

OsPickle *
os_pickle_new (void)
{
  OsPickle *pickle = g_new0 (OsPickle, 1);

  pickle->cells = g_array_new (FALSE, FALSE, sizeof (OsPickleCell));
  pickle->links = g_array_new (FALSE, FALSE, sizeof (OsPickleLink));
  pickle->storages = g_array_new (FALSE, FALSE, sizeof (OsPickleStorage));
  pickle->tensors = g_array_new (FALSE, FALSE, sizeof (OsPickleTensor));
  pickle->keys = g_string_chunk_new (1024);
  return pickle;
}

void
os_pickle_free (OsPickle *pickle)
{
  if (pickle == NULL)
    return;
  g_array_unref (pickle->cells);
  g_array_unref (pickle->links);
  g_array_unref (pickle->storages);
  g_array_unref (pickle->tensors);
  g_string_chunk_free (pickle->keys);
  g_free (pickle);
}

void
os_pickle_append (
    OsPickle *pickle, OsPickleValue container, OsPickleValue value)
{
  OsPickleCell *cell = os_pickle_cell (pickle, container);
  OsPickleLink link = { value, OS_PICKLE_NO_ITEM };
  OsPickleItem item = pickle->links->len;

  g_array_append_val (pickle->links, link);
  if (cell->items.first == OS_PICKLE_NO_ITEM)
    cell->items.first = item;
  else
    g_array_index (pickle->links, OsPickleLink, cell->items.last).next = item;
  cell->items.last = item;
}

gboolean
os_pickle_is_key (const OsPickle *pickle, OsPickleValue value)
{
  const OsPickleCell *cell = os_pickle_cell (pickle, value);

  return cell->kind <= OS_PICKLE_TEXT || cell->kind == OS_PICKLE_BIG_INT
         || (cell->kind == OS_PICKLE_TUPLE && cell->n);
}

OsPickleValue
os_pickle_get_root (const OsPickle *pickle)
{
  return pickle->root;
}

OsPickleKind
os_pickle_get_kind (const OsPickle *pickle, OsPickleValue value)
{
  return os_pickle_cell (pickle, value)->kind;
}

gboolean
os_pickle_is_dict (const OsPickle *pickle, OsPickleValue value)
{
  OsPickleKind kind = os_pickle_get_kind (pickle, value);

  return kind == OS_PICKLE_DICT || kind == OS_PICKLE_ORDERED_DICT;
}

gint64
os_pickle_get_int (const OsPickle *pickle, OsPickleValue value)
{
  return os_pickle_cell (pickle, value)->integer;
}

double
os_pickle_get_float (const OsPickle *pickle, OsPickleValue value)
{
  return os_pickle_cell (pickle, value)->real;
}

const char *
os_pickle_get_text (const OsPickle *pickle, OsPickleValue value, gsize *length)
{
  const OsPickleCell *cell = os_pickle_cell (pickle, value);

  *length = cell->n;
  return cell->text;
}

const OsPickleTensor *
os_pickle_get_tensor (const OsPickle *pickle, OsPickleValue value)
{
  return &g_array_index (
      pickle->tensors, OsPickleTensor, os_pickle_cell (pickle, value)->n);
}

guint
os_pickle_get_n_storages (const OsPickle *pickle)
{
  return pickle->storages->len;
}

const OsPickleStorage *
os_pickle_get_storage (const OsPickle *pickle, guint index)
{
  return &g_array_index (pickle->storages, OsPickleStorage, index);
}

OsPickleItem
os_pickle_first_item (const OsPickle *pickle, OsPickleValue value)
{
  return os_pickle_cell (pickle, value)->items.first;
}

OsPickleItem
os_pickle_next_item (const OsPickle *pickle, OsPickleItem item)
{
  return g_array_index (pickle->links, OsPickleLink, item).next;
}

OsPickleValue
os_pickle_get_item (const OsPickle *pickle, OsPickleItem item)
{
  return g_array_index (pickle->links, OsPickleLink, item).value;
}
