/* SPDX-License-Identifier: Apache-2.0 */
/* ftfy.fix_encoding() of ftfy 6.3 (Robyn Speer, Apache-2.0), written anew from
 * what it does: text with combinations of characters that nobody writes is
 * encoded in every code page that it can have been taken for, and if the bytes
 * are UTF-8, that is what it was. */
#include "text/clean-mojibake.h"

#include <string.h>

#include "text/clean-entities.h"
#include "text/clean-mojibake-tables.h"

/* Layers of mojibake; each at least doubles the length of what is in it. */
#define MAX_LAYERS 32

#define SUBSTITUTE 0x1a /* a byte that was lost in the sloppy code pages */
#define REPLACEMENT 0xfffd

/* Indices of code_pages. The sloppy ones have a character for every byte. */
enum {
  LATIN_1,
  FIRST_SLOPPY,
  LAST_SLOPPY = FIRST_SLOPPY + 5,
  ISO_8859_2,
  MACROMAN,
};

/* --- expressions --- */

#define ACCENTED LOWER_ACCENTED UPPER_ACCENTED
#define PUNCTUATION START_PUNCTUATION END_PUNCTUATION
#define SPACE                                                                  \
  "\\t-\\r\\x1c-\\x20\\x85\\xa0\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}" \
  "\\x{202f}\\x{205f}\\x{3000}"
#define WORD "\\pL\\pN_"
#define ARABIC                                                                 \
  "[\\xd8\\xd9][" COMMON CURRENCY BAD NUMERIC START_PUNCTUATION                \
  "\\x{178}\\x{160}\\xae\\xb0\\xb5\\xbb]"
#define IN_CYRILLIC "[" C1 BAD PUNCTUATION CURRENCY "\\xb0\\xb5]"
#define IN_GREEK "[" C1 BAD PUNCTUATION CURRENCY "\\xb0]"
#define VE_GHE_ER_ES "[\\x{412}\\x{413}\\x{420}\\x{421}]"
#define GREEK_FIRST "[\\x{392}\\x{393}\\x{39e}\\x{39f}]"

/* Combinations that text in the right encoding does not have. */
static const char bad_combinations[] =
    "[" C1 "]"
    "|[" BAD ACCENTED BOX PUNCTUATION CURRENCY NUMERIC LAW "][" BAD "]"
    "|[a-zA-Z][" LOWER_COMMON UPPER_COMMON "][" BAD "]"
    "|[" BAD "][" ACCENTED BOX PUNCTUATION CURRENCY NUMERIC LAW "]"
    "|[" LOWER_ACCENTED LOWER_COMMON BOX END_PUNCTUATION CURRENCY NUMERIC
    "][" UPPER_ACCENTED "]"
    "|[" BOX END_PUNCTUATION CURRENCY NUMERIC "][" LOWER_ACCENTED "]"
    "|[" LOWER_ACCENTED BOX END_PUNCTUATION "][" CURRENCY "]"
    "|[" SPACE "][" UPPER_ACCENTED "][" CURRENCY "]"
    "|[" UPPER_ACCENTED BOX "][" NUMERIC LAW "]"
    "|[" ACCENTED BOX CURRENCY END_PUNCTUATION "][" START_PUNCTUATION
    "][" NUMERIC "]"
    "|[" ACCENTED CURRENCY NUMERIC BOX LAW "][" END_PUNCTUATION
    "][" START_PUNCTUATION "]"
    "|[" CURRENCY NUMERIC BOX "][" START_PUNCTUATION "]"
    "|[a-z][" UPPER_ACCENTED "][" START_PUNCTUATION CURRENCY "]"
    "|[" BOX "][" KAOMOJI "]"
    "|[" ACCENTED CURRENCY NUMERIC PUNCTUATION LAW "][" BOX "]"
    "|[" BOX "][" END_PUNCTUATION "]"
    "|[" ACCENTED "][" PUNCTUATION "][" WORD "]"
    /* oe, where no letter of English follows */
    "|[\\x{152}\\x{153}][^A-Za-z]"
    "|[" UPPER_ACCENTED "]\\xb0"
    /* windows-1252: Western languages, Arabic, of South Asia */
    "|[\\xc2\\xc3\\xce\\xd0][\\x{20ac}\\x{153}\\x{160}\\x{161}\\xa2\\xa3"
    "\\x{178}\\x{17e}\\xa0\\xad\\xae\\xa9\\xb0\\xb7\\xbb" PUNCTUATION
    "\\x{2013}\\x{2014}\\xb4]"
    "|\\xd7[\\xb2\\xb3]"
    "|" ARABIC ARABIC "|\\xe0[\\xb2\\xb5\\xb9\\xbc\\xbd\\xbe]"
    /* MacRoman */
    "|\\x{221a}[\\xb1\\x{2202}\\x{2020}\\x{2260}\\xae\\x{2122}\\xb4\\x{2264}"
    "\\x{2265}\\xa5\\xb5\\xf8]"
    "|\\x{2248}[\\xb0\\xa2]"
    "|\\x{201a}\\xc4[\\xec\\xee\\xef\\xf2\\xf4\\xfa\\xf9\\xfb\\x{2020}\\xb0"
    "\\xa2\\x{3c0}]"
    "|\\x{201a}[\\xe2\\xf3][\\xe0\\xe4\\xb0\\xea]"
    /* windows-1251: punctuation, Cyrillic, Latin in two layers */
    "|\\x{432}\\x{402}"
    "|" VE_GHE_ER_ES IN_CYRILLIC VE_GHE_ER_ES
    "|\\x{413}\\x{45e}\\x{412}\\x{402}\\x{412}[^\\n][A-Za-z ]"
    /* windows-1252: a with accents, the space that does not break */
    "|\\xc3[\\xa0\\xa1]"
    "|[a-z][" SPACE "]?[\\xc2\\xc3][ ]"
    "|^[\\xc2\\xc3][ ]"
    "|[a-z.,?!" END_PUNCTUATION "]\\xc2[ " PUNCTUATION "]"
    /* windows-1253: punctuation, Greek */
    "|\\x{3b2}\\x{20ac}[\\x{2122}\\xa0\\x{386}\\xad\\xae\\xb0]"
    "|" GREEK_FIRST IN_GREEK GREEK_FIRST
    /* windows-1257: punctuation */
    "|\\x{101}\\x{20ac}";

