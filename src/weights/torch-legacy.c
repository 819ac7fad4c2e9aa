/* SPDX-License-Identifier: Apache-2.0 */
/* _legacy_save() and _legacy_load() of torch/serialization.py. How large an
 * element of a storage is, the object alone says: it is decoded before the
 * storages behind it can be found. */
#include "weights/torch-legacy.h"

#include <opensora/opensora.h>
#include <string.h>

#include "base/text.h"
#include "weights/state-dict.h"
#include "weights/torch-object.h"

#define VERSION 1001

/* The first pickle: 0x1950a86a20f9469cfc6c. */
static const guint8 magic[] = { 0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9,
  0x20, 0x6a, 0xa8, 0x50, 0x19, '.' };

typedef struct {
  const char *path;
  OsMappedFile *file;
  const guint8 *at;
  const guint8 *end;
} Reader;

G_GNUC_PRINTF (3, 4)
static gboolean
fail (const Reader *reader, GError **error, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
      "%s: %s; download the file again", reader->path, text);
  return FALSE;
}

static OsPickle *
decode (Reader *reader, GError **error)
{
  gsize used;
  OsPickle *pickle = os_pickle_decode (
      reader->at, reader->end - reader->at, reader->path, &used, error);

  if (pickle != NULL)
    reader->at += used;
  return pickle;
}

/* Magic number, version and system. */
static gboolean
read_head (Reader *reader, GError **error)
{
  g_autoptr (OsPickle) version = NULL;
  g_autoptr (OsPickle) system = NULL;
  OsPickleValue root;

  if ((gsize) (reader->end - reader->at) < sizeof magic
      || memcmp (reader->at, magic, sizeof magic) != 0)
    return fail (reader, error, "is a pickle, but none that PyTorch wrote");
  reader->at += sizeof magic;
  version = decode (reader, error);
  if (version == NULL)
    return FALSE;
  root = os_pickle_get_root (version);
  if (os_pickle_get_kind (version, root) != OS_PICKLE_INT
      || os_pickle_get_int (version, root) != VERSION)
    return fail (reader, error, "its version is not %d", VERSION);
  system = decode (reader, error);
  return system != NULL;
}

static gboolean
read_storage (Reader *reader, OsTorchStorage *storage, GError **error)
{
  gint64 size = os_torch_storage_get_size (storage);
  guint64 count;

  if ((gsize) (reader->end - reader->at) < sizeof count)
    return fail (reader, error, "storage %s is cut off", storage->key);
  memcpy (&count, reader->at, sizeof count);
  reader->at += sizeof count;
  if (GUINT64_FROM_LE (count) != (guint64) storage->count)
    return fail (reader, error,
        "storage %s has %" G_GUINT64_FORMAT " elements, %" G_GINT64_FORMAT
        " expected",
        storage->key, GUINT64_FROM_LE (count), storage->count);
  if (size > reader->end - reader->at)
    return fail (reader, error, "storage %s is cut off", storage->key);
  storage->data = reader->at;
  reader->at += size;
  return TRUE;
}

/* The storage that an element of the list of keys names. */
static OsTorchStorage *
find_storage (const Reader *reader, const OsTorchObject *object,
    const OsPickle *keys, OsPickleValue value, GError **error)
{
  g_autofree char *key = NULL, *shown = NULL;
  OsTorchStorage *storage = NULL;
  const char *text;
  gsize length;

  if (os_pickle_get_kind (keys, value) == OS_PICKLE_TEXT) {
    text = os_pickle_get_text (keys, value, &length);
    key = g_strndup (text, length);
    shown = os_text_excerpt (text, length);
    storage = os_torch_object_find_storage (object, key);
  }
  if (storage == NULL)
    fail (reader, error, "its storage %s belongs to no tensor",
        shown != NULL ? shown : "without a key");
  else if (storage->data != NULL)
    fail (reader, error, "its storage %s is there twice", key);
  return storage != NULL && storage->data == NULL ? storage : NULL;
}

static gboolean
read_storages (Reader *reader, OsTorchObject *object, GError **error)
{
  g_autoptr (OsPickle) keys = decode (reader, error);
  OsPickleValue root;
  OsPickleItem item;

  if (keys == NULL)
    return FALSE;
  root = os_pickle_get_root (keys);
  if (os_pickle_get_kind (keys, root) != OS_PICKLE_LIST)
    return fail (reader, error, "it has no list of storages");
  for (item = os_pickle_first_item (keys, root); item != OS_PICKLE_NO_ITEM;
       item = os_pickle_next_item (keys, item)) {
    OsTorchStorage *storage = find_storage (
        reader, object, keys, os_pickle_get_item (keys, item), error);

    if (storage == NULL || !read_storage (reader, storage, error))
      return FALSE;
  }
  for (guint i = 0; i < os_torch_object_get_n_storages (object); i++) {
    OsTorchStorage *storage = os_torch_object_get_storage (object, i);
    if (storage->data == NULL)
      return fail (
          reader, error, "storage %s is not in the file", storage->key);
  }
  if (reader->at != reader->end)
    return fail (reader, error,
        "%" G_GSSIZE_FORMAT " bytes at its end belong to nothing",
        reader->end - reader->at);
  return TRUE;
}

gboolean
os_torch_legacy_read (OsCheckpoint *checkpoint, const char *path,
    const char *state_dict, GError **error)
{
  g_autoptr (OsMappedFile) file = os_mapped_file_open (path, error);
  g_autoptr (OsTorchObject) object = NULL;
  Reader reader = { path, file, NULL, NULL };
  OsPickle *pickle;

  if (file == NULL)
    return FALSE;
  reader.at = (const guint8 *) os_mapped_file_get_contents (file);
  reader.end = reader.at + os_mapped_file_get_length (file);
  if (!read_head (&reader, error) || !(pickle = decode (&reader, error)))
    return FALSE;
  object = os_torch_object_new (pickle, file, path, error);
  return object != NULL && read_storages (&reader, object, error)
         && os_state_dict_add (checkpoint, object, state_dict, error);
}
