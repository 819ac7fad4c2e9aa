/* SPDX-License-Identifier: Apache-2.0 */
/* Excerpts are valid UTF-8 and short. */
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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/base/text/short", test_short);
  g_test_add_func ("/base/text/long", test_long);
  return g_test_run ();
}
