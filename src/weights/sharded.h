/* SPDX-License-Identifier: Apache-2.0 */
/* A checkpoint in several files, and the index that joins them:
 *   {"metadata": {..}, "weight_map": {"tensor name": "file name", ..}}
 * as transformers, diffusers and ColossalAI write it. */
#pragma once

#include "weights/checkpoint.h"

/* Adds the tensors of all shards of the index that `checkpoint` is opened
 * from; `state_dict` as for os_checkpoint_open_at(). */
gboolean os_sharded_read (
    OsCheckpoint *checkpoint, const char *state_dict, GError **error);
