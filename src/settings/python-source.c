/* SPDX-License-Identifier: Apache-2.0 */
/* Names, numbers and strings of Python. */
#include "settings/python-source.h"

#include <math.h>
#include <opensora/opensora.h>
#include <string.h>

#include "base/text.h"

/* --- Places --- */

gboolean
os_python_fail (const OsPythonSource *source, const char *at, GError **error,
    const char *format, ...)
{
  const char *line_start = source->text;
  g_autofree char *text = NULL;
  guint line = 1;
  va_list args;

  for (const char *p = source->text; p < at; p++) {
    if (*p == '\n') {
      line++;
      line_start = p + 1;
    }
  }
  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT, "%s:%u:%ld: %s",
      source->origin, line, g_utf8_strlen (line_start, at - line_start) + 1,
      text);
  return FALSE;
}

static gboolean
is_name_start (char c)
{
  return g_ascii_isalpha (c) || c == '_';
}

static gboolean
is_name_char (char c)
{
  return g_ascii_isalnum (c) || c == '_';
}

/* The word or character at `at`. */
static char *
describe (const char *at)
{
  const char *after = at;
  g_autofree char *word = NULL;

  if (*at == '\0')
    return g_strdup ("the end of the file");
  if (*at == '\n')
    return g_strdup ("the end of the line");
  while (is_name_char (*after))
    after++;
  word = os_text_excerpt (
      at, after > at ? after - at : g_utf8_next_char (at) - at);
  return g_strdup_printf ("'%s'", word);
}

gboolean
os_python_fail_unexpected (
    const OsPythonSource *source, const char *at, GError **error)
{
  g_autofree char *found = describe (at);

  return os_python_fail (source, at, error,
      "%s is not understood here; a config assigns to names what is made of "
      "numbers, strings, True, False, None, names assigned before, lists, "
      "tuples, dict() and {}, with / and // between numbers",
      found);
}

/* --- Blanks and names --- */

void
os_python_skip (OsPythonSource *source)
{
  for (;;) {
    char c = *source->at;

    if (c == '#')
      source->at += strcspn (source->at, "\n");
    else if (c == '\\' && source->at[1] == '\n')
      source->at += 2;
    else if (c == ' ' || c == '\t' || c == '\f'
             || (c == '\n' && source->brackets > 0))
      source->at++;
    else
      return;
  }
}

char *
os_python_name (OsPythonSource *source)
{
  const char *start = source->at;

  if (!is_name_start (*start))
    return NULL;
  while (is_name_char (*source->at))
    source->at++;
  return g_strndup (start, source->at - start);
}

/* --- Numbers --- */

static int
digit_value (char c, int base)
{
  int value = g_ascii_xdigit_value (c);

  return value < base ? value : -1;
}

/* Digits, with single underscores between them; how many there are. */
static guint
scan_digits (OsPythonSource *source, int base, GString *out)
{
  guint n = 0;

  for (;;) {
    const char *at = source->at;

    if (*at == '_' && n > 0 && digit_value (at[1], base) >= 0)
      at++;
    if (digit_value (*at, base) < 0)
      return n;
    g_string_append_c (out, *at);
    source->at = at + 1;
    n++;
  }
}

/* The fraction and the exponent; FALSE if there are none. */
static gboolean
scan_fraction (OsPythonSource *source, GString *out)
{
  gboolean found = FALSE;

  if (*source->at == '.') {
    g_string_append_c (out, *source->at++);
    scan_digits (source, 10, out);
    found = TRUE;
  }
  if (*source->at == 'e' || *source->at == 'E') {
    gboolean is_signed = source->at[1] == '-' || source->at[1] == '+';

    if (g_ascii_isdigit (source->at[is_signed ? 2 : 1])) {
      g_string_append_len (out, source->at, is_signed ? 2 : 1);
      source->at += is_signed ? 2 : 1;
      scan_digits (source, 10, out);
      found = TRUE;
    }
  }
  return found;
}

static JsonNode *
new_int (const OsPythonSource *source, const char *start, const char *digits,
    int base, GError **error)
{
  gint64 value = 0;

  for (const char *at = digits; *at != '\0'; at++) {
    if (__builtin_mul_overflow (value, base, &value)
        || __builtin_add_overflow (value, digit_value (*at, base), &value)) {
      os_python_fail (source, start, error,
          "this whole number is too large; they go to %" G_GINT64_FORMAT,
          G_MAXINT64);
      return NULL;
    }
  }
  return json_node_init_int (json_node_alloc (), value);
}

static JsonNode *
new_double (const OsPythonSource *source, const char *start, const char *digits,
    GError **error)
{
  double value = g_ascii_strtod (digits, NULL);

  if (!isfinite (value)) {
    os_python_fail (source, start, error, "this number is too large");
    return NULL;
  }
  return json_node_init_double (json_node_alloc (), value);
}

/* 0x, 0o and 0b. */
static int
scan_base (OsPythonSource *source)
{
  const char *const letters = "xXoObB";
  const char *letter = strchr (letters, source->at[1]);

  if (source->at[0] != '0' || source->at[1] == '\0' || letter == NULL)
    return 10;
  source->at += source->at[2] == '_' ? 3 : 2;
  return (const int[]){ 16, 8, 2 }[(letter - letters) / 2];
}

