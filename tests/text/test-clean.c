/* SPDX-License-Identifier: Apache-2.0 */
/* Cleaning of prompts. */
#include "text/clean.h"

#include <string.h>

static const struct {
  const char *prompt, *clean;
} cases[] = {
  { "", "" },
  { " \t\r\n\f ", "" },
  { "a red circle", "a red circle" },
  { "\n  A Red   Circle \t", "a red   circle" },
  /* No-break space, ideographic space, line separator, em space. */
  { "\u00a0\u3000x\u2028\u2003", "x" },
  { "\u3000", "" },
  { "\v\x1cx\x1f\302\205", "x" },
  /* What only looks like space stays. */
  { "\u200bx\u200b", "\u200bx\u200b" },
  { "ÄÖÜ Éclair ДОМ ΩΜΈΓΑ", "äöü éclair дом ωμέγα" },
  { "日本語 ABC 🎈", "日本語 abc 🎈" },
  { "x\u00a0y", "x\u00a0y" },
};

static void
test_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *clean = os_prompt_clean (cases[i].prompt);

    g_assert_cmpstr (clean, ==, cases[i].clean);
  }
}

static void
test_long (void)
{
  g_autofree char *prompt = g_strnfill (10002, 'A');
  g_autofree char *clean = NULL;

  prompt[0] = prompt[10001] = ' ';
  clean = os_prompt_clean (prompt);
  g_assert_cmpuint (strlen (clean), ==, 10000);
  g_assert_cmpuint (strspn (clean, "a"), ==, 10000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/text/clean/cases", test_cases);
  g_test_add_func ("/text/clean/long", test_long);
  return g_test_run ();
}
