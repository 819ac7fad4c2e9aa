/* SPDX-License-Identifier: Apache-2.0 */
/* The table of tensors, and opening: what is at the path, which reader can
 * read it, and for several files the index that joins them:
 *   {"metadata": {..}, "weight_map": {"tensor name": "file name", ..}}
 * as transformers and diffusers write it. */
#include "weights/checkpoint.h"

#include <opensora/opensora.h>
#include <string.h>

#include "weights/json.h"
#include "weights/safetensors.h"

struct _OsCheckpoint {
  gatomicrefcount refs;
  char *path;
  char *format;
  GHashTable *tensors;  /* char * -> OsTensor * */
  GPtrArray *names;     /* of char *, NULL-terminated */
  GHashTable *metadata; /* char * -> char * */
};

OsCheckpoint *
os_checkpoint_new (const char *path, const char *format)
{
  OsCheckpoint *checkpoint = g_new0 (OsCheckpoint, 1);

  g_atomic_ref_count_init (&checkpoint->refs);
  checkpoint->path = g_strdup (path);
  checkpoint->format = g_strdup (format);
  checkpoint->tensors = g_hash_table_new_full (
      g_str_hash, g_str_equal, NULL, (GDestroyNotify) os_tensor_unref);
  checkpoint->names = g_ptr_array_new_null_terminated (1, g_free, TRUE);
  checkpoint->metadata =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return checkpoint;
}

OsCheckpoint *
os_checkpoint_ref (OsCheckpoint *checkpoint)
{
  g_atomic_ref_count_inc (&checkpoint->refs);
  return checkpoint;
}

void
os_checkpoint_unref (OsCheckpoint *checkpoint)
{
  if (checkpoint == NULL || !g_atomic_ref_count_dec (&checkpoint->refs))
    return;
  g_hash_table_unref (checkpoint->tensors);
  g_hash_table_unref (checkpoint->metadata);
  g_ptr_array_unref (checkpoint->names);
  g_free (checkpoint->path);
  g_free (checkpoint->format);
  g_free (checkpoint);
}

const char *
os_checkpoint_get_path (const OsCheckpoint *checkpoint)
{
  return checkpoint->path;
}

const char *
os_checkpoint_get_format (const OsCheckpoint *checkpoint)
{
  return checkpoint->format;
}

OsTensor *
os_checkpoint_get (const OsCheckpoint *checkpoint, const char *name)
{
  return g_hash_table_lookup (checkpoint->tensors, name);
}

const char *const *
os_checkpoint_get_names (const OsCheckpoint *checkpoint)
{
  return (const char *const *) checkpoint->names->pdata;
}

guint
os_checkpoint_get_n_tensors (const OsCheckpoint *checkpoint)
{
  return checkpoint->names->len;
}

GHashTable *
os_checkpoint_get_metadata (const OsCheckpoint *checkpoint)
{
  return checkpoint->metadata;
}

gboolean
os_checkpoint_add (OsCheckpoint *checkpoint, const char *name, OsTensor *tensor,
    GError **error)
{
  char *key;

  if (g_hash_table_contains (checkpoint->tensors, name)) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
        "%s: tensor %s is there twice", checkpoint->path, name);
    os_tensor_unref (tensor);
    return FALSE;
  }
  key = g_strdup (name);
  g_ptr_array_add (checkpoint->names, key);
  g_hash_table_insert (checkpoint->tensors, key, tensor);
  return TRUE;
}

