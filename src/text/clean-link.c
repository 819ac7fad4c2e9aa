/* SPDX-License-Identifier: Apache-2.0 */
/* Links: percent escapes and where a link ends. */
#include "text/clean-link.h"

/* --- escapes --- */

/* The byte that %hh at `at` stands for, or -1. */
static int
escaped_byte (const OsSubject *s, const gunichar *at)
{
  int high, low;

  if (*at != '%' || s->end - at < 3 || at[1] >= 0x80 || at[2] >= 0x80)
    return -1;
  high = g_ascii_xdigit_value (at[1]);
  low = g_ascii_xdigit_value (at[2]);
  return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Characters beyond ASCII end a sequence of escaped bytes. */
static void
flush_bytes (GArray *chars, GByteArray *bytes)
{
  const guint8 *end = bytes->data + bytes->len;

  for (const guint8 *at = bytes->data; at < end;) {
    gunichar c;
    int n = os_utf8_read (at, end, &c);

    if (n < 0)
      c = 0xfffd;
    at += ABS (n);
    g_array_append_val (chars, c);
  }
  g_byte_array_set_size (bytes, 0);
}

void
os_url_unquote (GArray *chars)
{
  OsSubject s = { os_chars_begin (chars), os_chars_end (chars), NULL };
  g_autoptr (GArray) result = os_chars_new ("");
  g_autoptr (GByteArray) bytes = g_byte_array_sized_new (16);

  for (const gunichar *at = s.begin; at < s.end; at++) {
    int escaped = escaped_byte (&s, at);
    guint8 byte = escaped >= 0 ? escaped : *at == '+' ? ' ' : *at;

    if (*at >= 0x80) {
      flush_bytes (result, bytes);
      g_array_append_vals (result, at, 1);
      continue;
    }
    g_byte_array_append (bytes, &byte, 1);
    at += escaped >= 0 ? 2 : 0;
  }
  flush_bytes (result, bytes);
  os_chars_assign (chars, result);
}

/* --- links --- */

static gboolean
is_of_host (gunichar c)
{
  return c < 0x80 && (g_ascii_isalnum (c) || c == '.' || c == '-');
}

static gboolean
is_of_path (gunichar c)
{
  return c == '/' || c == '-' || os_char_is_word (c);
}

/* 1 to 3 "/", or one letter, digit or "%" */
static const gunichar *
match_behind_scheme (const OsSubject *s, const gunichar *at)
{
  gunichar c = os_subject_peek (s, at);
  const gunichar *after = at;

  while (after - at < 3 && os_subject_peek (s, after) == '/')
    after++;
  if (after > at)
    return after;
  return c < 0x80 && (g_ascii_isalnum (c) || c == '%') ? at + 1 : NULL;
}

/* As much of {W / -}* as ends at the border of a word, a "/" behind it, if "@"
 * is not what follows. */
static const gunichar *
match_path (const OsSubject *s, const gunichar *at)
{
  const gunichar *end = os_subject_skip_class (s, at, is_of_path);

  for (const gunichar *after = end; after >= at; after--) {
    if (!os_subject_is_boundary (s, after))
      continue;
    if (os_subject_peek (s, after) == '/'
        && os_subject_peek (s, after + 1) != '@')
      return after + 1;
    if (os_subject_peek (s, after) != '@')
      return after;
  }
  return NULL;
}

/* Of the domains that the text here begins with, the first that a path can
 * follow: "com" and "co" are different things to "@". */
static const gunichar *
match_domain (const OsSubject *s, const gunichar *at)
{
  static const char *const domains[] = { "com", "co", "ru", "net", "org", "edu",
    "gov", "it" };

  for (guint i = 0; i < G_N_ELEMENTS (domains); i++) {
    const gunichar *path = os_subject_skip (s, at, domains[i]);
    const gunichar *after = path != NULL ? match_path (s, path) : NULL;

    if (after != NULL)
      return after;
  }
  return NULL;
}

/* The last "." in the run of host characters that a domain follows. */
static const gunichar *
match_host (OsSubject *s, const gunichar *at)
{
  const gunichar *end = os_subject_skip_class (s, at, is_of_host);

  for (const gunichar *dot = end - 1; dot > at; dot--) {
    const gunichar *after = *dot == '.' ? match_domain (s, dot + 1) : NULL;

    if (after != NULL)
      return after;
  }
  s->hopeless = end;
  return NULL;
}

const gunichar *
os_match_link (OsSubject *s, const gunichar *at, const char *what)
{
  const gunichar *scheme, *after = NULL;

  if (!os_subject_is_boundary (s, at))
    return NULL;
  scheme = os_subject_skip_any (s, at, what);
  if (scheme != NULL)
    after = match_behind_scheme (s, scheme);
  if (after == NULL && at >= s->hopeless && is_of_host (*at))
    after = match_host (s, at);
  return after;
}
