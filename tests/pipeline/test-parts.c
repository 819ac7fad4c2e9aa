/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the parts of a model by the names that users give them, on the disk
 * and in a cache that was filled elsewhere. */
#include "pipeline/parts.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "bundletest.h"
#include "partstest.h"
#include "pipeline/bundle.h"
#include "tensorfile.h"

/* Offline, in the test's cache. */
static gboolean
locate_parts (PartsTest *f, const OsPartNames *names)
{
  OsPartNames here = *names;

  here.local_files_only = TRUE;
  for (int part = 0; part < OS_N_PARTS; part++) {
    if (!here.cache_dirs[part])
      here.cache_dirs[part] = f->cache;
  }
  os_parts_clear (&f->parts);
  f->parts = (OsParts){ NULL };
  g_clear_error (&f->error);
  return os_parts_locate (&f->parts, &here, NULL, &f->error);
}

static gboolean
locate (PartsTest *f, const char *model, const char *revision)
{
  return locate_parts (
      f, &(OsPartNames){ .model = model, .revision = revision });
}

/* The parts that were found make a model. */
static void
assert_opens (PartsTest *f)
{
  g_autoptr (OsBundle) bundle = NULL;

  g_assert_no_error (f->error);
  bundle = os_bundle_open (&f->parts, NULL, &f->error);
  g_assert_no_error (f->error);
  g_assert_nonnull (bundle);
}

/* --- Models --- */

static void
test_demo (PartsTest *f, gconstpointer data)
{
  g_autofree char *demo = bundletest_demo ();
  g_autofree char *kept = g_strdup (g_getenv ("OPENSORA_DATA_DIR"));

  g_assert_true (locate (f, NULL, NULL));
  g_assert_cmpstr (f->parts.folder, ==, demo);
  g_assert_true (locate (f, "demo", NULL));
  g_assert_cmpstr (f->parts.folder, ==, demo);
  g_assert_null (f->parts.commit);
  assert_opens (f);

  g_setenv ("OPENSORA_DATA_DIR", "/no/such/data", TRUE);
  g_assert_false (locate (f, NULL, NULL));
  g_setenv ("OPENSORA_DATA_DIR", kept, TRUE);
  g_assert_error (f->error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND);
  partstest_assert_says (f, "/no/such/data/opensora-demo");
}

/* None of these is asked of the hub. */
static void
test_paths (PartsTest *f, gconstpointer data)
{
  static const char *const paths[] = { "/no/such", "./no/such", "../no", "~/no",
    "~no/such", ".no/such", "no/such/model", "no-such", "no/", "" };

  for (guint i = 0; i < G_N_ELEMENTS (paths); i++) {
    g_assert_false (locate (f, paths[i], NULL));
    g_assert_error (f->error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND);
  }
  /* The home folder is meant, as in a shell. */
  g_assert_false (locate (f, "~/no/such/model", NULL));
  partstest_assert_says (f, g_get_home_dir ());
}

static void
test_path_wins (PartsTest *f, gconstpointer data)
{
  g_autofree char *before = g_get_current_dir ();

  partstest_put_release (f);
  g_assert_cmpint (g_chdir (f->folder), ==, 0);
  partstest_link_part (f, "org/name", "transformer");
  partstest_link_part (f, "opensora-1.2", "transformer");
  g_assert_true (locate (f, "org/name", NULL));
  g_assert_cmpstr (f->parts.paths[OS_PART_TRANSFORMER], ==, "org/name");
  g_assert_true (locate (f, "opensora-1.2", NULL));
  g_assert_cmpstr (f->parts.paths[OS_PART_TRANSFORMER], ==, "opensora-1.2");
  g_assert_cmpint (g_chdir (before), ==, 0);
}

static void
test_model (PartsTest *f, gconstpointer data)
{
  static const char repo[] = "models--org--name";
  g_autofree char *folder =
      g_build_filename (f->cache, repo, "snapshots", COMMIT, NULL);

  partstest_put (f, repo, "", "", "opensora.json");
  partstest_put_part (f, repo, "transformer", "transformer");
  partstest_put_part (f, repo, "vae", "vae");
  partstest_put_part (f, repo, "text_encoder", "text_encoder");
  g_assert_false (locate (f, "org/name", NULL));
  g_assert_error (
      f->error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND);
  partstest_assert_says (f, "spiece.model");

  partstest_put (f, repo, "tokenizer", "tokenizer", "spiece.model");
  partstest_put (f, repo, "tokenizer", "tokenizer", "tokenizer_config.json");
  g_assert_true (locate (f, "org/name", NULL));
  g_assert_cmpstr (f->parts.folder, ==, folder);
  g_assert_cmpstr (f->parts.commit, ==, COMMIT);
  assert_opens (f);
  g_assert_true (locate (f, "org/name", COMMIT));
  g_assert_false (locate (f, "org/name", "v1.0"));
  g_assert_error (
      f->error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND);
}

