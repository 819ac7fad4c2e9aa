/* SPDX-License-Identifier: Apache-2.0 */
/* What cleaning is made of, each part alone: results of Python 3.11's html and
 * urllib, Beautiful Soup 4.15 and ftfy 6.3.1. */
#include <string.h>

#include "text/clean-entities.h"
#include "text/clean-fix.h"
#include "text/clean-html.h"
#include "text/clean-link.h"
#include "text/clean-mojibake.h"

typedef struct {
  const char *text, *result;
} Case;

static void
check (void (*change) (GArray *chars), const Case *cases, guint n)
{
  for (guint i = 0; i < n; i++) {
    g_autoptr (GArray) chars = os_chars_new (cases[i].text);
    g_autofree char *result = NULL;

    change (chars);
    result = os_chars_to_utf8 (chars, NULL);
    g_assert_cmpstr (result, ==, cases[i].result);
  }
}

/* --- characters --- */

static const Case lower[] = {
  { "ABC", "abc" },
  { "\u0130I\u0131", "i\u0307i\u0131" },
  { "\u2163\u24c2", "\u2173\u24dc" },
  { "ΟΔΟΣ", "οδος" },
  { "ΟΔΟΣ.", "οδος." },
  { "Α.Σ.Α", "α.σ.α" },
  { "Σ ΣΑ ΑΣ'", "σ σα ας'" },
  { "\u01c5\u1e9e", "\u01c6\u00df" },
};

static void
test_lower (void)
{
  check (os_chars_lower, lower, G_N_ELEMENTS (lower));
}

static void
test_classes (void)
{
  g_assert_true (os_char_is_word (0xe9));
  g_assert_true (os_char_is_word (0xbd)); /* a half is a number */
  g_assert_true (os_char_is_word (0x4e2d));
  g_assert_true (os_char_is_word ('_'));
  g_assert_false (os_char_is_word (0x301));
  g_assert_false (os_char_is_word (0x203f));
  g_assert_false (os_char_is_word (0));
  g_assert_true (os_char_is_of (0xe9, "a\u00e9"));
  g_assert_false (os_char_is_of (0xe8, "a\u00e9"));
  g_assert_false (os_char_is_of (0, "a\u00e9"));
}

static const gunichar *
match_ab (OsSubject *subject, const gunichar *at, const char *what)
{
  return os_subject_skip (subject, at, what);
}

static const gunichar *
match_before_b (OsSubject *subject, const gunichar *at, const char *what)
{
  return *at == 'b' ? at : NULL;
}

static void
replace_ab (GArray *chars)
{
  os_chars_replace (chars, match_ab, "ab", "\u00e9");
}

static void
insert_before_b (GArray *chars)
{
  os_chars_replace (chars, match_before_b, NULL, "-");
}

static void
test_replace (void)
{
  const Case replaced[] = { { "", "" }, { "x", "x" }, { "ab", "\u00e9" },
    { "aabab", "a\u00e9\u00e9" }, { "abxa", "\u00e9xa" } };
  const Case inserted[] = { { "a", "a" }, { "b", "-b" }, { "abb", "a-b-b" } };

  check (replace_ab, replaced, G_N_ELEMENTS (replaced));
  check (insert_before_b, inserted, G_N_ELEMENTS (inserted));
}

