/* SPDX-License-Identifier: Apache-2.0 */
/* Parts from a hub, which is a mock here: what is looked at before anything
 * large is downloaded. */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "bundletest.h"
#include "hubtest.h"
#include "pipeline/parts.h"
#include "tensorfile.h"

#define VAE_REPO "hpcai-tech/OpenSora-VAE-v1.2"

/* What of the demo model lies where. */
static const struct {
  const char *repo;
  const char *demo;
} repositories[] = {
  { "hpcai-tech/OpenSora-STDiT-v3", "transformer" },
  { VAE_REPO, "vae" },
  { "DeepFloyd/t5-v1_1-xxl/config.json", "text_encoder/config.json" },
  { "DeepFloyd/t5-v1_1-xxl/model.safetensors",
      "text_encoder/model.safetensors" },
  { "DeepFloyd/t5-v1_1-xxl/spiece.model", "tokenizer/spiece.model" },
  { "DeepFloyd/t5-v1_1-xxl/tokenizer_config.json",
      "tokenizer/tokenizer_config.json" },
  { "org/clip/config.json", "transformer/config.json" },
  { "org/t5/config.json", "text_encoder/config.json" },
  { "org/t5/model.safetensors", "text_encoder/model.safetensors" },
};

/* Of the releases before, and of which network a file is. */
#define FILES_1_0 "hpcai-tech/Open-Sora/OpenSora-v1-"
#define STAGE_3 "hpcai-tech/OpenSora-STDiT-v2-stage3"
#define IMAGE_VAE "stabilityai/sd-vae-ft-ema"
static const struct {
  const char *file, *list;
} old_files[] = {
  { FILES_1_0 "HQ-16x256x256.pth", "stdit1-tiny" },
  { FILES_1_0 "HQ-16x512x512.pth", "stdit1-tiny" },
  { FILES_1_0 "16x256x256.pth", "stdit1-tiny" },
  { STAGE_3 "/model.safetensors", "stdit2-tiny" },
  { STAGE_3 "/config.json", NULL },
  { IMAGE_VAE "/diffusion_pytorch_model.safetensors", "sd-vae-tiny" },
  { IMAGE_VAE "/config.json", NULL },
};

static char *root;

static void
make_repositories (void)
{
  static const char *const clip[] = {
    "text_model.embeddings.token_embedding.weight",
    "text_model.final_layer_norm.weight", NULL
  };
  g_autofree char *demo = bundletest_demo ();
  g_autofree char *other =
      g_build_filename (root, "org", "clip", "model.safetensors", NULL);

  for (guint i = 0; i < G_N_ELEMENTS (repositories); i++) {
    g_autofree char *from = g_build_filename (demo, repositories[i].demo, NULL);
    g_autofree char *to = g_build_filename (root, repositories[i].repo, NULL);
    g_autofree char *folder = g_path_get_dirname (to);

    g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
    g_assert_cmpint (symlink (from, to), ==, 0);
  }
  tensorfile_write (other, clip);
  for (guint i = 0; i < G_N_ELEMENTS (old_files); i++) {
    g_autofree char *path = g_build_filename (root, old_files[i].file, NULL);
    g_autofree char *folder = g_path_get_dirname (path);

    g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
    if (old_files[i].list)
      tensorfile_write_random (path, old_files[i].list);
    else
      g_assert_true (g_file_set_contents (path, "{}", -1, NULL));
  }
}

