/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes, strides and storage; no arithmetic. */
#include "tensor/tensor.h"

#include <opensora/opensora.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mapped-file.h"
#include "base/size.h"

typedef struct _OsStorage {
  gatomicrefcount refs;
  guint8 *data; /* NULL: hollow */
  /* Memory of a pool ... */
  OsMemPool *pool;
  gsize size;
  /* ... or of somebody else. */
  gpointer owner;
  GDestroyNotify owner_free;
} OsStorage;

static const struct {
  const char *name;
  gsize size;
} dtypes[] = {
  [OS_DTYPE_F32] = { "F32", 4 },
  [OS_DTYPE_F16] = { "F16", 2 },
  [OS_DTYPE_BF16] = { "BF16", 2 },
  [OS_DTYPE_F64] = { "F64", 8 },
  [OS_DTYPE_I64] = { "I64", 8 },
  [OS_DTYPE_I32] = { "I32", 4 },
  [OS_DTYPE_I16] = { "I16", 2 },
  [OS_DTYPE_I8] = { "I8", 1 },
  [OS_DTYPE_U8] = { "U8", 1 },
  [OS_DTYPE_BOOL] = { "BOOL", 1 },
  [OS_DTYPE_F8_E4M3] = { "F8_E4M3", 1 },
  [OS_DTYPE_F8_E5M2] = { "F8_E5M2", 1 },
  [OS_DTYPE_U16] = { "U16", 2 },
  [OS_DTYPE_U32] = { "U32", 4 },
  [OS_DTYPE_U64] = { "U64", 8 },
};

gsize
os_dtype_size (OsDType dtype)
{
  return dtypes[dtype].size;
}

const char *
os_dtype_name (OsDType dtype)
{
  return dtypes[dtype].name;
}

static OsStorage *
storage_new (void)
{
  OsStorage *storage = g_new0 (OsStorage, 1);

  g_atomic_ref_count_init (&storage->refs);
  return storage;
}

static void
storage_unref (OsStorage *storage)
{
  if (!g_atomic_ref_count_dec (&storage->refs))
    return;
  if (storage->pool) {
    os_mem_pool_free (storage->pool, storage->data, storage->size);
    os_mem_pool_unref (storage->pool);
  }
  if (storage->owner_free)
    storage->owner_free (storage->owner);
  g_free (storage);
}

/* A hollow tensor may have a shape whose count overflows: its strides, which
 * nobody uses, then wrap around. */
static void
set_row_major (OsTensor *tensor)
{
  guint64 stride = 1;

  for (int i = tensor->n_dims; i-- > 0;) {
    tensor->stride[i] = stride;
    stride *= tensor->shape[i];
  }
}

/* Takes `storage`. */
static OsTensor *
tensor_new (OsStorage *storage, OsDType dtype, int n_dims, const gint64 *shape)
{
  OsTensor *tensor = g_new0 (OsTensor, 1);

  g_atomic_ref_count_init (&tensor->refs);
  tensor->dtype = dtype;
  tensor->n_dims = n_dims;
  if (n_dims > 0)
    memcpy (tensor->shape, shape, n_dims * sizeof *shape);
  set_row_major (tensor);
  tensor->storage = storage;
  return tensor;
}

static OsTensor *
view_new (const OsTensor *tensor, int n_dims, const gint64 *shape)
{
  g_atomic_ref_count_inc (&tensor->storage->refs);
  OsTensor *view = tensor_new (tensor->storage, tensor->dtype, n_dims, shape);
  view->offset = tensor->offset;
  return view;
}

