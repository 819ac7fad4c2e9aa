/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a model: the demo, and damaged copies of it. */
#include "pipeline/bundle.h"

#include <glib/gstdio.h>
#include <opensora/opensora.h>
#include <string.h>
#include <unistd.h>

#include "bundletest.h"

/* The file is edited, or replaced if `from` is NULL. */
typedef struct {
  const char *name, *file, *from, *to;
  OpensoraError code;
  const char *words[3];
} Damage;

static const Damage damages[] = {
  /* What shapes do not tell is as published, 32 groups of channels here. */
  { "no-config", "vae/config.json", NULL, NULL, OPENSORA_ERROR_FORMAT,
      { "vae/model.safetensors", "block_out_channels", "norm_num_groups" } },
  { "no-weights", "vae/model.safetensors", NULL, NULL, OPENSORA_ERROR_NOT_FOUND,
      { "/vae" } },
  { "no-tokenizer", "tokenizer/spiece.model", NULL, NULL,
      OPENSORA_ERROR_NOT_FOUND, { "tokenizer" } },
  { "broken-json", "vae/config.json", NULL, "{\n  \"scale\": [1,\n",
      OPENSORA_ERROR_FORMAT, { "vae/config.json" } },
  { "json-list", "text_encoder/config.json", NULL, "[]", OPENSORA_ERROR_FORMAT,
      { "text_encoder/config.json" } },
  { "broken-defaults", "opensora.json", NULL, "no JSON", OPENSORA_ERROR_FORMAT,
      { "opensora.json" } },
  { "wrong-default", "opensora.json", "\"width\": 32", "\"width\": -3",
      OPENSORA_ERROR_FORMAT, { "opensora.json", "width" } },
  { "half-a-size", "opensora.json", "\"width\": 32,", "", OPENSORA_ERROR_FORMAT,
      { "opensora.json", "width", "height" } },
  { "wrong-type", "opensora.json", "\"fps\": 8", "\"fps\": \"fast\"",
      OPENSORA_ERROR_FORMAT, { "opensora.json", "fps" } },
  { "half-a-map", "opensora.json", "\"fps\": 8",
      "\"fps\": 8, \"preview_map\": [1, 2, 3]", OPENSORA_ERROR_FORMAT,
      { "opensora.json", "preview_map", "15" } },
  { "half-a-polynomial", "opensora.json", "\"fps\": 8",
      "\"fps\": 8, \"step_cache\": [0.1, 1, 2]", OPENSORA_ERROR_FORMAT,
      { "opensora.json", "step_cache", "6" } },
  { "negative-threshold", "opensora.json", "\"fps\": 8",
      "\"fps\": 8, \"step_cache\": [-0.1, 1, 2, 3, 4, 5]",
      OPENSORA_ERROR_FORMAT, { "opensora.json", "step_cache", "from 0 up" } },
  { "other-version", "opensora.json", "\"1.2\"", "\"9.9\"",
      OPENSORA_ERROR_UNSUPPORTED, { "9.9", "1.2" } },
  { "broken-weights", "transformer/model.safetensors", NULL, "not tensors",
      OPENSORA_ERROR_FORMAT, { "transformer/model.safetensors" } },
  { "mismatch", "transformer/config.json", "\"hidden_size\": 128",
      "\"hidden_size\": 64", OPENSORA_ERROR_MISMATCH,
      { "transformer", "x_embedder.proj.weight", "expected" } },
  { "too-deep", "transformer/config.json", "\"depth\": 3", "\"depth\": 4",
      OPENSORA_ERROR_MISMATCH,
      { "transformer", "spatial_blocks.3.", "missing" } },
  { "vae-mismatch", "vae/config.json", "\"filters\": 16", "\"filters\": 8",
      OPENSORA_ERROR_MISMATCH, { "/vae", "temporal_vae" } },
  { "too-many-tokens", "tokenizer/tokenizer_config.json", "\"extra_ids\": 0",
      "\"extra_ids\": 100", OPENSORA_ERROR_MISMATCH, { "tokens", "319" } },
  { "invalid-config", "transformer/config.json", "\"num_heads\": 4",
      "\"num_heads\": 5", OPENSORA_ERROR_FORMAT,
      { "transformer/config.json", "num_heads" } },
};

static void
test_damaged (gconstpointer data)
{
  const Damage *damage = data;
  g_autofree char *folder = bundletest_copy ();
  g_autoptr (GError) error = NULL;

  if (damage->from)
    bundletest_edit (folder, damage->file, damage->from, damage->to);
  else
    bundletest_put (folder, damage->file, damage->to);
  g_assert_null (os_bundle_open (&(OsParts){ folder }, NULL, &error));
  bundletest_remove (folder);
  g_assert_error (error, OPENSORA_ERROR, (int) damage->code);
  for (int i = 0; i < 3 && damage->words[i]; i++) {
    if (!strstr (error->message, damage->words[i]))
      g_error ("\"%s\" lacks \"%s\"", error->message, damage->words[i]);
  }
}

