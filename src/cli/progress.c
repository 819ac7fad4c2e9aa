/* SPDX-License-Identifier: Apache-2.0 */
/* The progress bar. */

#include "progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#define MIN_BAR_WIDTH 8
#define MAX_BAR_WIDTH 30
#define REDRAW_INTERVAL (G_USEC_PER_SEC / 10)
#define NANOSECONDS 1000000000 /* in a second */

void
cli_progress_init (CliProgress *progress)
{
  *progress = (CliProgress){ .terminal = isatty (STDERR_FILENO) };
}

/* A line that is longer would wrap, and could not be drawn over. */
static int
get_columns (void)
{
  struct winsize size;

  if (ioctl (STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
    return G_MAXINT;
  return size.ws_col - 1;
}

/* The bar takes what the text leaves, if that is enough for one. */
static char *
make_line (const char *text, double fraction)
{
  const int columns = get_columns ();
  const int width =
      MIN (columns - (int) g_utf8_strlen (text, -1) - 3, MAX_BAR_WIDTH);
  const int filled = (int) (CLAMP (fraction, 0, 1) * width);

  if (width < MIN_BAR_WIDTH)
    return g_utf8_substring (text, 0, MIN (g_utf8_strlen (text, -1), columns));
  return g_strdup_printf ("[%.*s%.*s] %s", filled,
      "##############################", width - filled,
      "..............................", text);
}

/* A line that looks the same is not drawn again: work that is counted in bytes
 * reports more often than anyone can see. */
static void
draw (CliProgress *progress, const char *text, double fraction)
{
  g_autofree char *line = make_line (text, fraction);

  if (g_strcmp0 (line, progress->line) == 0)
    return;
  g_printerr ("\r\033[K%s", line);
  g_free (progress->line);
  progress->line = g_steal_pointer (&line);
}

static void
begin_stage (CliProgress *progress, const char *stage)
{
  g_free (progress->stage);
  progress->stage = g_strdup (stage);
}

/* ", 2:05 left" */
static char *
describe_left (guint seconds)
{
  if (seconds >= 3600)
    return g_strdup_printf (
        ", %u:%02u:%02u left", seconds / 3600, seconds / 60 % 60, seconds % 60);
  return g_strdup_printf (", %u:%02u left", seconds / 60, seconds % 60);
}

void
cli_progress_show (CliProgress *progress, const char *stage, const char *text,
    double fraction, gint64 left)
{
  gboolean new_stage = g_strcmp0 (stage, progress->stage) != 0;

  if (progress->quiet)
    return;
  if (progress->terminal) {
    g_autofree char *left_text =
        left < 0 ? g_strdup ("") : describe_left (left / NANOSECONDS);
    g_autofree char *line = g_strconcat (text, left_text, NULL);

    draw (progress, line, fraction);
  } else if (new_stage) {
    g_printerr ("%s\n", text);
  }
  if (new_stage)
    begin_stage (progress, stage);
}

/* ", 12.3 MB/s, 2:05 left"; nothing before there is a rate. */
static char *
describe_rate (const CliProgress *progress, guint64 done, guint64 total)
{
  double seconds = (progress->drawn - progress->begin) * 1e-6;
  double rate = (done - progress->begin_bytes) / MAX (seconds, 1e-3);
  g_autofree char *rate_text = g_format_size ((guint64) rate);
  g_autofree char *left = NULL;

  if (seconds < 0.5 || rate < 1)
    return g_strdup ("");
  left = describe_left (MIN ((total - done) / rate, 359999));
  return g_strdup_printf (", %s/s%s", rate_text, left);
}

void
cli_progress_show_bytes (CliProgress *progress, const char *doing,
    const char *name, guint64 done, guint64 total)
{
  gint64 now = g_get_monotonic_time ();
  g_autofree char *stage = g_strdup_printf ("%s %s", doing, name);
  g_autofree char *total_text = g_format_size (total);

  if (progress->quiet)
    return;
  if (g_strcmp0 (stage, progress->stage) != 0) {
    if (!progress->terminal)
      g_printerr ("%s, %s\n", stage, total_text);
    begin_stage (progress, stage);
    progress->begin = now;
    progress->begin_bytes = done;
    progress->drawn = 0;
  }
  /* A mistaken file is begun again. */
  progress->begin_bytes = MIN (progress->begin_bytes, done);
  if (progress->terminal && now - progress->drawn >= REDRAW_INTERVAL) {
    g_autofree char *done_text = g_format_size (done);
    g_autofree char *rate = NULL;
    g_autofree char *text = NULL;

    progress->drawn = now;
    rate = describe_rate (progress, done, total);
    text =
        g_strdup_printf ("%s: %s of %s%s", stage, done_text, total_text, rate);
    draw (progress, text, total > 0 ? (double) done / total : 0);
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
