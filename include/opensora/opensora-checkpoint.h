/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#if !defined(OPENSORA_INSIDE) && !defined(OPENSORA_COMPILATION)
#error "Include <opensora/opensora.h> instead of single headers"
#endif

#include <gio/gio.h>
#include <opensora/opensora-types.h>
#include <opensora/opensora-version.h>

G_BEGIN_DECLS

/**
 * OpensoraTensorInfo:
 *
 * A tensor of a checkpoint: what it is called, what it looks like, where it is,
 * and its bytes. Immutable. It keeps its checkpoint open.
 *
 * Since: 0.1
 */
typedef struct _OpensoraTensorInfo OpensoraTensorInfo;

#define OPENSORA_TYPE_TENSOR_INFO (opensora_tensor_info_get_type ())

OPENSORA_API
GType opensora_tensor_info_get_type (void);

OPENSORA_API
OpensoraTensorInfo *opensora_tensor_info_ref (OpensoraTensorInfo *self);
OPENSORA_API
void opensora_tensor_info_unref (OpensoraTensorInfo *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OpensoraTensorInfo, opensora_tensor_info_unref)

OPENSORA_API
const char *opensora_tensor_info_get_name (OpensoraTensorInfo *self);
OPENSORA_API
GVariant *opensora_tensor_info_get_path (OpensoraTensorInfo *self);
OPENSORA_API
const char *opensora_tensor_info_get_dtype (OpensoraTensorInfo *self);
OPENSORA_API
const gint64 *opensora_tensor_info_get_shape (
    OpensoraTensorInfo *self, guint *n_dims);
OPENSORA_API
guint64 opensora_tensor_info_get_size (OpensoraTensorInfo *self);
OPENSORA_API
const char *opensora_tensor_info_get_file (OpensoraTensorInfo *self);
OPENSORA_API
GBytes *opensora_tensor_info_get_bytes (
    OpensoraTensorInfo *self, GError **error);

#define OPENSORA_TYPE_CHECKPOINT (opensora_checkpoint_get_type ())

OPENSORA_API
G_DECLARE_FINAL_TYPE (
    OpensoraCheckpoint, opensora_checkpoint, OPENSORA, CHECKPOINT, GObject)

/**
 * OpensoraCheckpoint:
 *
 * The tensors of a model file: safetensors, PyTorch's archives and older
 * pickles, and folders of several files with an index. The format is recognised
 * by the content. Nothing in a file is executed, and whatever does not hold is
 * refused.
 *
 * Files are mapped: opening reads headers, however large the tensors are. An
 * open checkpoint may be used from any thread. Its files must not be changed;
 * replacing them by a rename is no change.
 *
 * Since: 0.1
 */

OPENSORA_API
OpensoraCheckpoint *opensora_checkpoint_open (
    const char *path, GCancellable *cancellable, GError **error);
OPENSORA_API
OpensoraCheckpoint *opensora_checkpoint_open_at (const char *path,
    const char *state_dict, GCancellable *cancellable, GError **error);

OPENSORA_API
const char *opensora_checkpoint_get_path (OpensoraCheckpoint *self);
OPENSORA_API
const char *opensora_checkpoint_get_format (OpensoraCheckpoint *self);
OPENSORA_API
const char *const *opensora_checkpoint_get_state_dict (
    OpensoraCheckpoint *self);
OPENSORA_API
GHashTable *opensora_checkpoint_get_metadata (OpensoraCheckpoint *self);

OPENSORA_API
guint opensora_checkpoint_get_n_tensors (OpensoraCheckpoint *self);
OPENSORA_API
OpensoraTensorInfo *opensora_checkpoint_get_tensor (
    OpensoraCheckpoint *self, guint index);
OPENSORA_API
OpensoraTensorInfo *opensora_checkpoint_find_tensor (
    OpensoraCheckpoint *self, const char *name);

OPENSORA_API
gboolean opensora_checkpoint_verify (
    OpensoraCheckpoint *self, GCancellable *cancellable, GError **error);

OPENSORA_API
gboolean opensora_checkpoint_convert (OpensoraCheckpoint *self,
    const char *path, const char *dtype, guint64 max_shard_size,
    GCancellable *cancellable, OpensoraProgressFunc progress,
    gpointer user_data, GError **error);

G_END_DECLS
