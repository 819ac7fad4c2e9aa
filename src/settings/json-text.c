/* SPDX-License-Identifier: Apache-2.0 */
/* Writing JSON (RFC 8259). */
#include "settings/json-text.h"

#include <string.h>

#include "base/json.h"

#define INDENT 2
/* Decimal digits that a double always has, and that it may need. */
#define MIN_DIGITS 15
#define MAX_DIGITS 17

static void
append_string (GString *text, const char *string)
{
  g_string_append_c (text, '"');
  for (const char *at = string; *at != '\0'; at++) {
    if (*at == '"' || *at == '\\')
      g_string_append_printf (text, "\\%c", *at);
    else if (*at == '\n')
      g_string_append (text, "\\n");
    else if ((guchar) *at < 0x20 || *at == 0x7f)
      g_string_append_printf (text, "\\u%04x", *at);
    else
      g_string_append_c (text, *at);
  }
  g_string_append_c (text, '"');
}

/* A point or an exponent stays, so that it is read as the double it is. */
static void
append_double (GString *text, double value)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];
  int digits = MIN_DIGITS;

  do {
    g_autofree char *format = g_strdup_printf ("%%.%dg", digits);

    g_ascii_formatd (buffer, sizeof buffer, format, value);
  } while (g_ascii_strtod (buffer, NULL) != value && digits++ < MAX_DIGITS);
  g_string_append (text, buffer);
  if (strpbrk (buffer, ".e") == NULL)
    g_string_append (text, ".0");
}

static void
append_value (GString *text, JsonNode *node)
{
  if (os_json_holds (node, G_TYPE_STRING))
    append_string (text, json_node_get_string (node));
  else if (os_json_holds (node, G_TYPE_INT64))
    g_string_append_printf (
        text, "%" G_GINT64_FORMAT, json_node_get_int (node));
  else if (os_json_holds (node, G_TYPE_DOUBLE))
    append_double (text, json_node_get_double (node));
  else if (os_json_holds (node, G_TYPE_BOOLEAN))
    g_string_append (text, json_node_get_boolean (node) ? "true" : "false");
  else
    g_string_append (text, "null");
}

static void
append_line (GString *text, guint depth)
{
  g_string_append_printf (text, "\n%*s", (int) depth * INDENT, "");
}

static void append_node (GString *text, JsonNode *node, guint depth);

static void
append_object (GString *text, JsonObject *object, guint depth)
{
  JsonObjectIter iter;
  const char *key;
  JsonNode *value;
  const char *before = "";

  g_string_append_c (text, '{');
  json_object_iter_init_ordered (&iter, object);
  while (json_object_iter_next_ordered (&iter, &key, &value)) {
    g_string_append (text, before);
    append_line (text, depth + 1);
    append_string (text, key);
    g_string_append (text, ": ");
    append_node (text, value, depth + 1);
    before = ",";
  }
  if (json_object_get_size (object) > 0)
    append_line (text, depth);
  g_string_append_c (text, '}');
}

/* Strings may be long, and have a line each. */
static gboolean
fits_line (JsonArray *array)
{
  for (guint i = 0; i < json_array_get_length (array); i++) {
    JsonNode *item = json_array_get_element (array, i);

    if (JSON_NODE_HOLDS_ARRAY (item) || JSON_NODE_HOLDS_OBJECT (item)
        || os_json_holds (item, G_TYPE_STRING))
      return FALSE;
  }
  return TRUE;
}

static void
append_array (GString *text, JsonArray *array, guint depth)
{
  const gboolean one_line = fits_line (array);
  const guint length = json_array_get_length (array);

  g_string_append_c (text, '[');
  for (guint i = 0; i < length; i++) {
    if (i > 0)
      g_string_append (text, one_line ? ", " : ",");
    if (!one_line)
      append_line (text, depth + 1);
    append_node (text, json_array_get_element (array, i), depth + 1);
  }
  if (!one_line)
    append_line (text, depth);
  g_string_append_c (text, ']');
}

static void
append_node (GString *text, JsonNode *node, guint depth)
{
  if (JSON_NODE_HOLDS_OBJECT (node))
    append_object (text, json_node_get_object (node), depth);
  else if (JSON_NODE_HOLDS_ARRAY (node))
    append_array (text, json_node_get_array (node), depth);
  else
    append_value (text, node);
}

char *
os_json_text (JsonObject *object)
{
  GString *text = g_string_new (NULL);

  append_object (text, object, 0);
  return g_string_free (text, FALSE);
}
