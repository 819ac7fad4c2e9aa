/* SPDX-License-Identifier: Apache-2.0 */
/* opensora cache: what lies in the cache of the Hugging Face hub, and removing
 * from it what no branch and no tag names any more. */

#include "cache-scan.h"
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <opensora/opensora.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

typedef struct {
  char *cache_dir;
  gboolean yes;
  GPtrArray *repos; /* of CliRepo */
} Cache;

static void
cache_clear (Cache *self)
{
  g_clear_pointer (&self->repos, g_ptr_array_unref);
  g_free (self->cache_dir);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Cache, cache_clear)

/* --- list --- */

static void
print_revision (const CliRepo *repo, const CliRevision *revision)
{
  g_autoptr (GDateTime) time =
      g_date_time_new_from_unix_local (revision->last_used);
  g_autofree char *used = g_date_time_format (time, "%Y-%m-%d %H:%M");
  g_autofree char *size = g_format_size (revision->size);

  g_print ("%-44s  %s  %10s  %5u  %s  %s\n", repo->id, revision->commit, size,
      revision->files->len, used, revision->refs);
}

static int
list (const Cache *self)
{
  guint n = 0;
  guint64 total = 0;
  g_autofree char *total_text = NULL;

  g_print ("%-44s  %-40s  %10s  %5s  %-16s  %s\n", "REPOSITORY", "REVISION",
      "SIZE", "FILES", "LAST USED", "NAMES");
  for (guint i = 0; i < self->repos->len; i++) {
    const CliRepo *repo = g_ptr_array_index (self->repos, i);

    for (guint j = 0; j < repo->revisions->len; j++)
      print_revision (repo, g_ptr_array_index (repo->revisions, j));
    n += repo->revisions->len;
    total += repo->size;
  }
  total_text = g_format_size (total);
  g_print ("\n%s: %u repositories, %u revisions, %s\n", self->cache_dir,
      self->repos->len, n, total_text);
  return 0;
}

/* --- prune --- */

/* What is removed of a repository. */
typedef struct {
  const CliRepo *repo;
  GPtrArray *revisions; /* of CliRevision; not owned */
  GPtrArray *blobs;     /* names in its folder of blobs */
  guint64 size;
} Plan;

static void
plan_free (gpointer data)
{
  Plan *plan = data;

  g_ptr_array_unref (plan->revisions);
  g_ptr_array_unref (plan->blobs);
  g_free (plan);
}

/* The content a file of a snapshot links to; NULL if it is the content. */
static char *
get_blob (const CliRepo *repo, const CliRevision *revision, const char *file)
{
  g_autofree char *path =
      g_build_filename (repo->path, "snapshots", revision->commit, file, NULL);
  g_autofree char *target = g_file_read_link (path, NULL);

  return target != NULL ? g_path_get_basename (target) : NULL;
}

static guint64
get_size (const char *path)
{
  GStatBuf file;

  return g_lstat (path, &file) == 0 ? file.st_size : 0;
}

/* Puts aside a revision without a name, or notes what the others need. */
static void
plan_revision (Plan *plan, CliRevision *revision, GHashTable *needed)
{
  gboolean remove = *revision->refs == '\0';

  if (remove)
    g_ptr_array_add (plan->revisions, revision);
  for (guint i = 0; i < revision->files->len; i++) {
    const char *file = g_ptr_array_index (revision->files, i);
    char *blob = get_blob (plan->repo, revision, file);
    g_autofree char *path = g_build_filename (
        plan->repo->path, "snapshots", revision->commit, file, NULL);

    if (remove && blob == NULL)
      plan->size += get_size (path);
    if (remove)
      g_free (blob);
    else if (blob != NULL)
      g_hash_table_add (needed, blob);
  }
}

static Plan *
make_plan (const CliRepo *repo)
{
  Plan *plan = g_new0 (Plan, 1);
  g_autofree char *folder = g_build_filename (repo->path, "blobs", NULL);
  g_autoptr (GPtrArray) blobs = cli_list_files (folder);
  g_autoptr (GHashTable) needed =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  plan->repo = repo;
  plan->revisions = g_ptr_array_new ();
  plan->blobs = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < repo->revisions->len; i++)
    plan_revision (plan, g_ptr_array_index (repo->revisions, i), needed);
  for (guint i = 0; i < blobs->len; i++) {
    const char *name = g_ptr_array_index (blobs, i);
    g_autofree char *path = g_build_filename (folder, name, NULL);

    if (g_hash_table_contains (needed, name))
      continue;
    g_ptr_array_add (plan->blobs, g_strdup (name));
    plan->size += get_size (path);
  }
  return plan;
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = NULL;
  const char *name;

  if (g_unlink (path) == 0)
    return;
  dir = g_dir_open (path, 0, NULL);
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *child = g_build_filename (path, name, NULL);

    remove_tree (child);
  }
  g_rmdir (path);
}

/* The lock that a download of this content holds, "HASH.lock" for HASH and
 * HASH.incomplete; -1 if it is held. */
