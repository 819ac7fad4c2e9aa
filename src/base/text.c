/* SPDX-License-Identifier: Apache-2.0 */
/* Excerpts of what a file holds, short enough for one line of a message; and
 * white space. */
#include "base/text.h"

#define MAX_LENGTH 80

char *
os_text_excerpt (const char *text, gsize length)
{
  g_autofree char *valid = g_utf8_make_valid (text, MIN (length, MAX_LENGTH));

  return length > MAX_LENGTH ? g_strconcat (valid, "...", NULL)
                             : g_steal_pointer (&valid);
}

gboolean
os_text_is_space (gunichar c)
{
  return g_unichar_isspace (c) || c == 0x0b || (c >= 0x1c && c <= 0x1f)
         || c == 0x85;
}

char *
os_text_strip (const char *text, gsize length)
{
  const char *end = text + length;

  while (text < end && os_text_is_space (g_utf8_get_char (text)))
    text = g_utf8_next_char (text);
  while (
      end > text && os_text_is_space (g_utf8_get_char (g_utf8_prev_char (end))))
    end = g_utf8_prev_char (end);
  return g_strndup (text, end - text);
}
