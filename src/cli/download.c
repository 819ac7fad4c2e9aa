/* SPDX-License-Identifier: Apache-2.0 */
/* opensora download: files of a repository on the Hugging Face hub. Prints the
 * local path of each, when all are there. */

#include "cli.h"
#include "job.h"
#include "progress.h"

#include <opensora/opensora.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  const char *repo;
  char **files; /* NULL: all */
  char *revision;
  char *cache_dir;
  gboolean local_files_only;
  GPtrArray *paths;
  const char *name; /* of the file in work */
  CliProgress progress;
} Download;

static void
download_clear (Download *self)
{
  g_clear_pointer (&self->paths, g_ptr_array_unref);
  g_strfreev (self->files);
  g_free (self->revision);
  g_free (self->cache_dir);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Download, download_clear)

static gboolean
parse_options (Download *self, char **args, GError **error)
{
  const GOptionEntry entries[] = {
    { "revision", 0, 0, G_OPTION_ARG_STRING, &self->revision,
        "Branch, tag or commit (default: main)", "REVISION" },
    { "cache-dir", 0, 0, G_OPTION_ARG_FILENAME, &self->cache_dir,
        "Folder of the cache (default: HF_HUB_CACHE, else HF_HOME/hub, else "
        "~/.cache/huggingface/hub)",
        "FOLDER" },
    { "local-files-only", 0, 0, G_OPTION_ARG_NONE, &self->local_files_only,
        "Use no network; fail if a file is not in the cache", NULL },
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &self->progress.quiet,
        "Report nothing but errors", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("REPO [FILE...]");

  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_set_summary (context,
      "Downloads files of a repository on the Hugging Face hub, such as "
      "hpcai-tech/OpenSora-STDiT-v3,\ninto the cache that the Python packages "
      "use too. Without a FILE it takes all of them.\nPrints the local path of "
      "each file. A token for private repositories is taken from HF_TOKEN.");
  if (!g_option_context_parse_strv (context, &args, error))
    return FALSE;
  if (args[1] == NULL) {
    g_set_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_INVALID_ARGUMENT,
        "a repository is needed; see opensora download --help");
    return FALSE;
  }
  self->repo = args[1];
  if (args[2] != NULL)
    self->files = g_strdupv (args + 2);
  return TRUE;
}

static void
on_progress (OpensoraStage stage, guint64 done, guint64 total, gpointer data)
{
  Download *self = data;

  cli_progress_show_bytes (
      &self->progress, "downloading", self->name, done, total);
}

/* The commit in .../snapshots/COMMIT/FILE. The files after the first are taken
 * from it: they belong together, and need no request when they are cached. */
static void
pin_revision (Download *self, const char *path, const char *file)
{
  g_autofree char *folder =
      g_strndup (path, strlen (path) - strlen (file) - strlen ("/"));

  g_free (self->revision);
  self->revision = g_path_get_basename (folder);
}

static gboolean
download (gpointer data, GCancellable *cancellable, GError **error)
{
  Download *self = data;
  g_autoptr (OpensoraHub) hub =
      opensora_hub_new (self->cache_dir, NULL, self->local_files_only);

  if (self->files == NULL)
    self->files = opensora_hub_list_files (
        hub, self->repo, self->revision, cancellable, error);
  if (self->files == NULL)
    return FALSE;
  for (guint i = 0; self->files[i] != NULL; i++) {
    char *path;

    self->name = self->files[i];
    path = opensora_hub_download (hub, self->repo, self->revision, self->name,
        cancellable, on_progress, self, error);
    if (path == NULL)
      return FALSE;
    if (i == 0)
      pin_revision (self, path, self->name);
    g_ptr_array_add (self->paths, path);
  }
  return TRUE;
}

int
cli_download (char **args)
{
  g_auto (Download) self = { NULL };
  g_autoptr (GError) error = NULL;
  gboolean done;

  cli_progress_init (&self.progress);
  self.paths = g_ptr_array_new_with_free_func (g_free);
  done = parse_options (&self, args, &error)
         && cli_job_run (download, &self, &error);
  cli_progress_end (&self.progress);
  if (!done)
    return cli_fail_error (error);
  /* Not g_print(), which turns them into the character set of the terminal. */
  for (guint i = 0; i < self.paths->len; i++)
    printf ("%s\n", (char *) g_ptr_array_index (self.paths, i));
  if (fflush (stdout) != 0 || ferror (stdout))
    return cli_fail ("standard output cannot be written");
  return 0;
}
