/* SPDX-License-Identifier: Apache-2.0 */
/* A checkpoint of any format written as safetensors, in one file or in shards
 * with an index, in memory that does not depend on its size. */
#pragma once

#include "base/task.h"
#include "weights/checkpoint.h"

typedef struct {
  gboolean cast; /* floating-point tensors to `dtype`: F32, F16 or BF16 */
  OsDType dtype;
  guint64 max_shard_size; /* bytes of tensors in a file; 0: all in one */
} OsConvertOptions;

/* Writes `path`, which ends in .safetensors, or if that takes several files
 *   NAME-00001-of-0000N.safetensors .. and NAME.safetensors.index.json
 * in its place. They get their names when all of them are complete, the index
 * at last; whatever goes wrong before leaves nothing. A larger tensor than
 * max_shard_size has a file for itself.
 *
 * Errors: SETTINGS, WRITE (also too little space, before anything is written),
 * UNSUPPORTED, FORMAT for damaged records, G_IO_ERROR_CANCELLED. */
gboolean os_convert (const OsCheckpoint *checkpoint, const char *path,
    const OsConvertOptions *options, const OsTask *task, GError **error);