static void
test_utf8 (void)
{
  static const struct {
    const char *bytes;
    int n;
    gunichar c;
  } cases[] = { { "a", 1, 'a' }, { "\xc3\xa9", 2, 0xe9 },
    { "\xe2\x82\xac", 3, 0x20ac }, { "\xf0\x9f\x98\x80", 4, 0x1f600 },
    { "\xff", -1, 0 }, { "\xc1\x80", -1, 0 }, { "\xe2\x82", -2, 0 },
    { "\xe2(", -1, 0 }, { "\xed\xa0\x80", -1, 0 }, { "\xe0\x80\x80", -1, 0 },
    { "\xf0\x9f\x98z", -3, 0 }, { "\xf4\x90\x80\x80", -1, 0 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const guint8 *at = (const guint8 *) cases[i].bytes;
    gunichar c;

    g_assert_cmpint (
        os_utf8_read (at, at + strlen (cases[i].bytes), &c), ==, cases[i].n);
    if (cases[i].n > 0)
      g_assert_cmpuint (c, ==, cases[i].c);
  }
}

/* --- links and markup --- */

static const Case unquoted[] = {
  { "a+b", "a b" },
  { "%41%zz%4", "A%zz%4" },
  { "%C3%A9%e4%b8\u00e9", "\u00e9\ufffd\u00e9" },
  { "%ff%fe%ed%a0%80", "\ufffd\ufffd\ufffd\ufffd\ufffd" },
};

static void
test_unquote (void)
{
  check (os_url_unquote, unquoted, G_N_ELEMENTS (unquoted));
}

static const Case markup[] = {
  { "5 < 6 & 7", "5 < 6 & 7" },
  { "a<b>c</b>d", "acd" },
  { "<p>a</p><p>b</p>", "ab" },
  { "<p>a</p>\n \n<p>b</p>\t", "a\nb " },
  { "<pre>\n \n</pre>x", "\n \nx" },
  { "a<!-- x -- >b<? y >c<!doctype z>d", "abcd" },
  { "a<!-- x", "a<!-- x" },
  { "a<!-- x>y <b>z</b>", "a<!-- x>y z" },
  { "<script>a<b>c</b></style></ script >d", "d" },
  { "<style>a", "" },
  { "<script/>a", "a" },
  { "a<rt>b</rt>c<template>d", "ac" },
  { "<![cdata[a<b]]>c<![temp[d]]>e<![if x]>f<![endif]>", "a<bcef" },
  { "a<![cdata[]]>b", "a b" },
  { "<a b='>' c=\">\" d=>e", "e" },
  { "<a b='c>d", "<a b='c>d" },
  { "<a b=='c>d", "d" },
  { "<a b c", "<a b c" },
  { "<a b <c>d", "d" },
  { "<a b=\"c>d</a>", "<a b=\"c>d" },
  { "</>a</ b>c</b x=y>d</1>e", "acde" },
  { "<br>a</br>b", "ab" },
  { "<br/>a<img>b", "ab" },
  { "&amp;&lt;&notin;&alpha &unknown;&#65;&#x42;&#0;&#128;", "&<\u2209\u03b1 "
                                                             "&unknownAB\ufffd"
                                                             "\u20ac" },
  { "&amp", "&amp" },
  { "a&b", "ab" }, /* the reference loses it */
  { "a&bc", "a&bc" },
  { "&#;x", "&#;x" },
  { "&", "&" },
  { "<", "<" },
  { "a<![x[b]]>c", "a<![x[b]]>c" },
};

static void
test_html (void)
{
  check (os_html_to_text, markup, G_N_ELEMENTS (markup));
}

static const Case unescaped[] = {
  { "&amp;&AMP&notit;&not;&nope;", "&&\u00acit;\u00ac&nope;" },
  { "&#65&#x42;&#0;&#x110000;&#xd800;", "AB\ufffd\ufffd\ufffd" },
  { "&#1;&#xfdd0;&#xffff;&#128;&#13;", "\u20ac\r" },
  { "&CounterClockwiseContourIntegral;", "\u2233" },
  { "&acE;&;&#;&#x;&", "\u223e\u0333&;&#;&#x;&" },
  { "&99999999999;&#99999999999;", "&99999999999;\ufffd" },
};

static void
test_unescape (void)
{
  check (os_html_unescape, unescaped, G_N_ELEMENTS (unescaped));
}

/* Every name finds its own text, and no other. */
static void
test_entities (void)
{
  for (guint i = 0; i < OS_N_ENTITIES; i++) {
    const char *name = os_entity_texts + os_entity_offsets[i];
    const char *text = os_entity_find (name, strlen (name));

    g_assert_true (text == name + strlen (name) + 1);
    g_assert_true (g_utf8_validate (text, -1, NULL));
  }
  g_assert_null (os_entity_find ("am", 2));
  g_assert_null (os_entity_find ("amp;;", 5));
  g_assert_null (os_entity_find ("", 0));
}

/* --- repair --- */

static const Case fixed[] = {
  { "plain & simple", "plain & simple" },
  { "&lt;&EACUTE;&eacute;&LTCC;&#65;&#59;&#x;",
      "<\u00c9\u00e9&LTCC;A&#59;&#x;" },
  { "&amp;amp;lt;", "<" },
  { "a&lt;\n<&lt;\n&lt;", "a<\n<&lt;\n&lt;" },
  { "\ufb01\u0133\u01c4\ufb05\u0149", "fiijD\u017d\u017ft'n" },
  { "\uff21\uff76\uffe3\u3000.", "A\u30ab \u0304 ." },
  { "\u201cq\u201d \u2018r\u2019 \u02bc", "\"q\" 'r' '" },
  { "a\r\nb\rc\u2028d\302\205e", "a\nb\nc\nd\u2026e" },
  { "\x1b[31mred\x1b[0m \x07\ufeff\ufffc", "red " },
  { "e\u0301 a\u0323\u0302 \u1100\u1161\u11a8", "\u00e9 \u1ead \uac01" },
};

static void
test_fix (void)
{
  check (os_text_fix, fixed, G_N_ELEMENTS (fixed));
}

static const Case mojibake[] = {
  { "plain", "plain" },
  { "caf\u00e9 \u2013 na\u00efve", "caf\u00e9 \u2013 na\u00efve" },
  { "sch\u00c3\u00b6n", "sch\u00f6n" },
  { "l\u00e2\u20ac\u2122\u00c3\u00a9t\u00c3\u00a9", "l\u2019\u00e9t\u00e9" },
  { "\u00c3\u0192\u00c2\u00a9", "\u00e9" },
  { "voil\u00c3 le travail", "voil\u00e0 le travail" },
  { "\u00f0\u0178\u02dc\u20ac", "\U0001f600" },
  { "\u0420\u045f\u0421\u0402\u0420\u0451\u0420\u0406\u0420\u00b5\u0421\u201a",
      "\u041f\u0440\u0438\u0432\u0435\u0442" },
  { "\u4e2d and \u00e2\u20ac\u0153here\u00e2\u20ac\302\235",
      "\u4e2d and \u201chere\u201d" },
  { "\u00ed\u00a0\u00bd\u00ed\u00b8\302\200", "\U0001f600" },
  { "\302\221quoted\302\222", "\u2018quoted\u2019" },
};

static void
test_mojibake (void)
{
  check (os_mojibake_fix, mojibake, G_N_ELEMENTS (mojibake));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/text/clean/lower", test_lower);
  g_test_add_func ("/text/clean/classes", test_classes);
  g_test_add_func ("/text/clean/replace", test_replace);
  g_test_add_func ("/text/clean/utf8", test_utf8);
  g_test_add_func ("/text/clean/unquote", test_unquote);
  g_test_add_func ("/text/clean/html", test_html);
  g_test_add_func ("/text/clean/unescape", test_unescape);
  g_test_add_func ("/text/clean/entities", test_entities);
  g_test_add_func ("/text/clean/fix", test_fix);
  g_test_add_func ("/text/clean/mojibake", test_mojibake);
  return g_test_run ();
}
