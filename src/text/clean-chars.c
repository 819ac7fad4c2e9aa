/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays of code points; lower case after the Unicode standard, section 3.13,
 * with the rule for the final sigma, as Python has it. */
#include "text/clean-chars.h"

#include <string.h>

#define CAPITAL_SIGMA 0x3a3
#define SMALL_SIGMA 0x3c3
#define FINAL_SIGMA 0x3c2
#define CAPITAL_I_DOT 0x130
#define DOT_ABOVE 0x307

/* --- arrays --- */

GArray *
os_chars_new (const char *text)
{
  /* With room from the start, so that an empty text has a place, too. */
  GArray *chars = g_array_sized_new (FALSE, FALSE, sizeof (gunichar), 16);

  os_chars_append_utf8 (chars, text, -1);
  return chars;
}

void
os_chars_append_utf8 (GArray *chars, const char *text, gssize length)
{
  const char *end = text + (length >= 0 ? (gsize) length : strlen (text));

  for (; text < end; text = g_utf8_next_char (text)) {
    gunichar c = g_utf8_get_char (text);

    g_array_append_val (chars, c);
  }
}

char *
os_chars_to_utf8 (const GArray *chars, gsize *length)
{
  GString *text = g_string_sized_new (chars->len);

  for (const gunichar *c = os_chars_begin (chars); c < os_chars_end (chars);
       c++)
    g_string_append_unichar (text, *c);
  if (length != NULL)
    *length = text->len;
  return g_string_free (text, FALSE);
}

void
os_chars_assign (GArray *chars, const GArray *from)
{
  g_array_set_size (chars, 0);
  g_array_append_vals (chars, from->data, from->len);
}

gboolean
os_chars_equal (const GArray *a, const GArray *b)
{
  return a->len == b->len
         && memcmp (a->data, b->data, a->len * sizeof (gunichar)) == 0;
}

void
os_chars_strip (GArray *chars)
{
  guint n = chars->len, skip = 0;

  while (n > 0 && os_text_is_space (g_array_index (chars, gunichar, n - 1)))
    n--;
  while (skip < n && os_text_is_space (g_array_index (chars, gunichar, skip)))
    skip++;
  g_array_set_size (chars, n);
  g_array_remove_range (chars, 0, skip);
}

int
os_utf8_read (const guint8 *at, const guint8 *end, gunichar *c)
{
  const guint8 first = *at;
  const int n = first < 0x80                    ? 1
                : first < 0xc2 || first >= 0xf5 ? 0
                : first < 0xe0                  ? 2
                : first < 0xf0                  ? 3
                                                : 4;
  /* Of the second byte: neither longer than need be, nor half a surrogate
   * pair, nor beyond U+10FFFF. */
  guint8 low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  guint8 high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;

  if (n == 0)
    return -1;
  *c = n == 1 ? first : first & (0x7f >> n);
  for (int i = 1; i < n; i++) {
    if (at + i == end || at[i] < low || at[i] > high)
      return -i;
    *c = *c << 6 | (at[i] & 0x3f);
    low = 0x80;
    high = 0xbf;
  }
  return n;
}

/* --- lower case --- */

/* Letters with case, also those that Unicode counts as numbers and symbols. */
static gboolean
is_cased (gunichar c)
{
  switch (g_unichar_type (c)) {
    case G_UNICODE_UPPERCASE_LETTER:
    case G_UNICODE_LOWERCASE_LETTER:
    case G_UNICODE_TITLECASE_LETTER:
      return TRUE;
    default:
      return c == 0xaa || c == 0xba || (c >= 0x2160 && c <= 0x217f)
             || (c >= 0x24b6 && c <= 0x24e9) || (c >= 0x1f130 && c <= 0x1f149)
             || (c >= 0x1f150 && c <= 0x1f169)
             || (c >= 0x1f170 && c <= 0x1f189);
  }
}

/* What may stand inside of a word without being a letter of it. */
static gboolean
is_case_ignorable (gunichar c)
{
  switch (g_unichar_type (c)) {
    case G_UNICODE_NON_SPACING_MARK:
    case G_UNICODE_ENCLOSING_MARK:
    case G_UNICODE_FORMAT:
    case G_UNICODE_MODIFIER_LETTER:
    case G_UNICODE_MODIFIER_SYMBOL:
      return TRUE;
    default:
      return os_char_is_of (c,
          "'.:\u00b7\u0387\u055f\u05f4\u2018\u2019\u2024\u2027\ufe13\ufe52"
          "\ufe55\uff07\uff0e\uff1a");
  }
}

