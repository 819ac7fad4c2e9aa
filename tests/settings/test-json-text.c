/* SPDX-License-Identifier: Apache-2.0 */
/* JSON as text: form, numbers, what is escaped. */
#include "settings/json-text.h"

#include <string.h>

static char *
print (const char *json)
{
  g_autoptr (JsonNode) node = json_from_string (json, NULL);

  return os_json_text (json_node_get_object (node));
}

static void
test_form (void)
{
  g_autofree char *text =
      print ("{\"b\":{\"c\":[1,2.0,null],\"d\":{},\"e\":[]},"
             "\"a\":[\"x\",[true,false]]}");

  g_assert_cmpstr (text, ==,
      "{\n"
      "  \"b\": {\n"
      "    \"c\": [1, 2.0, null],\n"
      "    \"d\": {},\n"
      "    \"e\": []\n"
      "  },\n"
      "  \"a\": [\n"
      "    \"x\",\n"
      "    [true, false]\n"
      "  ]\n"
      "}");
}

/* The fewest digits, and the same number when read. */
static void
test_numbers (void)
{
  static const struct {
    double value;
    const char *text;
  } numbers[] = { { 0.1, "0.1" }, { 2.0 / 3, "0.6666666666666666" },
    { 1.0 / 3, "0.3333333333333333" }, { 0.1 + 0.2, "0.30000000000000004" },
    { 7, "7.0" }, { -0.0, "-0.0" }, { 1e-6, "1e-06" }, { 1e300, "1e+300" },
    { 123456789012345678, "1.2345678901234568e+17" } };

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++) {
    g_autoptr (JsonObject) object = json_object_new ();
    g_autofree char *text = NULL;
    g_autofree char *wanted =
        g_strdup_printf ("{\n  \"x\": %s\n}", numbers[i].text);

    json_object_set_double_member (object, "x", numbers[i].value);
    text = os_json_text (object);
    g_assert_cmpstr (text, ==, wanted);
    g_assert_cmpfloat (
        g_ascii_strtod (numbers[i].text, NULL), ==, numbers[i].value);
  }
}

static void
test_escapes (void)
{
  g_autofree char *text =
      print ("{\"\\\"\\\\\":\"\\n\\t\\u001b\\u007f\\u00e9/\"}");

  g_assert_cmpstr (
      text, ==, "{\n  \"\\\"\\\\\": \"\\n\\u0009\\u001b\\u007f\u00e9/\"\n}");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/settings/json-text/form", test_form);
  g_test_add_func ("/settings/json-text/numbers", test_numbers);
  g_test_add_func ("/settings/json-text/escapes", test_escapes);
  return g_test_run ();
}
