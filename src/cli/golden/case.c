/* SPDX-License-Identifier: Apache-2.0 */
/* A golden case: opening it, and running its op. */
#include "cli/golden/golden.h"

/* --- opening --- */

/* FALSE if there is a file and it cannot be read. */
static gboolean
open_tensors (const char *folder, const char *file, OsCheckpoint **checkpoint,
    GError **error)
{
  g_autofree char *path = g_build_filename (folder, file, NULL);

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return TRUE;
  *checkpoint = os_checkpoint_open (path, error);
  return *checkpoint != NULL;
}

/* "weights" names a file of this case or another's. Anything else, a model
 * folder, is the handler's business. */
static gboolean
open_weights (GoldenCase *golden, GError **error)
{
  JsonNode *node = json_object_get_member (golden->json, "weights");
  const char *file = node != NULL && JSON_NODE_HOLDS_VALUE (node)
                         ? json_node_get_string (node)
                         : NULL;

  if (file == NULL
      || !(g_str_has_suffix (file, ".safetensors")
           || g_str_has_suffix (file, ".pth")))
    return TRUE;
  return open_tensors (golden->folder, file, &golden->weights, error);
}

/* A list of objects, each with an object "outputs". */
static gboolean
holds_runs (JsonNode *root)
{
  JsonNode *runs =
      root != NULL && JSON_NODE_HOLDS_OBJECT (root)
          ? json_object_get_member (json_node_get_object (root), "runs")
          : NULL;
  JsonArray *array = runs != NULL && JSON_NODE_HOLDS_ARRAY (runs)
                         ? json_node_get_array (runs)
                         : NULL;

  for (guint i = 0; array != NULL && i < json_array_get_length (array); i++) {
    JsonNode *run = json_array_get_element (array, i);
    JsonNode *outputs = JSON_NODE_HOLDS_OBJECT (run) ? json_object_get_member (
                            json_node_get_object (run), "outputs")
                                                     : NULL;

    if (outputs == NULL || !JSON_NODE_HOLDS_OBJECT (outputs))
      return FALSE;
  }
  return array != NULL && json_array_get_length (array) > 0;
}

GoldenCase *
golden_case_open (const GoldenSetup *setup, const char *folder, GError **error)
{
  g_autoptr (GoldenCase) golden = g_new0 (GoldenCase, 1);
  g_autofree char *path = g_build_filename (folder, "case.json", NULL);
  JsonNode *root;

  golden->setup = setup;
  golden->folder = g_strdup (folder);
  golden->missing = g_ptr_array_new_with_free_func (g_free);
  golden->parser = json_parser_new ();
  if (!json_parser_load_from_file (golden->parser, path, error))
    return NULL;

  root = json_parser_get_root (golden->parser);
  if (!holds_runs (root)) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
        "%s is not a golden case: \"runs\" with \"outputs\" was expected",
        path);
    return NULL;
  }
  golden->json = json_node_get_object (root);
  if (!open_weights (golden, error)
      || !open_tensors (folder, "inputs.safetensors", &golden->inputs, error)
      || !open_tensors (folder, "outputs.safetensors", &golden->wanted, error))
    return NULL;
  return g_steal_pointer (&golden);
}

void
golden_case_free (GoldenCase *golden)
{
  g_clear_pointer (&golden->weights, os_checkpoint_unref);
  g_clear_pointer (&golden->inputs, os_checkpoint_unref);
  g_clear_pointer (&golden->wanted, os_checkpoint_unref);
  g_ptr_array_unref (golden->missing);
  g_clear_object (&golden->parser);
  g_free (golden->failure);
  g_free (golden->folder);
  g_free (golden);
}

const char *
golden_case_get_name (const GoldenCase *golden)
{
  return json_object_get_string_member_with_default (
      golden->json, "case", golden->folder);
}

const char *
golden_case_get_family (const GoldenCase *golden)
{
  return json_object_get_string_member_with_default (
      golden->json, "family", "");
}

guint
golden_case_get_n_runs (const GoldenCase *golden)
{
  return json_array_get_length (
      json_object_get_array_member (golden->json, "runs"));
}

static JsonObject *
get_run (const GoldenCase *golden, guint index)
{
  return json_array_get_object_element (
      json_object_get_array_member (golden->json, "runs"), index);
}

const char *
golden_case_get_op (const GoldenCase *golden, guint index)
{
  return json_object_get_string_member_with_default (
      get_run (golden, index), "op", "");
}

/* --- running --- */

static gboolean
check_inputs (GoldenRun *run, const char *inputs)
{
  g_auto (GStrv) names = g_strsplit (inputs, " ", -1);

  for (char **name = names; *name != NULL; name++) {
    if (**name != '\0' && !golden_has_input (run, *name)) {
      golden_fail (run->of, "input %s%s is missing", run->prefix, *name);
      return FALSE;
    }
  }
  return TRUE;
}

/* Every output that the golden lists must have been seen. */
static void
check_outputs (GoldenRun *run)
{
  JsonObjectIter iter;
  const char *name;

  json_object_iter_init (&iter, run->bounds);
  while (json_object_iter_next (&iter, &name, NULL))
    if (!g_hash_table_contains (run->seen, name))
      golden_fail (run->of, "%s: not computed", name);
}

void
golden_case_run (
    GoldenCase *golden, guint index, GoldenOp op, const char *inputs)
{
  JsonObject *json = get_run (golden, index);
  const char *name =
      json_object_get_string_member_with_default (json, "name", "");
  OsCompute *compute = golden->setup->compute;
  g_autoptr (GError) error = NULL;
  GoldenRun run = {
    .of = golden,
    .compute = compute,
    .json = golden->json,
    .prefix = g_strconcat (name, *name != '\0' ? "/" : "", NULL),
    .bounds = json_object_get_object_member (json, "outputs"),
    .seen = g_hash_table_new (g_str_hash, g_str_equal),
  };

  if (check_inputs (&run, inputs)) {
    gboolean done = op (&run, &error);

    golden_unwatch (&run);
    /* What failed first says more than what followed from it. */
    if (!os_compute_check (compute, done ? &error : NULL))
      done = FALSE;
    if (done)
      check_outputs (&run);
    else
      golden_fail (golden, "%s", error != NULL ? error->message : "failed");
  }
  g_hash_table_unref (run.seen);
  g_free (run.prefix);
}