JsonNode *
os_python_number (OsPythonSource *source, GError **error)
{
  const char *start = source->at;
  g_autoptr (GString) digits = g_string_new (NULL);
  int base = scan_base (source);
  guint n = scan_digits (source, base, digits);
  gboolean is_float = base == 10 && scan_fraction (source, digits);
  gboolean padded =
      digits->str[0] == '0' && strspn (digits->str, "0") != digits->len;

  if ((n == 0 && !is_float) || is_name_char (*source->at) || *source->at == '.'
      || (base == 10 && !is_float && padded)) {
    os_python_fail (source, start, error, "not a number that Python knows");
    return NULL;
  }
  return is_float ? new_double (source, start, digits->str, error)
                  : new_int (source, start, digits->str, base, error);
}

/* --- Strings --- */

/* `n` digits of a character's number, of which the first `least` are needed;
 * the strings of GLib end at NUL, so that is no character here. */
static gboolean
scan_character (OsPythonSource *source, const char *escape, int base,
    guint least, guint n, GString *out, GError **error)
{
  gunichar c = 0;
  guint i;

  for (i = 0; i < n && digit_value (*source->at, base) >= 0; i++)
    c = c * base + digit_value (*source->at++, base);
  if (i < least || c == 0 || !g_unichar_validate (c))
    return os_python_fail (
        source, escape, error, "an escape that spells no character");
  g_string_append_unichar (out, c);
  return TRUE;
}

/* `at` is on the backslash. */
static gboolean
scan_escape (OsPythonSource *source, GString *out, GError **error)
{
  static const char spelled[] = "\\'\"abfnrtv";
  static const char meant[] = "\\'\"\a\b\f\n\r\t\v";
  const char *escape = source->at++;
  const char c = *source->at;
  const char *found = c != '\0' ? strchr (spelled, c) : NULL;

  if (digit_value (c, 8) >= 0)
    return scan_character (source, escape, 8, 1, 3, out, error);
  if (c == 'N')
    return os_python_fail (source, escape, error,
        "characters by name are not supported; write the character");
  if (found != NULL)
    g_string_append_c (out, meant[found - spelled]);
  else if (c != '\n' && c != 'x' && c != 'u' && c != 'U') {
    /* Python keeps an unknown escape as it is written. */
    g_string_append_c (out, '\\');
    return TRUE;
  }
  source->at++;
  switch (c) {
    case 'x':
      return scan_character (source, escape, 16, 2, 2, out, error);
    case 'u':
      return scan_character (source, escape, 16, 4, 4, out, error);
    case 'U':
      return scan_character (source, escape, 16, 8, 8, out, error);
    default:
      return TRUE;
  }
}

/* One string; `at` is on its first quote. */
static gboolean
scan_string (OsPythonSource *source, gboolean raw, GString *out, GError **error)
{
  const char *start = source->at;
  const gboolean triple = start[1] == *start && start[2] == *start;
  const char quotes[] = { *start, triple ? *start : '\0', *start, '\0' };

  source->at += strlen (quotes);
  while (!g_str_has_prefix (source->at, quotes)) {
    char c = *source->at;

    if (c == '\0' || (c == '\n' && !triple))
      return os_python_fail (source, start, error, "a string without an end");
    if (c == '\\' && !raw) {
      if (!scan_escape (source, out, error))
        return FALSE;
      continue;
    }
    g_string_append_c (out, c);
    source->at++;
    if (c == '\\' && *source->at != '\0')
      g_string_append_c (out, *source->at++);
  }
  source->at += strlen (quotes);
  return TRUE;
}

gboolean
os_python_at_string (const OsPythonSource *source)
{
  gsize prefix = strspn (source->at, "bBfFrRuU");

  return prefix <= 2
         && (source->at[prefix] == '"' || source->at[prefix] == '\'');
}

/* mmengine puts other text in place of {{ fileDirname }}, {{$VARIABLE:value}}
 * and {{ _base_.name }}. */
static gboolean
check_templates (const OsPythonSource *source, const char *start,
    const char *string, GError **error)
{
  for (const char *at = string; (at = strstr (at, "{{")) != NULL; at++) {
    const char *name = at + 2 + strspn (at + 2, " \t\n'\"");

    if (*name == '$' || g_str_has_prefix (name, "file")
        || g_str_has_prefix (name, "_base_."))
      return os_python_fail (source, start, error,
          "templates such as {{ fileDirname }} are not supported; write what "
          "they stand for");
  }
  return TRUE;
}

char *
os_python_string (OsPythonSource *source, GError **error)
{
  const char *start = source->at;
  g_autoptr (GString) out = g_string_new (NULL);

  while (os_python_at_string (source)) {
    const char *prefix = source->at;
    gboolean raw = *prefix == 'r' || *prefix == 'R';

    source->at += strcspn (prefix, "\"'");
    if (source->at - prefix > 1 || strchr ("bBfF", *prefix) != NULL) {
      os_python_fail (source, prefix, error,
          "strings with the prefix %.*s are not supported",
          (int) (source->at - prefix), prefix);
      return NULL;
    }
    if (!scan_string (source, raw, out, error))
      return NULL;
    os_python_skip (source);
  }
  if (!check_templates (source, start, out->str, error))
    return NULL;
  return g_string_free (g_steal_pointer (&out), FALSE);
}
