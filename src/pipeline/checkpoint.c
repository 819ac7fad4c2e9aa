/* SPDX-License-Identifier: Apache-2.0 */
/* OpensoraCheckpoint and OpensoraTensorInfo: the public face of what
 * weights/checkpoint.c reads and weights/convert.c writes. */
#include <opensora/opensora.h>

#include "weights/convert.h"
#include "weights/gather.h"

/* --- OpensoraTensorInfo --- */

struct _OpensoraTensorInfo {
  gatomicrefcount refs;
  OsCheckpoint *checkpoint; /* owns the entry */
  const OsCheckpointEntry *entry;
};

G_DEFINE_BOXED_TYPE (OpensoraTensorInfo, opensora_tensor_info,
    opensora_tensor_info_ref, opensora_tensor_info_unref)

static OpensoraTensorInfo *
tensor_info_new (OsCheckpoint *checkpoint, const OsCheckpointEntry *entry)
{
  OpensoraTensorInfo *info = g_new (OpensoraTensorInfo, 1);

  g_atomic_ref_count_init (&info->refs);
  info->checkpoint = os_checkpoint_ref (checkpoint);
  info->entry = entry;
  return info;
}

/**
 * opensora_tensor_info_ref:
 * @self: a tensor
 *
 * Returns: (transfer full): @self
 *
 * Since: 0.1
 */
OpensoraTensorInfo *
opensora_tensor_info_ref (OpensoraTensorInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

/**
 * opensora_tensor_info_unref:
 * @self: (transfer full): a tensor
 *
 * Since: 0.1
 */
void
opensora_tensor_info_unref (OpensoraTensorInfo *self)
{
  g_return_if_fail (self != NULL);
  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  os_checkpoint_unref (self->checkpoint);
  g_free (self);
}

/**
 * opensora_tensor_info_get_name:
 * @self: a tensor
 *
 * Returns: (transfer none) (nullable): the name in the state dict, unique in
 *   the checkpoint; %NULL for a tensor that is beside the state dict, as those
 *   of an optimiser
 *
 * Since: 0.1
 */
const char *
opensora_tensor_info_get_name (OpensoraTensorInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return self->entry->name;
}

/**
 * opensora_tensor_info_get_path:
 * @self: a tensor
 *
 * Where the tensor is in the object that its file holds.
 *
 * Returns: (transfer full): keys from the outermost container to the tensor, of
 *   type `av`: strings, or 64-bit integers (`x`) for numbers as keys and
 *   for elements of lists. In safetensors just the name.
 *
 * Since: 0.1
 */
GVariant *
opensora_tensor_info_get_path (OpensoraTensorInfo *self)
{
  GVariantBuilder builder;

  g_return_val_if_fail (self != NULL, NULL);
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("av"));
  for (guint i = 0; i < self->entry->path->len; i++) {
    const OsCheckpointStep *step =
        &g_array_index (self->entry->path, OsCheckpointStep, i);

    g_variant_builder_add (&builder, "v",
        step->key != NULL ? g_variant_new_string (step->key)
                          : g_variant_new_int64 (step->index));
  }
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

/**
 * opensora_tensor_info_get_dtype:
 * @self: a tensor
 *
 * Returns: (transfer none): the element type as safetensors spell it: "F32",
 *   "F16", "BF16", "I64", ...
 *
 * Since: 0.1
 */
const char *
opensora_tensor_info_get_dtype (OpensoraTensorInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return os_dtype_name (self->entry->tensor->dtype);
}

/**
 * opensora_tensor_info_get_shape:
 * @self: a tensor
 * @n_dims: (out): number of dimensions, 0 for a scalar
 *
 * Returns: (transfer none) (array length=n_dims): the size of every dimension,
 *   the slowest first
 *
 * Since: 0.1
 */
const gint64 *
opensora_tensor_info_get_shape (OpensoraTensorInfo *self, guint *n_dims)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (n_dims != NULL, NULL);
  *n_dims = self->entry->tensor->n_dims;
  return self->entry->tensor->shape;
}

/**
 * opensora_tensor_info_get_size:
 * @self: a tensor
 *
 * Returns: the number of bytes that opensora_tensor_info_get_bytes() has
 *
 * Since: 0.1
 */
