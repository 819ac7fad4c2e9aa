/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the parts of a model: where each is to come from (search.c), what is
 * wrong with that as far as it can be told at once, then downloads. */
#include "pipeline/parts.h"

#include "hub/environment.h"
#include "pipeline/compatibility.h"
#include "pipeline/search.h"

#define VOCABULARY "spiece.model"

/* All of them in one error. */
static gboolean
report (const OsSearch *search, GError **error)
{
  const guint n = search->problems->len;
  const GError *first = n > 0 ? g_ptr_array_index (search->problems, 0) : NULL;
  g_autoptr (GString) text = g_string_new (NULL);

  if (!os_task_check (search->task, error))
    return FALSE;
  if (n == 0)
    return TRUE;
  if (n > 1)
    g_string_append_printf (text, "%u parts of the model cannot be used:", n);
  for (guint i = 0; i < n; i++) {
    const GError *problem = g_ptr_array_index (search->problems, i);
    g_string_append_printf (text, "%s%s", n > 1 ? "\n" : "", problem->message);
  }
  g_set_error_literal (error, first->domain, first->code, text->str);
  return FALSE;
}

/* Is it of use to ask the hub again, after the last problem? */
static gboolean
hub_answers (const OsSearch *search)
{
  const guint n = search->problems->len;
  const GError *last =
      n > 0 ? g_ptr_array_index (search->problems, n - 1) : NULL;

  return !last || last->domain == OPENSORA_ERROR
         || (last->domain == OPENSORA_HUB_ERROR
             && last->code <= OPENSORA_HUB_ERROR_INVALID_ARGUMENT);
}

/* --- What is wrong with that --- */

static gboolean
check_path (const OsSearch *search, OsPartKind part, GError **error)
{
  const OsOrigin *origin = &search->origins[part];
  const OsPlace place = { search->release, part, origin->property };
  g_autoptr (OsCheckpoint) checkpoint = NULL;

  if (!g_file_test (origin->path, G_FILE_TEST_EXISTS)) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND,
        "%s is not there: the model has no %s; put it there, or set the "
        "property %s, to %s for example",
        origin->path, os_part_get_name (part), origin->property,
        search->release->repos[part]);
    return FALSE;
  }
  checkpoint = os_checkpoint_open (origin->path, error);
  return checkpoint && os_compatibility_check (&place, checkpoint, error);
}

/* Has the repository the file of a network? */
static gboolean
check_listed (const OsSearch *search, OsPartKind part, GError **error)
{
  const OsOrigin *origin = &search->origins[part];
  g_auto (GStrv) files =
      opensora_hub_list_files (search->hubs[part], origin->repo,
          origin->revision, os_task_get_cancellable (search->task), error);

  if (!files || g_strv_contains ((const char *const *) files, origin->file))
    return files != NULL;
  g_set_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_ENTRY_NOT_FOUND,
      "%s has no %s; check its revision", origin->repo, origin->file);
  return FALSE;
}

/* Is a network whole in the cache, or its configuration to be had? */
static gboolean
check_network (const OsSearch *search, OsPartKind part, GError **error)
{
  const OsOrigin *origin = &search->origins[part];
  const char *subfolder = origin->subfolder ? origin->subfolder : "";
  g_autofree char *name = g_build_filename (subfolder, OS_PART_CONFIG, NULL);
  g_autoptr (GError) cause = NULL;
  g_autofree char *here =
      os_search_fetch_network (search, search->caches[part], part, &cause);
  g_autofree char *config = NULL;

  if (here)
    return TRUE;
  if (search->offline) {
    g_propagate_error (error, g_steal_pointer (&cause));
    return FALSE;
  }
  if (origin->file)
    return check_listed (search, part, error);
  config = os_search_download (
      search, search->hubs[part], origin->repo, origin->revision, name, error);
  return config != NULL;
}

static gboolean
check_repo (const OsSearch *search, OsPartKind part, GError **error)
{
  const OsOrigin *origin = &search->origins[part];
  const OsPlace place = { search->release, part, origin->property };

  return os_compatibility_check_repo (&place, origin->repo, error)
         && check_network (search, part, error);
}

/* The tokenizer of a text encoder on the disk: in its folder, or beside that.
 */
static char *
find_tokenizer (const char *folder)
{
  g_autofree char *absolute = g_canonicalize_filename (folder, NULL);
  g_autofree char *parent = g_path_get_dirname (absolute);
  g_autofree char *beside =
      g_build_filename (parent, OS_TOKENIZER_FOLDER, NULL);
  const char *const places[] = { folder, beside };

  for (guint i = 0; i < G_N_ELEMENTS (places); i++) {
    g_autofree char *file = g_build_filename (places[i], VOCABULARY, NULL);

    if (g_file_test (file, G_FILE_TEST_EXISTS))
      return g_strdup (places[i]);
  }
  return NULL;
}

/* It is small. */
static gboolean
fetch_tokenizer (OsSearch *search, GError **error)
{
  OsParts *found = search->found;

  g_free (found->tokenizer);
  found->tokenizer =
      os_search_fetch (search, search->hubs[OS_PART_TEXT_ENCODER],
          &search->tokenizer, OPENSORA_HUB_COMPONENT_TOKENIZER, error);
  return found->tokenizer != NULL;
}

/* Of a text encoder on the disk. A file that has no tokenizer beside it gets
 * that of its release. */
