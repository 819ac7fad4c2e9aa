/* SPDX-License-Identifier: Apache-2.0 */
/* Config files and what they inherit. */
#include "settings/config-file.h"

#include <gio/gio.h>
#include <opensora/opensora.h>
#include <string.h>

#include "base/json.h"
#include "base/mapped-file.h"
#include "settings/python-literals.h"

#define BASE_KEY "_base_"
#define DELETE_KEY "_delete_"
#define MAX_SIZE (1 << 20)
#define MAX_FILES 64

/* Files on the way to this one, and how many were read in all. */
typedef struct {
  GPtrArray *open; /* of char *: canonical paths */
  guint n_files;
} Loading;

static JsonObject *load (Loading *loading, const char *path, GError **error);

/* --- Reading --- */

static OsMappedFile *
open_file (const char *path, GError **error)
{
  g_autoptr (OsMappedFile) file = os_mapped_file_open (path, error);

  if (file == NULL) {
    g_prefix_error (error, "the config cannot be read: ");
    return NULL;
  }
  if (os_mapped_file_get_length (file) > MAX_SIZE) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
        "%s: too large for a config; they have up to %d bytes", path, MAX_SIZE);
    return NULL;
  }
  return g_steal_pointer (&file);
}

/* The file alone. */
static JsonObject *
parse_file (const char *path, GError **error)
{
  g_autoptr (OsMappedFile) file = NULL;
  const char *text;
  gsize length;

  if (!g_str_has_suffix (path, ".py") && !g_str_has_suffix (path, ".json")) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_UNSUPPORTED,
        "%s: configs are Python (.py) or JSON (.json) files", path);
    return NULL;
  }
  file = open_file (path, error);
  if (file == NULL)
    return NULL;
  text = os_mapped_file_get_contents (file);
  length = os_mapped_file_get_length (file);
  return g_str_has_suffix (path, ".py")
             ? os_python_parse (text, length, path, error)
             : os_json_parse (text, length, path, error);
}

/* --- Merging --- */

static gboolean
is_true (JsonNode *node)
{
  if (JSON_NODE_HOLDS_ARRAY (node))
    return json_array_get_length (json_node_get_array (node)) > 0;
  if (JSON_NODE_HOLDS_OBJECT (node))
    return json_object_get_size (json_node_get_object (node)) > 0;
  if (os_json_holds (node, G_TYPE_STRING))
    return *json_node_get_string (node) != '\0';
  return !JSON_NODE_HOLDS_NULL (node) && json_node_get_double (node) != 0;
}

static gboolean
deletes (JsonObject *dict)
{
  JsonNode *node = json_object_get_member (dict, DELETE_KEY);

  return node != NULL && is_true (node);
}

static JsonObject *merge (JsonObject *base, JsonObject *own, const char *skip,
    const char *path, const char *section, GError **error);

/* What becomes of a dict that the base has a value for. */
static JsonObject *
merge_dict (JsonNode *old, JsonObject *own, const char *path,
    const char *section, GError **error)
{
  g_autoptr (JsonObject) nothing = json_object_new ();

  if (deletes (own))
    return merge (nothing, own, DELETE_KEY, path, section, error);
  if (JSON_NODE_HOLDS_OBJECT (old))
    return merge (
        json_node_get_object (old), own, DELETE_KEY, path, section, error);
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
      "%s: %s is a dict here and something else in a base; _delete_=True in it "
      "lets it take that place",
      path, section);
  return NULL;
}

/* `own`, but for the key `skip`, into a copy of `base`. `section` is where they
 * are, for messages; NULL: they are whole files. */
static JsonObject *
merge (JsonObject *base, JsonObject *own, const char *skip, const char *path,
    const char *section, GError **error)
{
  g_autoptr (JsonObject) result = json_object_new ();
  JsonObjectIter iter;
  const char *key;
  JsonNode *value;

  json_object_iter_init_ordered (&iter, base);
  while (json_object_iter_next_ordered (&iter, &key, &value))
    json_object_set_member (result, key, json_node_copy (value));
  json_object_iter_init_ordered (&iter, own);
  while (json_object_iter_next_ordered (&iter, &key, &value)) {
    JsonNode *old = json_object_get_member (result, key);

    if (g_str_equal (key, skip))
      continue;
    if (old != NULL && JSON_NODE_HOLDS_OBJECT (value)) {
      g_autofree char *inner = section != NULL
                                   ? g_strconcat (section, ".", key, NULL)
                                   : g_strdup (key);
      JsonObject *dict =
          merge_dict (old, json_node_get_object (value), path, inner, error);

      if (dict == NULL)
        return NULL;
      json_object_set_object_member (result, key, dict);
    } else {
      json_object_set_member (result, key, json_node_copy (value));
    }
  }
  return g_steal_pointer (&result);
}

/* --- Bases --- */

