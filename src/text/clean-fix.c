/* SPDX-License-Identifier: Apache-2.0 */
/* ftfy.fix_text() of ftfy 6.3 (Robyn Speer, Apache-2.0) with its default
 * settings, written anew from what it does. A line at a time, and each until
 * nothing changes any more. */
#include "text/clean-fix.h"

#include <string.h>

#include "text/clean-entities.h"
#include "text/clean-mojibake.h"

/* Every round takes one layer of damage away. Who writes more of them means
 * harm: rounds times length is the time it takes. */
#define MAX_ROUNDS 32
#define MAX_ENTITY_NAME 24
#define MAX_DECOMPOSITION 18

/* --- entities --- */

/* Some names are also known in capitals, if nothing else has that name: the
 * text is then in capitals, too. */
static char *
find_entity_in_capitals (const char *name, gsize length)
{
  g_autofree char *small = g_ascii_strdown (name, length);
  const char *text;

  for (gsize i = 0; i < length; i++)
    if (g_ascii_islower (name[i]))
      return NULL;
  for (gsize n = length; n >= 2; n--)
    if (os_entity_find (name, n) != NULL)
      return NULL;
  text = os_entity_find (small, length);
  return text != NULL ? g_utf8_strup (text, -1) : NULL;
}

static char *
find_entity (const char *name, gsize length)
{
  const char *text = os_entity_find (name, length);

  return text != NULL ? g_strdup (text)
                      : find_entity_in_capitals (name, length);
}

/* The number of an entity is unescaped if that leaves no ";". */
static char *
find_code (const OsSubject *s, const gunichar *at, const gunichar *end)
{
  g_autoptr (GArray) chars = os_chars_new ("&");

  g_array_append_vals (chars, at, end - at);
  os_html_unescape (chars);
  for (const gunichar *c = os_chars_begin (chars); c < os_chars_end (chars);
       c++)
    if (*c == ';')
      return NULL;
  return os_chars_to_utf8 (chars, NULL);
}

/* At "&": "#"? 1 to 24 letters and digits ";" */
static const gunichar *
match_entity (const OsSubject *s, const gunichar *at, char **text)
{
  const gboolean is_code = os_subject_peek (s, at + 1) == '#';
  const gunichar *begin = at + (is_code ? 2 : 1);
  char name[MAX_ENTITY_NAME + 1];
  gsize n = 0;

  while (n < MAX_ENTITY_NAME && begin + n < s->end && begin[n] < 0x80
         && g_ascii_isalnum (begin[n])) {
    name[n] = begin[n];
    n++;
  }
  if (n == 0 || os_subject_peek (s, begin + n) != ';')
    return NULL;
  name[n++] = ';';
  *text = is_code ? find_code (s, at + 1, begin + n) : find_entity (name, n);
  return *text != NULL ? begin + n : NULL;
}

static void
unescape_entities (GArray *line)
{
  OsSubject s = { os_chars_begin (line), os_chars_end (line), NULL };
  g_autoptr (GArray) result = os_chars_new ("");

  for (const gunichar *at = s.begin; at < s.end;) {
    g_autofree char *text = NULL;
    const gunichar *after = *at == '&' ? match_entity (&s, at, &text) : NULL;

    if (after == NULL) {
      g_array_append_vals (result, at, 1);
      after = at + 1;
    } else {
      os_chars_append_utf8 (result, text, -1);
    }
    at = after;
  }
  os_chars_assign (line, result);
}

/* --- characters --- */

/* What a ligature is made of, or NULL. */
static const char *
find_ligature (gunichar c)
{
  static const struct {
    gunichar2 c;
    const char *letters;
  } ligatures[] = { { 0x132, "IJ" }, { 0x133, "ij" }, { 0x149, "\u02bcn" },
    { 0x1c4, "D\u017d" }, { 0x1c5, "D\u017e" }, { 0x1c6, "d\u017e" },
    { 0x1c7, "LJ" }, { 0x1c8, "Lj" }, { 0x1c9, "lj" }, { 0x1ca, "NJ" },
    { 0x1cb, "Nj" }, { 0x1cc, "nj" }, { 0x1f1, "DZ" }, { 0x1f2, "Dz" },
    { 0x1f3, "dz" }, { 0xfb00, "ff" }, { 0xfb01, "fi" }, { 0xfb02, "fl" },
    { 0xfb03, "ffi" }, { 0xfb04, "ffl" }, { 0xfb05, "\u017ft" },
    { 0xfb06, "st" } };

  for (guint i = 0; i < G_N_ELEMENTS (ligatures); i++)
    if (ligatures[i].c == c)
      return ligatures[i].letters;
  return NULL;
}

/* Full-width and half-width forms as what they are forms of. */
static void
append_usual_width (GArray *result, gunichar c)
{
  gunichar usual[MAX_DECOMPOSITION];
  gsize n;

  if (c != 0x3000 && (c < 0xff01 || c > 0xffef)) {
    g_array_append_val (result, c);
    return;
  }
  n = g_unichar_fully_decompose (c, TRUE, usual, G_N_ELEMENTS (usual));
  g_array_append_vals (result, usual, n);
}

static gunichar
straighten_quote (gunichar c)
{
  if (c >= 0x201c && c <= 0x201f)
    return '"';
  return c == 0x2bc || (c >= 0x2018 && c <= 0x201b) ? '\'' : c;
}

