/* SPDX-License-Identifier: Apache-2.0 */
/* Reading HTML as Python 3.11's html.parser does, with character references
 * handed over one by one. It reads twice: what has not ended when it first
 * comes to the end of the text could go on in a text that is still to come;
 * then the second time there is none, and it counts as text.
 *
 * From such a beginning the parser goes on a few characters further, and would
 * look through the rest again and again. What it has found out is remembered.
 */
#include "text/clean-html.h"

#include <string.h>

#include "text/clean-entities.h"
#include "text/clean-html-tree.h"

/* A stretch of characters of a class, the last that was measured. */
typedef struct {
  const gunichar *begin, *end;
} Run;

typedef struct {
  OsSubject s;
  OsHtmlTree *tree;
  const char *raw; /* the tag whose content is no HTML, or NULL */
  gboolean final;  /* the second reading */
  gboolean failed;

  Run name, value, no_gt;
  guint8 *seen; /* at every character: an attribute was read from here, and
                   the tag did not end */
  gboolean no_comment_end, no_section_end, no_conditional_end;
} Html;

static gunichar
peek (const Html *html, const gunichar *at)
{
  return os_subject_peek (&html->s, at);
}

static const gunichar *
skip (const Html *html, const gunichar *at, const char *literal)
{
  return os_subject_skip (&html->s, at, literal);
}

static const gunichar *
skip_spaces (const Html *html, const gunichar *at)
{
  return os_subject_skip_class (&html->s, at, os_text_is_space);
}

static const gunichar *
skip_run (const Html *html, Run *run, const gunichar *at,
    gboolean (*is_of_class) (gunichar c))
{
  if (at < run->begin || at >= run->end)
    *run = (Run){ at, os_subject_skip_class (&html->s, at, is_of_class) };
  return run->end;
}

static gboolean
is_not_gt (gunichar c)
{
  return c != '>';
}

/* Behind the next ">", or NULL if there is none. */
static const gunichar *
skip_to_gt (Html *html, const gunichar *at)
{
  const gunichar *gt = skip_run (html, &html->no_gt, at, is_not_gt);

  return gt < html->s.end ? gt + 1 : NULL;
}

/* --- start tags --- */

static gboolean
is_of_tag_name (gunichar c)
{
  return c != 0 && !os_char_is_of (c, "\t\n\r\f />");
}

static gboolean
is_of_attribute_name (gunichar c)
{
  return !os_text_is_space (c) && !os_char_is_of (c, "/=>");
}

static gboolean
is_of_value (gunichar c)
{
  return c != '>' && !os_text_is_space (c);
}

static gboolean
is_quote (gunichar c)
{
  return c == '"' || c == '\'';
}

/* S and "/", but not that of "/>" */
static const gunichar *
skip_between_attributes (const Html *html, const gunichar *at)
{
  while (os_text_is_space (peek (html, at))
         || (peek (html, at) == '/' && peek (html, at + 1) != '>'))
    at++;
  return at;
}

/* From "=" on, behind the name and perhaps S. A quote without its other one
 * leaves the value empty before S, or takes the last of several "=" for its
 * beginning; else there is no value, and this is `name_end`. */
static const gunichar *
skip_value (Html *html, const gunichar *at, const gunichar *name_end)
{
  const gunichar *behind, *value;

  for (behind = at; peek (html, behind) == '='; behind++)
    ;
  if (behind == at)
    return name_end;
  value = skip_spaces (html, behind);
  if (is_quote (peek (html, value))) {
    for (const gunichar *end = value + 1; end < html->s.end; end++)
      if (*end == *value)
        return end + 1;
    if (value > behind)
      return behind;
    if (behind - at < 2)
      return name_end;
    value = behind - 1;
  }
  return skip_run (html, &html->value, value, is_of_value);
}