static void
assert_in (const char *folder, const char *repo)
{
  g_autofree char *end = g_build_filename (repo, "snapshots", COMMIT, NULL);

  g_assert_true (g_str_has_suffix (folder, end));
}

static void
assert_release (PartsTest *f)
{
  assert_in (f->parts.paths[OS_PART_VAE], VAE);
  assert_in (f->parts.paths[OS_PART_TEXT_ENCODER], T5);
  assert_in (f->parts.tokenizer, T5);
  assert_opens (f);
}

static void
test_release (PartsTest *f, gconstpointer data)
{
  static const char *const names[] = { "opensora-1.2", TRANSFORMER_REPO };

  partstest_put_release (f);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_assert_true (locate (f, names[i], NULL));
    g_assert_null (f->parts.folder);
    assert_in (f->parts.paths[OS_PART_TRANSFORMER], TRANSFORMER);
    g_assert_cmpstr (f->parts.commit, ==, COMMIT);
    assert_release (f);
  }
}

/* A transformer alone, of whoever trained it: the rest is its release's. */
static void
test_transformer (PartsTest *f, gconstpointer data)
{
  const char *names[6] = { partstest_path (f, "stdit"),
    partstest_path (f, "stdit/model.safetensors"),
    partstest_path (f, "cache/" TRANSFORMER),
    partstest_path (f, "cache/" TRANSFORMER "/snapshots/" COMMIT), "org/tuned",
    partstest_path (f, "alone.bin") };
  g_autofree char *demo = bundletest_demo ();
  g_autofree char *weights =
      g_build_filename (demo, "transformer", "model.safetensors", NULL);

  partstest_put_release (f);
  partstest_put_part (f, "models--org--tuned", "", "transformer");
  partstest_link_part (f, "stdit", "transformer");
  g_assert_cmpint (symlink (weights, names[5]), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_assert_true (locate (f, names[i], NULL));
    assert_release (f);
    /* Without a model it stands for one. */
    g_assert_true (locate_parts (f, &(OsPartNames){ .parts = { names[i] } }));
    assert_release (f);
  }
}

/* What training saves: an EMA copy inside, DataParallel's names, tables of
 * positions, a shorter null caption. */
static void
test_training_file (PartsTest *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (g_getenv ("OPENSORA_TEST_DATA"),
      "weights", "published", "stdit3-tiny-ema.pth", NULL);
  g_autoptr (OsBundle) bundle = NULL;

  partstest_put_release (f);
  g_assert_true (locate (f, path, NULL));
  bundle = os_bundle_open (&f->parts, NULL, &f->error);
  g_assert_no_error (f->error);
  g_assert_cmpuint (bundle->max_length, ==, 300);
}

/* --- Parts with names of their own --- */

static void
test_own_names (PartsTest *f, gconstpointer data)
{
  OsPartNames names = { .model = "opensora-1.2" };

  partstest_put_release (f);
  partstest_link_part (f, "t5", "text_encoder");
  partstest_link (f, "t5", "tokenizer", "spiece.model");
  partstest_link (f, "t5", "tokenizer", "tokenizer_config.json");
  partstest_link_part (f, "vae", "vae");
  partstest_put_part (f, "models--org--vae", "", "vae");

  names.parts[OS_PART_VAE] = partstest_path (f, "vae");
  names.parts[OS_PART_TEXT_ENCODER] = partstest_path (f, "t5");
  g_assert_true (locate_parts (f, &names));
  g_assert_cmpstr (f->parts.paths[OS_PART_VAE], ==, names.parts[OS_PART_VAE]);
  g_assert_cmpstr (f->parts.tokenizer, ==, partstest_path (f, "t5"));
  assert_in (f->parts.paths[OS_PART_TRANSFORMER], TRANSFORMER);
  assert_opens (f);

  /* A repository; a release; a whole model. */
  names.parts[OS_PART_VAE] = "org/vae";
  names.parts[OS_PART_TEXT_ENCODER] = "demo";
  g_assert_true (locate_parts (f, &names));
  assert_in (f->parts.paths[OS_PART_VAE], "models--org--vae");
  g_assert_true (g_str_has_suffix (
      f->parts.paths[OS_PART_TEXT_ENCODER], "opensora-demo/text_encoder"));
  assert_opens (f);
  names.parts[OS_PART_VAE] = "opensora-1.2";
  g_assert_true (locate_parts (f, &names));
  assert_in (f->parts.paths[OS_PART_VAE], VAE);

  /* The model need not have it. */
  names = (OsPartNames){ .parts = { partstest_path (f, "cache/" TRANSFORMER),
                             partstest_path (f, "vae"),
                             partstest_path (f, "t5") } };
  partstest_remove (partstest_path (f, "cache/" VAE));
  partstest_remove (partstest_path (f, "cache/" T5));
  g_assert_true (locate_parts (f, &names));
  assert_opens (f);
}

