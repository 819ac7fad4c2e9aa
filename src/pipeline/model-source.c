/* SPDX-License-Identifier: Apache-2.0 */
/* From a name to a place. */
#include "pipeline/model-source.h"

#include <string.h>

#include "hub/repo-id.h"

#define DEMO_FOLDER "opensora-demo"

static gboolean
exists_below (const char *folder, const char *name, GFileTest test)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);

  return g_file_test (path, test);
}

/* "~/x" of the user's home: shells leave it alone behind a "model=". */
static char *
expand_home (const char *path)
{
  if (g_str_has_prefix (path, "~/"))
    return g_build_filename (g_get_home_dir (), path + 2, NULL);
  return g_strdup (path);
}

static char *
locate_demo (GError **error)
{
  const char *data = g_getenv ("OPENSORA_DATA_DIR");
  g_autofree char *demo =
      g_build_filename (data ? data : OPENSORA_DATADIR, DEMO_FOLDER, NULL);

  if (g_file_test (demo, G_FILE_TEST_IS_DIR))
    return g_steal_pointer (&demo);
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND,
      "The bundled demo model is not at %s; install it, or set "
      "OPENSORA_DATA_DIR to the folder that holds %s",
      demo, DEMO_FOLDER);
  return NULL;
}

/* The only entry of a folder; NULL if it has none or several. */
static char *
find_only_entry (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  g_autofree char *only = dir ? g_strdup (g_dir_read_name (dir)) : NULL;

  return only && !g_dir_read_name (dir) ? g_steal_pointer (&only) : NULL;
}

/* The folder of a repository in the hub's cache stands for the snapshot that
 * its refs/main names, or for its only one. Takes `folder`. */
static char *
enter_snapshot (char *folder, GError **error)
{
  g_autofree char *path = folder;
  g_autofree char *snapshots = g_build_filename (path, "snapshots", NULL);
  g_autofree char *main = g_build_filename (path, "refs", "main", NULL);
  g_autofree char *commit = NULL;

  if (!g_file_test (snapshots, G_FILE_TEST_IS_DIR)
      || !exists_below (path, "refs", G_FILE_TEST_IS_DIR))
    return g_steal_pointer (&path);
  if (g_file_get_contents (main, &commit, NULL, NULL))
    g_strchomp (commit);
  else
    commit = find_only_entry (snapshots);
  if (commit && os_hub_is_commit (commit)
      && exists_below (snapshots, commit, G_FILE_TEST_IS_DIR))
    return g_build_filename (snapshots, commit, NULL);
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND,
      "%s is the folder of a repository in a cache, and refs/main in it names "
      "none of its snapshots; give one of the folders in %s",
      path, snapshots);
  return NULL;
}

static gboolean
is_whole (const char *folder)
{
  for (int part = 0; part < OS_N_PARTS; part++) {
    if (exists_below (folder, os_part_get_folder (part), G_FILE_TEST_IS_DIR))
      return TRUE;
  }
  return exists_below (folder, OS_MODEL_CONFIG, G_FILE_TEST_EXISTS);
}

/* Paths are never asked for on the network: only "org/name" is. */
static gboolean
is_repo (const char *name)
{
  const char *slash = strchr (name, '/');

  return slash && slash == strrchr (name, '/') && slash[1] != '\0'
         && !strchr ("/.~", name[0]);
}

/* A name of which nothing is on the disk. */
static gboolean
find_elsewhere (
    OsModelSource *source, const char *name, const char *path, GError **error)
{
  source->release = os_release_find (name);
  if (source->release)
    return TRUE;
  if (is_repo (name)) {
    source->repo = g_strdup (name);
    return TRUE;
  }
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND,
      "There is no file or folder \"%s\"; give a path, a release such as "
      "opensora-1.2, or a repository of the Hugging Face hub such as "
      "hpcai-tech/OpenSora-STDiT-v3",
      path);
  return FALSE;
}

gboolean
os_model_source_find (OsModelSource *source, const char *name, GError **error)
{
  g_autofree char *path = expand_home (name);

  if (g_str_equal (name, "demo"))
    source->path = locate_demo (error);
  else if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return find_elsewhere (source, name, path, error);
  else
    source->path = enter_snapshot (g_steal_pointer (&path), error);
  source->whole = source->path && is_whole (source->path);
  return source->path != NULL;
}

void
os_model_source_clear (OsModelSource *source)
{
  g_free (source->path);
  g_free (source->repo);
}
