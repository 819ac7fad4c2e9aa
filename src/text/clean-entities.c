/* SPDX-License-Identifier: Apache-2.0 */
/* Character references as the HTML standard reads them (section "named
 * character references" and the states around it), in the form that Python's
 * html.unescape() gives it. */
#include "text/clean-entities.h"

#include <string.h>

#define MAX_NAME 33 /* the longest, with its ";" */

/* --- tables --- */

const char *
os_entity_find (const char *name, gsize length)
{
  guint low = 0, high = OS_N_ENTITIES;

  while (low < high) {
    guint middle = (low + high) / 2;
    const char *entry = os_entity_texts + os_entity_offsets[middle];
    int order = strncmp (name, entry, length);

    if (order == 0 && entry[length] == '\0')
      return entry + length + 1;
    if (order > 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

gunichar
os_c1_to_windows_1252 (gunichar c)
{
  static const gunichar2 meant[32] = { 0x20ac, 0x81, 0x201a, 0x192, 0x201e,
    0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152, 0x8d, 0x17d,
    0x8f, 0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc,
    0x2122, 0x161, 0x203a, 0x153, 0x9d, 0x17e, 0x178 };

  return c >= 0x80 && c < 0xa0 ? meant[c - 0x80] : c;
}

/* --- numbers --- */

const gunichar *
os_html_read_code (const OsSubject *s, const gunichar *at, gunichar *code)
{
  const guint base = (os_subject_peek (s, at + 1) | 0x20) == 'x' ? 16 : 10;
  const gunichar *digits = at + (base == 16 ? 2 : 1), *after = digits;

  *code = 0;
  for (; after < s->end && *after < 0x80; after++) {
    int digit = g_ascii_xdigit_value (*after);

    if (digit < 0 || digit >= (int) base)
      break;
    *code = MIN (*code * base + digit, OS_HTML_NO_CODE);
  }
  return after > digits ? after : NULL;
}

gunichar
os_html_code_to_char (gunichar code)
{
  if (code == 0 || code >= OS_HTML_NO_CODE
      || (code >= 0xd800 && code <= 0xdfff))
    return 0xfffd;
  return os_c1_to_windows_1252 (code);
}

/* --- html.unescape --- */

/* No characters: most controls, and what Unicode will never use. */
static gboolean
is_dropped (gunichar c)
{
  return (c >= 0x01 && c <= 0x08) || c == 0x0b || (c >= 0x0e && c <= 0x1f)
         || c == 0x7f || (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe;
}

static const gunichar *
unescape_code (const OsSubject *s, const gunichar *at, GArray *result)
{
  gunichar code;
  const gunichar *after = os_html_read_code (s, at, &code);

  if (after == NULL)
    return NULL;
  if (!is_dropped (code) || code >= OS_HTML_NO_CODE) {
    code = os_html_code_to_char (code);
    g_array_append_val (result, code);
  }
  return os_subject_peek (s, after) == ';' ? after + 1 : after;
}

/* Characters that a name can have, as bytes, and its ";". */
static gsize
copy_name (const OsSubject *s, const gunichar *at, char *name)
{
  gsize n = 0;

  while (n < MAX_NAME - 1 && at + n < s->end && at[n] < 0x80
         && g_ascii_isalnum (at[n])) {
    name[n] = at[n];
    n++;
  }
  if (os_subject_peek (s, at + n) == ';')
    name[n++] = ';';
  return n;
}

/* The longest name that begins here, of at least two characters. */
static const gunichar *
unescape_name (const OsSubject *s, const gunichar *at, GArray *result)
{
  char name[MAX_NAME];

  for (gsize n = copy_name (s, at, name); n >= 2; n--) {
    const char *text = os_entity_find (name, n);

    if (text != NULL) {
      os_chars_append_utf8 (result, text, -1);
      return at + n;
    }
  }
  return NULL;
}

void
os_html_unescape (GArray *chars)
{
  OsSubject s = { os_chars_begin (chars), os_chars_end (chars), NULL };
  g_autoptr (GArray) result = os_chars_new ("");

  for (const gunichar *at = s.begin; at < s.end;) {
    const gunichar *after = NULL;

    if (*at == '&')
      after = os_subject_peek (&s, at + 1) == '#'
                  ? unescape_code (&s, at + 1, result)
                  : unescape_name (&s, at + 1, result);
    if (after == NULL) {
      g_array_append_vals (result, at, 1);
      after = at + 1;
    }
    at = after;
  }
  os_chars_assign (chars, result);
}
