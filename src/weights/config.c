/* SPDX-License-Identifier: Apache-2.0 */
/* Typed access to config.json. Every getter returns a value that may be used,
 * the fallback if need be, and notes what was wrong: a reader of twenty keys
 * asks once at the end, and its user sees all problems at once. */
#include "weights/config.h"

#include "base/json.h"
#include "base/mapped-file.h"

#include <opensora/opensora.h>

struct _OsConfig {
  JsonObject *root;
  char *origin;
  char *section;       /* path of the object that keys belong to, or NULL */
  GPtrArray *problems; /* of char * */
};

OsConfig *
os_config_parse (
    const char *json, gssize length, const char *origin, GError **error)
{
  JsonObject *root = os_json_parse (
      json, length < 0 ? strlen (json) : (gsize) length, origin, error);
  OsConfig *config;

  if (root == NULL)
    return NULL;
  config = g_new0 (OsConfig, 1);
  config->root = root;
  config->origin = g_strdup (origin);
  config->problems = g_ptr_array_new_with_free_func (g_free);
  return config;
}

OsConfig *
os_config_load (const char *path, GError **error)
{
  g_autoptr (OsMappedFile) file = os_mapped_file_open (path, error);

  if (file == NULL)
    return NULL;
  return os_config_parse (os_mapped_file_get_contents (file),
      os_mapped_file_get_length (file), path, error);
}

void
os_config_free (OsConfig *config)
{
  if (config == NULL)
    return;
  json_object_unref (config->root);
  g_ptr_array_unref (config->problems);
  g_free (config->origin);
  g_free (config->section);
  g_free (config);
}

const char *
os_config_get_origin (const OsConfig *config)
{
  return config->origin;
}

void
os_config_set_section (OsConfig *config, const char *section)
{
  g_free (config->section);
  config->section = g_strdup (section);
}

static char *
full_key (const OsConfig *config, const char *key)
{
  if (config->section == NULL)
    return g_strdup (key);
  return g_strdup_printf ("%s.%s", config->section, key);
}

/* The value at a path of keys, or NULL if it is missing or null. */
static JsonNode *
lookup (const OsConfig *config, const char *key)
{
  g_autofree char *path = full_key (config, key);
  g_auto (GStrv) parts = g_strsplit (path, ".", -1);
  JsonObject *object = config->root;
  JsonNode *node = NULL;

  for (guint i = 0; parts[i] != NULL; i++) {
    if (object == NULL)
      return NULL;
    node = json_object_get_member (object, parts[i]);
    object = node != NULL && JSON_NODE_HOLDS_OBJECT (node)
                 ? json_node_get_object (node)
                 : NULL;
  }
  return node != NULL && JSON_NODE_HOLDS_NULL (node) ? NULL : node;
}

gboolean
os_config_has (const OsConfig *config, const char *key)
{
  return lookup (config, key) != NULL;
}

/* Readers of one value; FALSE and a problem if it is none of theirs. */

static void
problem_type (
    OsConfig *config, const char *key, JsonNode *node, const char *expected)
{
  g_autofree char *found = json_to_string (node, FALSE);

  os_config_problem (config, key, "is %.60s, %s expected", found, expected);
}

static gboolean
read_int (OsConfig *config, const char *key, JsonNode *node, gint64 min,
    gint64 max, gint64 *out)
{
  gint64 value;

  if (!os_json_holds (node, G_TYPE_INT64)) {
    problem_type (config, key, node, "an integer");
    return FALSE;
  }
  value = json_node_get_int (node);
  if (value < min || value > max) {
    os_config_problem (config, key,
        "is %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT
        " expected",
        value, min, max);
    return FALSE;
  }
  *out = value;
  return TRUE;
}

static gboolean
read_double (OsConfig *config, const char *key, JsonNode *node, double *out)
{
  if (!os_json_holds (node, G_TYPE_DOUBLE)
      && !os_json_holds (node, G_TYPE_INT64)) {
    problem_type (config, key, node, "a number");
    return FALSE;
  }
  *out = json_node_get_double (node);
  return TRUE;
}

