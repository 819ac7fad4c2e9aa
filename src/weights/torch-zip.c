/* SPDX-License-Identifier: Apache-2.0 */
/* torch/serialization.py and caffe2/serialize/inline_container.cc write and
 * read this format. */
#include "weights/torch-zip.h"

#include <opensora/opensora.h>
#include <string.h>
#include <zlib.h>

#include "weights/state-dict.h"
#include "weights/torch-object.h"
#include "weights/zip.h"

#define PICKLE "/data.pkl"
#define MAX_PICKLE (64 << 20)
/* Checksums of so many bytes of tensors are compared when a file is opened:
 * small files are checked whole, large ones open at once and are left to
 * os_checkpoint_verify(). */
#define MAX_CHECKED (32 << 20)

typedef struct {
  OsCheckpoint *checkpoint;
  const char *path;
  OsMappedFile *file;
  OsZip *zip;
  char *root;
  gint64 left_to_check;
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
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT, "%s: %s",
      reader->path, text);
  return FALSE;
}

static const guint8 *
get_bytes (const Reader *reader, const OsZipRecord *record)
{
  return (const guint8 *) os_mapped_file_get_contents (reader->file)
         + record->offset;
}

static gboolean
check_crc (const Reader *reader, const OsZipRecord *record, GError **error)
{
  if (record->crc == 0
      || crc32_z (0, get_bytes (reader, record), record->size) == record->crc)
    return TRUE;
  return fail (reader, error,
      "record %s is damaged: it does not fit its checksum; download or copy "
      "the file again",
      record->name);
}

/* NULL if there is none. */
static const OsZipRecord *
find_record (const Reader *reader, const char *name)
{
  g_autofree char *full = g_strconcat (reader->root, name, NULL);

  return os_zip_find (reader->zip, full);
}

/* Is it the record of an object, "ROOT/data.pkl"? */
static gboolean
is_pickle (const char *name)
{
  const char *slash = strchr (name, '/');

  return slash != NULL && g_str_equal (slash, PICKLE);
}

static gboolean
find_root (Reader *reader, GError **error)
{
  guint n = os_zip_get_n_records (reader->zip);
  const char *found = NULL;

  for (guint i = 0; i < n; i++) {
    const char *name = os_zip_get_record (reader->zip, i)->name;

    if (!is_pickle (name))
      continue;
    if (found != NULL)
      return fail (reader, error, "holds two objects, %s and %s; one expected",
          found, name);
    found = name;
  }
  if (found == NULL)
    return fail (reader, error,
        "is a zip archive, but none of PyTorch: it has no */data.pkl");
  reader->root = g_strndup (found, strlen (found) - strlen (PICKLE));
  return TRUE;
}

static gboolean
check_not_script (const Reader *reader, GError **error)
{
  gsize length = strlen (reader->root);

  for (guint i = 0; i < os_zip_get_n_records (reader->zip); i++) {
    const char *name = os_zip_get_record (reader->zip, i)->name;

    if (strncmp (name, reader->root, length) != 0
        || (!g_str_equal (name + length, "/constants.pkl")
            && !g_str_has_prefix (name + length, "/code/")))
      continue;
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_UNSUPPORTED,
        "%s: is a TorchScript archive, not a checkpoint; save the module's "
        "state_dict with torch.save()",
        reader->path);
    return FALSE;
  }
  return TRUE;
}

static gboolean
check_records (const Reader *reader, GError **error)
{
  gsize length = strlen (reader->root);

  for (guint i = 0; i < os_zip_get_n_records (reader->zip); i++) {
    const OsZipRecord *record = os_zip_get_record (reader->zip, i);

    if (strncmp (record->name, reader->root, length) != 0
        || record->name[length] != '/')
      return fail (reader, error, "record %s is not in folder %s", record->name,
          reader->root);
    if (record->compressed)
      return fail (reader, error,
          "record %s is compressed, which PyTorch never does; unpack the "
          "archive and pack it without compression (zip -0)",
          record->name);
  }
  return TRUE;
}