static void
test_tokenizer (PartsTest *f, gconstpointer data)
{
  OsPartNames names = { .model = "demo" };
  const char **name = &names.parts[OS_PART_TEXT_ENCODER];

  partstest_link_part (f, "t5", "text_encoder");
  *name = partstest_path (f, "t5");
  g_assert_false (locate_parts (f, &names));
  g_assert_error (f->error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND);
  partstest_assert_says (f, partstest_path (f, "t5/spiece.model"));
  partstest_assert_says (f, T5_REPO);

  /* A file that has none beside it takes that of the release, from the cache
   * here. */
  *name = partstest_path (f, "t5/model.safetensors");
  g_assert_false (locate_parts (f, &names));
  g_assert_error (
      f->error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND);
  partstest_assert_says (f, "spiece.model");
  partstest_put (f, T5, "", "tokenizer", "spiece.model");
  partstest_put (f, T5, "", "tokenizer", "tokenizer_config.json");
  g_assert_true (locate_parts (f, &names));
  assert_in (f->parts.tokenizer, T5);
  assert_opens (f);

  /* Beside the folder, then in it. */
  partstest_link (f, "tokenizer", "tokenizer", "spiece.model");
  partstest_link (f, "tokenizer", "tokenizer", "tokenizer_config.json");
  g_assert_true (locate_parts (f, &names));
  g_assert_cmpstr (f->parts.tokenizer, ==, partstest_path (f, "tokenizer"));
  *name = partstest_path (f, "t5/");
  g_assert_true (locate_parts (f, &names));
  assert_opens (f);
  partstest_link (f, "t5", "tokenizer", "spiece.model");
  *name = partstest_path (f, "t5/model.safetensors");
  g_assert_true (locate_parts (f, &names));
  g_assert_cmpstr (f->parts.tokenizer, ==, partstest_path (f, "t5"));
}

/* A config names parts, each with a cache; what users name counts before. */
static void
test_configured (PartsTest *f, gconstpointer data)
{
  OsPartNames names = { .configured = { TRANSFORMER_REPO, VAE_REPO, T5_REPO } };
  const char *other = partstest_path (f, "other");

  partstest_put_release (f);
  g_assert_true (locate_parts (f, &names));
  assert_in (f->parts.paths[OS_PART_TRANSFORMER], TRANSFORMER);
  assert_release (f);

  g_assert_cmpint (g_mkdir (other, 0700), ==, 0);
  g_assert_cmpint (g_rename (partstest_path (f, "cache/" T5),
                       partstest_path (f, "other/" T5)),
      ==, 0);
  g_assert_false (locate_parts (f, &names));
  partstest_assert_says (f, "text-encoder: " T5_REPO);
  names.cache_dirs[OS_PART_TEXT_ENCODER] = other;
  g_assert_true (locate_parts (f, &names));
  g_assert_true (
      g_str_has_prefix (f->parts.paths[OS_PART_TEXT_ENCODER], other));
  g_assert_true (g_str_has_prefix (f->parts.tokenizer, other));
  assert_release (f);

  /* A transformer; a part; a whole model. */
  partstest_link_part (f, "stdit", "transformer");
  names.model = partstest_path (f, "stdit");
  g_assert_true (locate_parts (f, &names));
  g_assert_cmpstr (f->parts.paths[OS_PART_TRANSFORMER], ==, names.model);
  assert_release (f);
  names.configured[OS_PART_VAE] = "/no/such/vae";
  g_assert_false (locate_parts (f, &names));
  partstest_assert_says (f, "/no/such/vae");
  names.parts[OS_PART_VAE] = "opensora-1.2";
  g_assert_true (locate_parts (f, &names));
  assert_release (f);
  names.parts[OS_PART_VAE] = NULL;
  names.model = "demo";
  g_assert_true (locate_parts (f, &names));
  assert_opens (f);
}

/* --- Errors --- */

