/* SPDX-License-Identifier: Apache-2.0 */
/* A file of prompts, one a line. */
#pragma once

#include <glib.h>

/* The lines of a file in UTF-8, blanks at their ends taken away, empty ones
 * included: Open-Sora makes a clip of those too. Lines end as Python has it,
 * with \n, \r or \r\n. Errors: NOT_FOUND, READ, FORMAT. */
char **os_prompt_file_load (const char *path, GError **error);