static gboolean
add_base (Loading *loading, JsonObject *all, const char *path, JsonNode *name,
    GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *base_path = NULL;
  g_autoptr (JsonObject) base = NULL;
  JsonObjectIter iter;
  const char *key;
  JsonNode *value;

  if (!os_json_holds (name, G_TYPE_STRING)
      || strstr (json_node_get_string (name), "::") != NULL) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
        "%s: _base_ has to be a path of a file, or a list of them", path);
    return FALSE;
  }
  base_path = g_canonicalize_filename (json_node_get_string (name), folder);
  base = load (loading, base_path, error);
  if (base == NULL)
    return FALSE;
  json_object_iter_init_ordered (&iter, base);
  while (json_object_iter_next_ordered (&iter, &key, &value)) {
    if (json_object_has_member (all, key)) {
      g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
          "%s: two files of _base_ have the key '%s'", path, key);
      return FALSE;
    }
    json_object_set_member (all, key, json_node_copy (value));
  }
  return TRUE;
}

/* All that the bases have. */
static JsonObject *
load_bases (Loading *loading, const char *path, JsonNode *names, GError **error)
{
  g_autoptr (JsonObject) all = json_object_new ();

  if (names == NULL)
    return g_steal_pointer (&all);
  if (!JSON_NODE_HOLDS_ARRAY (names))
    return add_base (loading, all, path, names, error) ? g_steal_pointer (&all)
                                                       : NULL;
  for (guint i = 0; i < json_array_get_length (json_node_get_array (names));
       i++) {
    if (!add_base (loading, all, path,
            json_array_get_element (json_node_get_array (names), i), error))
      return NULL;
  }
  return g_steal_pointer (&all);
}

/* --- Files --- */

static gboolean
begin_file (Loading *loading, const char *path, GError **error)
{
  const char *problem = NULL;

  if (g_ptr_array_find_with_equal_func (loading->open, path, g_str_equal, NULL))
    problem = "is its own _base_";
  else if (++loading->n_files > MAX_FILES)
    problem = "belongs to a config of too many files";
  if (problem != NULL) {
    g_set_error (
        error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT, "%s %s", path, problem);
    return FALSE;
  }
  g_ptr_array_add (loading->open, g_strdup (path));
  return TRUE;
}

/* mmengine's Config has these itself. */
static gboolean
check_keys (JsonObject *config, const char *path, GError **error)
{
  static const char *const reserved[] = { "filename", "text", "pretty_text",
    "env_variables" };

  for (guint i = 0; i < G_N_ELEMENTS (reserved); i++) {
    if (json_object_has_member (config, reserved[i])) {
      g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
          "%s: the key '%s' is reserved", path, reserved[i]);
      return FALSE;
    }
  }
  return TRUE;
}

static void
remove_private (JsonObject *config)
{
  g_autoptr (GList) keys = json_object_get_members (config);

  for (GList *key = keys; key != NULL; key = key->next) {
    if (g_str_has_prefix (key->data, "__"))
      json_object_remove_member (config, key->data);
  }
}

/* `path` is canonical. */
static JsonObject *
load (Loading *loading, const char *path, GError **error)
{
  g_autoptr (JsonObject) own = NULL;
  g_autoptr (JsonObject) all = NULL;
  g_autoptr (JsonObject) config = NULL;

  if (!begin_file (loading, path, error))
    return NULL;
  own = parse_file (path, error);
  if (own == NULL)
    return NULL;
  all =
      load_bases (loading, path, json_object_get_member (own, BASE_KEY), error);
  if (all == NULL)
    return NULL;
  config = merge (all, own, BASE_KEY, path, NULL, error);
  if (config == NULL)
    return NULL;
  remove_private (config);
  g_ptr_array_remove_index (loading->open, loading->open->len - 1);
  return g_steal_pointer (&config);
}

JsonObject *
os_config_file_load (const char *path, GError **error)
{
  g_autoptr (GPtrArray) open = g_ptr_array_new_with_free_func (g_free);
  Loading loading = { open, 0 };
  g_autofree char *canonical = g_canonicalize_filename (path, NULL);
  g_autoptr (JsonObject) config = load (&loading, canonical, error);

  if (config == NULL || !check_keys (config, canonical, error))
    return NULL;
  return g_steal_pointer (&config);
}

JsonNode *
os_config_file_find (JsonObject *config, const char *key)
{
  const char *dot = strchr (key, '.');
  g_autofree char *section = NULL;
  JsonNode *node;

  if (dot != NULL) {
    section = g_strndup (key, dot - key);
    node = json_object_get_member (config, section);
    return node != NULL && JSON_NODE_HOLDS_OBJECT (node)
               ? os_config_file_find (json_node_get_object (node), dot + 1)
               : NULL;
  }
  node = json_object_get_member (config, key);
  return node != NULL && !JSON_NODE_HOLDS_NULL (node) ? node : NULL;
}
