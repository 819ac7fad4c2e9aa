/* SPDX-License-Identifier: Apache-2.0 */
/* Prompt cleaning, step by step: what Open-Sora 1.0 to 1.3 do to captions and
 * prompts, which they have from PixArt and DeepFloyd IF. The steps carry the
 * numbers that the reference's substitutions have in their order.
 *
 * In comments D is a digit, W a word character, S white space, L an ASCII
 * letter, + one or more, ? perhaps; every pattern whose first and last
 * character are W has to begin and end at the borders of a word, unless it says
 * otherwise.
 *
 * Matchers look at every character of the text a bounded number of times. Where
 * the reference's expressions go back and try again, the matcher says why that
 * finds nothing, or how it does the same. */
#include "text/clean-steps.h"

#include "text/clean-entities.h"
#include "text/clean-fix.h"
#include "text/clean-html.h"
#include "text/clean-link.h"

#define EXTENSIONS "png jpg jpeg bmp webp eps pdf apk mp4"
/* Dashes of every script that Unicode has. */
#define DASHES                                                                 \
  "-\u058a\u05be\u1400\u1806\u2010\u2011\u2012\u2013\u2014\u2015\u2e17\u2e1a"  \
  "\u2e3a\u2e3b\u2e40\u301c\u3030\u30a0\ufe31\ufe32\ufe58\ufe63\uff0d"
#define QUOTES "`\u00b4\u00ab\u00bb\u201c\u201d\u00a8"
#define PUNCTUATION                                                            \
  "#\u00ae\u2022\u00a9\u2122&@\u00b7\u00ba\u00bd\u00be\u00bf\u00a1\u00a7~"     \
  ")(][}{|\\/*"
#define MANY_HYPHENS 3
/* "x" of 1920x1080; also Cyrillic, and the sign. */
#define TIMES "x\u0445\u00d7"

/* --- what most matchers are made of --- */

static gunichar
peek (const OsSubject *s, const gunichar *at)
{
  return os_subject_peek (s, at);
}

static const gunichar *
skip_digits (const OsSubject *s, const gunichar *at)
{
  return os_subject_skip_class (s, at, g_unichar_isdigit);
}

static const gunichar *
skip_letters (const OsSubject *s, const gunichar *at)
{
  return os_subject_skip_class (s, at, os_char_is_letter);
}

static const gunichar *
skip_spaces (const OsSubject *s, const gunichar *at)
{
  return os_subject_skip_class (s, at, os_text_is_space);
}

static gboolean
begins_word (const OsSubject *s, const gunichar *at)
{
  return os_char_is_word (*at) && !os_char_is_word (os_subject_before (s, at));
}

/* `after` if it is one, and beyond `at`. */
static const gunichar *
end_of_word (const OsSubject *s, const gunichar *at, const gunichar *after)
{
  return after > at && !os_char_is_word (peek (s, after)) ? after : NULL;
}

/* From min to max digits, up to the end of the word. */
static const gunichar *
skip_number (const OsSubject *s, const gunichar *at, guint min, guint max)
{
  const gunichar *after = skip_digits (s, at);

  return after - at >= min && after - at <= max ? end_of_word (s, at, after)
                                                : NULL;
}

/* --- general matchers: `what` says which characters --- */

static const gunichar *
match_literal (OsSubject *s, const gunichar *at, const char *what)
{
  return os_subject_skip (s, at, what);
}

static const gunichar *
match_one (OsSubject *s, const gunichar *at, const char *what)
{
  return os_char_is_of (*at, what) ? at + 1 : NULL;
}

static const gunichar *
match_run (OsSubject *s, const gunichar *at, const char *what)
{
  const gunichar *after = at;

  while (after < s->end && os_char_is_of (*after, what))
    after++;
  return after > at ? after : NULL;
}

static const gunichar *
match_runs_of_two (OsSubject *s, const gunichar *at, const char *what)
{
  const gunichar *after = match_run (s, at, what);

  return after != NULL && after - at >= 2 ? after : NULL;
}

