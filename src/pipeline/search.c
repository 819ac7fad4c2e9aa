/* SPDX-License-Identifier: Apache-2.0 */
/* Where the parts of a model are to come from. Repositories are listed, no
 * more than the settings of a whole model is downloaded. */
#include "pipeline/search.h"

#include "pipeline/model-source.h"

#define DEFAULT_RELEASE "opensora-1.2"

void
os_origin_clear (OsOrigin *origin)
{
  g_free (origin->path);
  g_free (origin->repo);
  g_free (origin->revision);
}

void
os_origin_set (OsOrigin *origin, const char *property, char *path,
    const char *repo, const char *revision)
{
  *origin = (OsOrigin){ property, path, g_strdup (repo), g_strdup (revision) };
}

void
os_search_add_problem (OsSearch *search, const char *property, GError *problem)
{
  g_prefix_error (&problem, "%s: ", property);
  g_ptr_array_add (search->problems, problem);
}

static void
forward_progress (
    OpensoraStage stage, guint64 done, guint64 total, gpointer data)
{
  os_task_progress (data, stage, done, total);
}

char *
os_search_download (const OsSearch *search, OpensoraHub *hub, const char *repo,
    const char *revision, const char *file, GError **error)
{
  return opensora_hub_download (hub, repo, revision, file,
      os_task_get_cancellable (search->task), forward_progress,
      (gpointer) search->task, error);
}

char *
os_search_fetch (const OsSearch *search, OpensoraHub *hub,
    const OsOrigin *origin, OpensoraHubComponent component, GError **error)
{
  gboolean weights = component != OPENSORA_HUB_COMPONENT_TOKENIZER;
  g_auto (GStrv) paths = opensora_hub_download_component (hub, origin->repo,
      origin->revision, weights ? origin->subfolder : origin->tokenizer,
      component, NULL, os_task_get_cancellable (search->task), forward_progress,
      (gpointer) search->task, error);

  return paths ? g_path_get_dirname (paths[0]) : NULL;
}

char *
os_search_fetch_network (
    const OsSearch *search, OpensoraHub *hub, OsPartKind part, GError **error)
{
  const OsOrigin *origin = &search->origins[part];

  if (origin->file)
    return os_search_download (
        search, hub, origin->repo, origin->revision, origin->file, error);
  return os_search_fetch (search, hub, origin,
      part == OS_PART_VAE ? search->release->vae
                          : OPENSORA_HUB_COMPONENT_TRANSFORMERS,
      error);
}

static void
take_from_whole (OsSearch *search, OsPartKind part, const OsModelSource *source,
    const char *revision)
{
  const char *name = os_part_get_folder (part);
  OsOrigin *origin = &search->origins[part];

  os_origin_set (origin, os_part_get_property (part),
      source->path ? g_build_filename (source->path, name, NULL) : NULL,
      source->repo, revision);
  origin->subfolder = name;
  origin->tokenizer = OS_TOKENIZER_FOLDER;
}

static void
take_alone (OsSearch *search, OsPartKind part, const char *property,
    const OsModelSource *source, const char *revision)
{
  const OsRelease *release = source->release;

  if (!release && source->repo)
    release = os_release_find_by_repo (source->repo);
  os_origin_set (&search->origins[part], property, g_strdup (source->path),
      source->release ? release->repos[part] : source->repo, revision);
  if (part == OS_PART_TRANSFORMER && release)
    search->origins[part].file = release->file;
}

/* Has a repository folders of parts, as the file `mark` tells, or a part at its
 * top? Those that are published are known. */
static gboolean
look_into_repo (const OsSearch *search, OpensoraHub *hub, OsModelSource *source,
    const char *revision, const char *mark, GError **error)
{
  g_auto (GStrv) files = NULL;

  if (os_manifest_find_published (source->repo))
    return TRUE;
  files = opensora_hub_list_files (hub, source->repo, revision,
      os_task_get_cancellable (search->task), error);
  if (!files)
    return FALSE;
  source->whole = g_strv_contains ((const char *const *) files, mark);
  if (source->whole
      || g_strv_contains ((const char *const *) files, OS_PART_CONFIG))
    return TRUE;
  g_set_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_ENTRY_NOT_FOUND,
      "%s is neither a whole model, which has %s, nor a part of one, which "
      "has " OS_PART_CONFIG "; check the repository and its revision",
      source->repo, mark);
  return FALSE;
}

