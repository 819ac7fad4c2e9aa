/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors: 8 bytes little-endian header length n, n bytes of JSON
 *   {"name": {"dtype": "F32", "shape": [..], "data_offsets": [begin, end]}, ..}
 * then the data. Reading maps the file and copies nothing; writing streams. */
#pragma once

#include "base/staged.h"
#include "base/task.h"
#include "weights/checkpoint.h"

#define OS_SAFETENSORS_MAX_HEADER 100000000
#define OS_SAFETENSORS_METADATA "__metadata__"

/* Adds the tensors of the file at `path` to `checkpoint`. Errors: NOT_FOUND,
 * READ, FORMAT (names the file and the tensor). */
gboolean os_safetensors_read (
    OsCheckpoint *checkpoint, const char *path, GError **error);

/* A tensor to be written: `tensor`, of any strides, as `dtype`, which is its
 * own or a cast that os_cast() can do. */
typedef struct {
  const char *name;
  const OsTensor *tensor;
  OsDType dtype;
} OsSafetensorsItem;

/* Bytes that an item takes. */
guint64 os_safetensors_item_size (const OsSafetensorsItem *item);

/* How much of one or several files is written, in bytes of tensors. */
typedef struct {
  const OsTask *task;
  guint64 done;
  guint64 total;
} OsSafetensorsProgress;

/* A file of these tensors, synced and ready to be committed. `metadata`: string
 * -> string, or NULL. Errors: WRITE, UNSUPPORTED for names or headers that the
 * format has no room for, G_IO_ERROR_CANCELLED. */
OsStagedFile *os_safetensors_stage (const char *path,
    const OsSafetensorsItem *items, guint n, GHashTable *metadata,
    OsSafetensorsProgress *progress, GError **error);

/* The same for tensors as they are, committed. */
gboolean os_safetensors_write (const char *path, const char *const *names,
    const OsTensor *const *tensors, guint n, GHashTable *metadata,
    GError **error);