static const gunichar *
match_spaces (OsSubject *s, const gunichar *at, const char *what)
{
  const gunichar *after = skip_spaces (s, at);

  return after > at ? after : NULL;
}

/* --- matchers of one step --- */

/* "@" W+ */
static const gunichar *
match_mention (OsSubject *s, const gunichar *at, const char *what)
{
  const gunichar *after;

  if (*at != '@')
    return NULL;
  after = os_subject_skip_class (s, at + 1, os_char_is_word);
  return after > at + 1 ? after : NULL;
}

/* The blocks from CJK Strokes to CJK Unified Ideographs. */
static const gunichar *
match_cjk (OsSubject *s, const gunichar *at, const char *what)
{
  return *at >= 0x31c0 && *at <= 0x9fff ? at + 1 : NULL;
}

/* "&quot" ";"? */
static const gunichar *
match_quote_entity (OsSubject *s, const gunichar *at, const char *what)
{
  const gunichar *after = os_subject_skip (s, at, "&quot");

  return after != NULL && peek (s, after) == ';' ? after + 1 : after;
}

/* Four groups of 1 to 3 digits with "." between, anywhere. */
static const gunichar *
match_ip_address (OsSubject *s, const gunichar *at, const char *what)
{
  for (guint group = 0; group < 4; group++) {
    guint digits = 0;

    if (group > 0 && peek (s, at++) != '.')
      return NULL;
    for (; digits < 3 && g_unichar_isdigit (peek (s, at)); digits++)
      at++;
    if (digits == 0)
      return NULL;
  }
  return at;
}

/* "#" with 1 to 3 digits or 5 and more, not 4. */
static const gunichar *
match_short_tag (OsSubject *s, const gunichar *at, const char *what)
{
  return *at == '#' ? skip_number (s, at + 1, 1, 3) : NULL;
}

static const gunichar *
match_long_tag (OsSubject *s, const gunichar *at, const char *what)
{
  return *at == '#' ? skip_number (s, at + 1, 5, G_MAXUINT) : NULL;
}

static const gunichar *
match_long_number (OsSubject *s, const gunichar *at, const char *what)
{
  return begins_word (s, at) ? skip_number (s, at, 6, G_MAXUINT) : NULL;
}

static gboolean
is_no_space (gunichar c)
{
  return !os_text_is_space (c);
}

/* Up to the last extension in the run of characters without space. */
static const gunichar *
match_file_name (OsSubject *s, const gunichar *at, const char *what)
{
  const gunichar *end;

  if (at < s->hopeless || os_text_is_space (*at))
    return NULL;
  end = os_subject_skip_class (s, at, is_no_space);
  for (const gunichar *dot = end - 1; dot > at; dot--) {
    const gunichar *after =
        *dot == '.' ? os_subject_skip_any (s, dot + 1, EXTENSIONS) : NULL;

    if (after != NULL)
      return after;
  }
  s->hopeless = end;
  return NULL;
}

/* S+ "." S+ */
static const gunichar *
match_lone_dot (OsSubject *s, const gunichar *at, const char *what)
{
  const gunichar *dot, *after;

  if (!os_text_is_space (*at) || os_text_is_space (os_subject_before (s, at)))
    return NULL;
  dot = skip_spaces (s, at);
  if (peek (s, dot) != '.')
    return NULL;
  after = skip_spaces (s, dot + 1);
  return after > dot + 1 ? after : NULL;
}

/* L{1..3} D{3..15} */
static const gunichar *
match_product_id (OsSubject *s, const gunichar *at, const char *what)
{
  const gunichar *digits;

  if (!begins_word (s, at))
    return NULL;
  digits = skip_letters (s, at);
  return digits > at && digits - at <= 3 ? skip_number (s, digits, 3, 15)
                                         : NULL;
}

