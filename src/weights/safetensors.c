/* SPDX-License-Identifier: Apache-2.0 */
/* The safetensors container, as https://github.com/huggingface/safetensors
 * defines it. The file has to be exactly what its header says: sorted by
 * offset, the tensors cover the data without hole or overlap, so nothing can
 * hide in it and no tensor reaches out of it. */
#include "weights/safetensors.h"

#include <opensora/opensora.h>
#include <string.h>

#include "base/size.h"
#include "base/text.h"
#include "base/json.h"

#define PREFIX_SIZE 8

/* What a header says of a tensor. */
typedef struct {
  const char *name;
  OsDType dtype;
  int n_dims;
  gint64 shape[OS_MAX_DIMS];
  gint64 begin;
  gint64 end;
} Entry;

/* A file while it is read. */
typedef struct {
  const char *path;
  OsMappedFile *file;
  char *data;
  gint64 data_size;
  GArray *entries; /* of Entry */
} Reader;

G_GNUC_PRINTF (4, 5)
static gboolean
fail (const Reader *reader, const char *name, GError **error,
    const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
      name != NULL ? "%s: tensor %s: %s" : "%s: %s%s", reader->path,
      name != NULL ? name : "", text);
  return FALSE;
}

/* A list of 0 to max_n integers, none negative; -1 if it is anything else. */
static int
read_ints (JsonObject *object, const char *member, int max_n, gint64 *out)
{
  JsonNode *node = json_object_get_member (object, member);
  JsonArray *list;
  int n;

  if (node == NULL || !JSON_NODE_HOLDS_ARRAY (node))
    return -1;
  list = json_node_get_array (node);
  n = json_array_get_length (list);
  if (n > max_n)
    return -1;
  for (int i = 0; i < n; i++) {
    JsonNode *element = json_array_get_element (list, i);
    if (!os_json_holds (element, G_TYPE_INT64))
      return -1;
    out[i] = json_node_get_int (element);
    if (out[i] < 0)
      return -1;
  }
  return n;
}

static gboolean
read_dtype (const Reader *reader, const char *name, JsonObject *object,
    OsDType *dtype, GError **error)
{
  JsonNode *node = json_object_get_member (object, "dtype");
  g_autofree char *shown = NULL;
  const char *text;

  if (!os_json_holds (node, G_TYPE_STRING))
    return fail (reader, name, error, "has no dtype");
  text = json_node_get_string (node);
  for (int i = 0; i < OS_N_DTYPES; i++) {
    if (g_str_equal (text, os_dtype_name (i))) {
      *dtype = i;
      return TRUE;
    }
  }
  shown = os_text_excerpt (text, strlen (text));
  return fail (reader, name, error, "dtype %s is not supported", shown);
}

/* Sizes of 0 are left out of the product, so that the strides of an empty
 * tensor cannot overflow either. */
static gboolean
byte_size (const Entry *entry, gint64 *size)
{
  gboolean empty = FALSE;

  *size = os_dtype_size (entry->dtype);
  for (int i = 0; i < entry->n_dims; i++) {
    empty |= entry->shape[i] == 0;
    if (!os_size_mul (*size, MAX (entry->shape[i], 1), size))
      return FALSE;
  }
  if (empty)
    *size = 0;
  return TRUE;
}

static gboolean
read_entry (const Reader *reader, const char *name, JsonNode *node,
    Entry *entry, GError **error)
{
  gint64 offsets[2];
  gint64 size;
  JsonObject *object;

  if (!JSON_NODE_HOLDS_OBJECT (node))
    return fail (reader, name, error, "its entry is not a JSON object");
  object = json_node_get_object (node);
  entry->name = name;
  if (!read_dtype (reader, name, object, &entry->dtype, error))
    return FALSE;
  entry->n_dims = read_ints (object, "shape", OS_MAX_DIMS, entry->shape);
  if (entry->n_dims < 0)
    return fail (reader, name, error,
        "its shape is not a list of at most %d sizes", OS_MAX_DIMS);
  if (read_ints (object, "data_offsets", 2, offsets) != 2)
    return fail (reader, name, error, "its data_offsets are not two offsets");
  entry->begin = offsets[0];
  entry->end = offsets[1];
  if (entry->begin > entry->end || entry->end > reader->data_size)
    return fail (reader, name, error,
        "its bytes %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT
        " are not in the file, which has %" G_GINT64_FORMAT " bytes of data",
        entry->begin, entry->end, reader->data_size);
  if (!byte_size (entry, &size) || size != entry->end - entry->begin) {
    g_autofree char *shape = os_shape_to_string (entry->n_dims, entry->shape);
    return fail (reader, name, error,
        "%s %s does not take the %" G_GINT64_FORMAT " bytes it has", shape,
        os_dtype_name (entry->dtype), entry->end - entry->begin);
  }
  return TRUE;
}

