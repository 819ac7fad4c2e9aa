/* SPDX-License-Identifier: Apache-2.0 */
/* What of Python is read, with the values that Python gives, and all that is
 * refused, with its place. */
#include <opensora/opensora.h>
#include <string.h>

#include "settings/json-text.h"
#include "settings/python-literals.h"

static JsonObject *
parse (const char *text, GError **error)
{
  return os_python_parse (text, strlen (text), "f.py", error);
}

/* The values of a text, in one line. */
static char *
read_values (const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonObject) names = parse (text, &error);
  g_autoptr (GString) json = NULL;
  char *printed;

  g_test_message ("%s", text);
  g_assert_no_error (error);
  printed = os_json_text (names);
  json = g_string_new (printed);
  g_free (printed);
  g_string_replace (json, "\n", " ", 0);
  while (g_string_replace (json, "  ", " ", 0) > 0)
    continue;
  return g_string_free (g_steal_pointer (&json), FALSE);
}

typedef struct {
  const char *python, *json;
} Pair;

static void
check_pairs (const Pair *pairs, guint n)
{
  for (guint i = 0; i < n; i++) {
    g_autofree char *text = g_strconcat ("x = ", pairs[i].python, "\n", NULL);
    g_autofree char *json = read_values (text);
    g_autofree char *wanted =
        g_strconcat ("{ \"x\": ", pairs[i].json, " }", NULL);

    g_assert_cmpstr (json, ==, wanted);
  }
}

static void
test_numbers (void)
{
  static const Pair pairs[] = { { "0", "0" }, { "007.5", "7.5" },
    { "10_000", "10000" }, { "0x1F", "31" }, { "0o17", "15" }, { "0b101", "5" },
    { "0x_ff", "255" }, { "1.", "1.0" }, { ".5", "0.5" }, { "1e-6", "1e-06" },
    { "1E3", "1000.0" }, { "0.18215", "0.18215" },
    { "1_0.2_5e1_0", "102500000000.0" },
    { "9223372036854775807", "9223372036854775807" },
    { "-9223372036854775807", "-9223372036854775807" }, { "--1", "1" },
    { "- 1.5", "-1.5" }, { "-0.0", "-0.0" }, { "00", "0" },
    { "5e-324", "4.94065645841247e-324" } };

  check_pairs (pairs, G_N_ELEMENTS (pairs));
}

static void
test_divisions (void)
{
  static const Pair pairs[] = { { "2 / 3", "0.6666666666666666" },
    { "24 // 3", "8" }, { "24 / 3", "8.0" }, { "7 // -2", "-4" },
    { "-7 // 2", "-4" }, { "-7 // -2", "3" }, { "-8 // 2", "-4" },
    { "7.5 // 2", "3.0" }, { "-7.5 // 2", "-4.0" }, { "1 // 0.1", "9.0" },
    { "1596255246938.475 // 95.19576517354321", "16768132952.0" },
    { "-1 // 3.0", "-1.0" }, { "-0.0 // 3", "-0.0" }, { "0 // -3.0", "-0.0" },
    { "100 / 2 / 5", "10.0" }, { "100 // (7 // 2)", "33" }, { "1//2//3", "0" },
    { "[2048 // 8, (3 / 2)]", "[256, 1.5]" } };

  check_pairs (pairs, G_N_ELEMENTS (pairs));
}

static void
test_strings (void)
{
  static const Pair pairs[] = { { "'a\"b'", "\"a\\\"b\"" },
    { "\"a'b\"", "\"a'b\"" }, { "'it\\'s'", "\"it's\"" }, { "''", "\"\"" },
    { "'a' \"b\" r'c'", "\"abc\"" }, { "('a'\n  'b')", "\"ab\"" },
    { "'''a\nb'c'''", "\"a\\nb'c\"" }, { "\"\"\"\"a\"\"\"", "\"\\\"a\"" },
    { "'\\x41\\101\\u00e9\\U0001F600'", "\"AA\u00e9\U0001F600\"" },
    { "'\\t\\\\\\n'", "\"\\u0009\\\\\\n\"" }, { "'a\\\nb'", "\"ab\"" },
    { "r'a\\n\\''", "\"a\\\\n\\\\'\"" }, { "'\\d'", "\"\\\\d\"" },
    { "u'\u00e9'", "\"\u00e9\"" }, { "'{ {{x}} }'", "\"{ {{x}} }\"" },
    { "'# no comment'", "\"# no comment\"" } };

  check_pairs (pairs, G_N_ELEMENTS (pairs));
}

