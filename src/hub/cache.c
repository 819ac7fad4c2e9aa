/* SPDX-License-Identifier: Apache-2.0 */
/* The layout of huggingface_hub's cache, read and written byte for byte. */
#include "hub/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <opensora/opensora.h>
#include <string.h>
#include <unistd.h>

#include "base/staged.h"
#include "hub/error.h"
#include "hub/repo-id.h"

#define TAG_FILE "CACHEDIR.TAG"
#define TAG                                                                    \
  "Signature: 8a477f597d28d172789f06886806bc55\n"                              \
  "# This file is a cache directory tag created by huggingface_hub.\n"         \
  "# For information about cache directory tags, see:\n"                       \
  "#\thttps://bford.info/cachedir/\n"

OsHubCache *
os_hub_cache_new (const OsHubEnvironment *environment, const char *repo)
{
  g_autofree char *name = os_hub_folder_name (repo);
  OsHubCache *cache = g_new0 (OsHubCache, 1);

  cache->root = g_strdup (environment->cache_dir);
  cache->folder = g_build_filename (cache->root, name, NULL);
  cache->locks = g_build_filename (cache->root, ".locks", name, NULL);
  cache->no_symlinks = environment->no_symlinks;
  return cache;
}

void
os_hub_cache_free (OsHubCache *cache)
{
  if (cache == NULL)
    return;
  g_free (cache->root);
  g_free (cache->folder);
  g_free (cache->locks);
  g_free (cache);
}

/* --- Reading --- */

char *
os_hub_cache_get_commit (const OsHubCache *cache, const char *revision)
{
  g_autofree char *path =
      g_build_filename (cache->folder, "refs", revision, NULL);
  g_autofree char *commit = NULL;

  if (os_hub_is_commit (revision))
    return g_strdup (revision);
  if (!g_file_get_contents (path, &commit, NULL, NULL)
      || !os_hub_is_commit (g_strchomp (commit)))
    return NULL;
  return g_steal_pointer (&commit);
}

char *
os_hub_cache_path (
    const OsHubCache *cache, const char *commit, const char *file)
{
  return g_build_filename (cache->folder, "snapshots", commit, file, NULL);
}

char *
os_hub_cache_find (
    const OsHubCache *cache, const char *revision, const char *file)
{
  g_autofree char *commit = os_hub_cache_get_commit (cache, revision);
  g_autofree char *path =
      commit ? os_hub_cache_path (cache, commit, file) : NULL;

  if (path == NULL || !g_file_test (path, G_FILE_TEST_IS_REGULAR))
    return NULL;
  return g_steal_pointer (&path);
}

static void
list_folder (const char *folder, const char *prefix, GPtrArray *files)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *path = g_build_filename (folder, name, NULL);
    g_autofree char *file = g_strconcat (prefix, name, NULL);

    if (g_file_test (path, G_FILE_TEST_IS_REGULAR))
      g_ptr_array_add (files, g_steal_pointer (&file));
    else if (g_file_test (path, G_FILE_TEST_IS_DIR)
             && !g_file_test (path, G_FILE_TEST_IS_SYMLINK)) {
      g_autofree char *below = g_strconcat (file, "/", NULL);

      list_folder (path, below, files);
    }
  }
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

char **
os_hub_cache_list (const OsHubCache *cache, const char *commit)
{
  g_autofree char *folder = os_hub_cache_path (cache, commit, NULL);
  GPtrArray *files = g_ptr_array_new ();

  list_folder (folder, "", files);
  g_ptr_array_sort (files, compare_names);
  g_ptr_array_add (files, NULL);
  return (char **) g_ptr_array_free (files, FALSE);
}

char *
os_hub_cache_blob (const OsHubCache *cache, const char *etag)
{
  return g_build_filename (cache->folder, "blobs", etag, NULL);
}

char *
os_hub_cache_lock_path (const OsHubCache *cache, const char *etag)
{
  g_autofree char *name = g_strconcat (etag, ".lock", NULL);

  return g_build_filename (cache->locks, name, NULL);
}

char *
os_hub_cache_etag (const char *path)
{
  g_autofree char *target = g_file_read_link (path, NULL);

  return target != NULL ? g_path_get_basename (target) : NULL;
}

/* --- Writing --- */

static gboolean
make_folder (const char *path, GError **error)
{
  return g_mkdir_with_parents (path, 0777) == 0
         || os_hub_fail_io (error, path, "made");
}

