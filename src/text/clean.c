/* SPDX-License-Identifier: Apache-2.0 */
/* Prompt cleaning. */
#include "text/clean.h"

#include <string.h>

char *
os_prompt_clean (const char *prompt)
{
  const char *end = prompt + strlen (prompt);

  while (*prompt && g_unichar_isspace (g_utf8_get_char (prompt)))
    prompt = g_utf8_next_char (prompt);
  while (end > prompt) {
    const char *last = g_utf8_prev_char (end);

    if (!g_unichar_isspace (g_utf8_get_char (last)))
      break;
    end = last;
  }
  return g_utf8_strdown (prompt, end - prompt);
}