/* A sequence that could be UTF-8 in some code page. */
static const char embedded[] =
    "(?<![" UTF8_CONTINUATION_STRICT "])(?:"
    "[" UTF8_FIRST_OF_2 "][" UTF8_CONTINUATION "]"
    "|[" UTF8_FIRST_OF_3 "][" UTF8_CONTINUATION "]{2}"
    "|[" UTF8_FIRST_OF_4 "][" UTF8_CONTINUATION "]{3})++";

/* Of bytes: "a" with a grave accent, a word alone, whose A0 is now a space. */
static const char a_grave[] = "\\xc3 (?! |quele|quela|quilo|s )";

/* UTF-8 in which A0 has become a space. */
static const char lost_a0[] =
    "[\\xc2\\xc3\\xc5\\xce\\xd0\\xd9] "
    "|[\\xe2\\xe3] [\\x80-\\x84\\x86-\\x9f\\xa1-\\xbf]"
    "|[\\xe0-\\xe3][\\x80-\\x84\\x86-\\x9f\\xa1-\\xbf] "
    "|\\xf0 [\\x80-\\xbf][\\x80-\\xbf]"
    "|\\xf0[\\x80-\\xbf] [\\x80-\\xbf]"
    "|\\xf0[\\x80-\\xbf][\\x80-\\xbf] ";

/* UTF-8 in which some byte has become "?", or was lost. */
#define LOST "[\\x1a?]"
#define MAYBE_LOST "[\\x1a\\x80-\\xbf]"
static const char lost_bytes[] =
    "[\\xc2-\\xdf]\\x1a"
    "|[\\xc2\\xc3]\\?"
    "|\\xed[\\xa0-\\xaf]" LOST "\\xed[\\xb0-\\xbf][\\x1a?\\x80-\\xbf]"
    "|\\xed[\\xa0-\\xaf][\\x1a?\\x80-\\xbf]\\xed[\\xb0-\\xbf]" LOST
    "|[\\xe0-\\xef]" LOST MAYBE_LOST "|[\\xe0-\\xef]" MAYBE_LOST LOST
    "|[\\xf0-\\xf4]" LOST MAYBE_LOST MAYBE_LOST
    "|[\\xf0-\\xf4]" MAYBE_LOST LOST MAYBE_LOST
    "|[\\xf0-\\xf4]" MAYBE_LOST MAYBE_LOST LOST "|\\x1a";

typedef struct {
  GRegex *bad_combinations, *embedded;    /* over UTF-8 */
  GRegex *a_grave, *lost_a0, *lost_bytes; /* over bytes */
} Expressions;