/* All attributes, or NULL if that has come to nothing before. */
static const gunichar *
skip_attributes (Html *html, const gunichar *at)
{
  while (at < html->s.end && is_of_value (*at) && *at != '/'
         && (os_text_is_space (at[-1]) || is_quote (at[-1]) || at[-1] == '/')) {
    guint8 *seen = html->seen + (at - html->s.begin);
    const gunichar *name_end;

    if (*seen)
      return NULL;
    *seen = TRUE;
    name_end = os_subject_skip_class (&html->s, at + 1, is_of_attribute_name);
    at = skip_value (html, skip_spaces (html, name_end), name_end);
    at = skip_between_attributes (html, at);
  }
  return at;
}

static char *
read_name (const gunichar *begin, const gunichar *end)
{
  g_autoptr (GArray) name = os_chars_new ("");

  g_array_append_vals (name, begin, end - begin);
  os_chars_lower (name);
  return os_chars_to_utf8 (name, NULL);
}

static void
open_tag (Html *html, const char *name, gboolean self_closing)
{
  os_html_tree_open (html->tree, name, self_closing);
  if (self_closing)
    return;
  if (g_str_equal (name, "script"))
    html->raw = "script";
  else if (g_str_equal (name, "style"))
    html->raw = "style";
}

/* Readers of markup get the place of its "<" and return what is behind it, or
 * NULL if it does not end. */
static const gunichar *
read_start_tag (Html *html, const gunichar *at)
{
  const gunichar *name_end =
      skip_run (html, &html->name, at + 1, is_of_tag_name);
  const gunichar *after = name_end;
  g_autofree char *name = NULL;
  gboolean self_closing;
  gunichar c;

  while (os_text_is_space (peek (html, after)) || peek (html, after) == '/')
    after++;
  self_closing = after > name_end && after[-1] == '/';
  if (peek (html, after) != '>') {
    after = skip_attributes (html, after);
    self_closing = after != NULL && skip (html, after, "/>") != NULL;
  }
  if (after == NULL || after == html->s.end)
    return NULL;

  c = peek (html, after);
  if (c == '>' || self_closing) {
    name = read_name (at + 1, name_end);
    open_tag (html, name, self_closing);
    return after + (c == '>' ? 1 : 2);
  }
  if (c == '/' || c == '=' || os_char_is_letter (c))
    return NULL;
  os_html_tree_add (html->tree, at, after - at);
  return after;
}

/* --- end tags --- */

static gboolean
is_of_end_name (gunichar c)
{
  return os_char_is_letter (c) || os_char_is_of (c, "0123456789-.:_");
}

/* "</" S* name S* ">", the form that ends well; else the name may be followed
 * by anything up to ">". */
static const gunichar *
read_end_tag (Html *html, const gunichar *at)
{
  const gunichar *after = skip_to_gt (html, at);
  const gunichar *begin = skip_spaces (html, at + 2), *end;
  g_autofree char *name = NULL;

  if (after == NULL)
    return NULL;
  end = os_subject_skip_class (&html->s, begin, is_of_end_name);
  if (!os_char_is_letter (peek (html, begin))
      || peek (html, skip_spaces (html, end)) != '>') {
    begin = at + 2;
    if (!os_char_is_letter (peek (html, begin))) {
      if (peek (html, begin) != '>')
        os_html_tree_cut (html->tree);
      return after;
    }
    end = skip_run (html, &html->name, begin, is_of_tag_name);
  }
  name = read_name (begin, end);
  os_html_tree_close (html->tree, name);
  return after;
}

/* The end of what is in <script> or <style>, or NULL. */
static const gunichar *
find_raw_end (Html *html, const gunichar *at)
{
  for (; at < html->s.end; at++) {
    const gunichar *after = skip (html, at, "</");

    if (after != NULL)
      after = skip (html, skip_spaces (html, after), html->raw);
    if (after != NULL && peek (html, skip_spaces (html, after)) == '>')
      return at;
  }
  return NULL;
}

/* --- comments and declarations --- */

/* Behind the first `mark` S* ">", where S* may also be inside of a mark of two
 * characters if `apart`; `none` remembers that there is none. */