/* L+ D+ L+ */
static const gunichar *
match_letters_around_digits (OsSubject *s, const gunichar *at, const char *what)
{
  const gunichar *digits, *letters;

  if (!begins_word (s, at))
    return NULL;
  digits = skip_letters (s, at);
  letters = skip_digits (s, digits);
  if (digits == at || letters == digits)
    return NULL;
  return end_of_word (s, letters, skip_letters (s, letters));
}

/* D+ L+ D+ */
static const gunichar *
match_digits_around_letters (OsSubject *s, const gunichar *at, const char *what)
{
  const gunichar *letters, *digits;

  if (!begins_word (s, at))
    return NULL;
  letters = skip_digits (s, at);
  digits = skip_letters (s, letters);
  if (letters == at || digits == letters)
    return NULL;
  return end_of_word (s, digits, skip_digits (s, digits));
}

/* Behind `word` and S+; `at` if that is not there. */
static const gunichar *
skip_word_and_spaces (const OsSubject *s, const gunichar *at, const char *word)
{
  const gunichar *after = os_subject_skip (s, at, word);

  return after != NULL && os_text_is_space (peek (s, after))
             ? skip_spaces (s, after)
             : at;
}

/* "worldwide"? "free"? "shipping", also inside of words */
static const gunichar *
match_shipping (OsSubject *s, const gunichar *at, const char *what)
{
  at = skip_word_and_spaces (s, at, "worldwide");
  at = skip_word_and_spaces (s, at, "free");
  return os_subject_skip (s, at, "shipping");
}

/* ("free" S)? "download" (S "free")?, also inside of words */
static const gunichar *
match_download (OsSubject *s, const gunichar *at, const char *what)
{
  const gunichar *free = os_subject_skip (s, at, "free");
  const gunichar *after;

  if (free != NULL && os_text_is_space (peek (s, free)))
    at = free + 1;
  at = os_subject_skip (s, at, "download");
  if (at == NULL || !os_text_is_space (peek (s, at)))
    return at;
  after = os_subject_skip (s, at + 1, "free");
  return after != NULL ? after : at;
}

/* "click" S ("for" or "on") S W+ */
static const gunichar *
match_click (OsSubject *s, const gunichar *at, const char *what)
{
  const gunichar *after;

  if (!begins_word (s, at))
    return NULL;
  at = os_subject_skip (s, at, "click");
  if (at == NULL || !os_text_is_space (peek (s, at)))
    return NULL;
  at = os_subject_skip_any (s, at + 1, "for on");
  if (at == NULL || !os_text_is_space (peek (s, at)))
    return NULL;
  after = os_subject_skip_class (s, at + 1, os_char_is_word);
  return after > at + 1 ? after : NULL;
}

/* An extension, (S "image" "s"?)?; need not end where a word does */
static const gunichar *
match_extension (OsSubject *s, const gunichar *at, const char *what)
{
  const gunichar *after;

  if (!begins_word (s, at))
    return NULL;
  at = os_subject_skip_any (s, at, EXTENSIONS);
  if (at == NULL || !os_text_is_space (peek (s, at)))
    return at;
  after = os_subject_skip_any (s, at + 1, "images image");
  return after != NULL ? after : at;
}

/* "page" S+ D+ */
static const gunichar *
match_page (OsSubject *s, const gunichar *at, const char *what)
{
  const gunichar *number;

  if (!begins_word (s, at))
    return NULL;
  number = skip_word_and_spaces (s, at, "page");
  return number > at ? skip_number (s, number, 1, G_MAXUINT) : NULL;
}

static gboolean
is_letter_or_digit (gunichar c)
{
  return os_char_is_letter (c) || g_unichar_isdigit (c);
}

/* D* L+ D+ L+ D+ {L D}*. The word ends where the run of letters and digits
 * does: there is no border inside. */
