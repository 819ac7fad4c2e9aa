/* SPDX-License-Identifier: Apache-2.0 */
/* Prompt cleaning: what Open-Sora 1.0 to 1.3 do to every caption that they are
 * trained with, and to every prompt. */
#pragma once

#include <glib.h>

/* prompt: valid UTF-8, of a length that the caller bounds: memory and time grow
 * with it, not faster. */
char *os_prompt_clean (const char *prompt);
/* The same for code points (a GArray of gunichar), which may be U+0000. */
void os_prompt_clean_chars (GArray *chars);