GMappedFile *
os_checkpoint_map (const char *path, GError **error)
{
  g_autoptr (GError) file_error = NULL;
  GMappedFile *file = g_mapped_file_new (path, FALSE, &file_error);

  if (file == NULL) {
    gboolean missing =
        g_error_matches (file_error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
    g_set_error_literal (error, OPENSORA_ERROR,
        missing ? OPENSORA_ERROR_NOT_FOUND : OPENSORA_ERROR_READ,
        file_error->message);
  }
  return file;
}

/* Recognising. */

typedef enum {
  CONTAINER_SAFETENSORS, /* also what is unknown: its reader says why not */
  CONTAINER_INDEX,
  CONTAINER_TORCH_ZIP,
  CONTAINER_PICKLE,
  CONTAINER_LFS_POINTER,
  CONTAINER_WEB_ANSWER,
} Container;

static gboolean
begins (const char *data, gsize size, const char *magic)
{
  return size >= strlen (magic) && memcmp (data, magic, strlen (magic)) == 0;
}

/* A safetensors file begins with the length of its header, and any byte can be
 * the first of that: only a length that does not fit makes room for others. */
static Container
recognise (const char *data, gsize size)
{
  guint64 length;

  if (size > sizeof length) {
    memcpy (&length, data, sizeof length);
    if (GUINT64_FROM_LE (length) <= size - sizeof length
        && data[sizeof length] == '{')
      return CONTAINER_SAFETENSORS;
  }
  if (begins (data, size, "PK\003\004"))
    return CONTAINER_TORCH_ZIP;
  if (begins (data, size, "\200\002"))
    return CONTAINER_PICKLE;
  if (begins (data, size, "version https://git-lfs"))
    return CONTAINER_LFS_POINTER;
  if (begins (data, size, "<") || begins (data, size, "{\"error\""))
    return CONTAINER_WEB_ANSWER;
  if (begins (data, size, "{"))
    return CONTAINER_INDEX;
  return CONTAINER_SAFETENSORS;
}

static gboolean
recognise_file (const char *path, Container *container, GError **error)
{
  g_autoptr (GMappedFile) file = os_checkpoint_map (path, error);

  if (file == NULL)
    return FALSE;
  *container = recognise (
      g_mapped_file_get_contents (file), g_mapped_file_get_length (file));
  return TRUE;
}

/* Adds the tensors of one file to the checkpoint. */
static gboolean
read_container (OsCheckpoint *checkpoint, const char *path, Container container,
    GError **error)
{
  OpensoraError code = OPENSORA_ERROR_FORMAT;
  const char *found = NULL;

  switch (container) {
    case CONTAINER_SAFETENSORS:
      return os_safetensors_read (checkpoint, path, error);
    case CONTAINER_TORCH_ZIP:
    case CONTAINER_PICKLE:
      code = OPENSORA_ERROR_UNSUPPORTED;
      found = "a PyTorch pickle checkpoint, which this version cannot read; "
              "convert it to safetensors";
      break;
    case CONTAINER_LFS_POINTER:
      found = "a git-lfs pointer instead of the file it stands for; "
              "download the file itself (git lfs pull)";
      break;
    case CONTAINER_WEB_ANSWER:
      found = "a web page or an error message saved under this name; "
              "download the file again";
      break;
    case CONTAINER_INDEX:
      found = "a JSON text where tensors are expected";
      break;
  }
  g_set_error (error, OPENSORA_ERROR, code, "%s: is %s", path, found);
  return FALSE;
}

/* Several files. */

/* A plain name: it cannot lead out of the folder of the index. */
static gboolean
is_plain_name (const char *name)
{
  return *name != '\0' && strpbrk (name, "/\\") == NULL
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
    const char *shard =
        JSON_NODE_HOLDS_VALUE (node)
                && json_node_get_value_type (node) == G_TYPE_STRING
            ? json_node_get_string (node)
            : NULL;

    if (shard == NULL || !is_plain_name (shard)) {
      g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
          "%s: tensor %s is mapped to %s, the plain name of a file expected",
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
  for (guint i = first; i < checkpoint->names->len; i++) {
    const char *name = g_ptr_array_index (checkpoint->names, i);
    const char *mapped = g_hash_table_lookup (shard_of, name);

    if (g_strcmp0 (mapped, shard) != 0) {
      g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
          "%s: tensor %s is in %s, but mapped to %s", checkpoint->path, name,
          shard, mapped != NULL ? mapped : "no file");
      return FALSE;
    }
    g_hash_table_remove (shard_of, name);
  }
  return TRUE;
}

static gboolean
read_shards (OsCheckpoint *checkpoint, JsonObject *map, GError **error)
{
  const char *index = checkpoint->path;
  g_autofree char *folder = g_path_get_dirname (index);
  g_autoptr (GHashTable) shard_of = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GPtrArray) shards = read_weight_map (map, index, shard_of, error);
  GHashTableIter iter;
  gpointer name, shard;

  if (shards == NULL)
    return FALSE;
  for (guint i = 0; i < shards->len; i++) {
    const char *file = g_ptr_array_index (shards, i);
    g_autofree char *path = g_build_filename (folder, file, NULL);
    guint first = checkpoint->names->len;
    Container container;

    if (!recognise_file (path, &container, error)
        || !read_container (checkpoint, path, container, error)
        || !check_shard (checkpoint, first, file, shard_of, error))
      return FALSE;
  }
  g_hash_table_iter_init (&iter, shard_of);
  if (g_hash_table_iter_next (&iter, &name, &shard)) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
        "%s: tensor %s is not in %s", index, (char *) name, (char *) shard);
    return FALSE;
  }
  return TRUE;
}

