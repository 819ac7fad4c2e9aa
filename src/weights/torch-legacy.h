/* SPDX-License-Identifier: Apache-2.0 */
/* PyTorch's format before 1.6: five pickles (magic number, version, system,
 * object, storage keys), then for every key the number of its elements, 64 bit,
 * and their bytes. Little endian whatever the third pickle says. */
#pragma once

#include "weights/checkpoint.h"

/* Adds the tensors of the file at `path` to `checkpoint`; `state_dict` as for
 * os_checkpoint_open_at(). */
gboolean os_torch_legacy_read (OsCheckpoint *checkpoint, const char *path,
    const char *state_dict, GError **error);