static gboolean
name_part (OsSearch *search, OsPartKind part, const char *name,
    const char *revision, GError **error)
{
  const char *folder = os_part_get_folder (part);
  g_autofree char *mark = g_build_filename (folder, OS_PART_CONFIG, NULL);
  g_auto (OsModelSource) source = { NULL };

  if (!os_model_source_find (&source, name, error)
      || (source.repo
          && !look_into_repo (
              search, search->hubs[part], &source, revision, mark, error)))
    return FALSE;
  if (source.whole)
    take_from_whole (search, part, &source, revision);
  else
    take_alone (search, part, os_part_get_property (part), &source, revision);
  return TRUE;
}

/* The settings of a whole model. The commit of its repository holds for all
 * parts, so that they belong together. */
static gboolean
take_settings (OsSearch *search, const OsModelSource *source, GError **error)
{
  OsParts *found = search->found;
  g_autofree char *config = NULL;

  if (source->path) {
    found->folder = g_strdup (source->path);
    return TRUE;
  }
  config = os_search_download (search, search->hubs[OS_PART_TRANSFORMER],
      source->repo, search->names->revision, OS_MODEL_CONFIG, error);
  if (!config)
    return FALSE;
  found->folder = g_path_get_dirname (config);
  found->commit = g_path_get_basename (found->folder);
  return TRUE;
}

/* What the model has of the parts without a name. */
static gboolean
name_model (OsSearch *search, const char *name, GError **error)
{
  const OsPartNames *names = search->names;
  g_auto (OsModelSource) source = { NULL };

  if (!os_model_source_find (&source, name, error)
      || (source.repo
          && !look_into_repo (search, search->hubs[OS_PART_TRANSFORMER],
              &source, names->revision, OS_MODEL_CONFIG, error))
      || (source.whole && !take_settings (search, &source, error)))
    return FALSE;
  for (int part = 0; source.whole && part < OS_N_PARTS; part++) {
    if (!names->parts[part])
      take_from_whole (search, part, &source, search->found->commit);
  }
  if (!source.whole && !names->parts[OS_PART_TRANSFORMER])
    take_alone (search, OS_PART_TRANSFORMER, "model", &source, names->revision);
  return TRUE;
}

/* The release that a transformer is of; if that is not known yet, the one that
 * it will have to be of. */
static const OsRelease *
find_release (const OsOrigin *transformer)
{
  const OsManifest *network = NULL;
  const OsRelease *release;

  if (transformer->repo)
    network = os_manifest_find_published (transformer->repo);
  if (transformer->path) {
    g_autoptr (OsCheckpoint) checkpoint =
        os_checkpoint_open (transformer->path, NULL);
    network = checkpoint ? os_manifest_find_for (checkpoint) : NULL;
  }
  release = network ? os_release_find_by_transformer (network) : NULL;
  return release ? release : os_release_find (DEFAULT_RELEASE);
}

/* Parts by the names of an array, where they are not known yet. */
static void
name_parts (OsSearch *search, const char *const *names, const char *revision)
{
  for (int part = 0; part < OS_N_PARTS; part++) {
    GError *problem = NULL;

    if (names[part] && !search->origins[part].property
        && !name_part (search, part, names[part],
            part == OS_PART_TRANSFORMER ? revision : NULL, &problem))
      os_search_add_problem (search, os_part_get_property (part), problem);
  }
}

/* A transformer alone takes the place of the model. */
void
os_search_name_parts (OsSearch *search)
{
  const OsPartNames *names = search->names;
  const char *revision = names->model ? NULL : names->revision;
  const char *model = names->model;
  GError *problem = NULL;

  name_parts (search, names->parts, revision);
  if (!model && !names->parts[OS_PART_TRANSFORMER]
      && !names->configured[OS_PART_TRANSFORMER])
    model = "demo";
  if (model && !name_model (search, model, &problem)) {
    os_search_add_problem (search, "model", problem);
    return;
  }
  name_parts (search, names->configured, revision);
  search->release = find_release (&search->origins[OS_PART_TRANSFORMER]);
  for (int part = 0; part < OS_N_PARTS; part++) {
    if (!names->parts[part] && !names->configured[part]
        && !search->origins[part].property)
      os_origin_set (&search->origins[part], os_part_get_property (part), NULL,
          search->release->repos[part], NULL);
  }
}
