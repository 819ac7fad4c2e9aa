/* SPDX-License-Identifier: Apache-2.0 */
/* opensora download: files of a repository on the Hugging Face hub. Prints the
 * local path of each, when all are there. */

#include "cache-scan.h"
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
      "each file; of a folder in the place of REPO, where they are.\nA token "
      "for private repositories is taken from HF_TOKEN.");
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

/* All files of a local folder but huggingface_hub's notes in it. */
static char **
list_folder (const char *folder)
{
  g_autoptr (GPtrArray) names = cli_list_files (folder);
  g_autoptr (GStrvBuilder) files = g_strv_builder_new ();

  for (guint i = 0; i < names->len; i++) {
    const char *name = g_ptr_array_index (names, i);

    if (!g_str_has_prefix (name, ".cache/"))
      g_strv_builder_add (files, name);
  }
  return g_strv_builder_end (files);
}

/* A folder in the place of a repository: everything is there, or is not. */
static gboolean
find_in_folder (Download *self, GError **error)
{
  g_autofree char *folder = g_canonicalize_filename (self->repo, NULL);

  if (self->files == NULL)
    self->files = list_folder (folder);
  for (char **file = self->files; *file != NULL; file++) {
    char *path = g_build_filename (folder, *file, NULL);

    g_ptr_array_add (self->paths, path);
    if (!g_file_test (path, G_FILE_TEST_IS_REGULAR)) {
      g_set_error (error, OPENSORA_HUB_ERROR,
          OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND,
          "%s is a folder, and there is no file %s in it", folder, *file);
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean
download (gpointer data, GCancellable *cancellable, GError **error)
{
  Download *self = data;
  g_autoptr (OpensoraHub) hub =
      opensora_hub_new (self->cache_dir, NULL, self->local_files_only);

  if (g_file_test (self->repo, G_FILE_TEST_IS_DIR))
    return find_in_folder (self, error);
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
