/* SPDX-License-Identifier: Apache-2.0 */
/* Reading prompts. */
#include "settings/prompt-file.h"

#include <opensora/opensora.h>
#include <string.h>

#include "base/mapped-file.h"

#define MAX_SIZE (16 << 20)

/* What str.strip() takes away. */
static gboolean
is_blank (gunichar c)
{
  return g_unichar_isspace (c) || c == 0x0b || (c >= 0x1c && c <= 0x1f)
         || c == 0x85;
}

static char *
strip (const char *line, gsize length)
{
  const char *end = line + length;

  while (line < end && is_blank (g_utf8_get_char (line)))
    line = g_utf8_next_char (line);
  while (line < end) {
    const char *last = g_utf8_prev_char (end);

    if (!is_blank (g_utf8_get_char (last)))
      break;
    end = last;
  }
  return g_strndup (line, end - line);
}

char **
os_prompt_file_load (const char *path, GError **error)
{
  g_autoptr (GStrvBuilder) lines = g_strv_builder_new ();
  g_autoptr (OsMappedFile) file = os_mapped_file_open (path, error);
  g_autofree char *text = NULL;
  gsize length;

  if (file == NULL) {
    g_prefix_error (error, "the prompts cannot be read: ");
    return NULL;
  }
  length = os_mapped_file_get_length (file);
  text = g_strndup (os_mapped_file_get_contents (file), MIN (length, MAX_SIZE));
  if (length > MAX_SIZE || !g_utf8_validate_len (text, length, NULL)) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
        "%s: not a file of prompts: text in UTF-8, one a line, of at most %d "
        "bytes",
        path, MAX_SIZE);
    return NULL;
  }
  for (const char *at = text; *at != '\0';) {
    gsize n = strcspn (at, "\r\n");
    g_autofree char *line = strip (at, n);

    g_strv_builder_add (lines, line);
    at += n;
    at += g_str_has_prefix (at, "\r\n") ? 2 : *at != '\0';
  }
  return g_strv_builder_end (lines);
}