static void
remove_repositories (void)
{
  static const char *const folders[] = { "DeepFloyd/t5-v1_1-xxl", "DeepFloyd",
    "hpcai-tech/Open-Sora", STAGE_3, IMAGE_VAE, "stabilityai", "hpcai-tech",
    "org/clip", "org/t5", "org", "" };
  g_autofree char *other =
      g_build_filename (root, "org", "clip", "model.safetensors", NULL);

  g_unlink (other);
  for (guint i = 0; i < G_N_ELEMENTS (old_files); i++) {
    g_autofree char *path = g_build_filename (root, old_files[i].file, NULL);
    g_unlink (path);
  }
  for (guint i = 0; i < G_N_ELEMENTS (repositories); i++) {
    g_autofree char *link = g_build_filename (root, repositories[i].repo, NULL);
    g_unlink (link);
  }
  for (guint i = 0; i < G_N_ELEMENTS (folders); i++) {
    g_autofree char *folder = g_build_filename (root, folders[i], NULL);
    g_assert_cmpint (g_rmdir (folder), ==, 0);
  }
}

static gboolean
locate (HubTest *test, OsPartNames names, GError **error)
{
  g_auto (OsParts) parts = { NULL };

  for (int part = 0; part < OS_N_PARTS; part++)
    names.cache_dirs[part] = test->cache;
  return os_parts_locate (&parts, &names, NULL, error);
}

static void
assert_says (const GError *error, const char *word)
{
  g_assert_nonnull (error);
  if (!strstr (error->message, word))
    g_error ("\"%s\" lacks \"%s\"", error->message, word);
}

/* Weights that have arrived. */
static guint
count_weights (HubTest *test)
{
  return hub_test_count_files (test, "model.safetensors");
}

