/* SPDX-License-Identifier: Apache-2.0 */
/* Writing safetensors, a chunk at a time whatever the size of the tensors.
 *
 * The header lists tensors in the order given. Their data are in the order of
 * element sizes, wide first, so that every tensor is aligned to its elements;
 * the Rust writer sorts for the same reason. */
#include "weights/safetensors.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "weights/cast.h"
#include "weights/gather.h"

#define MAX_ELEMENT 8
#define CHUNK_ELEMENTS (128 * 1024)

/* A file while it is written. */
typedef struct {
  const OsSafetensorsItem *items;
  guint n;
  GHashTable *metadata;
  OsSafetensorsProgress *progress;
  OsStagedFile *file;
  guint8 *gathered; /* a chunk row-major, if a tensor is not */
  guint8 *cast;     /* a chunk in its new dtype */
} Writer;

guint64
os_safetensors_item_size (const OsSafetensorsItem *item)
{
  return (guint64) os_tensor_count (item->tensor) * os_dtype_size (item->dtype);
}

/* The header. */

static void
build_entry (JsonBuilder *builder, const OsSafetensorsItem *item, gint64 begin)
{
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "dtype");
  json_builder_add_string_value (builder, os_dtype_name (item->dtype));
  json_builder_set_member_name (builder, "shape");
  json_builder_begin_array (builder);
  for (int i = 0; i < item->tensor->n_dims; i++)
    json_builder_add_int_value (builder, item->tensor->shape[i]);
  json_builder_end_array (builder);
  json_builder_set_member_name (builder, "data_offsets");
  json_builder_begin_array (builder);
  json_builder_add_int_value (builder, begin);
  json_builder_add_int_value (
      builder, begin + (gint64) os_safetensors_item_size (item));
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

static void
build_metadata (JsonBuilder *builder, GHashTable *metadata)
{
  GHashTableIter iter;
  gpointer key, value;

  json_builder_set_member_name (builder, OS_SAFETENSORS_METADATA);
  json_builder_begin_object (builder);
  g_hash_table_iter_init (&iter, metadata);
  while (g_hash_table_iter_next (&iter, &key, &value)) {
    json_builder_set_member_name (builder, key);
    json_builder_add_string_value (builder, value);
  }
  json_builder_end_object (builder);
}

/* Where the data of each item begin. */
static gint64 *
lay_out (const Writer *writer)
{
  gint64 *begin = g_new (gint64, writer->n);
  gint64 end = 0;

  for (gsize size = MAX_ELEMENT; size > 0; size /= 2) {
    for (guint i = 0; i < writer->n; i++) {
      if (os_dtype_size (writer->items[i].dtype) != size)
        continue;
      begin[i] = end;
      end += (gint64) os_safetensors_item_size (&writer->items[i]);
    }
  }
  return begin;
}

/* With spaces up to a multiple of 8. */
static GString *
build_header (const Writer *writer)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;
  g_autofree gint64 *begin = lay_out (writer);
  g_autofree char *text = NULL;
  GString *header;

  json_builder_begin_object (builder);
  if (writer->metadata != NULL && g_hash_table_size (writer->metadata) > 0)
    build_metadata (builder, writer->metadata);
  for (guint i = 0; i < writer->n; i++) {
    json_builder_set_member_name (builder, writer->items[i].name);
    build_entry (builder, &writer->items[i], begin[i]);
  }
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  text = json_to_string (root, FALSE);
  header = g_string_new (text);
  while (header->len % 8 != 0)
    g_string_append_c (header, ' ');
  return header;
}

static gboolean
write_header (const Writer *writer, const char *path, GError **error)
{
  g_autoptr (GString) header = NULL;
  guint64 length;

  for (guint i = 0; i < writer->n; i++) {
    if (g_str_equal (writer->items[i].name, OS_SAFETENSORS_METADATA)) {
      g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_UNSUPPORTED,
          "%s: no tensor of safetensors can be called " OS_SAFETENSORS_METADATA,
          path);
      return FALSE;
    }
  }
  header = build_header (writer);
  if (header->len > OS_SAFETENSORS_MAX_HEADER) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_UNSUPPORTED,
        "%s: the header of %u tensors takes %" G_GSIZE_FORMAT
        " bytes, %d are legal; write smaller shards",
        path, writer->n, header->len, OS_SAFETENSORS_MAX_HEADER);
    return FALSE;
  }
  length = GUINT64_TO_LE (header->len);
  return os_staged_file_write (writer->file, &length, sizeof length, error)
         && os_staged_file_write (
             writer->file, header->str, header->len, error);
}

