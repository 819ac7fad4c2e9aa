/* SPDX-License-Identifier: Apache-2.0 */
/* OsCheckpoint: the tensors of a checkpoint by name, as views of mapped files.
 *
 * Formats have a reader each that fills a checkpoint; os_checkpoint_open()
 * recognises them by content, not by name. Opening reads headers only. */
#pragma once

#include "base/mapped-file.h"
#include "base/task.h"
#include "tensor/tensor.h"

typedef struct _OsCheckpoint OsCheckpoint;

/* One key on the way from the object in a file to a tensor. */
typedef struct {
  char *key;    /* NULL: a number, of a list element or a dict key */
  gint64 index; /* that number */
} OsCheckpointStep;

/* A tensor and where it is. */
typedef struct {
  char *name; /* NULL: beside the state dict, not to be had by name */
  OsTensor *tensor;
  char *file;
  GArray *path; /* of OsCheckpointStep, from the root of its file's object */
} OsCheckpointEntry;

/* A file, a sharded index (*.index.json), or a folder that holds one of the
 * usual names (folder.h). Errors: NOT_FOUND, READ, FORMAT, UNSUPPORTED, MEMORY;
 * they name file and tensor. */
OsCheckpoint *os_checkpoint_open (const char *path, GError **error);
/* The same with a state dict of the caller's choice: keys joined by "/", ""
 * for the root, NULL for the usual rule (state-dict.h). SETTINGS if the file
 * has no such dict. */
OsCheckpoint *os_checkpoint_open_at (
    const char *path, const char *state_dict, GError **error);
OsCheckpoint *os_checkpoint_ref (OsCheckpoint *checkpoint);
void os_checkpoint_unref (OsCheckpoint *checkpoint);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsCheckpoint, os_checkpoint_unref)

/* What it was opened from, for messages. */
const char *os_checkpoint_get_path (const OsCheckpoint *checkpoint);
/* "safetensors", "torch-zip", "torch-legacy", "sharded-safetensors" or
 * "sharded-torch". */
const char *os_checkpoint_get_format (const OsCheckpoint *checkpoint);
/* Keys from the root to the dict that the names are from; NULL-terminated,
 * belongs to the checkpoint. */
const char *const *os_checkpoint_get_state_dict (
    const OsCheckpoint *checkpoint);

/* NULL if there is none; belongs to the checkpoint. */
OsTensor *os_checkpoint_get (const OsCheckpoint *checkpoint, const char *name);
/* Names in the order of the file(s); NULL-terminated, belongs to the
 * checkpoint. */
const char *const *os_checkpoint_get_names (const OsCheckpoint *checkpoint);
guint os_checkpoint_get_n_tensors (const OsCheckpoint *checkpoint);
/* Entry of a name, NULL if there is none. */
const OsCheckpointEntry *os_checkpoint_find (
    const OsCheckpoint *checkpoint, const char *name);
/* Every tensor of the file(s) in their order, also those beside the state
 * dict: OsCheckpointEntry *; belongs to the checkpoint. */
const GPtrArray *os_checkpoint_get_entries (const OsCheckpoint *checkpoint);
/* The file's __metadata__: string -> string; never NULL. */
GHashTable *os_checkpoint_get_metadata (const OsCheckpoint *checkpoint);

/* Compares the checksums that were left out when opening, because their records
 * are large: reads them all, and keeps none in memory. FORMAT if one differs,
 * G_IO_ERROR_CANCELLED. */
gboolean os_checkpoint_verify (
    const OsCheckpoint *checkpoint, const OsTask *task, GError **error);

/* For readers. */

/* An empty checkpoint. */
OsCheckpoint *os_checkpoint_new (const char *path, const char *format);
void os_checkpoint_set_format (OsCheckpoint *checkpoint, const char *format);
void os_checkpoint_set_state_dict (
    OsCheckpoint *checkpoint, const char *const *keys);
/* The file that the tensors added from now on are in; at first the checkpoint's
 * own path. */
void os_checkpoint_set_file (OsCheckpoint *checkpoint, const char *file);
/* A tensor added (transfer full; FALSE and FORMAT for a duplicate name), whose
 * path is its name. */
gboolean os_checkpoint_add (OsCheckpoint *checkpoint, const char *name,
    OsTensor *tensor, GError **error);
/* The same for a tensor of a nested object; name NULL: beside the state dict;
 * path and tensor: transfer full. */
gboolean os_checkpoint_add_at (OsCheckpoint *checkpoint, const char *name,
    GArray *path, OsTensor *tensor, GError **error);
GArray *os_checkpoint_path_new (void);
/* A step at the end; `key` is copied, or NULL for `index`. */
void os_checkpoint_path_append (GArray *path, const char *key, gint64 index);
/* Bytes of a mapped file whose CRC-32 os_checkpoint_verify() compares; `record`
 * names them in messages. */
void os_checkpoint_add_check (OsCheckpoint *checkpoint, OsMappedFile *file,
    gsize offset, gsize size, guint32 crc, const char *record);
/* If every name begins with "module.", as DataParallel writes them, takes that
 * away. */
void os_checkpoint_strip_module (OsCheckpoint *checkpoint);
