/* SPDX-License-Identifier: Apache-2.0 */
/* A decoded object of a PyTorch file and the storages that its tensors lie in.
 * The reader of the container finds the bytes of each storage; tensors are then
 * views of the mapped file. */
#pragma once

#include "base/mapped-file.h"
#include "weights/pickle.h"

/* A result this much larger than the storage it is spread from is a bomb. */
#define OS_TORCH_MAX_EXPANDED (64 << 20)

typedef struct {
  const char *key;
  OsDType dtype;
  gboolean untyped;
  gint64 count;       /* of elements, or bytes if untyped */
  const guint8 *data; /* NULL until the reader found it */
} OsTorchStorage;

typedef struct _OsTorchObject OsTorchObject;

/* Takes `pickle` in any case. FORMAT if two ids of one storage disagree. */
OsTorchObject *os_torch_object_new (
    OsPickle *pickle, OsMappedFile *file, const char *path, GError **error);
void os_torch_object_free (OsTorchObject *object);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsTorchObject, os_torch_object_free)

/* The elements are big endian: tensors are copies. */
void os_torch_object_set_big_endian (OsTorchObject *object);
const OsPickle *os_torch_object_get_pickle (const OsTorchObject *object);
/* The file, for messages. */
const char *os_torch_object_get_path (const OsTorchObject *object);

/* One for every key, in the order of first use. */
guint os_torch_object_get_n_storages (const OsTorchObject *object);
OsTorchStorage *os_torch_object_get_storage (
    const OsTorchObject *object, guint index);
/* NULL if no id has this key. */
OsTorchStorage *os_torch_object_find_storage (
    const OsTorchObject *object, const char *key);
gint64 os_torch_storage_get_size (const OsTorchStorage *storage);

/* The tensor, over a storage that was found; `name` for messages. FORMAT if it
 * does not lie in it, MEMORY. */
OsTensor *os_torch_object_make_tensor (OsTorchObject *object,
    const OsPickleTensor *description, const char *name, GError **error);
