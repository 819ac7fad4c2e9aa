/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the parts of a model, on the disk or on the hub. */
#include "pipeline/parts.h"

#include <string.h>

#include "pipeline/family.h"

#define DEMO_FOLDER "opensora-demo"
#define MODEL_CONFIG "opensora.json"

/* --- On the disk --- */

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

/* --- On the hub --- */

typedef struct {
  OpensoraHub *hub;
  const OsTask *task;
} Source;

static void
forward_progress (
    OpensoraStage stage, guint64 done, guint64 total, gpointer data)
{
  os_task_progress (data, stage, done, total);
}

/* The folder with the files of a component. */
static char *
fetch (const Source *source, const char *repo, const char *revision,
    const char *subfolder, OpensoraHubComponent component, GError **error)
{
  g_auto (GStrv) paths =
      opensora_hub_download_component (source->hub, repo, revision, subfolder,
          component, NULL, os_task_get_cancellable (source->task),
          forward_progress, (gpointer) source->task, error);

  return paths ? g_path_get_dirname (paths[0]) : NULL;
}

/* A release, or another version of its transformer. */
static gboolean
fetch_release (OsParts *parts, const OsRelease *release, const char *revision,
    const Source *source, GError **error)
{
  g_autofree char *commit = NULL;

  parts->transformer = fetch (source, release->transformer, revision, NULL,
      OPENSORA_HUB_COMPONENT_TRANSFORMERS, error);
  if (!parts->transformer)
    return FALSE;
  parts->commit = g_path_get_basename (parts->transformer);
  parts->vae = fetch (source, release->vae, NULL, NULL,
      OPENSORA_HUB_COMPONENT_TRANSFORMERS, error);
  if (!parts->vae)
    return FALSE;
  parts->text_encoder = fetch (source, release->text_encoder, NULL, NULL,
      OPENSORA_HUB_COMPONENT_TRANSFORMERS, error);
  if (!parts->text_encoder)
    return FALSE;
  commit = g_path_get_basename (parts->text_encoder);
  parts->tokenizer = fetch (source, release->text_encoder, commit, NULL,
      OPENSORA_HUB_COMPONENT_TOKENIZER, error);
  return parts->tokenizer != NULL;
}

/* A whole model: the first file pins the commit, so that all belong together.
 */
static gboolean
fetch_model (OsParts *parts, const char *repo, const char *revision,
    const Source *source, GError **error)
{
  static const struct {
    const char *folder;
    OpensoraHubComponent component;
  } layout[] = {
    { "transformer", OPENSORA_HUB_COMPONENT_TRANSFORMERS },
    { "vae", OPENSORA_HUB_COMPONENT_TRANSFORMERS },
    { "text_encoder", OPENSORA_HUB_COMPONENT_TRANSFORMERS },
    { "tokenizer", OPENSORA_HUB_COMPONENT_TOKENIZER },
  };
  g_autofree char *config = opensora_hub_download (source->hub, repo, revision,
      MODEL_CONFIG, os_task_get_cancellable (source->task), forward_progress,
      (gpointer) source->task, error);

  if (!config) {
    if (error
        && g_error_matches (
            *error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_ENTRY_NOT_FOUND))
      g_prefix_error (error,
          "%s is neither a whole model, which has an " MODEL_CONFIG
          ", nor the transformer of a release: ",
          repo);
    return FALSE;
  }
  parts->folder = g_path_get_dirname (config);
  parts->commit = g_path_get_basename (parts->folder);
  for (gsize i = 0; i < G_N_ELEMENTS (layout); i++) {
    g_autofree char *folder = fetch (source, repo, parts->commit,
        layout[i].folder, layout[i].component, error);

    if (!folder)
      return FALSE;
  }
  return TRUE;
}

/* Paths are never asked for on the network: only "org/name" is. */
static gboolean
is_repo (const char *model)
{
  const char *slash = strchr (model, '/');

  return slash && slash == strrchr (model, '/') && slash[1] != '\0'
         && !strchr ("/.~", model[0]);
}

gboolean
os_parts_locate (OsParts *parts, const char *model, OpensoraHub *hub,
    const char *revision, const OsTask *task, GError **error)
{
  const Source source = { hub, task };
  g_autofree char *folder = NULL;
  const OsRelease *release;

  if (!model || g_str_equal (model, "demo")) {
    parts->folder = locate_demo (error);
    return parts->folder != NULL;
  }
  folder = expand_home (model);
  if (g_file_test (folder, G_FILE_TEST_IS_DIR)) {
    parts->folder = g_steal_pointer (&folder);
    return TRUE;
  }
  release = os_release_find (model);
  if (release)
    return fetch_release (parts, release, revision, &source, error);
  if (is_repo (model) && !g_file_test (folder, G_FILE_TEST_EXISTS))
    return fetch_model (parts, model, revision, &source, error);
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND,
      "There is no model folder \"%s\"; give the path of a folder with "
      "transformer, vae, text_encoder and tokenizer in it, a release such as "
      "opensora-1.2, or a repository of the Hugging Face hub such as "
      "hpcai-tech/OpenSora-STDiT-v3",
      folder);
  return FALSE;
}

void
os_parts_clear (OsParts *parts)
{
  g_free (parts->folder);
  g_free (parts->text_encoder);
  g_free (parts->tokenizer);
  g_free (parts->transformer);
  g_free (parts->vae);
  g_free (parts->commit);
}
