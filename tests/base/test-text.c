/* SPDX-License-Identifier: Apache-2.0 */
/* Excerpts are valid UTF-8 and short; white space is Python's. */
#include "base/text.h"

#include <string.h>

static void
assert_excerpt (const char *text, gsize length, const char *want)
{
  g_autofree char *excerpt = os_text_excerpt (text, length);

  g_assert_cmpstr (excerpt, ==, want);
}

static void
test_short (void)
{
  assert_excerpt ("", 0, "");
  assert_excerpt ("name", 4, "name");
  assert_excerpt ("name", 2, "na");
  assert_excerpt ("caf\u00e9", 5, "caf\u00e9");
  assert_excerpt ("a\xff\xc3", 3, "a\ufffd\ufffd");
}

/* Also when the cut goes through a character. */
static void
test_long (void)
{
  for (guint n = 75; n < 90; n++) {
    g_autofree char *xs = g_strnfill (n, 'x');
    g_autofree char *text = g_strconcat (xs, "\u65e5\u672c", NULL);
    g_autofree char *excerpt = os_text_excerpt (text, strlen (text));

    g_assert_true (g_utf8_validate (excerpt, -1, NULL));
    g_assert_cmpuint (strlen (excerpt), <, 95);
    g_assert_true (strlen (text) <= 80 || g_str_has_suffix (excerpt, "..."));
  }
}

static const struct {
  const char *text, *stripped;
} strips[] = {
  { "", "" },
  { " \t\r\n\f ", "" },
  { "x", "x" },
  { "\n a  b \t", "a  b" },
  /* No-break space, ideographic space, line separator, em space. */
  { "\u00a0\u3000x\u2028\u2003", "x" },
  { "\v\x1cx\x1f\302\205", "x" },
  /* What only looks like space. */
  { "\u200bx\u180e", "\u200bx\u180e" },
};

static void
test_strip (void)
{
  g_autofree char *part = os_text_strip (" a b", 2);

  for (guint i = 0; i < G_N_ELEMENTS (strips); i++) {
    g_autofree char *stripped =
        os_text_strip (strips[i].text, strlen (strips[i].text));

    g_assert_cmpstr (stripped, ==, strips[i].stripped);
  }
  g_assert_cmpstr (part, ==, "a");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/base/text/short", test_short);
  g_test_add_func ("/base/text/long", test_long);
  g_test_add_func ("/base/text/strip", test_strip);
  return g_test_run ();
}
