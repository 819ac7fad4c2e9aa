/* SPDX-License-Identifier: Apache-2.0 */
/* What of JSON is accepted, and all that is not. */
#include <opensora/opensora.h>
#include <string.h>

#include "base/json.h"

static JsonObject *
parse (const char *text, GError **error)
{
  return os_json_parse (text, strlen (text), "text", error);
}

static void
test_accepts (void)
{
  static const char *const texts[] = { "{}", " {\n}\t ", "{\"\":null}",
    "{\"a\":[1,-2.5e3,true,false,\"\\u00e9\\n\\\"\"]}",
    "{\"a\":{\"a\":1},\"b\":{\"a\":1}}", "{\"\\ud83d\\ude00\":1}",
    "{\"[[[[[[[[[[[[[[[[[[[[[\":1}" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (JsonObject) object = parse (texts[i], &error);

    g_test_message ("%s", texts[i]);
    g_assert_no_error (error);
    g_assert_nonnull (object);
  }
}

static void
test_refuses (void)
{
  static const char *const texts[] = { "", " ", "[]", "1", "null", "{", "}",
    "{\"a\"}", "{\"a\":1", "{\"a\":1}x", "{\"a\":1}{}", "{\"a\":1,}",
    "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "{\"b\":{\"a\":1,\"a\":1}}",
    "{\"a\\u0000\":1}", "{\"\\ud800\":1}", "{\"\\udc00\":1}",
    "{\"\\ud800\\u0041\":1}", "{\"\\u12\":1}", "{\"\\x\":1}", "{\"a\nb\":1}",
    "{\"\xff\":1}", "{/**/}", "{'a':1}", "{\"a\":NaN}", "{\"a", "{\"a\\",
    "{\"\\u" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (GError) error = NULL;
    g_autofree char *printable = g_strescape (texts[i], NULL);

    g_test_message ("%s", printable);
    g_assert_null (parse (texts[i], &error));
    g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
    g_assert_true (g_str_has_prefix (error->message, "text:"));
  }
}

static void
test_node (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) list = os_json_parse_node ("[1]", 3, "text", &error);

  g_assert_no_error (error);
  g_assert_true (JSON_NODE_HOLDS_ARRAY (list));
  g_assert_null (os_json_parse_node ("", 0, "text", &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
}

static void
test_refuses_nul (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (os_json_parse ("{}\0\0", 4, "text", &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
}

static JsonObject *
parse_nested (int depth, GError **error)
{
  g_autoptr (GString) text = g_string_new ("{\"a\":");

  for (int i = 1; i < depth; i++)
    g_string_append_c (text, '[');
  for (int i = 1; i < depth; i++)
    g_string_append_c (text, ']');
  g_string_append_c (text, '}');
  return parse (text->str, error);
}

static void
test_depth (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonObject) deepest = parse_nested (OS_JSON_MAX_DEPTH, &error);

  g_assert_no_error (error);
  g_assert_nonnull (deepest);
  g_assert_null (parse_nested (OS_JSON_MAX_DEPTH + 1, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
  g_clear_error (&error);
  g_assert_null (parse_nested (1000000, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
}

static void
test_line (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (parse ("{\n\"a\": 1,\n\"b\": \"\\q\"}", &error));
  g_assert_nonnull (strstr (error->message, "text:3:"));
}

static void
test_holds (void)
{
  g_autoptr (JsonObject) object =
      parse ("{\"i\": 1, \"d\": 1.0, \"l\": [], \"n\": null}", NULL);

  g_assert_true (
      os_json_holds (json_object_get_member (object, "i"), G_TYPE_INT64));
  g_assert_false (
      os_json_holds (json_object_get_member (object, "d"), G_TYPE_INT64));
  g_assert_false (
      os_json_holds (json_object_get_member (object, "l"), G_TYPE_INT64));
  g_assert_false (
      os_json_holds (json_object_get_member (object, "n"), G_TYPE_INT64));
  g_assert_false (os_json_holds (NULL, G_TYPE_INT64));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/base/json/accepts", test_accepts);
  g_test_add_func ("/base/json/refuses", test_refuses);
  g_test_add_func ("/base/json/node", test_node);
  g_test_add_func ("/base/json/refuses-nul", test_refuses_nul);
  g_test_add_func ("/base/json/depth", test_depth);
  g_test_add_func ("/base/json/line", test_line);
  g_test_add_func ("/base/json/holds", test_holds);
  return g_test_run ();
}
