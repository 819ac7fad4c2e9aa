/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a cache of the Hugging Face hub. Everything unknown is passed over:
 * other versions of the Python packages keep more there. */

#include "cache-scan.h"

#include <glib/gstdio.h>
#include <string.h>

#define REPO_PREFIX "models--"

static int
compare_strings (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static void
add_files (GPtrArray *files, const char *root, const char *folder)
{
  g_autofree char *path = g_build_filename (root, folder, NULL);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *child = g_build_filename (folder, name, NULL);
    g_autofree char *full = g_build_filename (root, child, NULL);

    if (!g_file_test (full, G_FILE_TEST_IS_SYMLINK)
        && g_file_test (full, G_FILE_TEST_IS_DIR))
      add_files (files, root, child);
    else
      g_ptr_array_add (files, g_steal_pointer (&child));
  }
}

GPtrArray *
cli_list_files (const char *folder)
{
  GPtrArray *files = g_ptr_array_new_with_free_func (g_free);

  add_files (files, folder, "");
  g_ptr_array_sort (files, compare_strings);
  return files;
}

/* Names in a folder, in order. */
static GPtrArray *
list_names (const char *folder)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_strings);
  return names;
}

static void
revision_free (gpointer data)
{
  CliRevision *revision = data;

  g_free (revision->commit);
  g_free (revision->refs);
  g_ptr_array_unref (revision->files);
  g_free (revision);
}

void
cli_repo_free (CliRepo *repo)
{
  g_free (repo->id);
  g_free (repo->path);
  g_ptr_array_unref (repo->revisions);
  g_free (repo);
}

/* Names of the references that point at a commit. */
static char *
find_refs (const char *repo_path, const char *commit)
{
  g_autofree char *folder = g_build_filename (repo_path, "refs", NULL);
  g_autoptr (GPtrArray) names = cli_list_files (folder);
  GString *found = g_string_new (NULL);

  for (guint i = 0; i < names->len; i++) {
    const char *name = g_ptr_array_index (names, i);
    g_autofree char *path = g_build_filename (folder, name, NULL);
    g_autofree char *content = NULL;

    if (g_file_get_contents (path, &content, NULL, NULL)
        && g_str_equal (g_strstrip (content), commit))
      g_string_append_printf (found, "%s%s", found->len > 0 ? "," : "", name);
  }
  return g_string_free (found, FALSE);
}

static CliRevision *
scan_revision (const char *repo_path, const char *commit)
{
  CliRevision *revision = g_new0 (CliRevision, 1);
  g_autofree char *folder =
      g_build_filename (repo_path, "snapshots", commit, NULL);

  revision->commit = g_strdup (commit);
  revision->refs = find_refs (repo_path, commit);
  revision->files = cli_list_files (folder);
  for (guint i = 0; i < revision->files->len; i++) {
    g_autofree char *path =
        g_build_filename (folder, g_ptr_array_index (revision->files, i), NULL);
    GStatBuf file;

    if (g_stat (path, &file) != 0)
      continue;
    revision->size += file.st_size;
    revision->last_used = MAX (revision->last_used, file.st_atime);
  }
  return revision;
}

/* Bytes of the files below a folder, not of what links lead to. */
static guint64
measure (const char *repo_path, const char *name)
{
  g_autofree char *folder = g_build_filename (repo_path, name, NULL);
  g_autoptr (GPtrArray) files = cli_list_files (folder);
  guint64 size = 0;

  for (guint i = 0; i < files->len; i++) {
    g_autofree char *path =
        g_build_filename (folder, g_ptr_array_index (files, i), NULL);
    GStatBuf file;

    if (g_lstat (path, &file) == 0 && S_ISREG (file.st_mode))
      size += file.st_size;
  }
  return size;
}

gboolean
cli_is_repo_folder (const char *path)
{
  g_autofree char *name = g_path_get_basename (path);

  return g_str_has_prefix (name, REPO_PREFIX);
}

CliRepo *
cli_repo_scan (const char *path)
{
  CliRepo *repo = g_new0 (CliRepo, 1);
  g_autofree char *name = g_path_get_basename (path);
  g_autofree char *folder = g_build_filename (path, "snapshots", NULL);
  g_autoptr (GPtrArray) commits = list_names (folder);
  g_autoptr (GString) id = g_string_new (name + strlen (REPO_PREFIX));

  g_string_replace (id, "--", "/", 0);
  repo->id = g_strdup (id->str);
  repo->path = g_strdup (path);
  repo->size = measure (path, "blobs") + measure (path, "snapshots");
  repo->revisions = g_ptr_array_new_with_free_func (revision_free);
  for (guint i = 0; i < commits->len; i++)
    g_ptr_array_add (
        repo->revisions, scan_revision (path, g_ptr_array_index (commits, i)));
  return repo;
}

GPtrArray *
cli_cache_scan (const char *cache_dir)
{
  GPtrArray *repos =
      g_ptr_array_new_with_free_func ((GDestroyNotify) cli_repo_free);
  g_autoptr (GPtrArray) names = list_names (cache_dir);

  for (guint i = 0; i < names->len; i++) {
    g_autofree char *path =
        g_build_filename (cache_dir, g_ptr_array_index (names, i), NULL);

    if (cli_is_repo_folder (path) && g_file_test (path, G_FILE_TEST_IS_DIR))
      g_ptr_array_add (repos, cli_repo_scan (path));
  }
  return repos;
}
