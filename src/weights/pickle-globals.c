/* SPDX-License-Identifier: Apache-2.0 */
/* The names that a pickle of tensors may use and what they stand for. Nothing
 * here is looked up anywhere else: a name is a row of the table or an error. */
#include <opensora/opensora.h>
#include <string.h>

#include "base/size.h"
#include "base/text.h"
#include "weights/pickle-private.h"

/* More arguments than any row takes. */
#define MAX_ARGS 8

typedef enum {
  ROLE_ORDERED_DICT,
  ROLE_TENSOR,    /* (storage, offset, size, stride, ...) */
  ROLE_PARAMETER, /* (tensor, ...) */
  ROLE_STORAGE,
  ROLE_UNTYPED_STORAGE,
  ROLE_DTYPE,
  ROLE_INERT,      /* calling it gives a value that is not looked at */
  ROLE_UNSUPPORTED /* PyTorch has it, nothing here can use it */
} Role;

typedef struct {
  const char *module;
  const char *name;
  Role role;
  OsDType dtype; /* STORAGE, DTYPE */
  /* TENSOR: number of arguments, of the dtype and of the optional metadata
   * (0: none). */
  guint8 n_args;
  guint8 dtype_arg;
  guint8 metadata_arg;
} Global;

#define INERT(module, name)                                                    \
  {                                                                            \
    module, name, ROLE_INERT, 0, 0, 0, 0                                       \
  }
#define UNSUPPORTED(module, name)                                              \
  {                                                                            \
    module, name, ROLE_UNSUPPORTED, 0, 0, 0, 0                                 \
  }
#define STORAGE(name, dtype)                                                   \
  {                                                                            \
    "torch", name, ROLE_STORAGE, dtype, 0, 0, 0                                \
  }
#define DTYPE(name, dtype)                                                     \
  {                                                                            \
    "torch", name, ROLE_DTYPE, dtype, 0, 0, 0                                  \
  }

