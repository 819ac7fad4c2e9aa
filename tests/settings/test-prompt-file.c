/* SPDX-License-Identifier: Apache-2.0 */
/* Files of prompts: lines, blanks, refusals. */
#include "settings/prompt-file.h"

#include <glib/gstdio.h>
#include <opensora/opensora.h>
#include <string.h>

/* The lines of a file with these bytes, joined by "|"; NULL with an error. */
static char *
load (const char *text, gsize length, GError **error)
{
  g_autofree char *path = NULL;
  g_auto (GStrv) lines = NULL;
  int fd = g_file_open_tmp ("opensora-prompts-XXXXXX", &path, NULL);

  g_assert_cmpint (fd, >=, 0);
  g_close (fd, NULL);
  g_assert_true (g_file_set_contents (path, text, length, NULL));
  lines = os_prompt_file_load (path, error);
  g_unlink (path);
  return lines != NULL ? g_strjoinv ("|", lines) : NULL;
}

static void
test_lines (void)
{
  static const struct {
    const char *text, *lines;
  } files[] = { { "", "" }, { "a", "a" }, { "a\n", "a" },
    { "a\n\nb\n", "a||b" }, { " a b \t\r\nc\rd", "a b|c|d" }, { "\n", "" },
    { "\n\n", "|" }, { "\v\f\x1c a\u00a0\u3000\xc2\x85\n", "a" },
    { "\u200ba", "\u200ba" } };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autoptr (GError) error = NULL;
    g_autofree char *lines =
        load (files[i].text, strlen (files[i].text), &error);

    g_assert_no_error (error);
    g_assert_cmpstr (lines, ==, files[i].lines);
  }
}

static void
test_refuses (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (load ("a\xff", 2, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
  g_clear_error (&error);
  g_assert_null (load ("a\0b", 3, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
  g_clear_error (&error);
  g_assert_null (os_prompt_file_load ("/nowhere", &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_null (os_prompt_file_load ("/", &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_READ);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/settings/prompt-file/lines", test_lines);
  g_test_add_func ("/settings/prompt-file/refuses", test_refuses);
  return g_test_run ();
}
