/* SPDX-License-Identifier: Apache-2.0 */
/* opensora convert: a checkpoint of any format becomes safetensors. */

#include "cli.h"
#include "job.h"
#include "progress.h"

#include <opensora/opensora.h>

typedef struct {
  const char *input;
  const char *output;
  char *state_dict;
  char *dtype;
  guint64 max_shard_size;
  CliProgress progress;
} Convert;

static void
convert_clear (Convert *self)
{
  g_free (self->state_dict);
  g_free (self->dtype);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Convert, convert_clear)

/* "5GB", "500 MB", "2GiB" or bytes. */
static gboolean
parse_size (
    const char *option, const char *value, gpointer data, GError **error)
{
  static const struct {
    const char *name;
    guint64 bytes;
  } units[] = { { "", 1 }, { "KB", 1000 }, { "MB", 1000000 },
    { "GB", 1000000000 }, { "KiB", 1 << 10 }, { "MiB", 1 << 20 },
    { "GiB", 1 << 30 } };
  Convert *self = data;
  char *unit = NULL;
  guint64 number = g_ascii_strtoull (value, &unit, 10);

  for (guint i = 0; i < G_N_ELEMENTS (units); i++) {
    if (g_ascii_isdigit (*value) && number > 0
        && g_ascii_strcasecmp (unit, units[i].name) == 0
        && g_uint64_checked_mul (&self->max_shard_size, number, units[i].bytes))
      return TRUE;
  }
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
      "%s: '%s' is no size such as 500MB, 5GB or 4GiB", option, value);
  return FALSE;
}

static gboolean
parse_options (Convert *self, char **args, GError **error)
{
  const GOptionEntry entries[] = {
    { "dtype", 0, 0, G_OPTION_ARG_STRING, &self->dtype,
        "What floating-point tensors become: f32, f16 or bf16 (default: they "
        "stay)",
        "TYPE" },
    { "max-shard-size", 0, 0, G_OPTION_ARG_CALLBACK, parse_size,
        "Most bytes of a file, such as 5GB; more files and an index if they "
        "take more (default: one file)",
        "SIZE" },
    { "state-dict", 0, 0, G_OPTION_ARG_STRING, &self->state_dict,
        "Take the tensors from this dictionary (keys joined by /; \"\": the "
        "outermost)",
        "KEYS" },
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &self->progress.quiet,
        "Report nothing but errors", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context =
      g_option_context_new ("IN OUT.safetensors");
  GOptionGroup *group = g_option_group_new ("", NULL, NULL, self, NULL);

  g_option_group_add_entries (group, entries);
  g_option_context_set_main_group (context, group);
  g_option_context_set_summary (context,
      "Writes a checkpoint as safetensors. IN is a file, a folder, or the "
      "*.index.json of several files.");
  if (!g_option_context_parse_strv (context, &args, error))
    return FALSE;
  if (args[1] == NULL || args[2] == NULL || args[3] != NULL) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
        "an input and an output are needed; see opensora convert --help");
    return FALSE;
  }
  self->input = args[1];
  self->output = args[2];
  return TRUE;
}

/* In the thread. */
static void
on_progress (OpensoraStage stage, guint64 done, guint64 total, gpointer data)
{
  Convert *self = data;
  g_autofree char *done_text = g_format_size (done);
  g_autofree char *total_text = g_format_size (total);
  g_autofree char *text =
      self->progress.terminal
          ? g_strdup_printf ("writing: %s of %s", done_text, total_text)
          : g_strdup_printf ("writing %s", total_text);

  cli_progress_show (&self->progress, opensora_stage_get_name (stage), text,
      (double) done / total, -1);
}

static gboolean
convert (gpointer data, GCancellable *cancellable, GError **error)
{
  Convert *self = data;
  g_autoptr (OpensoraCheckpoint) checkpoint = opensora_checkpoint_open_at (
      self->input, self->state_dict, cancellable, error);

  return checkpoint != NULL
         && opensora_checkpoint_convert (checkpoint, self->output, self->dtype,
             self->max_shard_size, cancellable, on_progress, self, error);
}

int
cli_convert (char **args)
{
  g_auto (Convert) self = { NULL };
  g_autoptr (GError) error = NULL;
  gboolean done;

  cli_progress_init (&self.progress);
  done = parse_options (&self, args, &error)
         && cli_job_run (convert, &self, &error);
  cli_progress_end (&self.progress);
  return done ? 0 : cli_fail_error (error);
}