guint64
opensora_tensor_info_get_size (OpensoraTensorInfo *self)
{
  g_return_val_if_fail (self != NULL, 0);
  return (guint64) os_tensor_count (self->entry->tensor)
         * os_dtype_size (self->entry->tensor->dtype);
}

/**
 * opensora_tensor_info_get_file:
 * @self: a tensor
 *
 * Returns: (transfer none) (type filename): path of the file that holds it
 *
 * Since: 0.1
 */
const char *
opensora_tensor_info_get_file (OpensoraTensorInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return self->entry->file;
}

/* A row-major copy. */
static OsTensor *
copy_tensor (const OsTensor *tensor, GError **error)
{
  g_autoptr (OsMemPool) pool = os_mem_pool_new ();
  OsTensor *copy =
      os_tensor_new (pool, tensor->dtype, tensor->n_dims, tensor->shape, error);

  if (copy != NULL)
    os_gather (tensor, 0, os_tensor_count (tensor), os_tensor_data (copy));
  return copy;
}

/**
 * opensora_tensor_info_get_bytes:
 * @self: a tensor
 * @error: return location for a #GError
 *
 * The elements, row-major and little-endian. They are a view of the mapped file
 * where it has them like that, and a copy if the tensor is transposed, expanded
 * or otherwise strided. The bytes need not be aligned to the elements.
 *
 * Returns: (transfer full): the bytes, or %NULL and %OPENSORA_ERROR_MEMORY
 *
 * Since: 0.1
 */
GBytes *
opensora_tensor_info_get_bytes (OpensoraTensorInfo *self, GError **error)
{
  OsTensor *tensor;

  g_return_val_if_fail (self != NULL, NULL);
  tensor = os_tensor_is_contiguous (self->entry->tensor)
               ? os_tensor_ref (self->entry->tensor)
               : copy_tensor (self->entry->tensor, error);
  if (tensor == NULL)
    return NULL;
  return g_bytes_new_with_free_func (os_tensor_data (tensor),
      opensora_tensor_info_get_size (self), (GDestroyNotify) os_tensor_unref,
      tensor);
}

/* --- OpensoraCheckpoint --- */

struct _OpensoraCheckpoint {
  GObject parent_instance;
  OsCheckpoint *checkpoint;
};

G_DEFINE_FINAL_TYPE (OpensoraCheckpoint, opensora_checkpoint, G_TYPE_OBJECT)

static void
opensora_checkpoint_finalize (GObject *object)
{
  os_checkpoint_unref (OPENSORA_CHECKPOINT (object)->checkpoint);
  G_OBJECT_CLASS (opensora_checkpoint_parent_class)->finalize (object);
}

static void
opensora_checkpoint_class_init (OpensoraCheckpointClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = opensora_checkpoint_finalize;
}

static void
opensora_checkpoint_init (OpensoraCheckpoint *self)
{
  self->checkpoint = os_checkpoint_new ("", "safetensors");
}

/**
 * opensora_checkpoint_open:
 * @path: (type filename): a checkpoint, an index of several files
 *   (`*.index.json`), or a folder that holds either
 * @cancellable: (nullable): to cancel it
 * @error: return location for a #GError
 *
 * Opens a checkpoint. Of a PyTorch file that holds more than one dictionary of
 * tensors, `ema` is taken, else `state_dict`, `model` or `module`, else the
 * outermost one.
 *
 * Returns: (transfer full): a checkpoint, or %NULL; then @error is of
 *   %OPENSORA_ERROR and names file, tensor and reason, or it is
 *   %G_IO_ERROR_CANCELLED
 *
 * Since: 0.1
 */
OpensoraCheckpoint *
opensora_checkpoint_open (
    const char *path, GCancellable *cancellable, GError **error)
{
  return opensora_checkpoint_open_at (path, NULL, cancellable, error);
}

/**
 * opensora_checkpoint_open_at:
 * @path: (type filename): as for opensora_checkpoint_open()
 * @state_dict: (nullable): keys of the dictionary to take the tensors from,
 *   joined by "/"; "" for the outermost one; %NULL for the usual choice
 * @cancellable: (nullable): to cancel it
 * @error: return location for a #GError
 *
 * Opens a checkpoint, with another dictionary of tensors than the usual one.
 *
 * Returns: (transfer full): a checkpoint, or %NULL; then @error is as for
 *   opensora_checkpoint_open(), and %OPENSORA_ERROR_SETTINGS if there is no
 *   such dictionary
 *
 * Since: 0.1
 */