static void
test_containers (void)
{
  static const Pair pairs[] = { { "True, False, None", "[true, false, null]" },
    { "1,", "[1]" }, { "(1)", "1" }, { "(1,)", "[1]" }, { "()", "[]" },
    { "[]", "[]" }, { "{}", "{}" }, { "dict()", "{}" },
    { "[1, (2, [3]),]", "[ 1, [ 2, [3] ] ]" },
    { "{'a': 1, 2: {'b': ()},}", "{ \"a\": 1, \"2\": { \"b\": [] } }" },
    { "{'a': 1, 'b': 2, 'a': 3}", "{ \"a\": 3, \"b\": 2 }" },
    { "dict(a=1, b = dict (c=None,),)",
        "{ \"a\": 1, \"b\": { \"c\": null } }" },
    { "{\n 'a' # comment\n :\n 1\n}", "{ \"a\": 1 }" },
    { "{-1: 1, 6 // 2: 2}", "{ \"-1\": 1, \"3\": 2 }" } };

  check_pairs (pairs, G_N_ELEMENTS (pairs));
}

static void
test_files (void)
{
  static const Pair files[] = { { "", "{}" }, { "\n# only\n\n", "{}" },
    { "a = 1", "{ \"a\": 1 }" },
    { "\xef\xbb\xbf"
      "a = 1\r\nb = 2\rc = 3\n",
        "{ \"a\": 1, \"b\": 2, \"c\": 3 }" },
    { "'''what\nit is'''\na = 1 # one\n  # indented\n\"a\"\n", "{ \"a\": 1 }" },
    { "b = 1\na = b\nb = [a, b]\n", "{ \"b\": [1, 1], \"a\": 1 }" },
    { "a = dict(x=1)\nb = dict(y=a)\n",
        "{ \"a\": { \"x\": 1 }, \"b\": { \"y\": { \"x\": 1 } } }" },
    { "k = 'key'\nd = {k: k}\n",
        "{ \"k\": \"key\", \"d\": { \"key\": \"key\" } }" },
    { "a = \\\n  1\n", "{ \"a\": 1 }" } };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *json = read_values (files[i].python);

    g_assert_cmpstr (json, ==, files[i].json);
  }
}

static void
test_refuses (void)
{
  static const struct {
    const char *python, *place, *word;
  } texts[] = { { "import os", "1:1", "'import'" },
    { "from a import b", "1:1", "'from'" },
    { "a = 1\ndef f():\n  pass", "2:1", "'def'" },
    { "a = [x for x in y]", "1:6", "'x'" }, { "a = 1 + 2", "1:7", "'+'" },
    { "a = 2 * 3", "1:7", "'*'" }, { "a = 2 ** 3", "1:7", "'*'" },
    { "a = b", "1:5", "'b'" }, { "a = f(1)", "1:5", "'f'" },
    { "a = 1\nb = a.x", "2:6", "'.'" }, { "a = [1]\nb = a[0]", "2:6", "'['" },
    { "a.b = 1", "1:2", "'.'" }, { "a = b = 1", "1:5", "'b'" },
    { "a == 1", "1:3", "'='" }, { "a += 1", "1:3", "'+'" },
    { "a: int = 1", "1:2", "':'" }, { "a = 1; b = 2", "1:6", "';'" },
    { "a =", "1:4", "the end of the file" },
    { "a =\n1", "1:4", "the end of the line" },
    { "a = (1", "1:7", "the end of the file" }, { "a = [1 2]", "1:8", "'2'" },
    { "a = [,]", "1:6", "','" }, { "a = {1, 2}", "1:7", "','" },
    { "a = {1: 2", "1:10", "the end" }, { "a = [1)", "1:7", "')'" },
    { "a = dict(1)", "1:10", "'1'" }, { "a = dict(**b)", "1:10", "'*'" },
    { "a = dict(b=1, b=2)", "1:15", "'b' is given twice" },
    { "a = {None: 1}", "1:6", "keys" }, { "a = {1.5: 1}", "1:6", "keys" },
    { "a = {(1,): 1}", "1:6", "keys" }, { "True = 1", "1:1", "'True'" },
    { "a = not True", "1:5", "'not'" }, { "a = -'b'", "1:5", "number" },
    { "a = -True", "1:5", "number" }, { "a = 'b' / 2", "1:9", "number" },
    { "a = 1 / 0", "1:7", "zero" }, { "a = 1 // 0.0", "1:7", "zero" },
    { "a = 1e308 / 1e-308", "1:11", "too large" },
    { "a = 9007199254740993 / 3", "1:22", "too large" },
    { "a = 1.5 // 9007199254740993", "1:9", "too large" },
    { "a = 9223372036854775808", "1:5", "9223372036854775807" },
    { "a = 99999999999999999999999999", "1:5", "too large" },
    { "a = 1e999", "1:5", "too large" }, { "a = 012", "1:5", "number" },
    { "a = 1j", "1:5", "number" }, { "a = 1__0", "1:5", "number" },
    { "a = 0xg", "1:5", "number" }, { "a = 1.2.3", "1:5", "number" },
    { "a = f'{b}'", "1:5", "prefix f" }, { "a = b'b'", "1:5", "prefix b" },
    { "a = rb'b'", "1:5", "prefix rb" }, { "a = 'b", "1:5", "without an end" },
    { "a = '''b'", "1:5", "without an end" },
    { "a = 'b\n'", "1:5", "without an end" }, { "a = '\\0'", "1:6", "escape" },
    { "a = '\\ud800'", "1:6", "escape" }, { "a = '\\x4'", "1:6", "escape" },
    { "a = '\\N{DASH}'", "1:6", "by name" },
    { "a = '{{ fileDirname }}'", "1:5", "templates" },
    { "a = '{{$A:b}}'", "1:5", "templates" },
    { "a = 1\n  b = 2", "2:3", "indentation" },
    { "\u00e9 = 1", "1:1", "'\u00e9'" }, { "a = '\u00e9' +", "1:9", "'+'" },
    { "a = \xff", "f.py", "UTF-8" } };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (GError) error = NULL;
    g_autofree char *place = g_strdup_printf ("f.py:%s: ", texts[i].place);

    g_assert_null (parse (texts[i].python, &error));
    g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
    g_test_message ("%s", error->message);
    g_assert_true (g_str_has_prefix (error->message, place)
                   || g_str_equal (texts[i].place, "f.py"));
    g_assert_nonnull (strstr (error->message, texts[i].word));
  }
}

