/* SPDX-License-Identifier: Apache-2.0 */
/* Loading a pipeline whose parts are in several places, without network: what
 * users of the Python programs could not do. */
#include <glib/gstdio.h>
#include <opensora/opensora.h>

#include "oldtest.h"
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

/* Settings of 1.1's configs/opensora-v1-1/inference/sample.py and of 1.0's. */
#define CONFIG_1_1                                                             \
  "num_frames = 2\nframe_interval = 3\nfps = 24\nimage_size = (32, 45)\n"      \
  "multi_resolution = 'STDiT2'\n"                                              \
  "model = dict(type='STDiT2-XL/2', from_pretrained='transformer',\n"          \
  "    input_sq_size=512, qk_norm=True, enable_flash_attn=True)\n"             \
  "vae = dict(type='VideoAutoencoderKL', from_pretrained='vae',\n"             \
  "    cache_dir=None, micro_batch_size=4)\n"                                  \
  "text_encoder = dict(type='t5', from_pretrained='text_encoder',\n"           \
  "    model_max_length=200)\n"                                                \
  "scheduler = dict(type='iddpm', num_sampling_steps=2, cfg_scale=5.0,\n"      \
  "    cfg_channel=3)\ndtype = 'bf16'\nprompt = ['a red circle']\nseed = 42\n"
#define CONFIG_1_0(transformer, size, scheduler)                               \
  "num_frames = 2\nfps = 24 // 3\nimage_size = " size "\n"                     \
  "model = dict(type='STDiT-XL/2', space_scale=0.5, time_scale=2 / 3,\n"       \
  "    enable_flashattn=True, from_pretrained='" transformer "')\n"            \
  "vae = dict(type='VideoAutoencoderKL', from_pretrained='vae')\n"             \
  "text_encoder = dict(type='t5', from_pretrained='ckpts',\n"                  \
  "    model_max_length=120)\n"                                                \
  "scheduler = dict(type='" scheduler "', num_sampling_steps=2,\n"             \
  "    cfg_scale=7.0)\ndtype = 'fp16'\nbatch_size = 2\nseed = 42\n"

/* Run from the folder with the parts, as its paths are relative. */
typedef struct {
  char *before, *folder;
  OpensoraPipeline *pipeline;
  OpensoraConfig *config;
  OpensoraParams *params;
  guint n_frames, width, height;
} Run;

static gboolean
count_frame (GBytes *rgb, guint width, guint height, guint index, gpointer data)
{
  Run *run = data;

  run->n_frames++;
  run->width = width;
  run->height = height;
  return TRUE;
}

static void
run_config (Run *run, PartsTest *f, const char *version, const char *text)
{
  const char *path = partstest_path (f, "sample.py");

  run->before = g_get_current_dir ();
  run->folder = oldtest_make (version);
  g_assert_cmpint (g_chdir (run->folder), ==, 0);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  run->config = opensora_config_load (path, &f->error);
  g_assert_no_error (f->error);
  g_assert_null (opensora_config_get_unknown_keys (run->config)[0]);
  g_assert_null (opensora_config_get_ignored_keys (run->config)[0]);
  run->params = opensora_params_new ();
  g_object_set (run->params, "prompt", "a blue square", NULL);
  run->pipeline = new_pipeline (f, NULL);
  g_object_set (run->pipeline, "config", run->config, NULL);
  if (opensora_config_apply (run->config, run->params, &f->error)
      && opensora_pipeline_load (run->pipeline, NULL, NULL, NULL, &f->error))
    opensora_pipeline_generate (run->pipeline, run->params, count_frame, run,
        NULL, NULL, NULL, &f->error);
}

static void
run_clear (Run *run)
{
  g_assert_cmpint (g_chdir (run->before), ==, 0);
  oldtest_remove (run->folder);
  g_free (run->before);
  g_free (run->folder);
  g_object_unref (run->pipeline);
  g_object_unref (run->config);
  g_object_unref (run->params);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Run, run_clear)

static void
test_config_1_1 (PartsTest *f, gconstpointer data)
{
  g_auto (Run) run = { NULL };
  double fps;

  run_config (&run, f, "1.1", CONFIG_1_1);
  g_assert_no_error (f->error);
  g_assert_cmpstr (opensora_pipeline_get_version (run.pipeline), ==, "1.1");
  g_assert_cmpuint (run.n_frames, ==, 2);
  g_assert_cmpuint (run.width, ==, 40);
  g_assert_cmpuint (run.height, ==, 32);
  g_object_get (run.params, "fps", &fps, NULL);
  g_assert_cmpfloat (fps, ==, 8);
  g_assert_cmpfloat (opensora_config_get_save_fps (run.config), ==, 8);
}

/* The text encoder is in a folder of its name, below the one that is said. */
static void
test_config_1_0 (PartsTest *f, gconstpointer data)
{
  static const char *const schedulers[] = {
    CONFIG_1_0 ("transformer", "(32, 32)", "iddpm"),
    CONFIG_1_0 ("transformer", "(32, 32)", "dpm-solver"),
  };

  partstest_link_part (f, "ckpts/t5-v1_1-xxl", "text_encoder");
  partstest_link (f, "ckpts/t5-v1_1-xxl", "tokenizer", "spiece.model");
  partstest_link (f, "ckpts/t5-v1_1-xxl", "tokenizer", "tokenizer_config.json");
  for (guint i = 0; i < G_N_ELEMENTS (schedulers); i++) {
    g_autoptr (GString) text = g_string_new (schedulers[i]);
    g_auto (Run) run = { NULL };

    g_string_replace (text, "ckpts", partstest_path (f, "ckpts"), 1);
    run_config (&run, f, "1.0", text->str);
    g_assert_no_error (f->error);
    g_assert_cmpstr (opensora_pipeline_get_version (run.pipeline), ==, "1.0");
    g_assert_cmpuint (run.n_frames, ==, 2);
    g_assert_cmpuint (run.width, ==, 32);
  }
}

/* The file that was published for the config's size. */
static void
test_placeholder (PartsTest *f, gconstpointer data)
{
  static const struct {
    const char *config, *file;
  } cases[] = {
    { CONFIG_1_0 ("PRETRAINED_MODEL", "(256, 256)", "iddpm"),
        "OpenSora-v1-HQ-16x256x256.pth" },
    { CONFIG_1_0 ("PRETRAINED_MODEL", "(512, 512)", "iddpm"),
        "OpenSora-v1-HQ-16x512x512.pth" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_auto (Run) run = { NULL };

    run_config (&run, f, "1.0", cases[i].config);
    g_assert_nonnull (f->error);
    partstest_assert_says (f, cases[i].file);
    g_clear_error (&f->error);
  }
}

static void
test_config_wrong (PartsTest *f, gconstpointer data)
{
  g_autoptr (GString) text =
      g_string_new (CONFIG_1_0 ("transformer", "(32, 32)", "rflow"));
  g_auto (Run) run = { NULL };

  g_string_replace (text, "ckpts", "text_encoder", 1);
  run_config (&run, f, "1.0", text->str);
  g_assert_error (f->error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
  partstest_assert_says (f, "scheduler.type");
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
  ADD ("config-1.1", test_config_1_1);
  ADD ("config-1.0", test_config_1_0);
  ADD ("config-placeholder", test_placeholder);
  ADD ("config-wrong", test_config_wrong);
#undef ADD
  return g_test_run ();
}
