/* SPDX-License-Identifier: Apache-2.0 */
/* What kind of file it is, told by its bytes, and the reader that it needs. */
#pragma once

#include "weights/checkpoint.h"

typedef enum {
  OS_CONTAINER_UNKNOWN,
  OS_CONTAINER_SAFETENSORS,
  OS_CONTAINER_INDEX, /* JSON */
  OS_CONTAINER_TORCH_ZIP,
  OS_CONTAINER_TORCH_LEGACY,
  OS_CONTAINER_TORCH_TAR,
  OS_CONTAINER_LFS_POINTER,
  OS_CONTAINER_WEB_ANSWER,
} OsContainer;

OsContainer os_container_recognise (const char *data, gsize size);

/* Adds the tensors of the one file at `path`, whose format is set; `state_dict`
 * as for os_checkpoint_open_at(). An index is refused. */
gboolean os_container_read (OsCheckpoint *checkpoint, const char *path,
    const char *state_dict, GError **error);