static void
test_nul (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (os_python_parse ("a = 1\0b", 7, "f.py", &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
}

/* Lists in lists, `depth` in all, the last of them behind a name. */
static gboolean
parses_nested (guint depth, gboolean named)
{
  g_autoptr (GString) text = g_string_new (named ? "b = []\na = " : "a = ");
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonObject) names = NULL;

  for (guint i = named ? 1 : 0; i < depth; i++)
    g_string_append_c (text, '[');
  g_string_append (text, named ? "b" : "");
  for (guint i = named ? 1 : 0; i < depth; i++)
    g_string_append_c (text, ']');
  names = parse (text->str, &error);
  if (names == NULL)
    g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
  return names != NULL;
}

static void
test_depth (void)
{
  for (int named = 0; named < 2; named++) {
    g_assert_true (parses_nested (15, named));
    g_assert_false (parses_nested (16, named));
  }
  g_assert_false (parses_nested (500000, FALSE));
}

/* A few lines that would be 10^30 values. */
static void
test_growth (void)
{
  g_autoptr (GString) text = g_string_new ("a0 = 'x'\n");
  g_autoptr (GError) error = NULL;

  for (int i = 1; i < 8; i++) {
    g_string_append_printf (text, "a%d = [", i);
    for (int j = 0; j < 20; j++)
      g_string_append_printf (text, "a%d, ", i - 1);
    g_string_append (text, "]\n");
  }
  g_assert_null (parse (text->str, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
  g_assert_nonnull (strstr (error->message, "too much"));
}

static void
test_long_names (void)
{
  g_autofree char *name = g_strnfill (255, 'a');
  g_autofree char *good = g_strconcat (name, " = 1", NULL);
  g_autofree char *bad = g_strconcat (name, "a = 1", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonObject) names = parse (good, &error);

  g_assert_no_error (error);
  g_assert_null (parse (bad, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/settings/python-literals/numbers", test_numbers);
  g_test_add_func ("/settings/python-literals/divisions", test_divisions);
  g_test_add_func ("/settings/python-literals/strings", test_strings);
  g_test_add_func ("/settings/python-literals/containers", test_containers);
  g_test_add_func ("/settings/python-literals/files", test_files);
  g_test_add_func ("/settings/python-literals/refuses", test_refuses);
  g_test_add_func ("/settings/python-literals/nul", test_nul);
  g_test_add_func ("/settings/python-literals/depth", test_depth);
  g_test_add_func ("/settings/python-literals/growth", test_growth);
  g_test_add_func ("/settings/python-literals/long-names", test_long_names);
  return g_test_run ();
}