static gboolean
check_local_tokenizer (OsSearch *search, GError **error)
{
  const OsOrigin *encoder = &search->origins[OS_PART_TEXT_ENCODER];
  const char *repo = search->release->repos[OS_PART_TEXT_ENCODER];
  gboolean is_folder = g_file_test (encoder->path, G_FILE_TEST_IS_DIR);
  g_autofree char *folder =
      is_folder ? g_strdup (encoder->path) : g_path_get_dirname (encoder->path);

  search->found->tokenizer = find_tokenizer (folder);
  if (search->found->tokenizer)
    return TRUE;
  if (is_folder) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND,
        "%s/" VOCABULARY " is not there: the text encoder has no tokenizer, "
        "neither in its folder nor in " OS_TOKENIZER_FOLDER " beside it; copy "
        "that file of %s",
        folder, repo);
    return FALSE;
  }
  os_origin_set (&search->tokenizer, encoder->property, NULL, repo, NULL);
  if (fetch_tokenizer (search, error))
    return TRUE;
  g_prefix_error (
      error, "there is no " VOCABULARY " beside %s, and ", encoder->path);
  return FALSE;
}

static gboolean
check_tokenizer (OsSearch *search, GError **error)
{
  const OsOrigin *encoder = &search->origins[OS_PART_TEXT_ENCODER];

  if (!encoder->repo)
    return check_local_tokenizer (search, error);
  os_origin_set (&search->tokenizer, encoder->property, NULL, encoder->repo,
      encoder->revision);
  search->tokenizer.tokenizer = encoder->tokenizer;
  return fetch_tokenizer (search, error);
}

static gboolean
check_part (OsSearch *search, OsPartKind part, GError **error)
{
  const OsOrigin *origin = &search->origins[part];

  if (origin->path ? !check_path (search, part, error)
                   : !check_repo (search, part, error))
    return FALSE;
  return part != OS_PART_TEXT_ENCODER || check_tokenizer (search, error);
}

/* What lies on the disk first. */
static void
check_all (OsSearch *search)
{
  for (int remote = 0; remote <= 1; remote++) {
    for (int part = 0; part < OS_N_PARTS; part++) {
      const OsOrigin *origin = &search->origins[part];
      GError *problem = NULL;

      if (remote && !hub_answers (search))
        return;
      if (origin->property && remote == (origin->repo != NULL)
          && !check_part (search, part, &problem))
        os_search_add_problem (search, origin->property, problem);
    }
  }
}

/* --- Downloads --- */

/* From now on a part has a path: its folder, or its file, below that of the
 * commit. */
static gboolean
fetch_part (OsSearch *search, OsPartKind part, GError **error)
{
  OsOrigin *origin = &search->origins[part];
  g_autofree char *top = NULL;

  origin->path =
      os_search_fetch_network (search, search->hubs[part], part, error);
  if (!origin->path)
    return FALSE;
  top = origin->subfolder || origin->file ? g_path_get_dirname (origin->path)
                                          : g_strdup (origin->path);
  g_free (origin->revision);
  origin->revision = g_path_get_basename (top);
  return check_path (search, part, error);
}

/* The smallest first; what fails, fails before the next begins. */
static gboolean
fetch_all (OsSearch *search, GError **error)
{
  static const OsPartKind order[] = { OS_PART_VAE, OS_PART_TRANSFORMER,
    OS_PART_TEXT_ENCODER };
  OsParts *found = search->found;
  OsOrigin *encoder = &search->origins[OS_PART_TEXT_ENCODER];

  for (guint i = 0; i < G_N_ELEMENTS (order); i++) {
    OsOrigin *origin = &search->origins[order[i]];

    if (origin->repo && !fetch_part (search, order[i], error)) {
      g_prefix_error (error, "%s: ", origin->property);
      return FALSE;
    }
    found->paths[order[i]] = g_strdup (origin->path);
  }
  if (!found->commit)
    found->commit = g_strdup (search->origins[OS_PART_TRANSFORMER].revision);
  if (!encoder->repo)
    return TRUE;
  /* Of the same commit. */
  g_free (search->tokenizer.revision);
  search->tokenizer.revision = g_strdup (encoder->revision);
  return fetch_tokenizer (search, error);
}

static void
search_begin (OsSearch *search)
{
  const OsPartNames *names = search->names;
  g_autoptr (OsHubEnvironment) environment =
      os_hub_environment_new (NULL, NULL, names->local_files_only);

  search->offline = environment->offline;
  search->problems =
      g_ptr_array_new_with_free_func ((GDestroyNotify) g_error_free);
  for (int part = 0; part < OS_N_PARTS; part++) {
    const char *folder = names->cache_dirs[part];

    search->hubs[part] =
        opensora_hub_new (folder, NULL, names->local_files_only);
    search->caches[part] = opensora_hub_new (folder, NULL, TRUE);
  }
}

static void
search_end (OsSearch *search)
{
  for (int part = 0; part < OS_N_PARTS; part++) {
    os_origin_clear (&search->origins[part]);
    g_object_unref (search->hubs[part]);
    g_object_unref (search->caches[part]);
  }
  os_origin_clear (&search->tokenizer);
  g_ptr_array_unref (search->problems);
}

gboolean
os_parts_locate (OsParts *parts, const OsPartNames *names, const OsTask *task,
    GError **error)
{
  OsSearch search = { names, .task = task, .found = parts };
  gboolean found;

  search_begin (&search);
  os_search_name_parts (&search);
  check_all (&search);
  found = report (&search, error) && fetch_all (&search, error);
  parts->release = search.release;
  search_end (&search);
  return found;
}

void
os_parts_clear (OsParts *parts)
{
  g_free (parts->folder);
  for (int part = 0; part < OS_N_PARTS; part++)
    g_free (parts->paths[part]);
  g_free (parts->tokenizer);
  g_free (parts->commit);
}
