/* SPDX-License-Identifier: Apache-2.0 */
/* Which files a component is, and that no others are fetched. */
#include <string.h>

#include "hubtest.h"

#define FILE(path, text)                                                       \
  "{'repo': 'org/m', 'path': '" path "', 'text': '" text "'}"

static char **
fetch (HubTest *test, const char *revision, const char *subfolder,
    OpensoraHubComponent component, const char *variant, GError **error)
{
  return opensora_hub_download_component (test->hub, "org/m", revision,
      subfolder, component, variant, NULL, NULL, NULL, error);
}

/* The names of the paths, joined. */
static void
assert_names (char **paths, const char *wanted)
{
  GString *names = g_string_new (NULL);

  g_assert_nonnull (paths);
  for (; *paths != NULL; paths++) {
    g_autofree char *name = g_path_get_basename (*paths);

    g_assert_true (g_file_test (*paths, G_FILE_TEST_IS_REGULAR));
    g_string_append_printf (names, "%s%s", names->len ? " " : "", name);
  }
  g_assert_cmpstr (names->str, ==, wanted);
  g_string_free (names, TRUE);
}

static void
test_transformers (HubTest *test, gconstpointer data)
{
  g_auto (GStrv) paths = NULL;
  g_auto (GStrv) again = NULL;
  g_autofree char *commit = NULL;
  g_autoptr (GError) error = NULL;

  hub_test_change_file (FILE ("pytorch_model.bin", "x"));
  commit = hub_test_commit ();
  paths = fetch (
      test, NULL, NULL, OPENSORA_HUB_COMPONENT_TRANSFORMERS, NULL, &error);
  g_assert_no_error (error);
  assert_names (paths, "config.json model.safetensors");
  g_assert_cmpuint (hub_test_count ("cdn", NULL), ==, 1);
  hub_test_forget_log ();
  again = fetch (
      test, commit, NULL, OPENSORA_HUB_COMPONENT_TRANSFORMERS, NULL, &error);
  g_assert_no_error (error);
  assert_names (again, "config.json model.safetensors");
  g_assert_cmpuint (hub_test_count (NULL, NULL), ==, 0);
  g_clear_pointer (&again, g_strfreev);
  again = fetch (
      test, NULL, NULL, OPENSORA_HUB_COMPONENT_TRANSFORMERS, NULL, &error);
  assert_names (again, "config.json model.safetensors");
  g_assert_cmpuint (hub_test_count (NULL, NULL), ==, 1);
}

#define INDEX "diffusion_pytorch_model.safetensors.index.json"

/* The shards that an index names, once each and in order. */
static void
test_shards (HubTest *test, gconstpointer data)
{
  g_auto (GStrv) paths = NULL;
  g_auto (GStrv) offline = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (OpensoraHub) local = opensora_hub_new (test->cache, NULL, TRUE);

  hub_test_change_file (FILE ("vae/b.safetensors", "bb"));
  hub_test_change_file (FILE ("vae/a.safetensors", "a"));
  hub_test_change_file (FILE ("vae/diffusion_pytorch_model.bin", "x"));
  hub_test_change_file (
      "{'repo': 'org/m', 'path': 'vae/" INDEX "', 'text': '{\\'weight_map\\': "
      "{\\'t\\': \\'b.safetensors\\', \\'u\\': \\'a.safetensors\\', "
      "\\'v\\': \\'b.safetensors\\'}}'}");
  paths = fetch (
      test, "main", "vae", OPENSORA_HUB_COMPONENT_DIFFUSERS, NULL, &error);
  g_assert_no_error (error);
  assert_names (paths, "config.json " INDEX " a.safetensors b.safetensors");
  hub_test_forget_log ();
  offline = opensora_hub_download_component (local, "org/m", NULL, "vae",
      OPENSORA_HUB_COMPONENT_DIFFUSERS, NULL, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_strv_length (offline), ==, 4);
  g_assert_cmpuint (hub_test_count (NULL, NULL), ==, 0);
}

static void
test_shard_leads_out (HubTest *test, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  hub_test_change_file (
      "{'repo': 'org/m', 'path': 'vae/" INDEX "', 'text': "
      "'{\\'weight_map\\': {\\'t\\': \\'../../config.json\\'}}'}");
  g_assert_null (fetch (
      test, NULL, "vae", OPENSORA_HUB_COMPONENT_DIFFUSERS, NULL, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
}

static void
test_variant (HubTest *test, gconstpointer data)
{
  g_auto (GStrv) paths = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_null (fetch (
      test, NULL, NULL, OPENSORA_HUB_COMPONENT_TRANSFORMERS, "fp16", &error));
  g_assert_error (
      error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_ENTRY_NOT_FOUND);
  g_clear_error (&error);
  hub_test_change_file (FILE ("model.fp16.safetensors", "x"));
  paths = fetch (
      test, NULL, NULL, OPENSORA_HUB_COMPONENT_TRANSFORMERS, "fp16", &error);
  g_assert_no_error (error);
  assert_names (paths, "config.json model.fp16.safetensors");
}

static void
test_tokenizer (HubTest *test, gconstpointer data)
{
  g_auto (GStrv) paths = NULL;
  g_autoptr (GError) error = NULL;

  hub_test_change_file (FILE ("spiece.model", "x"));
  hub_test_change_file (FILE ("tokenizer_config.json", "{}"));
  paths =
      fetch (test, NULL, NULL, OPENSORA_HUB_COMPONENT_TOKENIZER, NULL, &error);
  g_assert_no_error (error);
  assert_names (paths, "spiece.model tokenizer_config.json");
}

static void
test_list (HubTest *test, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) names =
      opensora_hub_list_files (test->hub, "org/m", NULL, NULL, &error);
  g_autofree char *joined = names ? g_strjoinv (" ", names) : NULL;

  g_assert_no_error (error);
  g_assert_cmpstr (
      joined, ==, "config.json empty.txt model.safetensors vae/config.json");
}

/* Names in the hub's answer that lead out of the cache are nobody's. */
static void
test_list_leads_out (HubTest *test, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) names = NULL;
  g_autofree char *joined = NULL;

  hub_test_change_file (FILE ("../../../out.json", "x"));
  hub_test_change_file (FILE ("vae/../../out.json", "x"));
  hub_test_change_file (FILE ("/tmp/out.json", "x"));
  names = opensora_hub_list_files (test->hub, "org/m", NULL, NULL, &error);
  g_assert_no_error (error);
  joined = g_strjoinv (" ", names);
  g_assert_null (strstr (joined, "out"));
  g_assert_cmpuint (g_strv_length (names), ==, 4);
}

#define ADD(name, func)                                                        \
  g_test_add ("/hub/files/" name, HubTest, NULL, hub_test_set_up, func,        \
      hub_test_tear_down)

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  if (!hub_test_start (NULL))
    return hub_test_skip ();
  ADD ("transformers", test_transformers);
  ADD ("shards", test_shards);
  ADD ("shard-leads-out", test_shard_leads_out);
  ADD ("variant", test_variant);
  ADD ("tokenizer", test_tokenizer);
  ADD ("list", test_list);
  ADD ("list-leads-out", test_list_leads_out);
  status = g_test_run ();
  hub_test_stop ();
  return status;
}
