/* SPDX-License-Identifier: Apache-2.0 */
/* A recursive descent over the few constructs of python-literals.h. Files may
 * be hostile: depth is limited, and so is what names for lists of names for
 * lists grow to. */
#include "settings/python-literals.h"

#include <math.h>
#include <opensora/opensora.h>
#include <string.h>

#include "base/json.h"
#include "settings/python-source.h"

#define MAX_NAME_LENGTH 255
/* Values and bytes of strings that uses of names may add to a file. */
#define MAX_COPIED (1 << 20)

typedef struct {
  OsPythonSource source;
  JsonObject *names;
  guint depth; /* of the value that is read */
  gsize copied;
} Parser;

static JsonNode *parse_value (Parser *parser, GError **error);

static gboolean
fail_unexpected (const Parser *parser, GError **error)
{
  return os_python_fail_unexpected (&parser->source, parser->source.at, error);
}

/* Takes the character that has to come next. */
static gboolean
expect (Parser *parser, char c, GError **error)
{
  os_python_skip (&parser->source);
  if (*parser->source.at != c)
    return fail_unexpected (parser, error);
  parser->source.at++;
  os_python_skip (&parser->source);
  return TRUE;
}

static gboolean
open_bracket (Parser *parser, char c, GError **error)
{
  const char *at = parser->source.at;

  if (++parser->depth >= OS_JSON_MAX_DEPTH)
    return os_python_fail (
        &parser->source, at, error, "brackets nested too deep");
  parser->source.brackets++;
  return expect (parser, c, error);
}

/* What follows the bracket is in the line again. */
static gboolean
close_bracket (Parser *parser, char c, GError **error)
{
  os_python_skip (&parser->source);
  parser->source.brackets--;
  parser->depth--;
  return expect (parser, c, error);
}

/* Takes the comma behind an item; FALSE: that was the last. */
static gboolean
next_item (Parser *parser)
{
  os_python_skip (&parser->source);
  if (*parser->source.at != ',')
    return FALSE;
  parser->source.at++;
  os_python_skip (&parser->source);
  return TRUE;
}

/* --- Lists and tuples --- */

/* Up to one of the characters `ends`, or NUL. */
static JsonArray *
parse_items (
    Parser *parser, const char *ends, gboolean *has_comma, GError **error)
{
  g_autoptr (JsonArray) items = json_array_new ();

  *has_comma = FALSE;
  while (strchr (ends, *parser->source.at) == NULL) {
    JsonNode *item = parse_value (parser, error);

    if (item == NULL)
      return NULL;
    json_array_add_element (items, item);
    if (!next_item (parser))
      break;
    *has_comma = TRUE;
  }
  return g_steal_pointer (&items);
}

static JsonNode *
new_array (JsonArray *items)
{
  return json_node_init_array (json_node_alloc (), items);
}

static JsonNode *
parse_list (Parser *parser, GError **error)
{
  g_autoptr (JsonArray) items = NULL;
  gboolean has_comma;

  if (!open_bracket (parser, '[', error))
    return NULL;
  items = parse_items (parser, "]", &has_comma, error);
  if (items == NULL || !close_bracket (parser, ']', error))
    return NULL;
  return new_array (items);
}

/* A tuple, or a value in parentheses. */
static JsonNode *
parse_parentheses (Parser *parser, GError **error)
{
  g_autoptr (JsonArray) items = NULL;
  gboolean has_comma;

  if (!open_bracket (parser, '(', error))
    return NULL;
  items = parse_items (parser, ")", &has_comma, error);
  if (items == NULL || !close_bracket (parser, ')', error))
    return NULL;
  return json_array_get_length (items) == 1 && !has_comma
             ? json_array_dup_element (items, 0)
             : new_array (items);
}

/* --- Dicts --- */

static char *
parse_key (Parser *parser, GError **error)
{
  const char *at = parser->source.at;
  g_autoptr (JsonNode) key = parse_value (parser, error);

  if (key == NULL)
    return NULL;
  if (os_json_holds (key, G_TYPE_STRING))
    return json_node_dup_string (key);
  if (os_json_holds (key, G_TYPE_INT64))
    return g_strdup_printf ("%" G_GINT64_FORMAT, json_node_get_int (key));
  os_python_fail (&parser->source, at, error,
      "keys of a dict are strings or whole numbers here");
  return NULL;
}