OpensoraCheckpoint *
opensora_checkpoint_open_at (const char *path, const char *state_dict,
    GCancellable *cancellable, GError **error)
{
  g_autoptr (OsCheckpoint) checkpoint = NULL;
  OpensoraCheckpoint *self;

  g_return_val_if_fail (path != NULL, NULL);
  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return NULL;
  checkpoint = os_checkpoint_open_at (path, state_dict, error);
  if (checkpoint == NULL)
    return NULL;
  self = g_object_new (OPENSORA_TYPE_CHECKPOINT, NULL);
  os_checkpoint_unref (self->checkpoint);
  self->checkpoint = g_steal_pointer (&checkpoint);
  return self;
}

/**
 * opensora_checkpoint_get_path:
 * @self: a checkpoint
 *
 * Returns: (transfer none) (type filename): the file that was opened; of a
 *   folder, the one that was found in it
 *
 * Since: 0.1
 */
const char *
opensora_checkpoint_get_path (OpensoraCheckpoint *self)
{
  g_return_val_if_fail (OPENSORA_IS_CHECKPOINT (self), NULL);
  return os_checkpoint_get_path (self->checkpoint);
}

/**
 * opensora_checkpoint_get_format:
 * @self: a checkpoint
 *
 * Returns: (transfer none): "safetensors", "torch-zip", "torch-legacy" (before
 *   PyTorch 1.6), "sharded-safetensors" or "sharded-torch"
 *
 * Since: 0.1
 */
const char *
opensora_checkpoint_get_format (OpensoraCheckpoint *self)
{
  g_return_val_if_fail (OPENSORA_IS_CHECKPOINT (self), NULL);
  return os_checkpoint_get_format (self->checkpoint);
}

/**
 * opensora_checkpoint_get_state_dict:
 * @self: a checkpoint
 *
 * Returns: (transfer none) (array zero-terminated=1): keys from the outermost
 *   dictionary to the one whose tensors have names; none if that is the
 *   outermost one
 *
 * Since: 0.1
 */
const char *const *
opensora_checkpoint_get_state_dict (OpensoraCheckpoint *self)
{
  g_return_val_if_fail (OPENSORA_IS_CHECKPOINT (self), NULL);
  return os_checkpoint_get_state_dict (self->checkpoint);
}

/**
 * opensora_checkpoint_get_metadata:
 * @self: a checkpoint
 *
 * Returns: (transfer none) (element-type utf8 utf8): what the file says of
 *   itself, strings by name; not to be changed
 *
 * Since: 0.1
 */
GHashTable *
opensora_checkpoint_get_metadata (OpensoraCheckpoint *self)
{
  g_return_val_if_fail (OPENSORA_IS_CHECKPOINT (self), NULL);
  return os_checkpoint_get_metadata (self->checkpoint);
}

/**
 * opensora_checkpoint_get_n_tensors:
 * @self: a checkpoint
 *
 * Returns: how many tensors its files hold, with those that have no name
 *
 * Since: 0.1
 */
guint
opensora_checkpoint_get_n_tensors (OpensoraCheckpoint *self)
{
  g_return_val_if_fail (OPENSORA_IS_CHECKPOINT (self), 0);
  return os_checkpoint_get_entries (self->checkpoint)->len;
}

/**
 * opensora_checkpoint_get_tensor:
 * @self: a checkpoint
 * @index: below opensora_checkpoint_get_n_tensors()
 *
 * Returns: (transfer full): a tensor, in the order of the files
 *
 * Since: 0.1
 */
OpensoraTensorInfo *
opensora_checkpoint_get_tensor (OpensoraCheckpoint *self, guint index)
{
  g_return_val_if_fail (OPENSORA_IS_CHECKPOINT (self), NULL);
  g_return_val_if_fail (index < opensora_checkpoint_get_n_tensors (self), NULL);
  return tensor_info_new (self->checkpoint,
      g_ptr_array_index (os_checkpoint_get_entries (self->checkpoint), index));
}