static const Global globals[] = {
  { "collections", "OrderedDict", ROLE_ORDERED_DICT, 0, 0, 0, 0 },
  { "torch._utils", "_rebuild_tensor", ROLE_TENSOR, 0, 4, 0, 0 },
  { "torch._utils", "_rebuild_tensor_v2", ROLE_TENSOR, 0, 6, 0, 6 },
  { "torch._utils", "_rebuild_tensor_v3", ROLE_TENSOR, 0, 7, 6, 7 },
  { "torch._utils", "_rebuild_parameter", ROLE_PARAMETER, 0, 3, 0, 0 },
  { "torch._utils", "_rebuild_parameter_with_state", ROLE_PARAMETER, 0, 4, 0,
      0 },
  { "torch.storage", "UntypedStorage", ROLE_UNTYPED_STORAGE, OS_DTYPE_U8, 0, 0,
      0 },
  STORAGE ("FloatStorage", OS_DTYPE_F32),
  STORAGE ("DoubleStorage", OS_DTYPE_F64),
  STORAGE ("HalfStorage", OS_DTYPE_F16),
  STORAGE ("BFloat16Storage", OS_DTYPE_BF16),
  STORAGE ("LongStorage", OS_DTYPE_I64),
  STORAGE ("IntStorage", OS_DTYPE_I32),
  STORAGE ("ShortStorage", OS_DTYPE_I16),
  STORAGE ("CharStorage", OS_DTYPE_I8),
  STORAGE ("ByteStorage", OS_DTYPE_U8),
  STORAGE ("BoolStorage", OS_DTYPE_BOOL),
  DTYPE ("float32", OS_DTYPE_F32),
  DTYPE ("float64", OS_DTYPE_F64),
  DTYPE ("float16", OS_DTYPE_F16),
  DTYPE ("bfloat16", OS_DTYPE_BF16),
  DTYPE ("int64", OS_DTYPE_I64),
  DTYPE ("int32", OS_DTYPE_I32),
  DTYPE ("int16", OS_DTYPE_I16),
  DTYPE ("int8", OS_DTYPE_I8),
  DTYPE ("uint8", OS_DTYPE_U8),
  DTYPE ("bool", OS_DTYPE_BOOL),
  DTYPE ("uint16", OS_DTYPE_U16),
  DTYPE ("uint32", OS_DTYPE_U32),
  DTYPE ("uint64", OS_DTYPE_U64),
  DTYPE ("float8_e4m3fn", OS_DTYPE_F8_E4M3),
  DTYPE ("float8_e5m2", OS_DTYPE_F8_E5M2),
  INERT ("torch", "Size"),
  INERT ("torch", "device"),
  INERT ("torch.nn.parameter", "Parameter"),
  INERT ("_codecs", "encode"),
  INERT ("__builtin__", "set"),
  INERT ("__builtin__", "bytes"),
  INERT ("__builtin__", "bytearray"),
  INERT ("__builtin__", "complex"),
  INERT ("builtins", "set"),
  INERT ("builtins", "bytes"),
  INERT ("builtins", "bytearray"),
  INERT ("builtins", "complex"),
  INERT ("argparse", "Namespace"),
  INERT ("numpy", "dtype"),
  INERT ("numpy.core.multiarray", "scalar"),
  INERT ("numpy._core.multiarray", "scalar"),
  UNSUPPORTED ("torch._utils", "_rebuild_sparse_tensor"),
  UNSUPPORTED ("torch._utils", "_rebuild_sparse_csr_tensor"),
  UNSUPPORTED ("torch._utils", "_rebuild_qtensor"),
  UNSUPPORTED ("torch._utils", "_rebuild_nested_tensor"),
  UNSUPPORTED ("torch._utils", "_rebuild_meta_tensor_no_storage"),
  UNSUPPORTED ("torch._utils", "_rebuild_wrapper_subclass"),
  UNSUPPORTED ("torch._utils", "_rebuild_device_tensor_from_numpy"),
  UNSUPPORTED ("torch._utils", "_rebuild_device_tensor_from_cpu_tensor"),
  UNSUPPORTED ("torch._tensor", "_rebuild_from_type_v2"),
  UNSUPPORTED ("torch", "ComplexFloatStorage"),
  UNSUPPORTED ("torch", "ComplexDoubleStorage"),
  UNSUPPORTED ("torch", "QInt8Storage"),
  UNSUPPORTED ("torch", "QUInt8Storage"),
  UNSUPPORTED ("torch", "QInt32Storage"),
  UNSUPPORTED ("torch", "complex64"),
  UNSUPPORTED ("torch", "complex128"),
};

G_GNUC_PRINTF (2, 3)
static gboolean
fail (GError **error, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
      "%s; the file is damaged: download it again", text);
  return FALSE;
}

static gboolean
equals (const char *text, gsize length, const char *name)
{
  return strlen (name) == length && memcmp (text, name, length) == 0;
}

int
os_pickle_find_global (const char *module, gsize module_length,
    const char *name, gsize name_length, GError **error)
{
  g_autofree char *shown_module = NULL, *shown_name = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (globals); i++) {
    const Global *global = &globals[i];

    if (!equals (module, module_length, global->module)
        || !equals (name, name_length, global->name))
      continue;
    if (global->role != ROLE_UNSUPPORTED)
      return i;
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_UNSUPPORTED,
        "it is of a kind that is not supported (%s.%s); save it as a plain "
        "dense tensor",
        global->module, global->name);
    return -1;
  }
  shown_module = os_text_excerpt (module, module_length);
  shown_name = os_text_excerpt (name, name_length);
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
      "it asks Python for %s.%s, which tensors have no use for, and nothing "
      "was run; if the file can be trusted, load it in Python and save its "
      "state_dict alone",
      shown_module, shown_name);
  return -1;
}

static const Global *
get_global (const OsPickle *pickle, OsPickleValue value)
{
  const OsPickleCell *cell = os_pickle_cell (pickle, value);

  return cell->kind == OS_PICKLE_GLOBAL ? &globals[cell->n] : NULL;
}

/* Elements of a tuple, up to `max` of them; -1 if there are more, or it is
 * none. */