static int
lock_blob (const CliRepo *repo, const char *blob)
{
  g_autofree char *cache_dir = g_path_get_dirname (repo->path);
  g_autofree char *repo_name = g_path_get_basename (repo->path);
  g_autofree char *folder =
      g_build_filename (cache_dir, ".locks", repo_name, NULL);
  g_autofree char *path =
      g_strdup_printf ("%s/%.*s.lock", folder, (int) strcspn (blob, "."), blob);
  int fd;

  g_mkdir_with_parents (folder, 0777);
  fd = g_open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0664);
  if (fd >= 0 && flock (fd, LOCK_EX | LOCK_NB) == 0)
    return fd;
  if (fd >= 0)
    close (fd);
  return -1;
}

/* What is being downloaded now stays. */
static gboolean
remove_blob (const CliRepo *repo, const char *blob)
{
  g_autofree char *path = g_build_filename (repo->path, "blobs", blob, NULL);
  int lock = lock_blob (repo, blob);
  gboolean removed;

  if (lock < 0) {
    g_printerr ("%s is in use and stays\n", path);
    return TRUE;
  }
  removed = g_unlink (path) == 0 || errno == ENOENT;
  if (!removed)
    g_printerr ("error: Io: cannot remove %s: %s\n", path, g_strerror (errno));
  close (lock);
  return removed;
}

static gboolean
carry_out (const Plan *plan)
{
  static const char *const folders[] = { "snapshots", ".no_exist" };
  gboolean good = TRUE;

  for (guint i = 0; i < plan->revisions->len; i++) {
    const CliRevision *revision = g_ptr_array_index (plan->revisions, i);

    for (guint j = 0; j < G_N_ELEMENTS (folders); j++) {
      g_autofree char *path = g_build_filename (
          plan->repo->path, folders[j], revision->commit, NULL);

      remove_tree (path);
      if (g_file_test (path, G_FILE_TEST_EXISTS)) {
        g_printerr ("error: Io: cannot remove %s\n", path);
        good = FALSE;
      }
    }
  }
  for (guint i = 0; i < plan->blobs->len; i++)
    good &= remove_blob (plan->repo, g_ptr_array_index (plan->blobs, i));
  return good;
}

static void
print_plan (const Plan *plan)
{
  g_autofree char *size = g_format_size (plan->size);

  g_print ("%s: %u of %u revisions, %u contents, %s\n", plan->repo->id,
      plan->revisions->len, plan->repo->revisions->len, plan->blobs->len, size);
}

static gboolean
ask (guint64 size)
{
  g_autofree char *text = g_format_size (size);
  char answer[8] = "";

  g_printerr ("Remove %s? [y/N] ", text);
  return fgets (answer, sizeof answer, stdin) != NULL
         && g_ascii_tolower (answer[0]) == 'y';
}

static int
prune (const Cache *self)
{
  g_autoptr (GPtrArray) plans = g_ptr_array_new_with_free_func (plan_free);
  guint64 size = 0;
  gboolean good = TRUE;

  for (guint i = 0; i < self->repos->len; i++) {
    Plan *plan = make_plan (g_ptr_array_index (self->repos, i));

    if (plan->revisions->len == 0 && plan->blobs->len == 0) {
      plan_free (plan);
      continue;
    }
    print_plan (plan);
    size += plan->size;
    g_ptr_array_add (plans, plan);
  }
  if (plans->len == 0)
    return 0;
  if (!self->yes && !ask (size))
    return cli_fail ("nothing was removed");
  for (guint i = 0; i < plans->len; i++)
    good &= carry_out (g_ptr_array_index (plans, i));
  return good ? 0 : 1;
}

/* --- The command --- */

static const struct {
  const char *name;
  int (*run) (const Cache *self);
} actions[] = { { "list", list }, { "prune", prune } };

static int
run (Cache *self, char **args, GError **error)
{
  const GOptionEntry entries[] = {
    { "cache-dir", 0, 0, G_OPTION_ARG_FILENAME, &self->cache_dir,
        "Folder of the cache (default: HF_HUB_CACHE, else HF_HOME/hub, else "
        "~/.cache/huggingface/hub)",
        "FOLDER" },
    { "yes", 'y', 0, G_OPTION_ARG_NONE, &self->yes, "Remove without asking",
        NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("list|prune");
  g_autoptr (OpensoraHub) hub = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_set_summary (context,
      "Lists the models that were downloaded from the Hugging Face hub, or "
      "removes revisions that no\nbranch and no tag names any more, and "
      "downloads that were not completed.");
  if (!g_option_context_parse_strv (context, &args, error))
    return 1;
  hub = opensora_hub_new (self->cache_dir, NULL, TRUE);
  g_free (self->cache_dir);
  self->cache_dir = opensora_hub_dup_cache_dir (hub);
  self->repos = cli_cache_scan (self->cache_dir);
  for (guint i = 0; i < G_N_ELEMENTS (actions); i++) {
    if (args[1] != NULL && args[2] == NULL
        && g_str_equal (args[1], actions[i].name))
      return actions[i].run (self);
  }
  g_set_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_INVALID_ARGUMENT,
      "list or prune is needed; see opensora cache --help");
  return 1;
}

int
cli_cache (char **args)
{
  g_auto (Cache) self = { NULL };
  g_autoptr (GError) error = NULL;
  int status = run (&self, args, &error);

  return error != NULL ? cli_fail_error (error) : status;
}
