/* SPDX-License-Identifier: Apache-2.0 */
/* Prompt cleaning. */
#include "text/clean.h"

#include <string.h>

#include "base/text.h"

char *
os_prompt_clean (const char *prompt)
{
  g_autofree char *stripped = os_text_strip (prompt, strlen (prompt));
  GString *clean = g_string_new (NULL);

  /* Letter by letter: g_utf8_strdown() depends on the locale. */
  for (const char *p = stripped; *p != '\0'; p = g_utf8_next_char (p))
    g_string_append_unichar (clean, g_unichar_tolower (g_utf8_get_char (p)));
  return g_string_free (clean, FALSE);
}