static int
get_tuple (
    const OsPickle *pickle, OsPickleValue tuple, int max, OsPickleValue *out)
{
  OsPickleItem item;
  int n = 0;

  if (os_pickle_get_kind (pickle, tuple) != OS_PICKLE_TUPLE)
    return -1;
  for (item = os_pickle_first_item (pickle, tuple); item != OS_PICKLE_NO_ITEM;
       item = os_pickle_next_item (pickle, item)) {
    if (n == max)
      return -1;
    out[n++] = os_pickle_get_item (pickle, item);
  }
  return n;
}

static gboolean
get_count (const OsPickle *pickle, OsPickleValue value, gint64 *count)
{
  const OsPickleCell *cell = os_pickle_cell (pickle, value);

  *count = cell->integer;
  return cell->kind == OS_PICKLE_INT && *count >= 0;
}

/* Sizes or strides; -1 if they cannot be. */
static int
get_counts (const OsPickle *pickle, OsPickleValue tuple, gint64 *out)
{
  OsPickleValue values[OS_MAX_DIMS];
  int n = get_tuple (pickle, tuple, OS_MAX_DIMS, values);

  for (int i = 0; i < n; i++) {
    if (!get_count (pickle, values[i], &out[i]))
      return -1;
  }
  return n;
}

/* Metadata hold flags that change the values, such as a pending negation. */
static gboolean
check_metadata (const OsPickle *pickle, OsPickleValue value, GError **error)
{
  const OsPickleCell *cell = os_pickle_cell (pickle, value);

  if (cell->kind == OS_PICKLE_NONE
      || ((cell->kind == OS_PICKLE_DICT || cell->kind == OS_PICKLE_ORDERED_DICT)
          && cell->items.first == OS_PICKLE_NO_ITEM))
    return TRUE;
  g_set_error_literal (error, OPENSORA_ERROR, OPENSORA_ERROR_UNSUPPORTED,
      "it is a conjugated or negated view, which is not supported; save its "
      "clone()");
  return FALSE;
}

static gboolean
get_tensor_dtype (const OsPickle *pickle, const Global *global,
    const OsPickleValue *args, OsPickleTensor *tensor, GError **error)
{
  const OsPickleStorage *storage =
      os_pickle_get_storage (pickle, tensor->storage);
  const Global *dtype;

  tensor->dtype = storage->dtype;
  if (global->dtype_arg == 0)
    return !storage->untyped || fail (error, "its storage has no element type");
  dtype = get_global (pickle, args[global->dtype_arg]);
  if (dtype == NULL || dtype->role != ROLE_DTYPE)
    return fail (error, "it has no element type");
  if (!storage->untyped && storage->dtype != dtype->dtype)
    return fail (error, "its element type is not that of its storage");
  tensor->dtype = dtype->dtype;
  return TRUE;
}

static gboolean
rebuild_tensor (OsPickle *pickle, const Global *global,
    const OsPickleValue *args, int n_args, OsPickleResult *result,
    GError **error)
{
  const OsPickleCell *storage;
  OsPickleTensor tensor = { 0 };

  if (n_args != global->n_args
      && !(global->metadata_arg != 0 && n_args == global->metadata_arg + 1))
    return fail (error, "it is made with %d arguments, %d expected", n_args,
        global->n_args);
  storage = os_pickle_cell (pickle, args[0]);
  if (storage->kind != OS_PICKLE_STORAGE)
    return fail (error, "it has no storage");
  tensor.storage = storage->n;
  if (!get_count (pickle, args[1], &tensor.offset))
    return fail (error, "its storage offset is no number or negative");
  tensor.n_dims = get_counts (pickle, args[2], tensor.shape);
  if (tensor.n_dims < 0
      || get_counts (pickle, args[3], tensor.stride) != tensor.n_dims)
    return fail (error,
        "its shape and strides are not two lists of the same number of sizes, "
        "at most %d and none negative",
        OS_MAX_DIMS);
  if (!get_tensor_dtype (pickle, global, args, &tensor, error)
      || (n_args > global->n_args
          && !check_metadata (pickle, args[global->metadata_arg], error)))
    return FALSE;
  if (pickle->tensors->len >= OS_PICKLE_MAX_TENSORS)
    return fail (error, "there are too many tensors");
  result->cell =
      (OsPickleCell){ .kind = OS_PICKLE_TENSOR, .n = pickle->tensors->len };
  g_array_append_val (pickle->tensors, tensor);
  return TRUE;
}

