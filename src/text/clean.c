/* SPDX-License-Identifier: Apache-2.0 */
/* Prompt cleaning. The second pass changes what the first has laid bare: markup
 * that was escaped, marks that stood beside what is gone. */
#include "text/clean.h"

#include "text/clean-steps.h"

#define PASSES 2

void
os_prompt_clean_chars (GArray *chars)
{
  for (guint pass = 0; pass < PASSES; pass++)
    for (guint i = 0; i < os_clean_n_steps; i++)
      os_clean_step (&os_clean_steps[i], chars);
}

char *
os_prompt_clean (const char *prompt)
{
  g_autoptr (GArray) chars = os_chars_new (prompt);

  os_prompt_clean_chars (chars);
  return os_chars_to_utf8 (chars, NULL);
}
