/* SPDX-License-Identifier: Apache-2.0 */
/* opensora verify: reads downloaded files again, in a cache or in a folder of
 * "hf download --local-dir", and compares their hashes with those that the hub
 * announced. Prints "OK" or "FAILED" and the path of each, as sha256sum does.
 */

#include "cache-scan.h"
#include "cli.h"
#include "job.h"
#include "progress.h"

#include <opensora/opensora.h>
#include <stdio.h>
#include <string.h>

/* Below a folder of --local-dir, what its files should be: FILE.metadata. */
#define RECORDS ".cache/huggingface/download"
#define RECORD ".metadata"

typedef struct {
  char *revision;
  char *cache_dir;
  gboolean local_files_only;
  GPtrArray *repos; /* of CliRepo: what to look at */
  char *commit;     /* of one revision alone, or NULL */
  char *folder;     /* of --local-dir, instead of a cache */
  GPtrArray *files; /* in it */
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
  g_clear_pointer (&self->files, g_ptr_array_unref);
  g_free (self->revision);
  g_free (self->cache_dir);
  g_free (self->commit);
  g_free (self->folder);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Verify, verify_clear)

/* --- What is meant --- */

/* The next folder upwards, itself included, for which `is_one` holds, or NULL.
 */
static char *
find_above (const char *path, gboolean (*is_one) (const char *path))
{
  char *folder = g_strdup (path);

  while (!is_one (folder)) {
    char *parent = g_path_get_dirname (folder);
    gboolean top = g_str_equal (parent, folder);

    g_free (folder);
    folder = parent;
    if (top) {
      g_free (folder);
      return NULL;
    }
  }
  return folder;
}

static gboolean
has_records (const char *path)
{
  g_autofree char *records = g_build_filename (path, RECORDS, NULL);

  return g_file_test (records, G_FILE_TEST_IS_DIR);
}

/* A repository in a cache, or something inside of it. */
static gboolean
find_in_cache (Verify *self, const char *path)
{
  g_autofree char *repo = find_above (path, cli_is_repo_folder);
  const char *rest;

  g_free (self->cache_dir);
  self->cache_dir = repo ? g_path_get_dirname (repo) : g_strdup (path);
  if (repo == NULL) {
    g_ptr_array_unref (self->repos);
    self->repos = cli_cache_scan (path);
    return self->repos->len > 0;
  }
  rest = path + strlen (repo);
  g_ptr_array_add (self->repos, cli_repo_scan (repo));
  if (g_str_has_prefix (rest, "/snapshots/")) {
    rest += strlen ("/snapshots/");
    self->commit = g_strndup (rest, strcspn (rest, "/"));
  }
  return TRUE;
}

/* A folder of --local-dir, or one inside of it: the files there. */
static gboolean
find_local (Verify *self, const char *path)
{
  g_autofree char *records = NULL;
  g_autofree char *below = NULL;
  g_autoptr (GPtrArray) names = NULL;

  self->folder = find_above (path, has_records);
  if (self->folder == NULL)
    return FALSE;
  records = g_build_filename (self->folder, RECORDS, NULL);
  path += strlen (self->folder);
  path += strspn (path, "/");
  below = g_strconcat (path, *path != '\0' ? "/" : NULL, NULL);
  names = cli_list_files (records);
  self->files = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < names->len; i++) {
    const char *name = g_ptr_array_index (names, i);

    if (g_str_has_suffix (name, RECORD) && g_str_has_prefix (name, below))
      g_ptr_array_add (
          self->files, g_strndup (name, strlen (name) - strlen (RECORD)));
  }
  return self->files->len > 0;
}

static gboolean
find_folder (Verify *self, const char *folder, GError **error)
{
  g_autofree char *path = g_canonicalize_filename (folder, NULL);

  if (find_in_cache (self, path) || find_local (self, path))
    return TRUE;
  g_set_error (error, OPENSORA_HUB_ERROR,
      OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND,
      "%s is neither a cache of the hub nor a folder of \"hf download "
      "--local-dir\", so nothing tells what its files should be",
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
    { "local-files-only", 0, 0, G_OPTION_ARG_NONE, &self->local_files_only,
        "Do not ask the hub for hashes that the cache does not have", NULL },
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &self->progress.quiet,
        "Report nothing but errors", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("FOLDER|REPO");

  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_set_summary (context,
      "Compares the hashes of downloaded files with those of the hub. FOLDER "
      "is a cache, a repository\nin it, or a folder of \"hf download "
      "--local-dir\"; REPO one such as hpcai-tech/OpenSora-STDiT-v3.");
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

/* Prints the result for a file. A damaged one does not keep the others from
 * being looked at; FALSE only if the user has had enough. */
static gboolean
conclude (Verify *self, const char *path, GError *failure, GError **error)
{
  if (g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
    g_propagate_error (error, failure);
    return FALSE;
  }
  cli_progress_end (&self->progress);
  printf ("%s %s\n", failure == NULL ? "OK" : "FAILED", path);
  if (failure != NULL) {
    self->failed++;
    cli_fail_error (failure);
    g_error_free (failure);
  }
  return TRUE;
}

static gboolean
check_file (Verify *self, const CliRepo *repo, const CliRevision *revision,
    GCancellable *cancellable, GError **error)
{
  g_autofree char *path = g_build_filename (
      repo->path, "snapshots", revision->commit, self->name, NULL);
  GError *failure = NULL;

  opensora_hub_verify (self->hub, repo->id, revision->commit, self->name,
      cancellable, on_progress, self, &failure);
  return conclude (self, path, failure, error);
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
check_local (Verify *self, GCancellable *cancellable, GError **error)
{
  for (guint i = 0; i < self->files->len; i++) {
    g_autofree char *path = NULL;
    GError *failure = NULL;

    self->name = g_ptr_array_index (self->files, i);
    path = g_build_filename (self->folder, self->name, NULL);
    opensora_hub_verify_local (
        self->folder, self->name, cancellable, on_progress, self, &failure);
    if (!conclude (self, path, failure, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
verify (gpointer data, GCancellable *cancellable, GError **error)
{
  Verify *self = data;

  if (self->folder != NULL)
    return check_local (self, cancellable, error);
  self->hub = opensora_hub_new (self->cache_dir, NULL, self->local_files_only);
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