static gboolean
read_index (OsCheckpoint *checkpoint, GError **error)
{
  const char *index = checkpoint->path;
  g_autoptr (GMappedFile) file = os_checkpoint_map (index, error);
  g_autoptr (JsonObject) root = NULL;
  JsonNode *map;

  if (file == NULL)
    return FALSE;
  root = os_json_parse (g_mapped_file_get_contents (file),
      g_mapped_file_get_length (file), index, error);
  if (root == NULL)
    return FALSE;
  map = json_object_get_member (root, "weight_map");
  if (map == NULL || !JSON_NODE_HOLDS_OBJECT (map)) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
        "%s: no index of a checkpoint: weight_map is missing", index);
    return FALSE;
  }
  return read_shards (checkpoint, json_node_get_object (map), error);
}

/* Folders. */

/* The one *.safetensors of the folder; NULL if there are none or several. */
static char *
find_only_safetensors (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  g_autofree char *found = NULL;
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    if (!g_str_has_suffix (name, ".safetensors"))
      continue;
    if (found != NULL)
      return NULL;
    found = g_build_filename (folder, name, NULL);
  }
  return g_steal_pointer (&found);
}

static char *
find_in_folder (const char *folder, GError **error)
{
  static const char *const names[] = { "model.safetensors",
    "diffusion_pytorch_model.safetensors", "model.safetensors.index.json",
    "diffusion_pytorch_model.safetensors.index.json" };
  char *found;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *path = g_build_filename (folder, names[i], NULL);
    if (g_file_test (path, G_FILE_TEST_EXISTS))
      return g_steal_pointer (&path);
  }
  found = find_only_safetensors (folder);
  if (found == NULL)
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND,
        "%s: holds no checkpoint: neither %s nor %s, an index of them, or "
        "a single *.safetensors",
        folder, names[0], names[1]);
  return found;
}

OsCheckpoint *
os_checkpoint_open (const char *path, GError **error)
{
  g_autofree char *file = g_file_test (path, G_FILE_TEST_IS_DIR)
                              ? find_in_folder (path, error)
                              : g_strdup (path);
  g_autoptr (OsCheckpoint) checkpoint = NULL;
  Container container;
  gboolean read;

  if (file == NULL || !recognise_file (file, &container, error))
    return NULL;
  checkpoint = os_checkpoint_new (file,
      container == CONTAINER_INDEX ? "sharded safetensors" : "safetensors");
  read = container == CONTAINER_INDEX
             ? read_index (checkpoint, error)
             : read_container (checkpoint, file, container, error);
  return read ? g_steal_pointer (&checkpoint) : NULL;
}
