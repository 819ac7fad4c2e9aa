/* SPDX-License-Identifier: Apache-2.0 */
/* Prompt cleaning. */
#include "text/clean.h"

#include <string.h>

/* White space as Python's str.strip() has it, which is more than GLib's. */
static gboolean
is_space (gunichar c)
{
  return g_unichar_isspace (c) || c == 0x0b || (c >= 0x1c && c <= 0x1f)
         || c == 0x85;
}

char *
os_prompt_clean (const char *prompt)
{
  const char *end = prompt + strlen (prompt);
  GString *clean = g_string_new (NULL);

  while (*prompt && is_space (g_utf8_get_char (prompt)))
    prompt = g_utf8_next_char (prompt);
  while (end > prompt && is_space (g_utf8_get_char (g_utf8_prev_char (end))))
    end = g_utf8_prev_char (end);
  /* Letter by letter: g_utf8_strdown() depends on the locale. */
  for (; prompt < end; prompt = g_utf8_next_char (prompt))
    g_string_append_unichar (
        clean, g_unichar_tolower (g_utf8_get_char (prompt)));
  return g_string_free (clean, FALSE);
}