static const gunichar *
skip_to_mark (Html *html, const gunichar *at, const char *mark, gboolean apart,
    const gunichar **begin, gboolean *none)
{
  for (; at < html->s.end && !*none; at++) {
    const gunichar *after = at;

    for (const char *c = mark; *c != '\0' && after != NULL; c++) {
      after = peek (html, after) == (guchar) *c ? after + 1 : NULL;
      if (after != NULL && (apart || c[1] == '\0'))
        after = skip_spaces (html, after);
    }
    if (after != NULL && peek (html, after) == '>') {
      *begin = at;
      return after + 1;
    }
  }
  *none = TRUE;
  return NULL;
}

static const gunichar *
read_comment (Html *html, const gunichar *at)
{
  const gunichar *end;

  return skip_to_mark (
      html, at + strlen ("<!--"), "--", FALSE, &end, &html->no_comment_end);
}

static gboolean
is_of_section_name (gunichar c)
{
  return os_char_is_letter (c) || os_char_is_of (c, "0123456789-_.");
}

/* "<![name[ … ]]>", or "<![if … ]>" as word processors write it */
static const gunichar *
read_marked_section (Html *html, const gunichar *at)
{
  static const char *const sections[] = { "temp", "cdata", "ignore", "include",
    "rcdata", NULL };
  static const char *const conditionals[] = { "if", "else", "endif", NULL };
  const gunichar *begin = at + strlen ("<!["), *end, *after;
  const gunichar *name_end =
      os_char_is_letter (peek (html, begin))
          ? os_subject_skip_class (&html->s, begin, is_of_section_name)
          : begin;
  g_autofree char *name = read_name (begin, name_end);

  if (skip_spaces (html, name_end) == html->s.end
      && (name_end > begin || begin == html->s.end))
    return NULL;
  if (g_strv_contains (sections, name)) {
    after = skip_to_mark (html, begin, "]]", TRUE, &end, &html->no_section_end);
  } else if (g_strv_contains (conditionals, name)) {
    after =
        skip_to_mark (html, begin, "]", TRUE, &end, &html->no_conditional_end);
  } else {
    html->failed = TRUE;
    return NULL;
  }
  if (after != NULL && g_str_equal (name, "cdata") && *name_end == '[')
    os_html_tree_add_cdata (html->tree, name_end + 1, end - name_end - 1);
  return after;
}

static const gunichar *
read_declaration (Html *html, const gunichar *at)
{
  const gunichar *after;

  if (skip (html, at, "<!--") != NULL)
    after = read_comment (html, at);
  else if (skip (html, at, "<![") != NULL)
    after = read_marked_section (html, at);
  else
    after = skip_to_gt (html, at);
  if (after != NULL)
    os_html_tree_cut (html->tree);
  return after;
}

/* --- character references --- */

/* Readers of references return NULL where this reading has to end. */
static const gunichar *
read_code (Html *html, const gunichar *at)
{
  gunichar code;
  const gunichar *after = os_html_read_code (&html->s, at + 1, &code);

  if (after == NULL || after == html->s.end
      || (*after < 0x80 && g_ascii_isxdigit (*after)))
    return NULL;
  code = os_html_code_to_char (code);
  os_html_tree_add (html->tree, &code, 1);
  return *after == ';' ? after + 1 : after;
}

static gboolean
is_of_entity (gunichar c)
{
  return os_char_is_letter (c) || os_char_is_of (c, "0123456789-.");
}

/* An unknown name is text, without the ";". */
static void
add_entity (Html *html, const gunichar *name, gsize n)
{
  g_autoptr (GString) key = g_string_new (NULL);
  g_autoptr (GArray) chars = NULL;
  const char *text;

  for (gsize i = 0; i < n; i++)
    g_string_append_c (key, name[i]);
  g_string_append_c (key, ';');
  text = os_entity_find (key->str, key->len);
  if (text == NULL) {
    os_html_tree_add (html->tree, name - 1, n + 1);
    return;
  }
  chars = os_chars_new (text);
  os_html_tree_add (html->tree, os_chars_begin (chars), chars->len);
}

