/* SPDX-License-Identifier: Apache-2.0 */
/* The progress bar. */

#include "progress.h"

#include <unistd.h>

#define BAR_WIDTH 30

void
cli_progress_init (CliProgress *progress)
{
  *progress = (CliProgress){ .terminal = isatty (STDERR_FILENO) };
}

/* A line that looks the same is not drawn again: work that is counted in bytes
 * reports more often than anyone can see. */
static void
draw (CliProgress *progress, const char *text, double fraction)
{
  int filled = (int) (CLAMP (fraction, 0, 1) * BAR_WIDTH);
  g_autofree char *line = g_strdup_printf ("[%.*s%.*s] %s", filled,
      "##############################", BAR_WIDTH - filled,
      "..............................", text);

  if (g_strcmp0 (line, progress->line) == 0)
    return;
  g_printerr ("\r\033[K%s", line);
  g_free (progress->line);
  progress->line = g_steal_pointer (&line);
}

void
cli_progress_show (
    CliProgress *progress, const char *stage, const char *text, double fraction)
{
  gboolean new_stage = g_strcmp0 (stage, progress->stage) != 0;

  if (progress->quiet)
    return;
  if (progress->terminal)
    draw (progress, text, fraction);
  else if (new_stage)
    g_printerr ("%s\n", text);
  if (new_stage) {
    g_free (progress->stage);
    progress->stage = g_strdup (stage);
  }
}

void
cli_progress_end (CliProgress *progress)
{
  if (progress->line != NULL)
    g_printerr ("\r\033[K");
  g_clear_pointer (&progress->stage, g_free);
  g_clear_pointer (&progress->line, g_free);
}
