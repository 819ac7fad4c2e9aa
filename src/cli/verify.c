/* SPDX-License-Identifier: Apache-2.0 */
/* opensora verify: reads cached files again and compares their hashes with
 * those that the hub announced. Prints "OK" or "FAILED" and the path of each,
 * as sha256sum does. */

#include "cache-scan.h"
#include "cli.h"
#include "job.h"
#include "progress.h"

#include <opensora/opensora.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  char *revision;
  char *cache_dir;
  GPtrArray *repos; /* of CliRepo: what to look at */
  char *commit;     /* of one revision alone, or NULL */
  OpensoraHub *hub;
  const char *name; /* of the file in work */
  guint failed;
  CliProgress progress;
} Verify;

static void
verify_clear (Verify *self)
{
  g_clear_object (&self->hub);
  g_clear_pointer (&self->repos, g_ptr_array_unref);
  g_free (self->revision);
  g_free (self->cache_dir);
  g_free (self->commit);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Verify, verify_clear)

/* --- What is meant --- */

/* A folder is a cache, a repository in one, or something inside of that. */
static gboolean
find_folder (Verify *self, const char *folder, GError **error)
{
  g_autofree char *path = g_canonicalize_filename (folder, NULL);
  char *repo = g_strdup (path);

  while (!cli_is_repo_folder (repo) && strcmp (repo, "/") != 0) {
    char *parent = g_path_get_dirname (repo);

    g_free (repo);
    repo = parent;
  }
  g_free (self->cache_dir);
  if (cli_is_repo_folder (repo)) {
    const char *rest = path + strlen (repo);

    self->cache_dir = g_path_get_dirname (repo);
    g_ptr_array_add (self->repos, cli_repo_scan (repo));
    if (g_str_has_prefix (rest, "/snapshots/")) {
      rest += strlen ("/snapshots/");
      self->commit = g_strndup (rest, strcspn (rest, "/"));
    }
  } else {
    self->cache_dir = g_strdup (path);
    g_ptr_array_unref (self->repos);
    self->repos = cli_cache_scan (path);
  }
  g_free (repo);
  if (self->repos->len > 0)
    return TRUE;
  g_set_error (error, OPENSORA_HUB_ERROR,
      OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND,
      "%s is no cache of the hub, so nothing tells what its files should be",
      folder);
  return FALSE;
}

/* A revision is one of the commits in the cache, or a name of one. */
static gboolean
find_revision (Verify *self, const CliRepo *repo, GError **error)
{
  for (guint i = 0; i < repo->revisions->len; i++) {
    const CliRevision *revision = g_ptr_array_index (repo->revisions, i);
    g_auto (GStrv) names = g_strsplit (revision->refs, ",", -1);

    if (self->revision == NULL)
      return TRUE;
    if (g_str_equal (revision->commit, self->revision)
        || g_strv_contains ((const char *const *) names, self->revision)) {
      self->commit = g_strdup (revision->commit);
      return TRUE;
    }
  }
  g_set_error (error, OPENSORA_HUB_ERROR,
      OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND,
      "%s%s%s is not in the cache %s; opensora download %s fetches it",
      repo->id, self->revision != NULL ? " at " : "",
      self->revision != NULL ? self->revision : "", self->cache_dir, repo->id);
  return FALSE;
}

static gboolean
find_repo (Verify *self, const char *id, GError **error)
{
  g_autoptr (OpensoraHub) hub = opensora_hub_new (self->cache_dir, NULL, TRUE);
  g_autoptr (GString) folder = g_string_new (id);
  g_autofree char *path = NULL;
  CliRepo *repo;

  g_free (self->cache_dir);
  self->cache_dir = opensora_hub_dup_cache_dir (hub);
  g_string_replace (folder, "/", "--", 0);
  g_string_prepend (folder, "models--");
  path = g_build_filename (self->cache_dir, folder->str, NULL);
  repo = cli_repo_scan (path);
  g_ptr_array_add (self->repos, repo);
  return find_revision (self, repo, error);
}

