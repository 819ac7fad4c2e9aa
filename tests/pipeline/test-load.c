/* SPDX-License-Identifier: Apache-2.0 */
/* Loading a pipeline whose parts are in several places, without network: what
 * users of the Python programs could not do. */
#include <glib/gstdio.h>
#include <opensora/opensora.h>

#include "partstest.h"

static OpensoraPipeline *
new_pipeline (PartsTest *f, const char *model)
{
  OpensoraPipeline *pipeline = opensora_pipeline_new (model, NULL, 1);

  g_object_set (
      pipeline, "cache-dir", f->cache, "local-files-only", TRUE, NULL);
  return pipeline;
}

/* A text encoder in a plain folder, and no network. */
static void
test_local_text_encoder (PartsTest *f, gconstpointer data)
{
  g_autoptr (OpensoraPipeline) pipeline = new_pipeline (f, "opensora-1.2");

  partstest_put_part (f, TRANSFORMER, "", "transformer");
  partstest_put_part (f, VAE, "", "vae");
  partstest_link_part (f, "t5-v1_1-xxl", "text_encoder");
  partstest_link (f, "t5-v1_1-xxl", "tokenizer", "spiece.model");
  partstest_link (f, "t5-v1_1-xxl", "tokenizer", "tokenizer_config.json");
  g_object_set (
      pipeline, "text-encoder", partstest_path (f, "t5-v1_1-xxl"), NULL);
  g_assert_true (
      opensora_pipeline_load (pipeline, NULL, NULL, NULL, &f->error));
  g_assert_no_error (f->error);
}

/* Names and times of all that is below a folder. */
static void
list_tree (const char *path, GString *list)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  GStatBuf status;

  g_assert_cmpint (g_lstat (path, &status), ==, 0);
  g_string_append_printf (list, "%s %" G_GINT64_FORMAT ".%ld\n", path,
      (gint64) status.st_mtim.tv_sec, (long) status.st_mtim.tv_nsec);
  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *child = g_build_filename (path, name, NULL);
    list_tree (child, list);
  }
}

static void
set_modes (PartsTest *f, int mode)
{
  static const char *const folders[] = { "cache", "cache/" TRANSFORMER,
    "cache/" VAE, "cache/" T5, "cache/" TRANSFORMER "/refs",
    "cache/" VAE "/refs", "cache/" T5 "/refs" };

  for (guint i = 0; i < G_N_ELEMENTS (folders); i++)
    g_assert_cmpint (g_chmod (partstest_path (f, folders[i]), mode), ==, 0);
}

/* All models in a cache that others share and nobody may write. Root may
 * always: the cache stays as it was. */
static void
test_shared_cache (PartsTest *f, gconstpointer data)
{
  g_autoptr (OpensoraPipeline) pipeline = new_pipeline (f, "opensora-1.2");
  g_autoptr (GString) before = g_string_new (NULL);
  g_autoptr (GString) after = g_string_new (NULL);

  partstest_put_release (f);
  set_modes (f, 0555);
  list_tree (f->cache, before);
  opensora_pipeline_load (pipeline, NULL, NULL, NULL, &f->error);
  list_tree (f->cache, after);
  set_modes (f, 0755);
  g_assert_no_error (f->error);
  g_assert_cmpstr (after->str, ==, before->str);
  g_assert_cmpstr (opensora_pipeline_get_commit (pipeline), ==, COMMIT);
}

/* Open-Sora's config, edited to say where the models are. */
static void
test_config (PartsTest *f, gconstpointer data)
{
  const char *path = partstest_path (f, "sample.py");
  g_autofree char *text = g_strdup_printf (
      "cache = \"%s\"\n"
      "model = dict(type=\"STDiT3-XL/2\", from_pretrained=\"" TRANSFORMER_REPO
      "\", cache_dir=cache)\n"
      "vae = dict(type=\"OpenSoraVAE_V1_2\", from_pretrained=\"" VAE_REPO
      "\", cache_dir=cache)\n"
      "text_encoder = dict(type=\"t5\", from_pretrained=\"" T5_REPO
      "\", cache_dir=cache)\n",
      f->cache);
  g_autoptr (OpensoraPipeline) pipeline = opensora_pipeline_new (NULL, NULL, 1);
  g_autoptr (OpensoraConfig) config = NULL;

  partstest_put_release (f);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  config = opensora_config_load (path, &f->error);
  g_assert_no_error (f->error);
  g_assert_true (opensora_pipeline_is_demo (pipeline));
  g_object_set (pipeline, "config", config, "local-files-only", TRUE, NULL);
  g_assert_false (opensora_pipeline_is_demo (pipeline));
  opensora_pipeline_load (pipeline, NULL, NULL, NULL, &f->error);
  g_assert_no_error (f->error);
  g_assert_cmpstr (opensora_pipeline_get_commit (pipeline), ==, COMMIT);
}

/* The property counts before the config. */
static void
test_config_elsewhere (PartsTest *f, gconstpointer data)
{
  const char *path = partstest_path (f, "sample.json");
  g_autoptr (OpensoraPipeline) pipeline = new_pipeline (f, NULL);
  g_autoptr (OpensoraConfig) config = NULL;

  partstest_put_release (f);
  partstest_link_part (f, "vae", "vae");
  g_assert_true (g_file_set_contents (path,
      "{\"model\": {\"from_pretrained\": \"" TRANSFORMER_REPO
      "\", \"cache_dir\": \"/no/such/cache\"},"
      " \"vae\": {\"from_pretrained\": \"/no/such/vae\"}}",
      -1, NULL));
  config = opensora_config_load (path, &f->error);
  g_assert_no_error (f->error);
  g_object_set (pipeline, "config", config, NULL);
  g_assert_false (
      opensora_pipeline_load (pipeline, NULL, NULL, NULL, &f->error));
  g_assert_error (f->error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND);
  partstest_assert_says (f, "/no/such/vae");
  g_clear_error (&f->error);
  g_object_set (pipeline, "vae", partstest_path (f, "vae"), NULL);
  opensora_pipeline_load (pipeline, NULL, NULL, NULL, &f->error);
  g_assert_no_error (f->error);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func)                                                        \
  g_test_add ("/pipeline/load/" name, PartsTest, NULL, partstest_set_up, func, \
      partstest_tear_down)
  ADD ("local-text-encoder", test_local_text_encoder);
  ADD ("shared-cache", test_shared_cache);
  ADD ("config", test_config);
  ADD ("config-elsewhere", test_config_elsewhere);
#undef ADD
  return g_test_run ();
}