/* Compiled once; a GRegex does not change. Not for the machine: its code reads
 * beyond the text, which frightens valgrind, and is no faster here. */
static const Expressions *
get_expressions (void)
{
  static Expressions expressions;
  static gsize ready;

  if (g_once_init_enter (&ready)) {
    expressions.bad_combinations = g_regex_new (bad_combinations, 0, 0, NULL);
    expressions.embedded = g_regex_new (embedded, 0, 0, NULL);
    expressions.a_grave = g_regex_new (a_grave, G_REGEX_RAW, 0, NULL);
    expressions.lost_a0 = g_regex_new (lost_a0, G_REGEX_RAW, 0, NULL);
    expressions.lost_bytes = g_regex_new (lost_bytes, G_REGEX_RAW, 0, NULL);
    g_once_init_leave (&ready, 1);
  }
  return &expressions;
}

/* --- bytes --- */

/* What takes the place of the bytes from `begin` to `end`. */
typedef void (*Replace) (
    GByteArray *result, const guint8 *begin, const guint8 *end);

static void
put_a_grave (GByteArray *result, const guint8 *begin, const guint8 *end)
{
  g_byte_array_append (result, (const guint8 *) "\xc3\xa0 ", 3);
}

static void
put_a0 (GByteArray *result, const guint8 *begin, const guint8 *end)
{
  for (; begin < end; begin++) {
    guint8 byte = *begin == ' ' ? 0xa0 : *begin;

    g_byte_array_append (result, &byte, 1);
  }
}

static void
put_replacement (GByteArray *result, const guint8 *begin, const guint8 *end)
{
  g_byte_array_append (result, (const guint8 *) "\xef\xbf\xbd", 3);
}

/* Every match of the expression; FALSE if there was none. */
static gboolean
replace_bytes (GByteArray *bytes, const GRegex *regex, Replace replace)
{
  g_autoptr (GMatchInfo) match = NULL;
  g_autoptr (GByteArray) result = NULL;
  int kept = 0, begin, end;

  if (!g_regex_match_full (
          regex, (const char *) bytes->data, bytes->len, 0, 0, &match, NULL))
    return FALSE;
  result = g_byte_array_sized_new (bytes->len);
  for (; g_match_info_matches (match); g_match_info_next (match, NULL)) {
    g_match_info_fetch_pos (match, 0, &begin, &end);
    g_byte_array_append (result, bytes->data + kept, begin - kept);
    replace (result, bytes->data + begin, bytes->data + end);
    kept = end;
  }
  g_byte_array_append (result, bytes->data + kept, bytes->len - kept);
  g_byte_array_set_size (bytes, 0);
  g_byte_array_append (bytes, result->data, result->len);
  return TRUE;
}

static gboolean
has_match (const GByteArray *bytes, const GRegex *regex)
{
  return g_regex_match_full (
      regex, (const char *) bytes->data, bytes->len, 0, 0, NULL, NULL);
}

/* The byte of a character in a code page, or -1. */
static int
find_byte (guint page, gunichar c)
{
  const gboolean sloppy = page >= FIRST_SLOPPY && page <= LAST_SLOPPY;

  if (sloppy && (c == SUBSTITUTE || c == REPLACEMENT))
    return c == REPLACEMENT ? SUBSTITUTE : -1;
  if (c < 0x80)
    return c;
  for (guint i = 0; i < G_N_ELEMENTS (code_pages[page]); i++)
    if (code_pages[page][i] == c)
      return 0x80 + i;
  return -1;
}

static gboolean
encode (const GArray *chars, guint page, GByteArray *bytes)
{
  g_byte_array_set_size (bytes, 0);
  for (const gunichar *c = os_chars_begin (chars); c < os_chars_end (chars);
       c++) {
    int found = find_byte (page, *c);
    guint8 byte = found;

    if (found < 0)
      return FALSE;
    g_byte_array_append (bytes, &byte, 1);
  }
  return TRUE;
}

/* UTF-8 as some programs write it: U+0000 in two bytes, and characters beyond
 * U+FFFF as two halves of a surrogate pair in three bytes each. */