static gboolean
parse_options (Verify *self, char **args, GError **error)
{
  const GOptionEntry entries[] = {
    { "revision", 0, 0, G_OPTION_ARG_STRING, &self->revision,
        "Branch, tag or commit (default: all that are there)", "REVISION" },
    { "cache-dir", 0, 0, G_OPTION_ARG_FILENAME, &self->cache_dir,
        "Folder of the cache (default: HF_HUB_CACHE, else HF_HOME/hub, else "
        "~/.cache/huggingface/hub)",
        "FOLDER" },
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &self->progress.quiet,
        "Report nothing but errors", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("FOLDER|REPO");

  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_set_summary (context,
      "Compares the hashes of downloaded files with those of the hub. FOLDER "
      "is a cache or a repository\nin it, REPO one such as "
      "hpcai-tech/OpenSora-STDiT-v3.");
  if (!g_option_context_parse_strv (context, &args, error))
    return FALSE;
  if (args[1] == NULL || args[2] != NULL) {
    g_set_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_INVALID_ARGUMENT,
        "one folder or repository is needed; see opensora verify --help");
    return FALSE;
  }
  if (g_file_test (args[1], G_FILE_TEST_IS_DIR))
    return find_folder (self, args[1], error);
  return find_repo (self, args[1], error);
}

/* --- Checking --- */

static void
on_progress (OpensoraStage stage, guint64 done, guint64 total, gpointer data)
{
  Verify *self = data;

  cli_progress_show_bytes (
      &self->progress, "checking", self->name, done, total);
}

/* A damaged file does not keep the others from being looked at. */
static gboolean
check_file (Verify *self, const CliRepo *repo, const CliRevision *revision,
    GCancellable *cancellable, GError **error)
{
  g_autofree char *path = g_build_filename (
      repo->path, "snapshots", revision->commit, self->name, NULL);
  g_autoptr (GError) failure = NULL;
  gboolean good = opensora_hub_verify (self->hub, repo->id, revision->commit,
      self->name, cancellable, on_progress, self, &failure);

  if (g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
    g_propagate_error (error, g_steal_pointer (&failure));
    return FALSE;
  }
  cli_progress_end (&self->progress);
  printf ("%s %s\n", good ? "OK" : "FAILED", path);
  if (!good) {
    self->failed++;
    cli_fail_error (failure);
  }
  return TRUE;
}

static gboolean
check_revision (Verify *self, const CliRepo *repo, const CliRevision *revision,
    GCancellable *cancellable, GError **error)
{
  if (self->commit != NULL && !g_str_equal (self->commit, revision->commit))
    return TRUE;
  for (guint i = 0; i < revision->files->len; i++) {
    self->name = g_ptr_array_index (revision->files, i);
    if (!check_file (self, repo, revision, cancellable, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
verify (gpointer data, GCancellable *cancellable, GError **error)
{
  Verify *self = data;

  self->hub = opensora_hub_new (self->cache_dir, NULL, TRUE);
  for (guint i = 0; i < self->repos->len; i++) {
    const CliRepo *repo = g_ptr_array_index (self->repos, i);

    for (guint j = 0; j < repo->revisions->len; j++) {
      if (!check_revision (self, repo, g_ptr_array_index (repo->revisions, j),
              cancellable, error))
        return FALSE;
    }
  }
  return TRUE;
}

int
cli_verify (char **args)
{
  g_auto (Verify) self = { NULL };
  g_autoptr (GError) error = NULL;
  gboolean done;

  cli_progress_init (&self.progress);
  self.repos = g_ptr_array_new_with_free_func ((GDestroyNotify) cli_repo_free);
  done = parse_options (&self, args, &error)
         && cli_job_run (verify, &self, &error);
  cli_progress_end (&self.progress);
  if (!done)
    return cli_fail_error (error);
  if (fflush (stdout) != 0 || ferror (stdout))
    return cli_fail ("standard output cannot be written");
  return self.failed == 0 ? 0 : 1;
}