static gboolean
read_bool (OsConfig *config, const char *key, JsonNode *node, gboolean *out)
{
  if (!os_json_holds (node, G_TYPE_BOOLEAN)) {
    problem_type (config, key, node, "true or false");
    return FALSE;
  }
  *out = json_node_get_boolean (node);
  return TRUE;
}

gint64
os_config_int (
    OsConfig *config, const char *key, gint64 fallback, gint64 min, gint64 max)
{
  JsonNode *node = lookup (config, key);
  gint64 value = fallback;

  if (node != NULL)
    read_int (config, key, node, min, max, &value);
  return value;
}

double
os_config_double (
    OsConfig *config, const char *key, double fallback, double min, double max)
{
  JsonNode *node = lookup (config, key);
  double value;

  if (node == NULL || !read_double (config, key, node, &value))
    return fallback;
  if (value < min || value > max) {
    os_config_problem (
        config, key, "is %g, %g to %g expected", value, min, max);
    return fallback;
  }
  return value;
}

gboolean
os_config_bool (OsConfig *config, const char *key, gboolean fallback)
{
  JsonNode *node = lookup (config, key);
  gboolean value = fallback;

  if (node != NULL)
    read_bool (config, key, node, &value);
  return value;
}

const char *
os_config_string (OsConfig *config, const char *key, const char *fallback)
{
  JsonNode *node = lookup (config, key);

  if (node == NULL)
    return fallback;
  if (!os_json_holds (node, G_TYPE_STRING)) {
    problem_type (config, key, node, "a string");
    return fallback;
  }
  return json_node_get_string (node);
}

/* A list of 1 to max_n values, or NULL if it is missing or no such list. */
static JsonArray *
lookup_list (OsConfig *config, const char *key, guint max_n)
{
  JsonNode *node = lookup (config, key);
  JsonArray *list;

  if (node == NULL)
    return NULL;
  if (!JSON_NODE_HOLDS_ARRAY (node)) {
    problem_type (config, key, node, "a list");
    return NULL;
  }
  list = json_node_get_array (node);
  if (json_array_get_length (list) > max_n) {
    os_config_problem (config, key, "has %u values, at most %u expected",
        json_array_get_length (list), max_n);
    return NULL;
  }
  return list;
}

guint
os_config_ints (OsConfig *config, const char *key, gint64 min, gint64 max,
    guint max_n, gint64 *out)
{
  JsonArray *list = lookup_list (config, key, max_n);
  guint n = list != NULL ? json_array_get_length (list) : 0;

  for (guint i = 0; i < n; i++) {
    JsonNode *node = json_array_get_element (list, i);
    if (!read_int (config, key, node, min, max, &out[i]))
      return 0;
  }
  return n;
}

guint
os_config_doubles (OsConfig *config, const char *key, guint max_n, double *out)
{
  JsonArray *list = lookup_list (config, key, max_n);
  guint n = list != NULL ? json_array_get_length (list) : 0;

  for (guint i = 0; i < n; i++) {
    if (!read_double (config, key, json_array_get_element (list, i), &out[i]))
      return 0;
  }
  return n;
}

guint
os_config_bools (OsConfig *config, const char *key, guint max_n, gboolean *out)
{
  JsonArray *list = lookup_list (config, key, max_n);
  guint n = list != NULL ? json_array_get_length (list) : 0;

  for (guint i = 0; i < n; i++) {
    if (!read_bool (config, key, json_array_get_element (list, i), &out[i]))
      return 0;
  }
  return n;
}

void
os_config_problem (OsConfig *config, const char *key, const char *format, ...)
{
  g_autofree char *path = full_key (config, key);
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_ptr_array_add (config->problems, g_strdup_printf ("%s: %s", path, text));
}

gboolean
os_config_check (OsConfig *config, GError **error)
{
  g_autoptr (GString) report = NULL;

  if (config->problems->len == 0)
    return TRUE;
  report = g_string_new (NULL);
  for (guint i = 0; i < config->problems->len; i++) {
    g_string_append_printf (report, "%s%s", i > 0 ? "; " : "",
        (char *) g_ptr_array_index (config->problems, i));
  }
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT, "%s: %s",
      config->origin, report->str);
  return FALSE;
}
