/* SPDX-License-Identifier: Apache-2.0 */
/* How far a command is, on standard error: a bar that is drawn over itself on a
 * terminal, else a line a stage. */
#pragma once

#include <glib.h>

typedef struct {
  gboolean quiet;
  gboolean terminal;
  char *stage; /* shown last; NULL: none */
  char *line;  /* on the terminal now */
} CliProgress;

void cli_progress_init (CliProgress *progress);
/* `stage` is what a new line is drawn for; `fraction` is 0 to 1. */
void cli_progress_show (CliProgress *progress, const char *stage,
    const char *text, double fraction);
/* Clears the bar, so that something else can be printed. */
void cli_progress_end (CliProgress *progress);
