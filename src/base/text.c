/* SPDX-License-Identifier: Apache-2.0 */
/* Excerpts of what a file holds, short enough for one line of a message. */
#include "base/text.h"

#define MAX_LENGTH 80

char *
os_text_excerpt (const char *text, gsize length)
{
  g_autofree char *valid = g_utf8_make_valid (text, MIN (length, MAX_LENGTH));

  return length > MAX_LENGTH ? g_strconcat (valid, "...", NULL)
                             : g_steal_pointer (&valid);
}
