/* SPDX-License-Identifier: Apache-2.0 */
/* The input is a prompt of every grammar. What is not UTF-8 is refused, and
 * cleaned as if it had been made valid. */
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "settings/prompt.h"
#include "text/clean.h"

/* Clean text is valid, and has no white space at its ends. */
static void
check_clean (const char *text)
{
  g_autofree char *clean = os_prompt_clean (text);
  g_autofree char *stripped = os_text_strip (clean, strlen (clean));

  g_assert_true (g_utf8_validate (clean, -1, NULL));
  g_assert_cmpstr (clean, ==, stripped);
}

static void
check_texts (const OsPrompt *prompt)
{
  const OsPromptScores scores = { 6.5, 4, "pan left" };

  g_assert_cmpuint (prompt->segments->len, >, 0);
  for (guint loop = 0; loop < 3; loop++) {
    g_autofree char *text = os_prompt_text (prompt, loop, &scores);

    g_assert_true (g_utf8_validate (text, -1, NULL));
  }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_autofree char *valid = g_utf8_make_valid (text, -1);

  check_clean (valid);
  for (int grammar = OS_PROMPT_TEXT; grammar <= OS_PROMPT_1_2; grammar++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (OsPrompt) prompt = os_prompt_parse (text, grammar, &error);

    if (prompt != NULL)
      check_texts (prompt);
    else
      fuzz_check_error (error, "prompt: ");
  }
  return 0;
}