static void
test_demo (void)
{
  g_autofree char *folder = bundletest_demo ();
  g_autoptr (GError) error = NULL;
  g_autoptr (OsBundle) bundle =
      os_bundle_open (&(OsParts){ folder }, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (bundle->family.version, ==, "1.2");
  g_assert_null (bundle->family.resolution);
  g_assert_false (bundle->family.frame_mask);
  g_assert_cmpfloat (bundle->family.aesthetic_score, ==, 0);
  g_assert_cmpuint (bundle->family.width, ==, 32);
  g_assert_cmpuint (bundle->family.height, ==, 32);
  g_assert_cmpuint (bundle->family.num_frames, ==, 17);
  g_assert_cmpfloat (bundle->family.fps, ==, 8);
  g_assert_cmpuint (bundle->max_length, ==, 64);
  g_assert_nonnull (bundle->prompt);
}

static void
test_copy_opens (void)
{
  g_autofree char *folder = bundletest_copy ();
  g_autoptr (GError) error = NULL;
  g_autoptr (OsBundle) bundle =
      os_bundle_open (&(OsParts){ folder }, NULL, &error);

  g_assert_no_error (error);
  bundletest_remove (folder);
}

/* Without config.json the tensors tell what the network is, also if they are a
 * file that is named. */
static void
test_without_config (void)
{
  g_autofree char *folder = bundletest_copy ();
  g_autofree char *file =
      g_build_filename (folder, "transformer", "model.safetensors", NULL);
  g_autofree char *other =
      g_build_filename (folder, "transformer", "ema.safetensors", NULL);
  OsParts parts = { folder };
  g_autoptr (GError) error = NULL;
  g_autoptr (OsBundle) bundle = NULL;

  bundletest_put (folder, "text_encoder/config.json", NULL);
  /* Beside the file that the folder stands for it counts. */
  parts.paths[OS_PART_TRANSFORMER] = file;
  bundle = os_bundle_open (&parts, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (os_stdit_get_max_length (bundle->transformer), ==, 64);
  g_clear_pointer (&bundle, os_bundle_free);

  /* Beside another it does not. */
  g_assert_cmpint (symlink (file, other), ==, 0);
  parts.paths[OS_PART_TRANSFORMER] = other;
  bundle = os_bundle_open (&parts, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (os_stdit_get_max_length (bundle->transformer), ==, 300);
  g_clear_pointer (&bundle, os_bundle_free);
  g_unlink (other);

  bundletest_put (folder, "transformer/config.json", NULL);
  parts.paths[OS_PART_TRANSFORMER] = NULL;
  bundle = os_bundle_open (&parts, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (os_stdit_get_max_length (bundle->transformer), ==, 300);
  bundletest_remove (folder);
}

/* Without opensora.json a model is what its family is; a prompt has no more
 * tokens than the null caption. */
static void
test_family_defaults (void)
{
  g_autofree char *folder = bundletest_copy ();
  g_autoptr (GError) error = NULL;
  g_autoptr (OsBundle) bundle = NULL;

  bundletest_put (folder, "opensora.json", NULL);
  bundle = os_bundle_open (&(OsParts){ folder }, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (bundle->family.resolution, ==, "240p");
  g_assert_cmpuint (bundle->family.width, ==, 0);
  g_assert_true (bundle->family.frame_mask);
  g_assert_cmpfloat (bundle->family.aesthetic_score, ==, 6.5);
  g_assert_cmpuint (bundle->family.num_frames, ==, 51);
  g_assert_null (bundle->prompt);
  g_assert_cmpuint (bundle->max_length, ==, 64);
  g_clear_pointer (&bundle, os_bundle_free);

  bundletest_put (folder, "opensora.json", "{\"model_max_length\": 300}");
  bundle = os_bundle_open (&(OsParts){ folder }, NULL, &error);
  g_assert_cmpuint (bundle->max_length, ==, 64);
  g_clear_pointer (&bundle, os_bundle_free);
  bundletest_put (folder, "opensora.json", "{\"model_max_length\": 20}");
  bundle = os_bundle_open (&(OsParts){ folder }, NULL, &error);
  g_assert_cmpuint (bundle->max_length, ==, 20);
  bundletest_remove (folder);
}

/* An empty folder is the path of no model. */
static void
test_empty_folder (void)
{
  g_autofree char *folder = g_dir_make_tmp ("opensora-test-XXXXXX", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_null (os_bundle_open (&(OsParts){ folder }, NULL, &error));
  g_rmdir (folder);
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, folder));
}

static void
count_parts (
    OpensoraStage stage, guint64 done, guint64 total, gpointer user_data)
{
  g_assert_cmpint (stage, ==, OPENSORA_STAGE_LOAD);
  g_assert_cmpuint (done, ==, ++*(guint *) user_data);
  g_assert_cmpuint (total, ==, 4);
}

static void
test_progress_and_cancel (void)
{
  g_autofree char *folder = bundletest_demo ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  guint calls = 0;
  g_autoptr (OsTask) task = os_task_new (cancellable, count_parts, &calls);
  g_autoptr (OsBundle) bundle =
      os_bundle_open (&(OsParts){ folder }, task, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_nonnull (bundle);
  g_assert_cmpuint (calls, ==, 4);
  g_cancellable_cancel (cancellable);
  g_assert_null (os_bundle_open (&(OsParts){ folder }, task, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (calls, ==, 4);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pipeline/bundle/demo", test_demo);
  g_test_add_func ("/pipeline/bundle/copy-opens", test_copy_opens);
  g_test_add_func ("/pipeline/bundle/without-config", test_without_config);
  g_test_add_func ("/pipeline/bundle/family-defaults", test_family_defaults);
  g_test_add_func ("/pipeline/bundle/empty-folder", test_empty_folder);
  g_test_add_func (
      "/pipeline/bundle/progress-and-cancel", test_progress_and_cancel);
  for (guint i = 0; i < G_N_ELEMENTS (damages); i++) {
    g_autofree char *path =
        g_strdup_printf ("/pipeline/bundle/damaged/%s", damages[i].name);
    g_test_add_data_func (path, &damages[i], test_damaged);
  }
  return g_test_run ();
}
