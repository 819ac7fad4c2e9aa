/* SPDX-License-Identifier: Apache-2.0 */
/* From a checkpoint to safetensors: which tensor in which file, as what dtype;
 * then the files, one after the other. Names of shards and the form of the
 * index are those of transformers and diffusers. */
#include "weights/convert.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "base/size.h"
#include "weights/cast.h"
#include "weights/safetensors.h"

#define SUFFIX ".safetensors"

/* A file of consecutive items. */
typedef struct {
  char *name;
  guint first;
  guint n;
} Shard;

typedef struct {
  const OsCheckpoint *checkpoint;
  const char *path;
  char *stem;       /* `path` without SUFFIX */
  GArray *items;    /* of OsSafetensorsItem */
  GArray *shards;   /* of Shard */
  GPtrArray *files; /* of OsStagedFile, the index last */
  OsSafetensorsProgress progress;
} Conversion;

static void
shard_clear (gpointer shard)
{
  g_free (((Shard *) shard)->name);
}

static void
conversion_clear (Conversion *self)
{
  g_free (self->stem);
  g_array_unref (self->items);
  g_array_unref (self->shards);
  g_ptr_array_unref (self->files);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Conversion, conversion_clear)

/* The plan. */

static gboolean
list_items (Conversion *self, const OsConvertOptions *options, GError **error)
{
  const char *const *names = os_checkpoint_get_names (self->checkpoint);
  gint64 total = 0;

  for (guint i = 0; names[i] != NULL; i++) {
    const OsTensor *tensor = os_checkpoint_get (self->checkpoint, names[i]);
    gboolean cast = options->cast && os_dtype_is_float (tensor->dtype);
    OsSafetensorsItem item = { names[i], tensor,
      cast ? options->dtype : tensor->dtype };

    if (!os_size_add (total, os_safetensors_item_size (&item), &total)) {
      g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_UNSUPPORTED,
          "%s: tensor %s and those before it are larger than a file can be",
          self->path, names[i]);
      return FALSE;
    }
    g_array_append_val (self->items, item);
  }
  if (self->items->len == 0
      && os_checkpoint_get_entries (self->checkpoint)->len > 0) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_UNSUPPORTED,
        "%s: none of its tensors has a name; choose the state dict",
        os_checkpoint_get_path (self->checkpoint));
    return FALSE;
  }
  self->progress.total = total;
  return TRUE;
}

/* Fills files in the order of the tensors; a file that has one already takes
 * another only if it stays below the limit. */
static void
divide (Conversion *self, guint64 max_size)
{
  Shard shard = { NULL };
  guint64 size = 0;

  for (guint i = 0; i < self->items->len; i++) {
    guint64 item_size = os_safetensors_item_size (
        &g_array_index (self->items, OsSafetensorsItem, i));

    if (max_size > 0 && shard.n > 0
        && (item_size > max_size || size > max_size - item_size)) {
      g_array_append_val (self->shards, shard);
      shard = (Shard){ NULL, i, 0 };
      size = 0;
    }
    shard.n++;
    size += item_size;
  }
  g_array_append_val (self->shards, shard);
}

static void
name_shards (Conversion *self)
{
  guint n = self->shards->len;

  for (guint i = 0; i < n; i++) {
    Shard *shard = &g_array_index (self->shards, Shard, i);

    shard->name = n == 1 ? g_strdup (self->path)
                         : g_strdup_printf (
                             "%s-%05u-of-%05u" SUFFIX, self->stem, i + 1, n);
  }
}

/* Data only: headers are small beside the blocks of a file system. Where the
 * free space is unknown, writing tells. */
static gboolean
check_space (const Conversion *self, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (self->path);
  g_autoptr (GFile) file = g_file_new_for_path (folder);
  g_autoptr (GFileInfo) info = g_file_query_filesystem_info (
      file, G_FILE_ATTRIBUTE_FILESYSTEM_FREE, NULL, NULL);
  g_autofree char *needed = NULL, *found = NULL;
  guint64 bytes;

  if (info == NULL
      || !g_file_info_has_attribute (info, G_FILE_ATTRIBUTE_FILESYSTEM_FREE))
    return TRUE;
  bytes =
      g_file_info_get_attribute_uint64 (info, G_FILE_ATTRIBUTE_FILESYSTEM_FREE);
  if (bytes >= self->progress.total)
    return TRUE;
  needed = g_format_size (self->progress.total);
  found = g_format_size (bytes);
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_WRITE,
      "%s takes %s, and %s has %s free; make room or choose another folder",
      self->path, needed, folder, found);
  return FALSE;
}