OsTensor *
os_tensor_new (OsMemPool *pool, OsDType dtype, int n_dims, const gint64 *shape,
    GError **error)
{
  gint64 size = os_dtype_size (dtype);
  OsStorage *storage;

  g_return_val_if_fail (n_dims >= 0 && n_dims <= OS_MAX_DIMS, NULL);
  for (int i = 0; i < n_dims; i++) {
    if (!os_size_mul (size, shape[i], &size)) {
      g_autofree char *text = os_shape_to_string (n_dims, shape);
      g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MEMORY,
          "A tensor of shape %s is larger than memory can be", text);
      return NULL;
    }
  }

  storage = storage_new ();
  storage->data = os_mem_pool_alloc (pool, size, error);
  if (!storage->data) {
    storage_unref (storage);
    return NULL;
  }
  storage->pool = os_mem_pool_ref (pool);
  storage->size = size;
  return tensor_new (storage, dtype, n_dims, shape);
}

OsTensor *
os_tensor_new_hollow (OsDType dtype, int n_dims, const gint64 *shape)
{
  return tensor_new (storage_new (), dtype, n_dims, shape);
}

OsTensor *
os_tensor_new_wrapped (OsDType dtype, int n_dims, const gint64 *shape,
    gpointer data, gpointer owner, GDestroyNotify owner_free)
{
  OsStorage *storage = storage_new ();

  storage->data = data;
  storage->owner = owner;
  storage->owner_free = owner_free;
  return tensor_new (storage, dtype, n_dims, shape);
}

OsTensor *
os_tensor_ref (const OsTensor *tensor)
{
  OsTensor *mutable = (OsTensor *) tensor;

  g_atomic_ref_count_inc (&mutable->refs);
  return mutable;
}

void
os_tensor_unref (OsTensor *tensor)
{
  if (!g_atomic_ref_count_dec (&tensor->refs))
    return;
  storage_unref (tensor->storage);
  g_free (tensor);
}

OsTensor *
os_tensor_reshape (const OsTensor *tensor, int n_dims, const gint64 *shape)
{
  OsTensor *view;

  g_return_val_if_fail (os_tensor_is_contiguous (tensor), NULL);
  view = view_new (tensor, n_dims, shape);
  g_warn_if_fail (os_tensor_count (view) == os_tensor_count (tensor));
  return view;
}

OsTensor *
os_tensor_slice (const OsTensor *tensor, int dim, gint64 start, gint64 length)
{
  OsTensor *view;

  g_return_val_if_fail (dim < tensor->n_dims && start >= 0 && length >= 0
                            && start + length <= tensor->shape[dim],
      NULL);
  view = view_new (tensor, tensor->n_dims, tensor->shape);
  memcpy (view->stride, tensor->stride, sizeof view->stride);
  view->shape[dim] = length;
  view->offset += start * tensor->stride[dim];
  return view;
}

OsTensor *
os_tensor_select (const OsTensor *tensor, int dim, gint64 index)
{
  OsTensor *view = os_tensor_slice (tensor, dim, index, 1);

  g_return_val_if_fail (view != NULL, NULL);
  view->n_dims--;
  for (int i = dim; i < view->n_dims; i++) {
    view->shape[i] = view->shape[i + 1];
    view->stride[i] = view->stride[i + 1];
  }
  return view;
}

OsTensor *
os_tensor_permute (const OsTensor *tensor, const int *order)
{
  OsTensor *view = view_new (tensor, tensor->n_dims, tensor->shape);

  for (int i = 0; i < tensor->n_dims; i++) {
    view->shape[i] = tensor->shape[order[i]];
    view->stride[i] = tensor->stride[order[i]];
  }
  return view;
}

