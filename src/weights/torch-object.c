/* SPDX-License-Identifier: Apache-2.0 */
/* Element i0..ik of a tensor is element offset + sum (i_d * stride_d) of its
 * storage. Everything is checked before a view is made of it. */
#include "weights/torch-object.h"

#include <opensora/opensora.h>
#include <string.h>

#include "base/size.h"
#include "weights/gather.h"

struct _OsTorchObject {
  OsPickle *pickle;
  OsMappedFile *file;
  char *path;
  gboolean big_endian;
  OsMemPool *pool;     /* of copies */
  GPtrArray *storages; /* of OsTorchStorage * */
  GHashTable *by_key;  /* char * -> OsTorchStorage * */
};

static gboolean
add_storage (OsTorchObject *object, const OsPickleStorage *id, GError **error)
{
  OsTorchStorage *storage = os_torch_object_find_storage (object, id->key);
  gint64 size;

  if (storage != NULL) {
    if (storage->dtype == id->dtype && storage->untyped == id->untyped
        && storage->count == id->count)
      return TRUE;
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
        "%s: storage %s has two types or sizes", object->path, id->key);
    return FALSE;
  }
  if (!os_size_mul (id->count, os_dtype_size (id->dtype), &size)) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
        "%s: storage %s is larger than files can be", object->path, id->key);
    return FALSE;
  }
  storage = g_new0 (OsTorchStorage, 1);
  storage->key = id->key;
  storage->dtype = id->dtype;
  storage->untyped = id->untyped;
  storage->count = id->count;
  g_ptr_array_add (object->storages, storage);
  g_hash_table_insert (object->by_key, (gpointer) storage->key, storage);
  return TRUE;
}

OsTorchObject *
os_torch_object_new (
    OsPickle *pickle, OsMappedFile *file, const char *path, GError **error)
{
  g_autoptr (OsTorchObject) object = g_new0 (OsTorchObject, 1);

  object->pickle = pickle;
  object->file = os_mapped_file_ref (file);
  object->path = g_strdup (path);
  object->pool = os_mem_pool_new ();
  /* Copies of every byte once, and some that are spread. */
  os_mem_pool_set_limit (object->pool,
      (guint64) os_mapped_file_get_length (file) + OS_TORCH_MAX_EXPANDED);
  object->storages = g_ptr_array_new_with_free_func (g_free);
  object->by_key = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < os_pickle_get_n_storages (pickle); i++) {
    if (!add_storage (object, os_pickle_get_storage (pickle, i), error))
      return NULL;
  }
  return g_steal_pointer (&object);
}

void
os_torch_object_free (OsTorchObject *object)
{
  if (object == NULL)
    return;
  g_hash_table_unref (object->by_key);
  g_ptr_array_unref (object->storages);
  os_mem_pool_unref (object->pool);
  g_free (object->path);
  os_mapped_file_unref (object->file);
  os_pickle_free (object->pickle);
  g_free (object);
}

void
os_torch_object_set_big_endian (OsTorchObject *object)
{
  object->big_endian = TRUE;
}

const OsPickle *
os_torch_object_get_pickle (const OsTorchObject *object)
{
  return object->pickle;
}

const char *
os_torch_object_get_path (const OsTorchObject *object)
{
  return object->path;
}

guint
os_torch_object_get_n_storages (const OsTorchObject *object)
{
  return object->storages->len;
}

OsTorchStorage *
os_torch_object_get_storage (const OsTorchObject *object, guint index)
{
  return g_ptr_array_index (object->storages, index);
}

OsTorchStorage *
os_torch_object_find_storage (const OsTorchObject *object, const char *key)
{
  return g_hash_table_lookup (object->by_key, key);
}

gint64
os_torch_storage_get_size (const OsTorchStorage *storage)
{
  return storage->count * (gint64) os_dtype_size (storage->dtype);
}

/* Tensors. */

/* The elements of its storage that a tensor may use. */
typedef struct {
  const guint8 *data;
  gint64 count;
} Room;

static Room
get_room (const OsTorchObject *object, const OsPickleTensor *tensor)
{
  const OsPickleStorage *id =
      os_pickle_get_storage (object->pickle, tensor->storage);
  const OsTorchStorage *storage =
      os_torch_object_find_storage (object, id->key);
  Room room = { storage->data, id->count };

  if (id->view_size >= 0) {
    room.data += id->view_offset * (gint64) os_dtype_size (id->dtype);
    room.count = id->view_size;
  }
  if (id->untyped)
    room.count /= os_dtype_size (tensor->dtype);
  return room;
}

