/* SPDX-License-Identifier: Apache-2.0 */
/* How far a command is, on standard error: a bar that is drawn over itself on a
 * terminal, else a line a stage. */
#pragma once

#include <glib.h>

typedef struct {
  gboolean quiet;
  gboolean terminal;
  char *stage;         /* shown last; NULL: none */
  char *line;          /* on the terminal now */
  gint64 begin;        /* of the stage, monotonic, us */
  guint64 begin_bytes; /* done before it began */
  gint64 drawn;        /* last, monotonic, us */
} CliProgress;

void cli_progress_init (CliProgress *progress);
/* `stage` is what a new line is drawn for; `fraction` is 0 to 1; `left` is the
 * time until the end of the stage in nanoseconds, -1 when unknown. */
void cli_progress_show (CliProgress *progress, const char *stage,
    const char *text, double fraction, gint64 left);
/* Bytes of a file: `doing` is the verb. The bar has the rate and the time that
 * remains, the line the size. */
void cli_progress_show_bytes (CliProgress *progress, const char *doing,
    const char *name, guint64 done, guint64 total);
/* Clears the bar, so that something else can be printed. */
void cli_progress_end (CliProgress *progress);