static const gunichar *
match_mixed_id (OsSubject *s, const gunichar *at, const char *what)
{
  const gunichar *after;

  if (!begins_word (s, at))
    return NULL;
  at = skip_digits (s, at);
  for (guint i = 0; i < 2; i++) {
    const gunichar *digits = skip_letters (s, at);

    after = skip_digits (s, digits);
    if (digits == at || after == digits)
      return NULL;
    at = after;
  }
  after = os_subject_skip_class (s, at, is_letter_or_digit);
  return os_subject_is_boundary (s, after) ? after : NULL;
}

/* D+ "."? D* */
static const gunichar *
skip_decimal (const OsSubject *s, const gunichar *at)
{
  const gunichar *after = skip_digits (s, at);

  if (after > at && peek (s, after) == '.')
    after = skip_digits (s, after + 1);
  return after > at ? after : NULL;
}

/* D+ "."? D* {times} D+ "."? D*. If the last digits do not end a word, the
 * match can still end behind the point, or before it. */
static const gunichar *
match_size (OsSubject *s, const gunichar *at, const char *what)
{
  const gunichar *after, *point;

  if (!begins_word (s, at))
    return NULL;
  after = skip_decimal (s, at);
  if (after == NULL || !os_char_is_of (peek (s, after), TIMES))
    return NULL;
  at = after + 1;
  after = skip_decimal (s, at);
  if (after == NULL)
    return NULL;
  point = skip_digits (s, at);
  if (os_subject_is_boundary (s, after))
    return after;
  if (after > point && os_subject_is_boundary (s, point + 1))
    return point + 1;
  return os_subject_is_boundary (s, point) ? point : NULL;
}

/* S+ ":" S+ behind a word */
static const gunichar *
match_lone_colon (OsSubject *s, const gunichar *at, const char *what)
{
  const gunichar *colon, *after;

  if (!os_text_is_space (*at) || !os_char_is_word (os_subject_before (s, at)))
    return NULL;
  colon = skip_spaces (s, at);
  if (peek (s, colon) != ':')
    return NULL;
  after = skip_spaces (s, colon + 1);
  return after > colon + 1 ? after : NULL;
}

/* Between one of "," "." "/" that does not follow a digit, and a word. */
static const gunichar *
match_missing_space (OsSubject *s, const gunichar *at, const char *what)
{
  return at - s->begin >= 2 && os_char_is_word (*at)
                 && os_char_is_of (at[-1], ",./") && !g_unichar_isdigit (at[-2])
             ? at
             : NULL;
}

/* --- steps that look at the whole text --- */

static void
strip_and_lower (GArray *chars)
{
  os_chars_strip (chars);
  os_chars_lower (chars);
}

/* D ":" D D S+ at the end */
static void
drop_time_at_end (GArray *chars)
{
  const gunichar *begin = os_chars_begin (chars), *end = os_chars_end (chars);
  const gunichar *at = end;

  while (at > begin && os_text_is_space (at[-1]))
    at--;
  if (at < end && at - begin >= 4 && g_unichar_isdigit (at[-4]) && at[-3] == ':'
      && g_unichar_isdigit (at[-2]) && g_unichar_isdigit (at[-1]))
    g_array_set_size (chars, at - 4 - begin);
}

/* More than a few hyphens and underscores stand for spaces. */
static void
space_hyphens (GArray *chars)
{
  guint n = 0;

  for (const gunichar *c = os_chars_begin (chars); c < os_chars_end (chars);
       c++)
    n += *c == '-' || *c == '_';
  if (n > MANY_HYPHENS)
    os_chars_replace (chars, match_one, "-_", " ");
}

static void
fix_and_unescape (GArray *chars)
{
  os_text_fix (chars);
  os_html_unescape (chars);
  os_html_unescape (chars);
  os_chars_strip (chars);
}

static gboolean
begins_with (const GArray *chars, const char *set)
{
  return chars->len > 0 && os_char_is_of (*os_chars_begin (chars), set);
}