/* The files. */

/* transformers refuses a file whose metadata do not say that it is PyTorch's;
 * checkpoints that are have no metadata of their own. */
static void
add_metadata (GHashTable *metadata, const OsCheckpoint *checkpoint)
{
  GHashTableIter iter;
  gpointer key, value;

  if (strstr (os_checkpoint_get_format (checkpoint), "torch") != NULL)
    g_hash_table_insert (metadata, "format", "pt");
  g_hash_table_iter_init (&iter, os_checkpoint_get_metadata (checkpoint));
  while (g_hash_table_iter_next (&iter, &key, &value))
    g_hash_table_insert (metadata, key, value);
}

static gboolean
stage_shards (Conversion *self, GError **error)
{
  g_autoptr (GHashTable) metadata = g_hash_table_new (g_str_hash, g_str_equal);

  add_metadata (metadata, self->checkpoint);
  for (guint i = 0; i < self->shards->len; i++) {
    const Shard *shard = &g_array_index (self->shards, Shard, i);
    OsStagedFile *file = os_safetensors_stage (shard->name,
        &g_array_index (self->items, OsSafetensorsItem, shard->first), shard->n,
        metadata, &self->progress, error);

    if (file == NULL)
      return FALSE;
    g_ptr_array_add (self->files, file);
  }
  return TRUE;
}

static char *
build_index (const Conversion *self)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "metadata");
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "total_size");
  json_builder_add_int_value (builder, self->progress.total);
  json_builder_end_object (builder);
  json_builder_set_member_name (builder, "weight_map");
  json_builder_begin_object (builder);
  for (guint i = 0; i < self->shards->len; i++) {
    const Shard *shard = &g_array_index (self->shards, Shard, i);
    g_autofree char *name = g_path_get_basename (shard->name);

    for (guint j = shard->first; j < shard->first + shard->n; j++) {
      json_builder_set_member_name (
          builder, g_array_index (self->items, OsSafetensorsItem, j).name);
      json_builder_add_string_value (builder, name);
    }
  }
  json_builder_end_object (builder);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  return json_to_string (root, TRUE);
}

static gboolean
stage_index (Conversion *self, GError **error)
{
  g_autofree char *path = g_strconcat (self->path, ".index.json", NULL);
  g_autofree char *text = build_index (self);
  g_autoptr (OsStagedFile) file = os_staged_file_new (path, error);

  if (file == NULL || !os_staged_file_write (file, text, strlen (text), error)
      || !os_staged_file_sync (file, error))
    return FALSE;
  g_ptr_array_add (self->files, g_steal_pointer (&file));
  return TRUE;
}

static gboolean
commit (const Conversion *self, GError **error)
{
  for (guint i = 0; i < self->files->len; i++) {
    if (!os_staged_file_commit (g_ptr_array_index (self->files, i), error))
      return FALSE;
  }
  return TRUE;
}

gboolean
os_convert (const OsCheckpoint *checkpoint, const char *path,
    const OsConvertOptions *options, const OsTask *task, GError **error)
{
  g_auto (Conversion) self = { checkpoint, path };

  self.items = g_array_new (FALSE, FALSE, sizeof (OsSafetensorsItem));
  self.shards = g_array_new (FALSE, FALSE, sizeof (Shard));
  g_array_set_clear_func (self.shards, shard_clear);
  self.files =
      g_ptr_array_new_with_free_func ((GDestroyNotify) os_staged_file_free);
  self.progress.task = task;
  if (!g_str_has_suffix (path, SUFFIX)) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
        "%s: the name of the output must end in " SUFFIX, path);
    return FALSE;
  }
  self.stem = g_strndup (path, strlen (path) - strlen (SUFFIX));
  if (!list_items (&self, options, error))
    return FALSE;
  divide (&self, options->max_shard_size);
  name_shards (&self);
  return check_space (&self, error)
         && os_checkpoint_verify (checkpoint, task, error)
         && stage_shards (&self, error)
         && (self.shards->len == 1 || stage_index (&self, error))
         && os_task_check (task, error) && commit (&self, error);
}