/* Ligatures, widths, quotes and C1 controls, a character at a time. */
static void
replace_characters (GArray *line)
{
  g_autoptr (GArray) result = os_chars_new ("");

  for (const gunichar *at = os_chars_begin (line); at < os_chars_end (line);
       at++) {
    const gunichar c = os_c1_to_windows_1252 (*at);
    const char *letters = c >= 0x80 ? find_ligature (c) : NULL;

    if (letters != NULL)
      os_chars_append_utf8 (result, letters, -1);
    else
      append_usual_width (result, c);
  }
  for (guint i = 0; i < result->len; i++) {
    gunichar *c = &g_array_index (result, gunichar, i);

    *c = straighten_quote (*c);
  }
  os_chars_assign (line, result);
}

/* --- lines and controls --- */

/* CR LF, CR and the separators of Unicode and of mainframes */
static const gunichar *
match_line_break (OsSubject *s, const gunichar *at, const char *what)
{
  if (*at == '\r')
    return os_subject_peek (s, at + 1) == '\n' ? at + 2 : at + 1;
  return *at == 0x2028 || *at == 0x2029 || *at == 0x85 ? at + 1 : NULL;
}

static gboolean
is_of_escape (gunichar c)
{
  return os_char_is_of (c, "0123456789;");
}

/* ESC "[" numbers letter: colours of terminals */
static const gunichar *
match_terminal_escape (OsSubject *s, const gunichar *at, const char *what)
{
  const gunichar *after = os_subject_skip (s, at, "\x1b[");

  if (after == NULL)
    return NULL;
  after = os_subject_skip_class (s, after, is_of_escape);
  return os_char_is_letter (os_subject_peek (s, after)) ? after + 1 : NULL;
}

static const gunichar *
match_control (OsSubject *s, const gunichar *at, const char *what)
{
  const gunichar c = *at;

  return c <= 0x08 || c == 0x0b || (c >= 0x0e && c <= 0x1f) || c == 0x7f
                 || (c >= 0x206a && c <= 0x206f) || c == 0xfeff
                 || (c >= 0xfff9 && c <= 0xfffc)
             ? at + 1
             : NULL;
}

/* --- normal form C --- */

/* g_utf8_normalize() takes quadratic time for many marks, and for many that are
 * composed. */

static void
decompose (const GArray *chars, GArray *result)
{
  gunichar parts[MAX_DECOMPOSITION];

  for (const gunichar *at = os_chars_begin (chars); at < os_chars_end (chars);
       at++)
    g_array_append_vals (result, parts,
        g_unichar_fully_decompose (*at, FALSE, parts, G_N_ELEMENTS (parts)));
}

static int
compare_classes (gconstpointer a, gconstpointer b, gpointer data)
{
  return g_unichar_combining_class (*(const gunichar *) a)
         - g_unichar_combining_class (*(const gunichar *) b);
}

/* The marks of a letter in their canonical order. */
static void
sort_marks (GArray *chars)
{
  for (guint i = 0; i < chars->len; i++) {
    gunichar *marks = &g_array_index (chars, gunichar, i);
    guint n = 0;

    while (i + n < chars->len && g_unichar_combining_class (marks[n]) != 0)
      n++;
    if (n > 1)
      g_qsort_with_data (marks, n, sizeof *marks, compare_classes, NULL);
    i += n;
  }
}

/* A mark joins the last letter, if no mark of its class or a higher one is left
 * between them; so does a letter that follows at once. */
static void
compose (GArray *chars)
{
  gunichar *letter = NULL;
  int last_class = 0; /* of a mark that is left behind the letter */
  guint n = 0;

  for (guint i = 0; i < chars->len; i++) {
    gunichar c = g_array_index (chars, gunichar, i), composed;
    gunichar *kept = &g_array_index (chars, gunichar, n);
    int class = g_unichar_combining_class (c);

    if (letter != NULL && (last_class == 0 || last_class < class)
        && g_unichar_compose (*letter, c, &composed)) {
      *letter = composed;
      continue;
    }
    *kept = c;
    n++;
    last_class = class;
    if (class == 0)
      letter = kept;
  }
  g_array_set_size (chars, n);
}

static void
normalize (GArray *line)
{
  g_autoptr (GArray) result = os_chars_new ("");

  decompose (line, result);
  sort_marks (result);
  compose (result);
  os_chars_assign (line, result);
}

/* --- all of it --- */

/* Nothing in plain ASCII is ever changed. */
static gboolean
is_plain (const GArray *line)
{
  for (const gunichar *c = os_chars_begin (line); c < os_chars_end (line); c++)
    if (*c == '&' || *c > '~' || (*c < ' ' && !os_char_is_of (*c, "\t\n\f")))
      return FALSE;
  return TRUE;
}

static void
fix_line (GArray *line, gboolean unescape)
{
  g_autoptr (GArray) before = os_chars_new ("");

  for (guint round = 0; round < MAX_ROUNDS; round++) {
    if (is_plain (line) || os_chars_equal (before, line))
      return;
    os_chars_assign (before, line);
    if (unescape)
      unescape_entities (line);
    os_mojibake_fix (line);
    replace_characters (line);
    os_chars_replace (line, match_line_break, NULL, "\n");
    os_chars_replace (line, match_terminal_escape, NULL, "");
    os_chars_replace (line, match_control, NULL, "");
    normalize (line);
  }
}

void
os_text_fix (GArray *chars)
{
  g_autoptr (GArray) result = os_chars_new (""), line = os_chars_new ("");
  const gunichar *end = os_chars_end (chars);
  gboolean unescape = TRUE;

  for (const gunichar *at = os_chars_begin (chars); at < end;) {
    const gunichar *after = at;

    do
      unescape = unescape && *after != '<';
    while (*after++ != '\n' && after < end);
    g_array_set_size (line, 0);
    g_array_append_vals (line, at, after - at);
    fix_line (line, unescape);
    g_array_append_vals (result, line->data, line->len);
    at = after;
  }
  os_chars_assign (chars, result);
}
