/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8259, strictly: a scan over the bytes refuses what json-glib would accept
 * or could not survive, then json-glib builds the tree. */
#include "base/json.h"

#include <opensora/opensora.h>
#include <string.h>

typedef struct {
  const char *at;
  const char *end;
  const char *problem;
} Scan;

/* Four hexadecimal digits at `at`, or -1. */
static int
scan_hex4 (const char *at, const char *end)
{
  int value = 0;

  if (end - at < 4)
    return -1;
  for (int i = 0; i < 4; i++) {
    int digit = g_ascii_xdigit_value (at[i]);
    if (digit < 0)
      return -1;
    value = value << 4 | digit;
  }
  return value;
}

/* `at` is behind "\u". Strings end at NUL here, so that is refused too. */
static void
scan_unicode_escape (Scan *scan)
{
  int unit = scan_hex4 (scan->at, scan->end);
  int low = -1;

  if (unit <= 0) {
    scan->problem = "a \\u escape that spells no character";
    return;
  }
  scan->at += 4;
  if (unit < 0xd800 || unit > 0xdfff)
    return;
  if (scan->end - scan->at >= 2 && scan->at[0] == '\\' && scan->at[1] == 'u')
    low = scan_hex4 (scan->at + 2, scan->end);
  if (unit > 0xdbff || low < 0xdc00 || low > 0xdfff)
    scan->problem = "half a surrogate pair";
  else
    scan->at += 6;
}

/* `at` is behind the opening quote. */
static void
scan_string (Scan *scan)
{
  while (scan->at < scan->end && scan->problem == NULL) {
    char c = *scan->at++;

    if (c == '"')
      return;
    if ((guchar) c < 0x20) {
      scan->problem = "a control character in a string";
    } else if (c == '\\' && scan->at < scan->end) {
      char escape = *scan->at++;
      if (escape == 'u')
        scan_unicode_escape (scan);
      else if (strchr ("\"\\/bfnrt", escape) == NULL)
        scan->problem = "an unknown escape in a string";
    }
  }
  if (scan->problem == NULL)
    scan->problem = "a string without an end";
}

static void
scan_text (Scan *scan)
{
  const char *const outside_strings = "{[,:+-.0123456789Eaeflnrstu \t\r\n";
  gboolean closed = FALSE;
  int depth = 0;

  while (scan->at < scan->end && scan->problem == NULL) {
    char c = *scan->at++;

    if (closed && !g_ascii_isspace (c))
      scan->problem = "text after the end of the value";
    else if (c == '"')
      scan_string (scan);
    else if (c == '}' || c == ']')
      closed = --depth <= 0;
    else if (c == '\0' || strchr (outside_strings, c) == NULL)
      scan->problem = "a character that JSON has no use for";
    else if ((c == '{' || c == '[') && ++depth > OS_JSON_MAX_DEPTH)
      scan->problem = "values nested too deep";
  }
}

static gboolean
check_text (const char *text, gsize length, const char *origin, GError **error)
{
  Scan scan = { text, text + length, NULL };
  const char *invalid;
  guint line = 1;

  scan_text (&scan);
  if (scan.problem == NULL && !g_utf8_validate_len (text, length, &invalid)) {
    scan.problem = "bytes that are not UTF-8";
    scan.at = invalid;
  }
  if (scan.problem == NULL)
    return TRUE;
  for (const char *p = text; p < scan.at; p++)
    line += *p == '\n';
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
      "%s:%u: not valid JSON: %s", origin, line, scan.problem);
  return FALSE;
}

/* Members seen so far of every object; json-glib keeps one of each name. */
static void
count_member (
    JsonParser *parser, JsonObject *object, const char *name, gpointer data)
{
  GHashTable *counts = data;
  guint count = GPOINTER_TO_UINT (g_hash_table_lookup (counts, object));

  g_hash_table_insert (counts, object, GUINT_TO_POINTER (count + 1));
}

static void
check_members (JsonParser *parser, JsonObject *object, gpointer data)
{
  GHashTable *counts = data;
  guint count = GPOINTER_TO_UINT (g_hash_table_lookup (counts, object));

  g_hash_table_remove (counts, object);
  if (count != json_object_get_size (object))
    g_hash_table_insert (counts, NULL, GUINT_TO_POINTER (1));
}

JsonNode *
os_json_parse_node (
    const char *text, gsize length, const char *origin, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  g_autoptr (GHashTable) counts = g_hash_table_new (NULL, NULL);
  g_autoptr (GError) parse_error = NULL;
  JsonNode *root;

  if (!check_text (text, length, origin, error))
    return NULL;
  g_signal_connect (parser, "object-member", G_CALLBACK (count_member), counts);
  g_signal_connect (parser, "object-end", G_CALLBACK (check_members), counts);
  if (!json_parser_load_from_data (parser, text, length, &parse_error)) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
        "%s: not valid JSON: %s", origin, parse_error->message);
    return NULL;
  }
  if (g_hash_table_contains (counts, NULL)) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
        "%s: the same JSON member is given twice", origin);
    return NULL;
  }
  root = json_parser_get_root (parser);
  if (root == NULL) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
        "%s: empty, JSON expected", origin);
    return NULL;
  }
  return json_node_ref (root);
}

JsonObject *
os_json_parse (
    const char *text, gsize length, const char *origin, GError **error)
{
  g_autoptr (JsonNode) root = os_json_parse_node (text, length, origin, error);

  if (root == NULL)
    return NULL;
  if (JSON_NODE_HOLDS_OBJECT (root))
    return json_object_ref (json_node_get_object (root));
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
      "%s: not a JSON object", origin);
  return NULL;
}
