/* SPDX-License-Identifier: Apache-2.0 */
/* What cleaning is written in: a text as an array of code points (a GArray of
 * gunichar), classes of characters, and replacing what a matcher finds.
 *
 * The classes are those of Python's re for str: a word character is a letter, a
 * number of any kind or "_", a digit is of category Nd, white space is
 * os_text_is_space(). */
#pragma once

#include <glib.h>

#include "base/text.h"

/* text: valid UTF-8. */
GArray *os_chars_new (const char *text);
/* length may be NULL; it counts what is behind a NUL, too. */
char *os_chars_to_utf8 (const GArray *chars, gsize *length);
/* length: in bytes, or -1 if the text ends with NUL. */
void os_chars_append_utf8 (GArray *chars, const char *text, gssize length);
/* Makes `chars` a copy of `from`. */
void os_chars_assign (GArray *chars, const GArray *from);
gboolean os_chars_equal (const GArray *a, const GArray *b);
void os_chars_strip (GArray *chars);
/* Whatever the locale, as Python's str.lower(). */
void os_chars_lower (GArray *chars);

static inline const gunichar *
os_chars_begin (const GArray *chars)
{
  return (const gunichar *) chars->data;
}

static inline const gunichar *
os_chars_end (const GArray *chars)
{
  return os_chars_begin (chars) + chars->len;
}

/* Reading UTF-8 that may be none. The bytes of the character at `at`, before
 * `end`; or minus the number of bytes that one U+FFFD stands for: as many as
 * begin a character, at least one. */
int os_utf8_read (const guint8 *at, const guint8 *end, gunichar *c);

/* --- matching --- */

typedef struct {
  const gunichar *begin, *end;
  /* For matchers that search far ahead: what they look for begins nowhere
   * before this, so that a search in vain happens once. */
  const gunichar *hopeless;
} OsSubject;

/* The end of the match that begins at `at` (which is before the subject's end),
 * or NULL. `what` is the matcher's argument. */
typedef const gunichar *(*OsMatch) (
    OsSubject *subject, const gunichar *at, const char *what);

/* Every match, from left to right, not overlapping, becomes `with`. An empty
 * match is a place to insert it. */
void os_chars_replace (
    GArray *chars, OsMatch match, const char *what, const char *with);

/* The character at `at`, and the one before; 0, which is in no class, at the
 * ends of the subject. */
static inline gunichar
os_subject_peek (const OsSubject *subject, const gunichar *at)
{
  return at < subject->end ? *at : 0;
}

static inline gunichar
os_subject_before (const OsSubject *subject, const gunichar *at)
{
  return at > subject->begin ? at[-1] : 0;
}

static inline gboolean
os_char_is_word (gunichar c)
{
  return c < 0x80 ? g_ascii_isalnum (c) || c == '_' : g_unichar_isalnum (c);
}

static inline gboolean
os_char_is_letter (gunichar c)
{
  return c < 0x80 && g_ascii_isalpha (c);
}

/* One of the characters of a string? */
gboolean os_char_is_of (gunichar c, const char *set);

/* Does a word begin or end at `at`, or go on? */
gboolean os_subject_is_boundary (const OsSubject *subject, const gunichar *at);
/* Behind the ASCII text `literal`, or NULL. */
const gunichar *os_subject_skip (
    const OsSubject *subject, const gunichar *at, const char *literal);
/* Behind the first of the words, separated by spaces, that stands here. */
const gunichar *os_subject_skip_any (
    const OsSubject *subject, const gunichar *at, const char *words);
/* Behind all characters of a class; `at` if there is none. */
const gunichar *os_subject_skip_class (const OsSubject *subject,
    const gunichar *at, gboolean (*is_of_class) (gunichar c));