static JsonNode *
parse_braces (Parser *parser, GError **error)
{
  g_autoptr (JsonObject) dict = json_object_new ();

  if (!open_bracket (parser, '{', error))
    return NULL;
  while (*parser->source.at != '}') {
    g_autofree char *key = parse_key (parser, error);
    JsonNode *value;

    if (key == NULL || !expect (parser, ':', error))
      return NULL;
    value = parse_value (parser, error);
    if (value == NULL)
      return NULL;
    json_object_set_member (dict, key, value);
    if (!next_item (parser))
      break;
  }
  if (!close_bracket (parser, '}', error))
    return NULL;
  return json_node_init_object (json_node_alloc (), dict);
}

/* A name that is given a value here. */
static char *
parse_target (Parser *parser, GError **error)
{
  static const char *const constants[] = { "True", "False", "None", NULL };
  const char *at = parser->source.at;
  g_autofree char *name = os_python_name (&parser->source);

  if (name == NULL || g_strv_contains (constants, name)) {
    os_python_fail_unexpected (&parser->source, at, error);
    return NULL;
  }
  if (strlen (name) > MAX_NAME_LENGTH) {
    os_python_fail (&parser->source, at, error,
        "a name longer than %d characters", MAX_NAME_LENGTH);
    return NULL;
  }
  os_python_skip (&parser->source);
  if (*parser->source.at != '=' || parser->source.at[1] == '=') {
    /* Of "import os" the first word is the strange one. */
    if (g_ascii_isalpha (*parser->source.at))
      parser->source.at = at;
    fail_unexpected (parser, error);
    return NULL;
  }
  parser->source.at++;
  os_python_skip (&parser->source);
  return g_steal_pointer (&name);
}

/* dict(...); `at` is behind the word. */
static JsonNode *
parse_dict_call (Parser *parser, GError **error)
{
  g_autoptr (JsonObject) dict = json_object_new ();

  if (!open_bracket (parser, '(', error))
    return NULL;
  while (*parser->source.at != ')') {
    const char *at = parser->source.at;
    g_autofree char *key = parse_target (parser, error);
    JsonNode *value = key != NULL ? parse_value (parser, error) : NULL;

    if (value == NULL)
      return NULL;
    if (json_object_has_member (dict, key)) {
      os_python_fail (&parser->source, at, error, "'%s' is given twice", key);
      json_node_unref (value);
      return NULL;
    }
    json_object_set_member (dict, key, value);
    if (!next_item (parser))
      break;
  }
  if (!close_bracket (parser, ')', error))
    return NULL;
  return json_node_init_object (json_node_alloc (), dict);
}

/* --- Names --- */

/* A copy that nothing else shares, or NULL if it is too large or deep. */
static JsonNode *
copy_value (Parser *parser, JsonNode *node, guint depth)
{
  if (++parser->copied > MAX_COPIED
      || (!JSON_NODE_HOLDS_VALUE (node) && depth >= OS_JSON_MAX_DEPTH))
    return NULL;
  if (JSON_NODE_HOLDS_ARRAY (node)) {
    g_autoptr (JsonArray) copy = json_array_new ();
    JsonArray *array = json_node_get_array (node);

    for (guint i = 0; i < json_array_get_length (array); i++) {
      JsonNode *item =
          copy_value (parser, json_array_get_element (array, i), depth + 1);

      if (item == NULL)
        return NULL;
      json_array_add_element (copy, item);
    }
    return new_array (copy);
  }
  if (JSON_NODE_HOLDS_OBJECT (node)) {
    g_autoptr (JsonObject) copy = json_object_new ();
    JsonObjectIter iter;
    const char *key;
    JsonNode *member;

    json_object_iter_init_ordered (&iter, json_node_get_object (node));
    while (json_object_iter_next_ordered (&iter, &key, &member)) {
      JsonNode *value = copy_value (parser, member, depth + 1);

      if (value == NULL)
        return NULL;
      json_object_set_member (copy, key, value);
    }
    return json_node_init_object (json_node_alloc (), copy);
  }
  if (os_json_holds (node, G_TYPE_STRING))
    parser->copied += strlen (json_node_get_string (node));
  return json_node_copy (node);
}