static gboolean
read_metadata (
    const Reader *reader, JsonNode *node, GHashTable *metadata, GError **error)
{
  JsonObjectIter iter;
  const char *key;
  JsonNode *value;

  if (!JSON_NODE_HOLDS_OBJECT (node))
    return fail (
        reader, NULL, error, OS_SAFETENSORS_METADATA " is not a JSON object");
  json_object_iter_init (&iter, json_node_get_object (node));
  while (json_object_iter_next (&iter, &key, &value)) {
    if (!os_json_holds (value, G_TYPE_STRING))
      return fail (reader, NULL, error,
          OS_SAFETENSORS_METADATA " member %s is not a string", key);
    g_hash_table_insert (
        metadata, g_strdup (key), json_node_dup_string (value));
  }
  return TRUE;
}

static gboolean
read_entries (Reader *reader, JsonObject *header, OsCheckpoint *checkpoint,
    GError **error)
{
  JsonObjectIter iter;
  const char *name;
  JsonNode *node;

  json_object_iter_init_ordered (&iter, header);
  while (json_object_iter_next_ordered (&iter, &name, &node)) {
    Entry entry;

    if (g_str_equal (name, OS_SAFETENSORS_METADATA)) {
      if (!read_metadata (
              reader, node, os_checkpoint_get_metadata (checkpoint), error))
        return FALSE;
    } else {
      if (!read_entry (reader, name, node, &entry, error))
        return FALSE;
      g_array_append_val (reader->entries, entry);
    }
  }
  return TRUE;
}

static int
compare_offsets (gconstpointer a, gconstpointer b)
{
  const Entry *x = a;
  const Entry *y = b;

  if (x->begin != y->begin)
    return x->begin < y->begin ? -1 : 1;
  return x->end < y->end ? -1 : x->end > y->end;
}

static gboolean
check_coverage (const Reader *reader, GError **error)
{
  g_autoptr (GArray) sorted = g_array_copy (reader->entries);
  gint64 end = 0;

  g_array_sort (sorted, compare_offsets);
  for (guint i = 0; i < sorted->len; i++) {
    const Entry *entry = &g_array_index (sorted, Entry, i);
    if (entry->begin != end)
      return fail (reader, entry->name, error,
          "begins at byte %" G_GINT64_FORMAT
          " of the data, the tensor before it ends at %" G_GINT64_FORMAT,
          entry->begin, end);
    end = entry->end;
  }
  if (end != reader->data_size)
    return fail (reader, NULL, error,
        "%" G_GINT64_FORMAT " bytes of data belong to no tensor",
        reader->data_size - end);
  return TRUE;
}

static gboolean
add_tensors (const Reader *reader, OsCheckpoint *checkpoint, GError **error)
{
  for (guint i = 0; i < reader->entries->len; i++) {
    const Entry *entry = &g_array_index (reader->entries, Entry, i);
    OsTensor *tensor =
        os_tensor_new_wrapped (entry->dtype, entry->n_dims, entry->shape,
            reader->data + entry->begin, os_mapped_file_ref (reader->file),
            (GDestroyNotify) os_mapped_file_unref);
    if (!os_checkpoint_add (checkpoint, entry->name, tensor, error))
      return FALSE;
  }
  return TRUE;
}

/* Length of the header, or -1. */
static gint64
header_length (Reader *reader, GError **error)
{
  gint64 size = os_mapped_file_get_length (reader->file);
  guint64 length;

  if (size < PREFIX_SIZE) {
    fail (reader, NULL, error,
        "%" G_GINT64_FORMAT " bytes are too few for safetensors", size);
    return -1;
  }
  memcpy (&length, os_mapped_file_get_contents (reader->file), PREFIX_SIZE);
  length = GUINT64_FROM_LE (length);
  if (length > OS_SAFETENSORS_MAX_HEADER
      || length > (guint64) (size - PREFIX_SIZE)) {
    fail (reader, NULL, error,
        "not safetensors, or incomplete: the header takes %" G_GUINT64_FORMAT
        " bytes, the file has %" G_GINT64_FORMAT " (and at most %d are legal)",
        length, size - PREFIX_SIZE, OS_SAFETENSORS_MAX_HEADER);
    return -1;
  }
  return (gint64) length;
}

static gboolean
read_file (Reader *reader, OsCheckpoint *checkpoint, GError **error)
{
  g_autoptr (JsonObject) header = NULL;
  const char *text;
  gint64 length = header_length (reader, error);

  if (length < 0)
    return FALSE;
  text = os_mapped_file_get_contents (reader->file) + PREFIX_SIZE;
  reader->data = (char *) text + length;
  reader->data_size =
      (gint64) os_mapped_file_get_length (reader->file) - PREFIX_SIZE - length;
  header = os_json_parse (text, length, reader->path, error);
  return header != NULL && read_entries (reader, header, checkpoint, error)
         && check_coverage (reader, error)
         && add_tensors (reader, checkpoint, error);
}

gboolean
os_safetensors_read (OsCheckpoint *checkpoint, const char *path, GError **error)
{
  g_autoptr (OsMappedFile) file = os_mapped_file_open (path, error);
  g_autoptr (GArray) entries = NULL;
  Reader reader = { path };

  if (file == NULL)
    return FALSE;
  entries = g_array_new (FALSE, FALSE, sizeof (Entry));
  reader.file = file;
  reader.entries = entries;
  return read_file (&reader, checkpoint, error);
}
