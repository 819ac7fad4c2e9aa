/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors: 8 bytes little-endian header length n, n bytes of JSON
 *   {"name": {"dtype": "F32", "shape": [..], "data_offsets": [begin, end]}, ..}
 * then the data. The file is mapped; nothing is copied. */
#pragma once

#include "weights/checkpoint.h"

/* Adds the tensors of the file at `path` to `checkpoint`. Errors: NOT_FOUND,
 * READ, FORMAT (names the file and the tensor). */
gboolean os_safetensors_read (
    OsCheckpoint *checkpoint, const char *path, GError **error);

/* Writes named tensors (any strides) in the order given. */
gboolean os_safetensors_write (const char *path, const char *const *names,
    const OsTensor *const *tensors, guint n, GHashTable *metadata,
    GError **error);