static JsonNode *
parse_name (Parser *parser, GError **error)
{
  const char *at = parser->source.at;
  g_autofree char *name = os_python_name (&parser->source);
  JsonNode *value;

  if (g_str_equal (name, "True") || g_str_equal (name, "False"))
    return json_node_init_boolean (json_node_alloc (), name[0] == 'T');
  if (g_str_equal (name, "None"))
    return json_node_init_null (json_node_alloc ());
  os_python_skip (&parser->source);
  if (g_str_equal (name, "dict") && *parser->source.at == '(')
    return parse_dict_call (parser, error);
  value = json_object_get_member (parser->names, name);
  if (value == NULL) {
    os_python_fail_unexpected (&parser->source, at, error);
    return NULL;
  }
  value = copy_value (parser, value, parser->depth + 1);
  if (value == NULL)
    os_python_fail (
        &parser->source, at, error, "what '%s' adds is too much", name);
  return value;
}

/* --- Arithmetic --- */

static gboolean
is_number (JsonNode *node)
{
  return os_json_holds (node, G_TYPE_INT64)
         || os_json_holds (node, G_TYPE_DOUBLE);
}

static JsonNode *
parse_atom (Parser *parser, GError **error)
{
  const char c = *parser->source.at;
  g_autofree char *string = NULL;

  if (c == '(')
    return parse_parentheses (parser, error);
  if (c == '[')
    return parse_list (parser, error);
  if (c == '{')
    return parse_braces (parser, error);
  if (g_ascii_isdigit (c)
      || (c == '.' && g_ascii_isdigit (parser->source.at[1])))
    return os_python_number (&parser->source, error);
  if (os_python_at_string (&parser->source)) {
    string = os_python_string (&parser->source, error);
    return string != NULL ? json_node_init_string (json_node_alloc (), string)
                          : NULL;
  }
  if (g_ascii_isalpha (c) || c == '_')
    return parse_name (parser, error);
  fail_unexpected (parser, error);
  return NULL;
}

/* The minus binds tighter than the division: -7 // 2 is (-7) // 2. */
static JsonNode *
parse_operand (Parser *parser, GError **error)
{
  const char *at = parser->source.at;
  g_autoptr (JsonNode) value = NULL;
  gboolean negative = FALSE;

  while (*parser->source.at == '-') {
    negative = !negative;
    parser->source.at++;
    os_python_skip (&parser->source);
  }
  value = parse_atom (parser, error);
  if (value == NULL || *at != '-')
    return g_steal_pointer (&value);
  if (!is_number (value)) {
    os_python_fail (&parser->source, at, error, "- needs a number");
    return NULL;
  }
  if (negative && os_json_holds (value, G_TYPE_INT64))
    json_node_set_int (value, -json_node_get_int (value));
  else if (negative)
    json_node_set_double (value, -json_node_get_double (value));
  return g_steal_pointer (&value);
}