/* All at once. */
static void
test_all_missing (PartsTest *f, gconstpointer data)
{
  OsPartNames names = { .model = "opensora-1.2" };

  partstest_put (f, VAE, "", "vae", "config.json");
  g_assert_false (locate_parts (f, &names));
  g_assert_error (
      f->error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND);
  partstest_assert_says (f, "3 parts of the model");
  partstest_assert_says (f, TRANSFORMER_REPO);
  partstest_assert_says (f, VAE_REPO "@" COMMIT ": model.safetensors");
  partstest_assert_says (f, T5_REPO);

  names.parts[OS_PART_VAE] = "/no/such/vae";
  names.parts[OS_PART_TEXT_ENCODER] = f->folder;
  g_assert_false (locate_parts (f, &names));
  g_assert_error (f->error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND);
  partstest_assert_says (f, "vae: There is no file or folder \"/no/such/vae\"");
  partstest_assert_says (f, f->folder);
  partstest_assert_says (f, TRANSFORMER_REPO);
}

static void
test_incomplete_model (PartsTest *f, gconstpointer data)
{
  OsPartNames names = { .model = partstest_path (f, "whole") };

  partstest_link_part (f, "whole/transformer", "transformer");
  g_assert_false (locate_parts (f, &names));
  g_assert_error (f->error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND);
  partstest_assert_says (f, "whole/vae is not there");
  partstest_assert_says (f, "the property vae, to " VAE_REPO);
  partstest_assert_says (f, "whole/text_encoder is not there");
  names.parts[OS_PART_VAE] = names.parts[OS_PART_TEXT_ENCODER] = "demo";
  g_assert_true (locate_parts (f, &names));
  assert_opens (f);
}

/* The folder of a repository whose main is not there. */
static void
test_snapshots (PartsTest *f, gconstpointer data)
{
  const char *ref = partstest_path (f, "cache/" VAE "/refs/main");
  OsPartNames names = { .model = "demo" };

  partstest_put_part (f, VAE, "", "vae");
  names.parts[OS_PART_VAE] = partstest_path (f, "cache/" VAE);
  g_unlink (ref);
  g_assert_true (locate_parts (f, &names));
  assert_in (f->parts.paths[OS_PART_VAE], VAE);
  g_assert_true (g_file_set_contents (ref, "../../../x", -1, NULL));
  g_assert_false (locate_parts (f, &names));
  g_assert_error (f->error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND);
  partstest_assert_says (f, "refs/main");
}

/* Published models of other releases are known before anything is asked. */
static void
test_known_repositories (PartsTest *f, gconstpointer data)
{
  OsPartNames names = { .model = "hpcai-tech/OpenSora-STDiT-v4",
    .parts = { NULL, TRANSFORMER_REPO, "openai/clip-vit-large-patch14" } };

  g_assert_false (locate_parts (f, &names));
  g_assert_error (f->error, OPENSORA_ERROR, OPENSORA_ERROR_UNSUPPORTED);
  partstest_assert_says (f,
      "model: hpcai-tech/OpenSora-STDiT-v4 is the Open-Sora "
      "1.3 transformer (STDiT3), not the transformer of Open-Sora "
      "1.2. The property model takes");
  partstest_assert_says (f, "vae: " TRANSFORMER_REPO);
  partstest_assert_says (f, "belongs to the property transformer");
  partstest_assert_says (f, "text-encoder: openai/clip-vit-large-patch14");
}

/* A network in the wrong place, told by its tensors. */
static void
test_wrong_network (PartsTest *f, gconstpointer data)
{
  static const char *const clip[] = {
    "text_model.embeddings.token_embedding.weight",
    "text_model.final_layer_norm.weight", NULL
  };
  const char *file = partstest_path (f, "clip.safetensors");

  partstest_put_release (f);
  tensorfile_write (file, clip);
  g_assert_false (locate (f, file, NULL));
  g_assert_error (f->error, OPENSORA_ERROR, OPENSORA_ERROR_UNSUPPORTED);
  partstest_assert_says (f, "CLIP text encoder");
  g_assert_false (locate (f, partstest_path (f, "cache/" VAE), NULL));
  g_assert_error (f->error, OPENSORA_ERROR, OPENSORA_ERROR_MISMATCH);
  partstest_assert_says (
      f, "It belongs to the property vae. The property model takes");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func)                                                        \
  g_test_add ("/pipeline/parts/" name, PartsTest, NULL, partstest_set_up,      \
      func, partstest_tear_down)
  ADD ("demo", test_demo);
  ADD ("paths", test_paths);
  ADD ("path-wins", test_path_wins);
  ADD ("model", test_model);
  ADD ("release", test_release);
  ADD ("transformer", test_transformer);
  ADD ("training-file", test_training_file);
  ADD ("own-names", test_own_names);
  ADD ("tokenizer", test_tokenizer);
  ADD ("configured", test_configured);
  ADD ("all-missing", test_all_missing);
  ADD ("incomplete-model", test_incomplete_model);
  ADD ("snapshots", test_snapshots);
  ADD ("known-repositories", test_known_repositories);
  ADD ("wrong-network", test_wrong_network);
#undef ADD
  return g_test_run ();
}