static gboolean
read_byte_order (const Reader *reader, OsTorchObject *object, GError **error)
{
  const OsZipRecord *record = find_record (reader, "/byteorder");
  const char *text;

  if (record == NULL)
    return TRUE;
  if (!check_crc (reader, record, error))
    return FALSE;
  text = (const char *) get_bytes (reader, record);
  if (record->size == 6 && memcmp (text, "little", 6) == 0)
    return TRUE;
  if (record->size != 3 || memcmp (text, "big", 3) != 0)
    return fail (reader, error, "its byte order is neither little nor big");
  os_torch_object_set_big_endian (object);
  return TRUE;
}

/* Compares the checksum now or notes it for later. */
static gboolean
check_storage (Reader *reader, const OsZipRecord *record, GError **error)
{
  if (record->size <= reader->left_to_check) {
    reader->left_to_check -= record->size;
    return check_crc (reader, record, error);
  }
  if (record->crc != 0)
    os_checkpoint_add_check (reader->checkpoint, reader->file, record->offset,
        record->size, record->crc, record->name);
  return TRUE;
}

static gboolean
find_storage (Reader *reader, OsTorchStorage *storage, GError **error)
{
  g_autofree char *name = g_strconcat ("/data/", storage->key, NULL);
  const OsZipRecord *record = find_record (reader, name);
  gint64 size = os_torch_storage_get_size (storage);

  if (record == NULL)
    return fail (reader, error,
        "storage %s is not in the file; download it "
        "again",
        storage->key);
  if (record->size != size)
    return fail (reader, error,
        "storage %s has %" G_GINT64_FORMAT " bytes, %" G_GINT64_FORMAT
        " expected; download the file again",
        storage->key, record->size, size);
  storage->data = get_bytes (reader, record);
  return check_storage (reader, record, error);
}

static OsTorchObject *
decode (const Reader *reader, GError **error)
{
  const OsZipRecord *record = find_record (reader, PICKLE);
  OsPickle *pickle;
  gsize used;

  if (record->size > MAX_PICKLE) {
    fail (reader, error, "its data.pkl is too large for a checkpoint");
    return NULL;
  }
  if (!check_crc (reader, record, error))
    return NULL;
  pickle = os_pickle_decode (
      get_bytes (reader, record), record->size, reader->path, &used, error);
  return pickle != NULL
             ? os_torch_object_new (pickle, reader->file, reader->path, error)
             : NULL;
}

static gboolean
read_archive (Reader *reader, const char *state_dict, GError **error)
{
  g_autoptr (OsTorchObject) object = NULL;

  if (!find_root (reader, error) || !check_not_script (reader, error)
      || !check_records (reader, error))
    return FALSE;
  object = decode (reader, error);
  if (object == NULL || !read_byte_order (reader, object, error))
    return FALSE;
  for (guint i = 0; i < os_torch_object_get_n_storages (object); i++) {
    if (!find_storage (reader, os_torch_object_get_storage (object, i), error))
      return FALSE;
  }
  return os_state_dict_add (reader->checkpoint, object, state_dict, error);
}

gboolean
os_torch_zip_read (OsCheckpoint *checkpoint, const char *path,
    const char *state_dict, GError **error)
{
  g_autoptr (OsMappedFile) file = os_mapped_file_open (path, error);
  g_autoptr (OsZip) zip = NULL;
  Reader reader = { checkpoint, path, file, NULL, NULL, MAX_CHECKED };
  gboolean read;

  if (file == NULL)
    return FALSE;
  zip = os_zip_open ((const guint8 *) os_mapped_file_get_contents (file),
      os_mapped_file_get_length (file), path, error);
  if (zip == NULL)
    return FALSE;
  reader.zip = zip;
  read = read_archive (&reader, state_dict, error);
  g_free (reader.root);
  return read;
}