static int
read_variant (const guint8 *at, const guint8 *end, gunichar *c)
{
  if (end - at >= 2 && at[0] == 0xc0 && at[1] == 0x80) {
    *c = 0;
    return 2;
  }
  if (end - at < 6 || at[0] != 0xed || at[1] < 0xa0 || at[1] > 0xaf
      || (at[2] & 0xc0) != 0x80 || at[3] != 0xed || at[4] < 0xb0 || at[4] > 0xbf
      || (at[5] & 0xc0) != 0x80)
    return -1;
  *c = 0x10000
       + ((at[1] & 0x0f) << 16 | (at[2] & 0x3f) << 10 | (at[4] & 0x0f) << 6
           | (at[5] & 0x3f));
  return 6;
}

/* FALSE if the bytes are not UTF-8. */
static gboolean
decode (const GByteArray *bytes, GArray *chars)
{
  const guint8 *end = bytes->data + bytes->len;

  g_array_set_size (chars, 0);
  for (const guint8 *at = bytes->data; at < end;) {
    gunichar c;
    int n = os_utf8_read (at, end, &c);

    if (n < 0)
      n = read_variant (at, end, &c);
    if (n < 0)
      return FALSE;
    g_array_append_val (chars, c);
    at += n;
  }
  return TRUE;
}

/* --- text --- */

static gboolean
is_ascii (const GArray *chars)
{
  for (const gunichar *c = os_chars_begin (chars); c < os_chars_end (chars);
       c++)
    if (*c >= 0x80)
      return FALSE;
  return TRUE;
}

static gboolean
is_bad (const GArray *chars)
{
  gsize length;
  g_autofree char *text = os_chars_to_utf8 (chars, &length);

  return g_regex_match_full (
      get_expressions ()->bad_combinations, text, length, 0, 0, NULL, NULL);
}

/* The whole text read as a code page by mistake? */
static gboolean
reread_as_utf8 (GArray *chars)
{
  const Expressions *expressions = get_expressions ();
  g_autoptr (GByteArray) bytes = g_byte_array_sized_new (16);
  g_autoptr (GArray) decoded = os_chars_new ("");

  for (guint page = 0; page < G_N_ELEMENTS (code_pages); page++) {
    if (!encode (chars, page, bytes))
      continue;
    if (page != MACROMAN && has_match (bytes, expressions->lost_a0)) {
      replace_bytes (bytes, expressions->a_grave, put_a_grave);
      replace_bytes (bytes, expressions->lost_a0, put_a0);
    }
    if (page >= FIRST_SLOPPY && page <= LAST_SLOPPY)
      replace_bytes (bytes, expressions->lost_bytes, put_replacement);
    if (decode (bytes, decoded)) {
      os_chars_assign (chars, decoded);
      return TRUE;
    }
  }
  return FALSE;
}

/* Parts of the text, each by itself? */
static void
reread_parts (GArray *chars)
{
  gsize length;
  g_autofree char *text = os_chars_to_utf8 (chars, &length);
  g_autoptr (GMatchInfo) match = NULL;
  g_autoptr (GArray) result = os_chars_new ("");
  int kept = 0, begin, end;

  g_regex_match_full (
      get_expressions ()->embedded, text, length, 0, 0, &match, NULL);
  for (; g_match_info_matches (match); g_match_info_next (match, NULL)) {
    g_autoptr (GArray) part = os_chars_new ("");

    g_match_info_fetch_pos (match, 0, &begin, &end);
    os_chars_append_utf8 (part, text + begin, end - begin);
    if (part->len == chars->len || !is_bad (part))
      continue;
    os_mojibake_fix (part);
    os_chars_append_utf8 (result, text + kept, begin - kept);
    g_array_append_vals (result, part->data, part->len);
    kept = end;
  }
  os_chars_append_utf8 (result, text + kept, length - kept);
  os_chars_assign (chars, result);
}

/* One layer: the whole text, or parts of it, or C1 controls, which are bytes of
 * windows-1252 that were read as Latin-1. */
static void
remove_layer (GArray *chars)
{
  g_autoptr (GArray) before = os_chars_new ("");

  if (reread_as_utf8 (chars))
    return;
  os_chars_assign (before, chars);
  reread_parts (chars);
  if (!os_chars_equal (before, chars))
    return;
  for (guint i = 0; i < chars->len; i++) {
    gunichar *c = &g_array_index (chars, gunichar, i);

    *c = os_c1_to_windows_1252 (*c);
  }
}

void
os_mojibake_fix (GArray *chars)
{
  g_autoptr (GArray) before = os_chars_new ("");

  for (guint layer = 0; layer < MAX_LAYERS; layer++) {
    if (os_chars_equal (before, chars) || is_ascii (chars) || !is_bad (chars))
      return;
    os_chars_assign (before, chars);
    remove_layer (chars);
  }
}