/* Number of elements and of bytes; sizes of 0 are left out of the product, so
 * that no stride of an empty tensor can overflow. */
static gboolean
measure (const OsPickleTensor *tensor, gint64 *count, gint64 *size)
{
  gboolean empty = FALSE;

  *count = 1;
  for (int i = 0; i < tensor->n_dims; i++) {
    empty |= tensor->shape[i] == 0;
    if (!os_size_mul (*count, MAX (tensor->shape[i], 1), count))
      return FALSE;
  }
  if (!os_size_mul (*count, os_dtype_size (tensor->dtype), size))
    return FALSE;
  if (empty)
    *count = *size = 0;
  return TRUE;
}

/* Is the last element, which a tensor that is not empty has, in the room? */
static gboolean
is_inside (const OsPickleTensor *tensor, gint64 room)
{
  gint64 last = tensor->offset;

  for (int i = 0; i < tensor->n_dims; i++) {
    gint64 step;
    if (!os_size_mul (tensor->shape[i] - 1, tensor->stride[i], &step)
        || !os_size_add (last, step, &last))
      return FALSE;
  }
  return last < room;
}

static gboolean
is_row_major (const OsPickleTensor *tensor)
{
  gint64 stride = 1;

  for (int i = tensor->n_dims; i-- > 0;) {
    if (tensor->shape[i] != 1 && tensor->stride[i] != stride)
      return FALSE;
    stride *= tensor->shape[i];
  }
  return TRUE;
}

static OsTensor *
wrap (const OsTorchObject *object, OsDType dtype, int n_dims,
    const gint64 *shape, const guint8 *data)
{
  /* Mapped read-only, and only read. */
  return os_tensor_new_wrapped (dtype, n_dims, shape, (gpointer) data,
      os_mapped_file_ref (object->file), (GDestroyNotify) os_mapped_file_unref);
}

static OsTensor *
view_of_room (const OsTorchObject *object, const OsPickleTensor *tensor,
    const Room *room, gint64 count)
{
  g_autoptr (OsTensor) all = NULL;

  if (count == 0)
    return wrap (
        object, tensor->dtype, tensor->n_dims, tensor->shape, room->data);
  if (is_row_major (tensor))
    return wrap (object, tensor->dtype, tensor->n_dims, tensor->shape,
        room->data + tensor->offset * (gint64) os_dtype_size (tensor->dtype));
  all = wrap (object, tensor->dtype, 1, &room->count, room->data);
  return os_tensor_as_strided (
      all, tensor->offset, tensor->n_dims, tensor->shape, tensor->stride);
}

static OsTensor *
copy_swapped (
    const OsTorchObject *object, const OsTensor *tensor, GError **error)
{
  OsTensor *copy = os_tensor_new (
      object->pool, tensor->dtype, tensor->n_dims, tensor->shape, error);
  gint64 count = os_tensor_count (tensor);
  gsize size = os_dtype_size (tensor->dtype);
  guint8 *bytes;

  if (copy == NULL)
    return NULL;
  bytes = os_tensor_data (copy);
  os_gather (tensor, 0, count, bytes);
  for (gint64 i = 0; i < count; i++, bytes += size) {
    for (gsize k = 0; k < size / 2; k++) {
      guint8 byte = bytes[k];
      bytes[k] = bytes[size - 1 - k];
      bytes[size - 1 - k] = byte;
    }
  }
  return copy;
}

static OsTensor *
refuse (const OsTorchObject *object, const OsPickleTensor *tensor,
    const char *name, const char *reason, GError **error)
{
  g_autofree char *shape = os_shape_to_string (tensor->n_dims, tensor->shape);

  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
      "%s: tensor %s: %s %s %s; the file is damaged: download it again",
      object->path, name, shape, os_dtype_name (tensor->dtype), reason);
  return NULL;
}

OsTensor *
os_torch_object_make_tensor (OsTorchObject *object,
    const OsPickleTensor *description, const char *name, GError **error)
{
  const Room room = get_room (object, description);
  g_autoptr (OsTensor) view = NULL;
  gint64 count, size;

  if (!measure (description, &count, &size))
    return refuse (
        object, description, name, "is larger than memory can be", error);
  if (count > 0 && !is_inside (description, room.count))
    return refuse (
        object, description, name, "reaches out of its storage", error);
  if (count > room.count && size > OS_TORCH_MAX_EXPANDED)
    return refuse (
        object, description, name, "repeats its storage beyond reason", error);
  view = view_of_room (object, description, &room, count);
  if (object->big_endian)
    return copy_swapped (object, view, error);
  return g_steal_pointer (&view);
}