gboolean
os_pickle_call (OsPickle *pickle, OsPickleValue callable, OsPickleValue args,
    gboolean is_new, OsPickleResult *result, GError **error)
{
  const Global *global = get_global (pickle, callable);
  OsPickleValue values[MAX_ARGS];
  int n = get_tuple (pickle, args, MAX_ARGS, values);

  result->exists = FALSE;
  if (global == NULL || n < 0)
    return fail (error, "its pickle calls what cannot be called");
  if (global->role == ROLE_INERT) {
    result->cell = (OsPickleCell){ .kind = OS_PICKLE_OPAQUE };
    return TRUE;
  }
  if (global->role == ROLE_ORDERED_DICT && n == 0) {
    result->cell = (OsPickleCell){ .kind = OS_PICKLE_ORDERED_DICT,
      .items = { OS_PICKLE_NO_ITEM, OS_PICKLE_NO_ITEM } };
    return TRUE;
  }
  if (global->role == ROLE_TENSOR && !is_new)
    return rebuild_tensor (pickle, global, values, n, result, error);
  if (global->role == ROLE_PARAMETER && !is_new && n == global->n_args
      && os_pickle_get_kind (pickle, values[0]) == OS_PICKLE_TENSOR) {
    result->exists = TRUE;
    result->value = values[0];
    return TRUE;
  }
  return fail (error, "its pickle calls %s.%s in a way that PyTorch does not",
      global->module, global->name);
}

/* (view key, offset, size) of a legacy file, or None. */
static gboolean
load_view (OsPickle *pickle, OsPickleValue view, OsPickleStorage *storage,
    GError **error)
{
  OsPickleValue parts[3];
  gint64 end;

  storage->view_size = -1;
  if (os_pickle_get_kind (pickle, view) == OS_PICKLE_NONE)
    return TRUE;
  if (get_tuple (pickle, view, 3, parts) != 3
      || !get_count (pickle, parts[1], &storage->view_offset)
      || !get_count (pickle, parts[2], &storage->view_size)
      || !os_size_add (storage->view_offset, storage->view_size, &end)
      || end > storage->count)
    return fail (error, "its part of a storage reaches out of it");
  return TRUE;
}

static gboolean
load_key (OsPickle *pickle, OsPickleValue value, OsPickleStorage *storage)
{
  const OsPickleCell *cell = os_pickle_cell (pickle, value);

  if (cell->kind != OS_PICKLE_TEXT || cell->n == 0
      || cell->n > OS_PICKLE_MAX_KEY)
    return FALSE;
  storage->key = g_string_chunk_insert_len (pickle->keys, cell->text, cell->n);
  return TRUE;
}

gboolean
os_pickle_load_storage (
    OsPickle *pickle, OsPickleValue id, OsPickleCell *cell, GError **error)
{
  OsPickleStorage storage = { .view_size = -1 };
  OsPickleValue parts[6];
  int n = get_tuple (pickle, id, 6, parts);
  const OsPickleCell *tag = n > 0 ? os_pickle_cell (pickle, parts[0]) : NULL;
  const Global *type;

  if (n < 5 || tag->kind != OS_PICKLE_TEXT
      || !equals (tag->text, tag->n, "storage"))
    return fail (error, "its pickle refers to what is not a storage");
  type = get_global (pickle, parts[1]);
  if (type == NULL
      || (type->role != ROLE_STORAGE && type->role != ROLE_UNTYPED_STORAGE))
    return fail (error, "its storage is of no known class");
  storage.dtype = type->dtype;
  storage.untyped = type->role == ROLE_UNTYPED_STORAGE;
  if (!load_key (pickle, parts[2], &storage)
      || !get_count (pickle, parts[4], &storage.count))
    return fail (error, "its storage has no key or no size");
  if (n > 5 && !load_view (pickle, parts[5], &storage, error))
    return FALSE;
  if (pickle->storages->len >= OS_PICKLE_MAX_TENSORS)
    return fail (error, "there are too many tensors");
  cell->n = pickle->storages->len;
  g_array_append_val (pickle->storages, storage);
  return TRUE;
}
