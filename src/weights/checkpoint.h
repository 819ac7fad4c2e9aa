/* SPDX-License-Identifier: Apache-2.0 */
/* OsCheckpoint: the tensors of a checkpoint by name, as views of mapped files.
 *
 * Formats have a reader each that fills a checkpoint; os_checkpoint_open()
 * recognises them by content, not by name. */
#pragma once

#include "tensor/tensor.h"

typedef struct _OsCheckpoint OsCheckpoint;

/* A file, a sharded index (*.index.json), or a folder that holds one of
 * model.safetensors(.index.json), diffusion_pytorch_model.safetensors(.index
 * .json), or exactly one *.safetensors. */
OsCheckpoint *os_checkpoint_open (const char *path, GError **error);
OsCheckpoint *os_checkpoint_ref (OsCheckpoint *checkpoint);
void os_checkpoint_unref (OsCheckpoint *checkpoint);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsCheckpoint, os_checkpoint_unref)

/* What it was opened from, for messages. */
const char *os_checkpoint_get_path (const OsCheckpoint *checkpoint);
/* "safetensors", "sharded safetensors". */
const char *os_checkpoint_get_format (const OsCheckpoint *checkpoint);

/* NULL if there is none; belongs to the checkpoint. */
OsTensor *os_checkpoint_get (const OsCheckpoint *checkpoint, const char *name);
/* Names in the order of the file(s); NULL-terminated, belongs to the
 * checkpoint. */
const char *const *os_checkpoint_get_names (const OsCheckpoint *checkpoint);
guint os_checkpoint_get_n_tensors (const OsCheckpoint *checkpoint);
/* The file's __metadata__: string -> string; never NULL. */
GHashTable *os_checkpoint_get_metadata (const OsCheckpoint *checkpoint);

/* For readers: the file, mapped read-only; NOT_FOUND or READ. */
GMappedFile *os_checkpoint_map (const char *path, GError **error);
/* For readers: an empty checkpoint, and a tensor added (transfer full; FALSE
 * and FORMAT for a duplicate name). */
OsCheckpoint *os_checkpoint_new (const char *path, const char *format);
gboolean os_checkpoint_add (OsCheckpoint *checkpoint, const char *name,
    OsTensor *tensor, GError **error);
