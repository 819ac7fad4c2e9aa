/* SPDX-License-Identifier: Apache-2.0 */
/* The choice of files, in the order of transformers' modeling_utils.py and
 * diffusers' modeling_utils.py. */
#include "hub/files.h"

#include <string.h>

#include "hub/repo-id.h"
#include "base/json.h"

#define INDEX ".index."

static const struct {
  const char *required;
  const char *optional[5];
  const char *weights[5]; /* the first that is there */
} components[] = {
  [OPENSORA_HUB_COMPONENT_TRANSFORMERS] = { "config.json", { NULL },
      { "model.safetensors", "model.safetensors.index.json",
          "pytorch_model.bin", "pytorch_model.bin.index.json", NULL } },
  [OPENSORA_HUB_COMPONENT_DIFFUSERS] = { "config.json", { NULL },
      { "diffusion_pytorch_model.safetensors.index.json",
          "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin",
          NULL } },
  [OPENSORA_HUB_COMPONENT_TOKENIZER] = { "spiece.model",
      { "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
          "tokenizer.json", NULL },
      { NULL } },
};

typedef struct {
  OsHubRequest request; /* of the commit */
  const OsHubListing *listing;
  const char *subfolder; /* "" or with a slash at its end */
  GPtrArray *files;      /* of char * */
} Plan;

/* The name of a variant has it before the last extension. */
static char *
full_name (const Plan *plan, const char *name, const char *variant)
{
  const char *extension = strrchr (name, '.');

  if (variant == NULL)
    return g_strconcat (plan->subfolder, name, NULL);
  return g_strdup_printf ("%s%.*s.%s%s", plan->subfolder,
      (int) (extension - name), name, variant, extension);
}

static gboolean
add_if_there (Plan *plan, const char *name, const char *variant)
{
  g_autofree char *file = full_name (plan, name, variant);

  if (!os_hub_listing_has (plan->listing, file))
    return FALSE;
  g_ptr_array_add (plan->files, g_steal_pointer (&file));
  return TRUE;
}

static void
fail_missing (const Plan *plan, const char *name, GError **error)
{
  g_autofree char *file = full_name (plan, name, NULL);

  if (plan->request.http == NULL)
    os_hub_request_fail_local (&plan->request, file, error);
  else
    g_set_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_ENTRY_NOT_FOUND,
        "%s@%s has no %s; check the repository, the subfolder and the variant",
        plan->request.repo, plan->request.revision, file);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* {"weight_map": {tensor: shard}}: its distinct shards, which lie beside it. */
static gboolean
add_shards (Plan *plan, JsonObject *index)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  JsonNode *map = json_object_get_member (index, "weight_map");
  guint first = plan->files->len;
  JsonObjectIter iter;
  JsonNode *shard;

  if (map == NULL || !JSON_NODE_HOLDS_OBJECT (map))
    return FALSE;
  json_object_iter_init (&iter, json_node_get_object (map));
  while (json_object_iter_next (&iter, NULL, &shard)) {
    const char *name = os_json_holds (shard, G_TYPE_STRING)
                           ? json_node_get_string (shard)
                           : "";

    if (strpbrk (name, "/\\") != NULL || !os_hub_check_filename (name, NULL))
      return FALSE;
    if (g_hash_table_add (seen, (gpointer) name))
      g_ptr_array_add (plan->files, g_strconcat (plan->subfolder, name, NULL));
  }
  if (plan->files->len == first)
    return FALSE;
  qsort (plan->files->pdata + first, plan->files->len - first,
      sizeof (gpointer), compare_names);
  return TRUE;
}

/* The last file of the plan is an index: adds what it lists. */
static gboolean
follow_index (Plan *plan, GError **error)
{
  const char *file = g_ptr_array_index (plan->files, plan->files->len - 1);
  g_autofree char *path = os_hub_fetch (&plan->request, file, error);
  g_autofree char *text = NULL;
  g_autoptr (JsonObject) index = NULL;
  g_autoptr (GError) cause = NULL;
  gsize length;

  if (path == NULL)
    return FALSE;
  if (!g_file_get_contents (path, &text, &length, &cause)) {
    g_set_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_IO,
        "%s cannot be read: %s", path, cause->message);
    return FALSE;
  }
  index = os_json_parse (text, length, path, error);
  if (index == NULL)
    return FALSE;
  if (add_shards (plan, index))
    return TRUE;
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
      "%s: no index of shards: weight_map must name files beside it", path);
  return FALSE;
}

static gboolean
choose (Plan *plan, OpensoraHubComponent component, const char *variant,
    GError **error)
{
  const char *const *weights = components[component].weights;
  const char *const *optional = components[component].optional;
  const char *last;

  if (!add_if_there (plan, components[component].required, NULL)) {
    fail_missing (plan, components[component].required, error);
    return FALSE;
  }
  for (; *optional != NULL; optional++)
    add_if_there (plan, *optional, NULL);
  if (*weights == NULL)
    return TRUE;
  while (*weights != NULL && !add_if_there (plan, *weights, variant))
    weights++;
  if (*weights == NULL) {
    fail_missing (plan, components[component].weights[0], error);
    return FALSE;
  }
  last = g_ptr_array_index (plan->files, plan->files->len - 1);
  return strstr (last, INDEX) == NULL || follow_index (plan, error);
}

static char **
fetch_all (Plan *plan, GError **error)
{
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < plan->files->len; i++)
    plan->request.total +=
        os_hub_listing_size (plan->listing, g_ptr_array_index (plan->files, i));
  for (guint i = 0; i < plan->files->len; i++) {
    const char *file = g_ptr_array_index (plan->files, i);
    char *path = os_hub_fetch (&plan->request, file, error);

    if (path == NULL)
      return NULL;
    g_ptr_array_add (paths, path);
    plan->request.before += os_hub_listing_size (plan->listing, file);
  }
  g_ptr_array_add (paths, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&paths), FALSE);
}

static char **
fetch_listed (const OsHubRequest *request, const OsHubListing *listing,
    const char *subfolder, OpensoraHubComponent component, const char *variant,
    GError **error)
{
  g_autoptr (GPtrArray) files = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *prefix = subfolder != NULL && subfolder[0] != '\0'
                                ? g_strconcat (subfolder, "/", NULL)
                                : g_strdup ("");
  Plan plan = { *request, listing, prefix, files };

  plan.request.revision = listing->commit;
  return choose (&plan, component, variant, error) ? fetch_all (&plan, error)
                                                   : NULL;
}

char **
os_hub_fetch_component (const OsHubRequest *request, const char *subfolder,
    OpensoraHubComponent component, const char *variant, GError **error)
{
  OsHubRequest offline = *request;
  g_autoptr (OsHubListing) cached = os_hub_listing_get_local (request, NULL);
  g_autoptr (OsHubListing) listing = NULL;
  char **paths;

  /* A commit never changes: if it is here, nobody need be asked. */
  offline.http = NULL;
  if (os_hub_is_commit (request->revision) && cached != NULL) {
    paths =
        fetch_listed (&offline, cached, subfolder, component, variant, NULL);
    if (paths != NULL)
      return paths;
  }
  listing = os_hub_listing_get (request, error);
  if (listing == NULL)
    return NULL;
  paths = fetch_listed (request, listing, subfolder, component, variant, error);
  if (paths != NULL && !os_hub_is_commit (request->revision))
    os_hub_cache_set_commit (
        request->cache, request->revision, listing->commit);
  return paths;
}