/* Rounded down, also below zero. */
static gint64
floor_divide_int (gint64 a, gint64 b)
{
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

/* Python's: the quotient that belongs to the exact remainder. */
static double
floor_divide_double (double a, double b)
{
  double rest = fmod (a, b);
  double quotient = (a - rest) / b;
  double down;

  if (rest != 0 && (b < 0) != (rest < 0))
    quotient -= 1;
  if (quotient == 0)
    return copysign (0, a / b);
  down = floor (quotient);
  return quotient - down > 0.5 ? down + 1 : down;
}

/* Whole numbers that doubles have: their quotient is rounded once, as in
 * Python. */
static gboolean
is_exact (JsonNode *node)
{
  return os_json_holds (node, G_TYPE_DOUBLE)
         || ABS (json_node_get_int (node)) <= (gint64) 1 << 53;
}

static JsonNode *
divide (Parser *parser, const char *at, JsonNode *a, JsonNode *b,
    gboolean whole, GError **error)
{
  /* These convert whole numbers. */
  const double x = json_node_get_double (a);
  const double y = json_node_get_double (b);
  const double quotient = whole ? floor_divide_double (x, y) : x / y;

  if (whole && os_json_holds (a, G_TYPE_INT64)
      && os_json_holds (b, G_TYPE_INT64))
    return json_node_init_int (json_node_alloc (),
        floor_divide_int (json_node_get_int (a), json_node_get_int (b)));
  if (is_exact (a) && is_exact (b) && isfinite (quotient))
    return json_node_init_double (json_node_alloc (), quotient);
  os_python_fail (&parser->source, at, error, "numbers too large to divide");
  return NULL;
}

static JsonNode *
parse_value (Parser *parser, GError **error)
{
  g_autoptr (JsonNode) value = parse_operand (parser, error);

  os_python_skip (&parser->source);
  while (value != NULL && *parser->source.at == '/') {
    const char *at = parser->source.at;
    gboolean whole = at[1] == '/';
    g_autoptr (JsonNode) left = g_steal_pointer (&value);
    g_autoptr (JsonNode) right = NULL;

    parser->source.at += whole ? 2 : 1;
    os_python_skip (&parser->source);
    right = parse_operand (parser, error);
    if (right == NULL)
      return NULL;
    os_python_skip (&parser->source);
    if (!is_number (left) || !is_number (right)) {
      os_python_fail (&parser->source, at, error, "/ needs two numbers");
      return NULL;
    }
    if (json_node_get_double (right) == 0) {
      os_python_fail (&parser->source, at, error, "a division by zero");
      return NULL;
    }
    value = divide (parser, at, left, right, whole, error);
  }
  return g_steal_pointer (&value);
}

/* --- Lines --- */

/* What is assigned: one value, or a tuple without parentheses. */
static JsonNode *
parse_assigned (Parser *parser, GError **error)
{
  g_autoptr (JsonArray) items = NULL;
  gboolean has_comma;

  items = parse_items (parser, "\n", &has_comma, error);
  if (items == NULL)
    return NULL;
  if (strchr ("\n", *parser->source.at) == NULL
      || json_array_get_length (items) == 0) {
    fail_unexpected (parser, error);
    return NULL;
  }
  return has_comma ? new_array (items) : json_array_dup_element (items, 0);
}

static gboolean
parse_assignment (Parser *parser, GError **error)
{
  g_autofree char *name = parse_target (parser, error);
  JsonNode *value = name != NULL ? parse_assigned (parser, error) : NULL;

  if (value == NULL)
    return FALSE;
  json_object_set_member (parser->names, name, value);
  return TRUE;
}

/* A string that nothing is done with is a comment. */
static gboolean
parse_docstring (Parser *parser, GError **error)
{
  g_autofree char *string = os_python_string (&parser->source, error);

  if (string == NULL)
    return FALSE;
  os_python_skip (&parser->source);
  return strchr ("\n", *parser->source.at) != NULL
         || fail_unexpected (parser, error);
}

static gboolean
parse_line (Parser *parser, GError **error)
{
  const char *start = parser->source.at;

  os_python_skip (&parser->source);
  if (*parser->source.at == '\n') {
    parser->source.at++;
    return TRUE;
  }
  if (*parser->source.at == '\0')
    return TRUE;
  if (parser->source.at != start)
    return os_python_fail (
        &parser->source, parser->source.at, error, "unexpected indentation");
  return os_python_at_string (&parser->source)
             ? parse_docstring (parser, error)
             : parse_assignment (parser, error);
}

/* A copy whose lines end with \n, or NULL. */
static char *
prepare_text (
    const char *text, gsize length, const char *origin, GError **error)
{
  g_autoptr (GString) copy = NULL;

  if (!g_utf8_validate_len (text, length, NULL)) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
        "%s: not text in UTF-8", origin);
    return NULL;
  }
  copy = g_string_new_len (text, length);
  if (g_str_has_prefix (copy->str, "\xef\xbb\xbf"))
    g_string_erase (copy, 0, 3);
  g_string_replace (copy, "\r\n", "\n", 0);
  g_string_replace (copy, "\r", "\n", 0);
  return g_string_free (g_steal_pointer (&copy), FALSE);
}

JsonObject *
os_python_parse (
    const char *text, gsize length, const char *origin, GError **error)
{
  g_autofree char *copy = prepare_text (text, length, origin, error);
  g_autoptr (JsonObject) names = json_object_new ();
  Parser parser = { { origin, copy, copy, 0 }, names, 0, 0 };

  if (copy == NULL)
    return NULL;
  while (*parser.source.at != '\0') {
    if (!parse_line (&parser, error))
      return NULL;
  }
  return g_steal_pointer (&names);
}