/**
 * opensora_checkpoint_find_tensor:
 * @self: a checkpoint
 * @name: name of a tensor
 *
 * Returns: (transfer full) (nullable): the tensor, or %NULL if there is none
 *
 * Since: 0.1
 */
OpensoraTensorInfo *
opensora_checkpoint_find_tensor (OpensoraCheckpoint *self, const char *name)
{
  const OsCheckpointEntry *entry;

  g_return_val_if_fail (OPENSORA_IS_CHECKPOINT (self), NULL);
  g_return_val_if_fail (name != NULL, NULL);
  entry = os_checkpoint_find (self->checkpoint, name);
  return entry != NULL ? tensor_info_new (self->checkpoint, entry) : NULL;
}

/**
 * opensora_checkpoint_verify:
 * @self: a checkpoint
 * @cancellable: (nullable): to cancel it
 * @error: return location for a #GError
 *
 * Reads the records of PyTorch archives that are too large to be looked at when
 * opening, and compares their checksums. Other formats have none.
 *
 * Returns: %TRUE if they hold; else @error is %OPENSORA_ERROR_FORMAT or
 *   %G_IO_ERROR_CANCELLED
 *
 * Since: 0.1
 */
gboolean
opensora_checkpoint_verify (
    OpensoraCheckpoint *self, GCancellable *cancellable, GError **error)
{
  g_autoptr (OsTask) task = os_task_new (cancellable, NULL, NULL);

  g_return_val_if_fail (OPENSORA_IS_CHECKPOINT (self), FALSE);
  return os_checkpoint_verify (self->checkpoint, task, error);
}

static gboolean
read_dtype (const char *text, OsDType *dtype, GError **error)
{
  static const OsDType dtypes[] = { OS_DTYPE_F32, OS_DTYPE_F16, OS_DTYPE_BF16 };

  for (guint i = 0; i < G_N_ELEMENTS (dtypes); i++) {
    *dtype = dtypes[i];
    if (g_ascii_strcasecmp (text, os_dtype_name (*dtype)) == 0)
      return TRUE;
  }
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
      "'%s' is no element type to convert to: f32, f16 or bf16", text);
  return FALSE;
}

/**
 * opensora_checkpoint_convert:
 * @self: a checkpoint
 * @path: (type filename): the file to write, which ends in `.safetensors`
 * @dtype: (nullable): what floating-point tensors become: "f32", "f16" or
 *   "bf16"; %NULL: they stay as they are, as all other tensors do
 * @max_shard_size: the most bytes of tensors in one file; 0: one file for all
 * @cancellable: (nullable): to cancel it
 * @progress: (nullable) (scope call) (closure user_data): told how far it is
 * @user_data: closure
 * @error: return location for a #GError
 *
 * Writes the named tensors and the metadata as safetensors. If they take more
 * than one file, these are called `NAME-00001-of-0000N.safetensors` and joined
 * by `NAME.safetensors.index.json`.
 *
 * Whatever the size of the checkpoint, it takes a few megabytes of memory. The
 * files get their names when all of them are complete: a conversion that fails,
 * is cancelled or killed leaves no half file under a final name, and older
 * files as they were.
 *
 * Returns: %TRUE if it is written; else @error is %G_IO_ERROR_CANCELLED or of
 *   %OPENSORA_ERROR: %OPENSORA_ERROR_WRITE also if there is too little space,
 *   %OPENSORA_ERROR_SETTINGS for a @dtype or @path that cannot be,
 *   %OPENSORA_ERROR_FORMAT for a damaged record
 *
 * Since: 0.1
 */
gboolean
opensora_checkpoint_convert (OpensoraCheckpoint *self, const char *path,
    const char *dtype, guint64 max_shard_size, GCancellable *cancellable,
    OpensoraProgressFunc progress, gpointer user_data, GError **error)
{
  g_autoptr (OsTask) task = os_task_new (cancellable, progress, user_data);
  OsConvertOptions options = { .cast = dtype != NULL,
    .max_shard_size = max_shard_size };

  g_return_val_if_fail (OPENSORA_IS_CHECKPOINT (self), FALSE);
  g_return_val_if_fail (path != NULL, FALSE);
  return (dtype == NULL || read_dtype (dtype, &options.dtype, error))
         && os_convert (self->checkpoint, path, &options, task, error);
}