/* Is there a letter with case before (step -1) or after (step 1) `at`? */
static gboolean
has_case_beside (const GArray *chars, const gunichar *at, int step)
{
  const gunichar *begin = os_chars_begin (chars), *end = os_chars_end (chars);

  while (step < 0 ? at > begin : at + 1 < end) {
    at += step;
    if (!is_case_ignorable (*at))
      return is_cased (*at);
  }
  return FALSE;
}

static gunichar
lower_sigma (const GArray *chars, const gunichar *at)
{
  return has_case_beside (chars, at, -1) && !has_case_beside (chars, at, 1)
             ? FINAL_SIGMA
             : SMALL_SIGMA;
}

/* Roman numerals and letters in circles are no letters to GLib. */
static gunichar
lower_char (gunichar c)
{
  if (c >= 0x2160 && c <= 0x216f)
    return c + 0x10;
  if (c >= 0x24b6 && c <= 0x24cf)
    return c + 0x1a;
  return g_unichar_tolower (c);
}

void
os_chars_lower (GArray *chars)
{
  g_autoptr (GArray) lower = os_chars_new ("");

  for (const gunichar *c = os_chars_begin (chars); c < os_chars_end (chars);
       c++) {
    if (*c == CAPITAL_I_DOT) {
      g_array_append_vals (lower, ((gunichar[]){ 'i', DOT_ABOVE }), 2);
    } else {
      gunichar small =
          *c == CAPITAL_SIGMA ? lower_sigma (chars, c) : lower_char (*c);

      g_array_append_val (lower, small);
    }
  }
  os_chars_assign (chars, lower);
}

/* --- matching --- */

gboolean
os_char_is_of (gunichar c, const char *set)
{
  if (c < 0x80)
    return c != 0 && strchr (set, c) != NULL;
  return g_utf8_strchr (set, -1, c) != NULL;
}

gboolean
os_subject_is_boundary (const OsSubject *subject, const gunichar *at)
{
  return os_char_is_word (os_subject_before (subject, at))
         != os_char_is_word (os_subject_peek (subject, at));
}

const gunichar *
os_subject_skip (
    const OsSubject *subject, const gunichar *at, const char *literal)
{
  for (; *literal != '\0'; literal++, at++)
    if (os_subject_peek (subject, at) != (guchar) *literal)
      return NULL;
  return at;
}

const gunichar *
os_subject_skip_any (
    const OsSubject *subject, const gunichar *at, const char *words)
{
  while (*words != '\0') {
    const gunichar *after = at;

    for (; *words != '\0' && *words != ' '; words++)
      if (after != NULL)
        after = os_subject_peek (subject, after) == (guchar) *words ? after + 1
                                                                    : NULL;
    if (after != NULL)
      return after;
    words += *words == ' ';
  }
  return NULL;
}

const gunichar *
os_subject_skip_class (const OsSubject *subject, const gunichar *at,
    gboolean (*is_of_class) (gunichar c))
{
  while (at < subject->end && is_of_class (*at))
    at++;
  return at;
}

void
os_chars_replace (
    GArray *chars, OsMatch match, const char *what, const char *with)
{
  OsSubject subject = { os_chars_begin (chars), os_chars_end (chars),
    os_chars_begin (chars) };
  const gunichar *kept = subject.begin;
  g_autoptr (GArray) result = NULL;

  for (const gunichar *at = kept; at < subject.end;) {
    const gunichar *after = match (&subject, at, what);

    if (after == NULL) {
      at++;
      continue;
    }
    if (result == NULL)
      result = os_chars_new ("");
    g_array_append_vals (result, kept, at - kept);
    os_chars_append_utf8 (result, with, -1);
    kept = after;
    at = MAX (after, at + 1);
  }
  if (result == NULL)
    return;
  g_array_append_vals (result, kept, subject.end - kept);
  os_chars_assign (chars, result);
}
