/* SPDX-License-Identifier: Apache-2.0 */
/* Prompt cleaning, as far as plain prompts need it: white space at the ends is
 * cut and letters become lower case, which the models were trained with. */
#pragma once

#include <glib.h>

/* prompt: valid UTF-8. */
char *os_prompt_clean (const char *prompt);
