/* SPDX-License-Identifier: Apache-2.0 */
/* Index and shards have to agree: every tensor that is mapped is in its shard,
 * and no other is. Sizes in "metadata" are not looked at: ColossalAI counts
 * them in MiB. */
#include "weights/sharded.h"

#include <opensora/opensora.h>
#include <string.h>

#include "weights/container.h"
#include "base/json.h"

/* Far above any index, and little enough to be read into a tree. */
#define MAX_INDEX (16 << 20)

/* A plain name: it cannot lead out of the folder of the index. ColossalAI maps
 * distributed tensors to patterns in a folder, which have '/' and '*'. */
static gboolean
is_plain_name (const char *name)
{
  return *name != '\0' && strpbrk (name, "/\\*") == NULL
         && !g_str_equal (name, ".") && !g_str_equal (name, "..");
}

/* File names of the shards, in the order in which they are first named;
 * `shard_of` receives tensor name -> file name. The strings belong to `map`. */
static GPtrArray *
read_weight_map (
    JsonObject *map, const char *index, GHashTable *shard_of, GError **error)
{
  g_autoptr (GPtrArray) shards = g_ptr_array_new ();
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  JsonObjectIter iter;
  const char *name;
  JsonNode *node;

  json_object_iter_init_ordered (&iter, map);
  while (json_object_iter_next_ordered (&iter, &name, &node)) {
    const char *shard = os_json_holds (node, G_TYPE_STRING)
                            ? json_node_get_string (node)
                            : NULL;

    if (shard == NULL || !is_plain_name (shard)) {
      g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
          "%s: tensor %s is mapped to %s; the plain name of a file in the "
          "same folder expected",
          index, name, shard != NULL ? shard : "no string");
      return NULL;
    }
    if (g_hash_table_add (seen, (gpointer) shard))
      g_ptr_array_add (shards, (gpointer) shard);
    g_hash_table_insert (shard_of, (gpointer) name, (gpointer) shard);
  }
  return g_steal_pointer (&shards);
}

/* Every tensor that the shard added, from number `first` on, has to be mapped
 * to it; what is found is taken out of `shard_of`. */
static gboolean
check_shard (const OsCheckpoint *checkpoint, guint first, const char *shard,
    GHashTable *shard_of, GError **error)
{
  const char *const *names = os_checkpoint_get_names (checkpoint);

  for (guint i = first; i < os_checkpoint_get_n_tensors (checkpoint); i++) {
    const char *mapped = g_hash_table_lookup (shard_of, names[i]);

    if (g_strcmp0 (mapped, shard) != 0) {
      g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
          "%s: tensor %s is in %s, but mapped to %s; shards and index are of "
          "different checkpoints: download them again",
          os_checkpoint_get_path (checkpoint), names[i], shard,
          mapped != NULL ? mapped : "no file");
      return FALSE;
    }
    g_hash_table_remove (shard_of, names[i]);
  }
  return TRUE;
}

static gboolean
check_all_found (const char *index, GHashTable *shard_of, GError **error)
{
  GHashTableIter iter;
  gpointer name, shard;

  g_hash_table_iter_init (&iter, shard_of);
  if (!g_hash_table_iter_next (&iter, &name, &shard))
    return TRUE;
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
      "%s: tensor %s is not in %s, which it is mapped to; download both again",
      index, (char *) name, (char *) shard);
  return FALSE;
}

static gboolean
read_shards (OsCheckpoint *checkpoint, JsonObject *map, const char *state_dict,
    GError **error)
{
  const char *index = os_checkpoint_get_path (checkpoint);
  g_autofree char *folder = g_path_get_dirname (index);
  g_autoptr (GHashTable) shard_of = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GPtrArray) shards = read_weight_map (map, index, shard_of, error);

  if (shards == NULL)
    return FALSE;
  for (guint i = 0; i < shards->len; i++) {
    const char *file = g_ptr_array_index (shards, i);
    g_autofree char *path = g_build_filename (folder, file, NULL);
    guint first = os_checkpoint_get_n_tensors (checkpoint);

    if (!os_container_read (checkpoint, path, state_dict, error)) {
      g_prefix_error (error, "%s: its file %s: ", index, file);
      return FALSE;
    }
    if (!check_shard (checkpoint, first, file, shard_of, error))
      return FALSE;
  }
  return check_all_found (index, shard_of, error);
}

gboolean
os_sharded_read (
    OsCheckpoint *checkpoint, const char *state_dict, GError **error)
{
  const char *index = os_checkpoint_get_path (checkpoint);
  g_autoptr (OsMappedFile) file = os_mapped_file_open (index, error);
  g_autoptr (JsonObject) root = NULL;
  JsonNode *map;

  if (file == NULL)
    return FALSE;
  if (os_mapped_file_get_length (file) > MAX_INDEX) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
        "%s: an index of more than %d bytes is none of a checkpoint; "
        "download it again",
        index, MAX_INDEX);
    return FALSE;
  }
  root = os_json_parse (os_mapped_file_get_contents (file),
      os_mapped_file_get_length (file), index, error);
  if (root == NULL)
    return FALSE;
  map = json_object_get_member (root, "weight_map");
  if (map == NULL || !JSON_NODE_HOLDS_OBJECT (map)) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
        "%s: no index of a checkpoint: weight_map is missing", index);
    return FALSE;
  }
  if (!read_shards (checkpoint, json_node_get_object (map), state_dict, error))
    return FALSE;
  os_checkpoint_set_format (checkpoint,
      g_str_equal (os_checkpoint_get_format (checkpoint), "safetensors")
          ? "sharded-safetensors"
          : "sharded-torch");
  return TRUE;
}