static void
test_all (HubTest *test, gconstpointer data)
{
  const OsPartNames names = { .model = "opensora-1.2" };
  OsPartNames offline = names;
  g_autoptr (GError) error = NULL;

  g_assert_true (locate (test, names, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (count_weights (test), ==, 3);
  g_assert_cmpuint (
      hub_test_count_files (test, "tokenizer_config.json"), ==, 1);
  offline.local_files_only = TRUE;
  hub_test_forget_log ();
  g_assert_true (locate (test, offline, &error));
  g_assert_cmpuint (hub_test_count (NULL, NULL), ==, 0);
  /* Nothing twice. */
  g_assert_true (locate (test, names, &error));
  g_assert_cmpuint (hub_test_count ("cdn", NULL), ==, 0);
}

/* Releases before 1.2: a file of several, and a VAE as diffusers names it. */
static void
test_old_releases (HubTest *test, gconstpointer data)
{
  static const struct {
    const char *model, *version, *file;
  } cases[] = {
    { "opensora-1.0", "1.0", "OpenSora-v1-HQ-16x256x256.pth" },
    { "opensora-1.0-16x256x256", "1.0", "OpenSora-v1-16x256x256.pth" },
    { "opensora-1.0-16x512x512", "1.0", "OpenSora-v1-HQ-16x512x512.pth" },
    { "hpcai-tech/Open-Sora", "1.0", "OpenSora-v1-HQ-16x256x256.pth" },
    { "opensora-1.1", "1.1", NULL },
    { STAGE_3, "1.1", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    OsPartNames names = { .model = cases[i].model };
    g_auto (OsParts) parts = { NULL };
    g_autoptr (GError) error = NULL;
    g_autofree char *name = NULL;

    for (int part = 0; part < OS_N_PARTS; part++)
      names.cache_dirs[part] = test->cache;
    os_parts_locate (&parts, &names, NULL, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (parts.release->version, ==, cases[i].version);
    name = g_path_get_basename (parts.paths[OS_PART_TRANSFORMER]);
    g_assert_cmpstr (name, ==, cases[i].file ? cases[i].file : parts.commit);
    g_assert_cmpuint (strlen (parts.commit), ==, 40);
    hub_test_forget_log ();
    names.local_files_only = TRUE;
    os_parts_clear (&parts);
    parts = (OsParts){ NULL };
    g_assert_true (os_parts_locate (&parts, &names, NULL, &error));
    g_assert_cmpuint (hub_test_count (NULL, NULL), ==, 0);
  }
  g_assert_cmpuint (
      hub_test_count_files (test, "diffusion_pytorch_model.safetensors"), ==,
      1);
}

/* A file that is not there is told before anything is downloaded. */
static void
test_old_missing (HubTest *test, gconstpointer data)
{
  g_autofree char *path =
      g_build_filename (root, FILES_1_0 "16x256x256.pth", NULL);
  g_autofree char *away = g_strconcat (path, ".away", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_rename (path, away), ==, 0);
  g_assert_false (locate (
      test, (OsPartNames){ .model = "opensora-1.0-16x256x256" }, &error));
  g_assert_cmpint (g_rename (away, path), ==, 0);
  g_assert_error (
      error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_ENTRY_NOT_FOUND);
  assert_says (error, "OpenSora-v1-16x256x256.pth");
  g_assert_cmpuint (count_weights (test), ==, 0);
}

/* All that is missing is told before the first weights come. */
static void
test_missing (HubTest *test, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (locate (test,
      (OsPartNames){
          .model = "opensora-1.2", .parts = { NULL, "org/none", "org/t5" } },
      &error));
  g_assert_error (
      error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_REPOSITORY_NOT_FOUND);
  assert_says (error, "2 parts");
  assert_says (error, "vae: org/none");
  assert_says (error, "text-encoder: ");
  assert_says (error, "spiece.model");
  g_assert_cmpuint (count_weights (test), ==, 0);
  g_clear_error (&error);

  hub_test_config ("{'gated': ['DeepFloyd/t5-v1_1-xxl']}");
  g_assert_false (
      locate (test, (OsPartNames){ .model = "opensora-1.2" }, &error));
  g_assert_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_GATED_REPO);
  assert_says (error, "text-encoder: ");
  g_assert_cmpuint (count_weights (test), ==, 0);
}

/* So is what lies on the disk and does not fit, which needs no hub at all; of
 * what comes from there, the next does not come after it. */
static void
test_wrong (HubTest *test, gconstpointer data)
{
  g_autofree char *demo = bundletest_demo ();
  g_autofree char *t5 = g_build_filename (demo, "text_encoder", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_false (locate (test,
      (OsPartNames){ .model = "opensora-1.2", .parts = { NULL, t5 } }, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MISMATCH);
  g_assert_cmpuint (count_weights (test), ==, 0);
  g_clear_error (&error);

  g_assert_false (locate (test, (OsPartNames){ .model = "org/clip" }, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_UNSUPPORTED);
  assert_says (error, "model: ");
  assert_says (error, "CLIP text encoder");
  g_assert_cmpuint (count_weights (test), ==, 2);
}

/* A bare file of a text encoder gets its tokenizer. */
static void
test_tokenizer (HubTest *test, gconstpointer data)
{
  g_autofree char *demo = bundletest_demo ();
  g_autofree char *from =
      g_build_filename (demo, "text_encoder", "model.safetensors", NULL);
  g_autofree char *file = g_build_filename (test->folder, "t5.bin", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (symlink (from, file), ==, 0);
  g_assert_true (locate (test,
      (OsPartNames){ .model = "demo", .parts = { NULL, NULL, file } }, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (count_weights (test), ==, 0);
  g_assert_cmpuint (hub_test_count_files (test, "spiece.model"), ==, 1);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  root = g_dir_make_tmp ("opensora-test-XXXXXX", NULL);
  make_repositories ();
  if (!hub_test_start ((const char *const[]){ "--root", root, NULL }))
    return hub_test_skip ();
  g_setenv ("HF_ENDPOINT", hub_test_address ("hub"), TRUE);
#define ADD(name, func)                                                        \
  g_test_add ("/pipeline/parts-hub/" name, HubTest, NULL, hub_test_set_up,     \
      func, hub_test_tear_down)
  ADD ("all", test_all);
  ADD ("old-releases", test_old_releases);
  ADD ("old-missing", test_old_missing);
  ADD ("missing", test_missing);
  ADD ("wrong", test_wrong);
  ADD ("tokenizer", test_tokenizer);
#undef ADD
  status = g_test_run ();
  hub_test_stop ();
  remove_repositories ();
  g_free (root);
  return status;
}