/* The data. */

/* Elements `first` to `first` + `n` of a contiguous tensor. */
static OsTensor *
slice_flat (const OsTensor *tensor, gint64 first, gint64 n)
{
  g_autoptr (OsTensor) flat =
      os_tensor_reshape (tensor, OS_SHAPE (os_tensor_count (tensor)));

  return os_tensor_slice (flat, 0, first, n);
}

/* The same elements in row-major order of an item of any strides. What has been
 * read of a mapped file is given back, so that the process stays small; of a
 * strided tensor that is done at its end. */
static gboolean
write_chunk (Writer *writer, const OsSafetensorsItem *item, gint64 first,
    gint64 n, GError **error)
{
  const OsTensor *tensor = item->tensor;
  g_autoptr (OsTensor) view =
      os_tensor_is_contiguous (tensor) ? slice_flat (tensor, first, n) : NULL;
  gconstpointer data = view ? os_tensor_data (view) : writer->gathered;
  gboolean written;

  if (view == NULL)
    os_gather (tensor, first, n, writer->gathered);
  if (item->dtype != tensor->dtype) {
    os_cast (tensor->dtype, data, item->dtype, writer->cast, n);
    data = writer->cast;
  }
  written = os_staged_file_write (
      writer->file, data, n * os_dtype_size (item->dtype), error);
  if (view != NULL)
    os_tensor_release (view);
  return written;
}

static gboolean
write_item (Writer *writer, const OsSafetensorsItem *item, GError **error)
{
  OsSafetensorsProgress *progress = writer->progress;
  gint64 count = os_tensor_count (item->tensor);

  for (gint64 done = 0; done < count; done += CHUNK_ELEMENTS) {
    gint64 n = MIN (count - done, CHUNK_ELEMENTS);

    if (!os_task_check (progress->task, error)
        || !write_chunk (writer, item, done, n, error))
      return FALSE;
    progress->done += n * os_dtype_size (item->dtype);
    os_task_progress (progress->task, OPENSORA_STAGE_CONVERT, progress->done,
        progress->total);
  }
  os_tensor_release (item->tensor);
  return TRUE;
}

static gboolean
write_data (Writer *writer, GError **error)
{
  for (gsize size = MAX_ELEMENT; size > 0; size /= 2) {
    for (guint i = 0; i < writer->n; i++) {
      if (os_dtype_size (writer->items[i].dtype) == size
          && !write_item (writer, &writer->items[i], error))
        return FALSE;
    }
  }
  return TRUE;
}

OsStagedFile *
os_safetensors_stage (const char *path, const OsSafetensorsItem *items, guint n,
    GHashTable *metadata, OsSafetensorsProgress *progress, GError **error)
{
  g_autoptr (OsStagedFile) file = os_staged_file_new (path, error);
  g_autofree guint8 *gathered = g_malloc (CHUNK_ELEMENTS * MAX_ELEMENT);
  g_autofree guint8 *cast = g_malloc (CHUNK_ELEMENTS * MAX_ELEMENT);
  Writer writer = { items, n, metadata, progress, file, gathered, cast };

  if (file == NULL || !write_header (&writer, path, error)
      || !write_data (&writer, error) || !os_staged_file_sync (file, error))
    return NULL;
  return g_steal_pointer (&file);
}

gboolean
os_safetensors_write (const char *path, const char *const *names,
    const OsTensor *const *tensors, guint n, GHashTable *metadata,
    GError **error)
{
  g_autofree OsSafetensorsItem *items = g_new (OsSafetensorsItem, n);
  OsSafetensorsProgress progress = { NULL };
  g_autoptr (OsStagedFile) file = NULL;

  for (guint i = 0; i < n; i++)
    items[i] = (OsSafetensorsItem){ names[i], tensors[i], tensors[i]->dtype };
  file = os_safetensors_stage (path, items, n, metadata, &progress, error);
  return file != NULL && os_staged_file_commit (file, error);
}