/* At the end of the text, "." and "-" can be what follows the name. */
static const gunichar *
read_entity (Html *html, const gunichar *at)
{
  const gunichar *name = at + 1;
  const gunichar *after = os_subject_skip_class (&html->s, name, is_of_entity);

  if (after == html->s.end)
    do
      after--;
    while (g_ascii_isalnum (*after) && after > name);
  if (after == name)
    return NULL;
  add_entity (html, name, after - name);
  return *after == ';' ? after + 1 : after;
}

/* --- readings --- */

/* These two return FALSE where the reading has to end. */
static gboolean
read_reference (Html *html, const gunichar **at)
{
  const gunichar *end = html->s.end, *after;

  if (peek (html, *at + 1) == '#') {
    after = read_code (html, *at);
    if (after == NULL) {
      const gunichar *semicolon = *at;

      while (semicolon < end && *semicolon != ';')
        semicolon++;
      if (semicolon == end)
        return FALSE;
      os_html_tree_add (html->tree, *at, 2);
      *at += 2;
      return FALSE;
    }
  } else if (os_char_is_letter (peek (html, *at + 1))) {
    after = read_entity (html, *at);
    if (after == NULL) {
      *at += html->final && end - *at == 2; /* the "&" is lost */
      return FALSE;
    }
  } else {
    if (end - *at < 2)
      return FALSE;
    os_html_tree_add (html->tree, *at, 1);
    after = *at + 1;
  }
  *at = after;
  return TRUE;
}

/* Markup that does not end is text: up to its first ">", or the next "<". */
static const gunichar *
add_unended (Html *html, const gunichar *at)
{
  const gunichar *after = skip_to_gt (html, at + 1);

  if (after == NULL) {
    for (after = at + 1; after < html->s.end && *after != '<'; after++)
      ;
    if (after == html->s.end)
      after = at + 1;
  }
  os_html_tree_add (html->tree, at, after - at);
  return after;
}

static gboolean
read_markup (Html *html, const gunichar **at)
{
  const gunichar *after;
  const gunichar c = peek (html, *at + 1);

  if (os_char_is_letter (c)) {
    after = read_start_tag (html, *at);
  } else if (c == '/') {
    after = read_end_tag (html, *at);
  } else if (c == '!' || c == '?') {
    after = read_declaration (html, *at);
  } else {
    if (html->s.end - *at < 2)
      return FALSE;
    os_html_tree_add (html->tree, *at, 1);
    after = *at + 1;
  }
  if (after == NULL && html->final && !html->failed)
    after = add_unended (html, *at);
  if (after == NULL)
    return FALSE;
  *at = after;
  return TRUE;
}

static gboolean
is_plain (gunichar c)
{
  return c != '<' && c != '&';
}

/* From `at` up to where it has to end. */
static const gunichar *
read_text (Html *html, const gunichar *at)
{
  gboolean goes_on = TRUE;

  while (goes_on && at < html->s.end) {
    const gunichar *text = at;

    if (html->raw != NULL) {
      at = find_raw_end (html, at);
      if (at == NULL)
        return text;
      html->raw = NULL;
      at = read_end_tag (html, at);
      continue;
    }
    at = os_subject_skip_class (&html->s, at, is_plain);
    os_html_tree_add (html->tree, text, at - text);
    if (at < html->s.end)
      goes_on =
          *at == '<' ? read_markup (html, &at) : read_reference (html, &at);
  }
  return at;
}

void
os_html_to_text (GArray *chars)
{
  g_autoptr (OsHtmlTree) tree = os_html_tree_new ();
  g_autofree guint8 *seen = g_malloc0 (chars->len + 1);
  Html html = {
    .s = { os_chars_begin (chars), os_chars_end (chars), NULL },
    .tree = tree,
    .seen = seen,
  };
  const gunichar *at = read_text (&html, html.s.begin);

  html.final = TRUE;
  if (!html.failed)
    at = read_text (&html, at);
  if (html.failed)
    return;
  if (html.raw == NULL)
    os_html_tree_add (tree, at, html.s.end - at);
  os_chars_assign (chars, os_html_tree_finish (tree));
}