static gboolean
ends_with (const GArray *chars, const char *set)
{
  return chars->len > 0 && os_char_is_of (os_chars_end (chars)[-1], set);
}

static void
drop_first (GArray *chars)
{
  g_array_remove_index (chars, 0);
}

static void
drop_last (GArray *chars)
{
  g_array_set_size (chars, chars->len - 1);
}

static void
drop_quotes_around (GArray *chars)
{
  if (chars->len > 2 && begins_with (chars, "\"'")
      && ends_with (chars, "\"'")) {
    drop_first (chars);
    drop_last (chars);
  }
}

static void
drop_mark_before (GArray *chars)
{
  if (begins_with (chars, "'_,-:;"))
    drop_first (chars);
}

static void
drop_mark_behind (GArray *chars)
{
  if (ends_with (chars, "'_,-:+"))
    drop_last (chars);
}

/* "." and one or more other than S, and nothing else */
static void
drop_dot_word (GArray *chars)
{
  OsSubject s = { os_chars_begin (chars), os_chars_end (chars), NULL };

  if (begins_with (chars, ".") && chars->len > 1
      && os_subject_skip_class (&s, s.begin, is_no_space) == s.end)
    g_array_set_size (chars, 0);
}

/* --- the table --- */

const OsCleanStep os_clean_steps[] = {
  { 2, os_url_unquote },
  { 3, strip_and_lower },
  { 4, NULL, match_literal, "<person>", "person" },
  { 5, NULL, os_match_link, "https: http:", "" },
  { 6, NULL, os_match_link, "www:", "" },
  { 7, os_html_to_text },
  { 8, NULL, match_mention, NULL, "" },
  { 15, NULL, match_cjk, NULL, "" },
  { 16, NULL, match_run, DASHES, "-" },
  { 17, NULL, match_one, QUOTES, "\"" },
  { 18, NULL, match_one, "\u2018\u2019", "'" },
  { 19, NULL, match_quote_entity, NULL, "" },
  { 20, NULL, match_literal, "&amp", "" },
  { 21, NULL, match_ip_address, NULL, " " },
  { 22, drop_time_at_end },
  { 23, NULL, match_literal, "\\n", " " },
  { 24, NULL, match_short_tag, NULL, "" },
  { 25, NULL, match_long_tag, NULL, "" },
  { 26, NULL, match_long_number, NULL, "" },
  { 27, NULL, match_file_name, NULL, "" },
  { 28, NULL, match_runs_of_two, "\"'", "\"" },
  { 29, NULL, match_runs_of_two, ".", " " },
  { 30, NULL, match_run, PUNCTUATION, " " },
  { 31, NULL, match_lone_dot, NULL, " " },
  { 32, space_hyphens },
  { 33, fix_and_unescape },
  { 34, NULL, match_product_id, NULL, "" },
  { 35, NULL, match_letters_around_digits, NULL, "" },
  { 36, NULL, match_digits_around_letters, NULL, "" },
  { 37, NULL, match_shipping, NULL, "" },
  { 38, NULL, match_download, NULL, "" },
  { 39, NULL, match_click, NULL, "" },
  { 40, NULL, match_extension, NULL, "" },
  { 41, NULL, match_page, NULL, "" },
  { 42, NULL, match_mixed_id, NULL, " " },
  { 43, NULL, match_size, NULL, "" },
  { 44, NULL, match_lone_colon, NULL, ": " },
  { 45, NULL, match_missing_space, NULL, " " },
  { 46, NULL, match_spaces, NULL, " " },
  { 47, drop_quotes_around },
  { 48, drop_mark_before },
  { 49, drop_mark_behind },
  { 50, drop_dot_word },
  { 51, os_chars_strip },
};

const guint os_clean_n_steps = G_N_ELEMENTS (os_clean_steps);

void
os_clean_step (const OsCleanStep *step, GArray *chars)
{
  if (step->change != NULL)
    step->change (chars);
  else
    os_chars_replace (chars, step->match, step->what, step->with);
}