static gboolean
make_parent (const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);

  return make_folder (folder, error);
}

/* Tells backup programs that all of this can be had again. */
static void
write_tag (const OsHubCache *cache)
{
  g_autofree char *path = g_build_filename (cache->root, TAG_FILE, NULL);

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    g_file_set_contents_full (
        path, TAG, strlen (TAG), G_FILE_SET_CONTENTS_CONSISTENT, 0666, NULL);
}

gboolean
os_hub_cache_prepare (const OsHubCache *cache, GError **error)
{
  g_autofree char *blobs = os_hub_cache_blob (cache, NULL);

  if (!make_folder (blobs, error) || !make_folder (cache->locks, error))
    return FALSE;
  write_tag (cache);
  return TRUE;
}

static char *
temporary_name (const char *path)
{
  return g_strdup_printf ("%s.%08x.tmp", path, g_random_int ());
}

/* "../../blobs/<etag>", one level more for every folder of the file. */
static char *
link_target (const char *file, const char *etag)
{
  GString *target = g_string_new ("../../");

  for (const char *p = file; *p != '\0'; p++) {
    if (*p == '/')
      g_string_append (target, "../");
  }
  g_string_append_printf (target, "blobs/%s", etag);
  return g_string_free (target, FALSE);
}

/* Replaces whatever has the name. */
static gboolean
make_link (const char *path, const char *file, const char *etag)
{
  g_autofree char *target = link_target (file, etag);
  g_autofree char *temporary = temporary_name (path);

  if (symlink (target, temporary) != 0)
    return FALSE;
  if (g_rename (temporary, path) == 0)
    return TRUE;
  g_unlink (temporary);
  return FALSE;
}

static gboolean
copy_blob (const char *blob, const char *path, GError **error)
{
  g_autoptr (GError) copy_error = NULL;
  g_autofree char *temporary = temporary_name (path);
  g_autoptr (GFile) from = g_file_new_for_path (blob);
  g_autoptr (GFile) to = g_file_new_for_path (temporary);

  if (g_file_copy (from, to, G_FILE_COPY_TARGET_DEFAULT_PERMS, NULL, NULL, NULL,
          &copy_error)
      && g_rename (temporary, path) == 0)
    return TRUE;
  if (copy_error == NULL)
    os_hub_fail_io (error, path, "written");
  else
    g_set_error (error, OPENSORA_HUB_ERROR,
        g_error_matches (copy_error, G_IO_ERROR, G_IO_ERROR_NO_SPACE)
            ? OPENSORA_HUB_ERROR_NO_SPACE
            : OPENSORA_HUB_ERROR_IO,
        "%s cannot be written: %s", path, copy_error->message);
  g_unlink (temporary);
  return FALSE;
}

gboolean
os_hub_cache_publish (const OsHubCache *cache, const char *commit,
    const char *file, const char *etag, gboolean fresh, GError **error)
{
  g_autofree char *path = os_hub_cache_path (cache, commit, file);
  g_autofree char *blob = os_hub_cache_blob (cache, etag);

  if (!make_parent (path, error))
    return FALSE;
  if (!cache->no_symlinks && make_link (path, file, etag))
    return TRUE;
  if (!fresh)
    return copy_blob (blob, path, error);
  return g_rename (blob, path) == 0 || os_hub_fail_io (error, path, "written");
}

void
os_hub_cache_set_commit (
    const OsHubCache *cache, const char *revision, const char *commit)
{
  g_autofree char *path =
      g_build_filename (cache->folder, "refs", revision, NULL);
  g_autofree char *temporary = temporary_name (path);
  g_autofree char *known = os_hub_cache_get_commit (cache, revision);

  if (g_strcmp0 (known, commit) == 0 || !make_parent (path, NULL))
    return;
  if (!g_file_set_contents_full (temporary, commit, strlen (commit),
          G_FILE_SET_CONTENTS_NONE, 0666, NULL)
      || g_rename (temporary, path) != 0)
    g_unlink (temporary);
}

void
os_hub_cache_note_missing (
    const OsHubCache *cache, const char *commit, const char *file)
{
  g_autofree char *path =
      g_build_filename (cache->folder, ".no_exist", commit, file, NULL);

  if (make_parent (path, NULL))
    g_file_set_contents_full (
        path, "", 0, G_FILE_SET_CONTENTS_NONE, 0666, NULL);
}