OsTensor *
os_tensor_split (
    const OsTensor *tensor, int dim, int n_dims, const gint64 *shape)
{
  gint64 all[OS_MAX_DIMS], stride = tensor->stride[dim];
  int rest = tensor->n_dims - dim - 1;
  OsTensor *view;

  g_return_val_if_fail (tensor->n_dims - 1 + n_dims <= OS_MAX_DIMS, NULL);
  memcpy (all, tensor->shape, dim * sizeof *all);
  memcpy (all + dim, shape, n_dims * sizeof *all);
  memcpy (all + dim + n_dims, tensor->shape + dim + 1, rest * sizeof *all);
  view = view_new (tensor, tensor->n_dims - 1 + n_dims, all);
  memcpy (view->stride, tensor->stride, dim * sizeof *all);
  memcpy (view->stride + dim + n_dims, tensor->stride + dim + 1,
      rest * sizeof *all);
  for (int i = dim + n_dims; i-- > dim;) {
    view->stride[i] = stride;
    stride *= view->shape[i];
  }
  g_warn_if_fail (os_tensor_count (view) == os_tensor_count (tensor));
  return view;
}

OsTensor *
os_tensor_as_strided (const OsTensor *tensor, gint64 offset, int n_dims,
    const gint64 *shape, const gint64 *stride)
{
  OsTensor *view = view_new (tensor, n_dims, shape);

  memcpy (view->stride, stride, n_dims * sizeof *stride);
  view->offset += offset;
  return view;
}

gint64
os_tensor_count (const OsTensor *tensor)
{
  guint64 count = 1;

  for (int i = 0; i < tensor->n_dims; i++)
    count *= tensor->shape[i];
  return count;
}

gboolean
os_tensor_is_contiguous (const OsTensor *tensor)
{
  guint64 stride = 1;

  for (int i = tensor->n_dims; i-- > 0;) {
    if (tensor->shape[i] != 1 && tensor->stride[i] != (gint64) stride)
      return FALSE;
    stride *= tensor->shape[i];
  }
  return TRUE;
}

gboolean
os_tensor_has_shape (const OsTensor *tensor, int n_dims, const gint64 *shape)
{
  return tensor->n_dims == n_dims
         && memcmp (tensor->shape, shape, n_dims * sizeof *shape) == 0;
}

char *
os_shape_to_string (int n_dims, const gint64 *shape)
{
  GString *text = g_string_new ("[");

  for (int i = 0; i < n_dims; i++)
    g_string_append_printf (
        text, "%s%" G_GINT64_FORMAT, i ? ", " : "", shape[i]);
  g_string_append_c (text, ']');
  return g_string_free (text, FALSE);
}

char *
os_tensor_describe (const OsTensor *tensor)
{
  g_autofree char *shape = os_shape_to_string (tensor->n_dims, tensor->shape);

  return g_strdup_printf ("%s %s", shape, os_dtype_name (tensor->dtype));
}

gpointer
os_tensor_data (const OsTensor *tensor)
{
  if (!tensor->storage->data)
    return NULL;
  return tensor->storage->data
         + tensor->offset * (gint64) os_dtype_size (tensor->dtype);
}

float *
os_tensor_f32 (const OsTensor *tensor)
{
  g_return_val_if_fail (tensor->dtype == OS_DTYPE_F32, NULL);
  return os_tensor_data (tensor);
}

/* madvise() on the pages from the first to the last element, if they are those
 * of a mapped file. */
static void
advise (const OsTensor *tensor, int advice)
{
  gint64 size = os_dtype_size (tensor->dtype), page = sysconf (_SC_PAGESIZE);
  gint64 begin = (gint64) os_tensor_data (tensor), end = begin + size;

  if (tensor->storage->owner_free != (GDestroyNotify) os_mapped_file_unref
      || os_tensor_count (tensor) == 0)
    return;
  for (int i = 0; i < tensor->n_dims; i++) {
    gint64 extent = (tensor->shape[i] - 1) * tensor->stride[i] * size;

    begin += MIN (extent, 0);
    end += MAX (extent, 0);
  }
  begin -= begin % page;
  madvise ((gpointer) begin, end - begin, advice);
}

void
os_tensor_release (const OsTensor *tensor)
{
  advise (tensor, MADV_DONTNEED);
}

void
os_tensor_read_ahead (const OsTensor *tensor)
{
  advise (tensor, MADV_WILLNEED);
}
