/* SPDX-License-Identifier: Apache-2.0 */
/* PyTorch's zip format, since 1.6: ROOT/data.pkl describes the object,
 * ROOT/data/KEY are the bytes of storage KEY, ROOT/byteorder is "little" or
 * "big". ROOT is any name. */
#pragma once

#include "weights/checkpoint.h"

/* Adds the tensors of the file at `path` to `checkpoint`; `state_dict` as for
 * os_checkpoint_open_at(). */
gboolean os_torch_zip_read (OsCheckpoint *checkpoint, const char *path,
    const char *state_dict, GError **error);
