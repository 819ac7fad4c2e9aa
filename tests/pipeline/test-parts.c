/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the parts of a model by the names that users give them, on the disk
 * and in a cache that was filled elsewhere. */
#include "pipeline/parts.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "bundletest.h"
#include "pipeline/bundle.h"
#include "tensorfile.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"

#define TRANSFORMER_REPO "hpcai-tech/OpenSora-STDiT-v3"
#define VAE_REPO "hpcai-tech/OpenSora-VAE-v1.2"
#define T5_REPO "DeepFloyd/t5-v1_1-xxl"

#define TRANSFORMER "models--hpcai-tech--OpenSora-STDiT-v3"
#define VAE "models--hpcai-tech--OpenSora-VAE-v1.2"
#define T5 "models--DeepFloyd--t5-v1_1-xxl"

typedef struct {
  char *folder; /* of the test's files */
  char *cache;
  OsParts parts;
  GError *error;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->folder = g_dir_make_tmp ("opensora-test-XXXXXX", NULL);
  f->cache = g_build_filename (f->folder, "cache", NULL);
  g_assert_cmpint (g_mkdir (f->cache, 0700), ==, 0);
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = NULL;
  const char *name;

  if (g_unlink (path) == 0)
    return;
  dir = g_dir_open (path, 0, NULL);
  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *child = g_build_filename (path, name, NULL);
    remove_tree (child);
  }
  g_rmdir (path);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  remove_tree (f->folder);
  g_free (f->folder);
  g_free (f->cache);
  g_clear_error (&f->error);
  os_parts_clear (&f->parts);
}

/* A link in `folder` below the test's own to a file of the demo model. */
static void
link_demo (Fixture *f, const char *folder, const char *part, const char *file)
{
  g_autofree char *demo = bundletest_demo ();
  g_autofree char *from = g_build_filename (demo, part, file, NULL);
  g_autofree char *below = g_build_filename (f->folder, folder, NULL);
  g_autofree char *to = g_build_filename (below, file, NULL);

  g_assert_cmpint (g_mkdir_with_parents (below, 0700), ==, 0);
  g_assert_cmpint (symlink (from, to), ==, 0);
}

static void
link_part (Fixture *f, const char *folder, const char *part)
{
  link_demo (f, folder, part, "config.json");
  link_demo (f, folder, part, "model.safetensors");
}

/* A path below the test's folder; it belongs to the test. */
static const char *
path_of (Fixture *f, const char *name)
{
  g_autofree char *path = g_build_filename (f->folder, name, NULL);

  return g_intern_string (path);
}

/* A repository in the cache, of files of the demo model. `prefix` is the folder
 * in the repository, `part` that of the model. */
static void
put (Fixture *f, const char *repo, const char *prefix, const char *part,
    const char *file)
{
  g_autofree char *refs = g_build_filename (f->cache, repo, "refs", NULL);
  g_autofree char *ref = g_build_filename (refs, "main", NULL);
  g_autofree char *folder =
      g_build_filename ("cache", repo, "snapshots", COMMIT, prefix, NULL);

  g_assert_cmpint (g_mkdir_with_parents (refs, 0700), ==, 0);
  g_assert_true (g_file_set_contents (ref, COMMIT, -1, NULL));
  link_demo (f, folder, part, file);
}

static void
put_part (Fixture *f, const char *repo, const char *prefix, const char *part)
{
  put (f, repo, prefix, part, "config.json");
  put (f, repo, prefix, part, "model.safetensors");
}

/* The three repositories of Open-Sora 1.2, filled with the demo model. */
static void
put_release (Fixture *f)
{
  put_part (f, TRANSFORMER, "", "transformer");
  put_part (f, VAE, "", "vae");
  put_part (f, T5, "", "text_encoder");
  put (f, T5, "", "tokenizer", "spiece.model");
  put (f, T5, "", "tokenizer", "tokenizer_config.json");
}

/* Offline, in the test's cache. */
static gboolean
locate_parts (Fixture *f, const OsPartNames *names)
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
locate (Fixture *f, const char *model, const char *revision)
{
  return locate_parts (
      f, &(OsPartNames){ .model = model, .revision = revision });
}

/* The parts that were found make a model. */
static void
assert_opens (Fixture *f)
{
  g_autoptr (OsBundle) bundle = NULL;

  g_assert_no_error (f->error);
  bundle = os_bundle_open (&f->parts, NULL, &f->error);
  g_assert_no_error (f->error);
  g_assert_nonnull (bundle);
}

static void
assert_says (Fixture *f, const char *word)
{
  if (!strstr (f->error->message, word))
    g_error ("\"%s\" lacks \"%s\"", f->error->message, word);
}

/* --- Models --- */

static void
test_demo (Fixture *f, gconstpointer data)
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
  assert_says (f, "/no/such/data/opensora-demo");
}

/* None of these is asked of the hub. */
static void
test_paths (Fixture *f, gconstpointer data)
{
  static const char *const paths[] = { "/no/such", "./no/such", "../no", "~/no",
    "~no/such", ".no/such", "no/such/model", "no-such", "no/", "" };

  for (guint i = 0; i < G_N_ELEMENTS (paths); i++) {
    g_assert_false (locate (f, paths[i], NULL));
    g_assert_error (f->error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND);
  }
  /* The home folder is meant, as in a shell. */
  g_assert_false (locate (f, "~/no/such/model", NULL));
  assert_says (f, g_get_home_dir ());
}

static void
test_path_wins (Fixture *f, gconstpointer data)
{
  g_autofree char *before = g_get_current_dir ();

  put_release (f);
  g_assert_cmpint (g_chdir (f->folder), ==, 0);
  link_part (f, "org/name", "transformer");
  link_part (f, "opensora-1.2", "transformer");
  g_assert_true (locate (f, "org/name", NULL));
  g_assert_cmpstr (f->parts.paths[OS_PART_TRANSFORMER], ==, "org/name");
  g_assert_true (locate (f, "opensora-1.2", NULL));
  g_assert_cmpstr (f->parts.paths[OS_PART_TRANSFORMER], ==, "opensora-1.2");
  g_assert_cmpint (g_chdir (before), ==, 0);
}

static void
test_model (Fixture *f, gconstpointer data)
{
  static const char repo[] = "models--org--name";
  g_autofree char *folder =
      g_build_filename (f->cache, repo, "snapshots", COMMIT, NULL);

  put (f, repo, "", "", "opensora.json");
  put_part (f, repo, "transformer", "transformer");
  put_part (f, repo, "vae", "vae");
  put_part (f, repo, "text_encoder", "text_encoder");
  g_assert_false (locate (f, "org/name", NULL));
  g_assert_error (
      f->error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND);
  assert_says (f, "spiece.model");

  put (f, repo, "tokenizer", "tokenizer", "spiece.model");
  put (f, repo, "tokenizer", "tokenizer", "tokenizer_config.json");
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
assert_release (Fixture *f)
{
  assert_in (f->parts.paths[OS_PART_VAE], VAE);
  assert_in (f->parts.paths[OS_PART_TEXT_ENCODER], T5);
  assert_in (f->parts.tokenizer, T5);
  assert_opens (f);
}

static void
test_release (Fixture *f, gconstpointer data)
{
  static const char *const names[] = { "opensora-1.2", TRANSFORMER_REPO };

  put_release (f);
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
test_transformer (Fixture *f, gconstpointer data)
{
  const char *names[6] = { path_of (f, "stdit"),
    path_of (f, "stdit/model.safetensors"), path_of (f, "cache/" TRANSFORMER),
    path_of (f, "cache/" TRANSFORMER "/snapshots/" COMMIT), "org/tuned",
    path_of (f, "alone.bin") };
  g_autofree char *demo = bundletest_demo ();
  g_autofree char *weights =
      g_build_filename (demo, "transformer", "model.safetensors", NULL);

  put_release (f);
  put_part (f, "models--org--tuned", "", "transformer");
  link_part (f, "stdit", "transformer");
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
test_training_file (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (g_getenv ("OPENSORA_TEST_DATA"),
      "weights", "published", "stdit3-tiny-ema.pth", NULL);
  g_autoptr (OsBundle) bundle = NULL;

  put_release (f);
  g_assert_true (locate (f, path, NULL));
  bundle = os_bundle_open (&f->parts, NULL, &f->error);
  g_assert_no_error (f->error);
  g_assert_cmpuint (bundle->max_length, ==, 300);
}

/* --- Parts with names of their own --- */

static void
test_own_names (Fixture *f, gconstpointer data)
{
  OsPartNames names = { .model = "opensora-1.2" };

  put_release (f);
  link_part (f, "t5", "text_encoder");
  link_demo (f, "t5", "tokenizer", "spiece.model");
  link_demo (f, "t5", "tokenizer", "tokenizer_config.json");
  link_part (f, "vae", "vae");
  put_part (f, "models--org--vae", "", "vae");

  names.parts[OS_PART_VAE] = path_of (f, "vae");
  names.parts[OS_PART_TEXT_ENCODER] = path_of (f, "t5");
  g_assert_true (locate_parts (f, &names));
  g_assert_cmpstr (f->parts.paths[OS_PART_VAE], ==, names.parts[OS_PART_VAE]);
  g_assert_cmpstr (f->parts.tokenizer, ==, path_of (f, "t5"));
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
  names = (OsPartNames){ .parts = { path_of (f, "cache/" TRANSFORMER),
                             path_of (f, "vae"), path_of (f, "t5") } };
  remove_tree (path_of (f, "cache/" VAE));
  remove_tree (path_of (f, "cache/" T5));
  g_assert_true (locate_parts (f, &names));
  assert_opens (f);
}

static void
test_tokenizer (Fixture *f, gconstpointer data)
{
  OsPartNames names = { .model = "demo" };
  const char **name = &names.parts[OS_PART_TEXT_ENCODER];

  link_part (f, "t5", "text_encoder");
  *name = path_of (f, "t5");
  g_assert_false (locate_parts (f, &names));
  g_assert_error (f->error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND);
  assert_says (f, path_of (f, "t5/spiece.model"));
  assert_says (f, T5_REPO);

  /* A file that has none beside it takes that of the release, from the cache
   * here. */
  *name = path_of (f, "t5/model.safetensors");
  g_assert_false (locate_parts (f, &names));
  g_assert_error (
      f->error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND);
  assert_says (f, "spiece.model");
  put (f, T5, "", "tokenizer", "spiece.model");
  put (f, T5, "", "tokenizer", "tokenizer_config.json");
  g_assert_true (locate_parts (f, &names));
  assert_in (f->parts.tokenizer, T5);
  assert_opens (f);

  /* Beside the folder, then in it. */
  link_demo (f, "tokenizer", "tokenizer", "spiece.model");
  link_demo (f, "tokenizer", "tokenizer", "tokenizer_config.json");
  g_assert_true (locate_parts (f, &names));
  g_assert_cmpstr (f->parts.tokenizer, ==, path_of (f, "tokenizer"));
  *name = path_of (f, "t5/");
  g_assert_true (locate_parts (f, &names));
  assert_opens (f);
  link_demo (f, "t5", "tokenizer", "spiece.model");
  *name = path_of (f, "t5/model.safetensors");
  g_assert_true (locate_parts (f, &names));
  g_assert_cmpstr (f->parts.tokenizer, ==, path_of (f, "t5"));
}

/* A config names parts, each with a cache; what users name counts before. */
static void
test_configured (Fixture *f, gconstpointer data)
{
  OsPartNames names = { .configured = { TRANSFORMER_REPO, VAE_REPO, T5_REPO } };
  const char *other = path_of (f, "other");

  put_release (f);
  g_assert_true (locate_parts (f, &names));
  assert_in (f->parts.paths[OS_PART_TRANSFORMER], TRANSFORMER);
  assert_release (f);

  g_assert_cmpint (g_mkdir (other, 0700), ==, 0);
  g_assert_cmpint (
      g_rename (path_of (f, "cache/" T5), path_of (f, "other/" T5)), ==, 0);
  g_assert_false (locate_parts (f, &names));
  assert_says (f, "text-encoder: " T5_REPO);
  names.cache_dirs[OS_PART_TEXT_ENCODER] = other;
  g_assert_true (locate_parts (f, &names));
  g_assert_true (
      g_str_has_prefix (f->parts.paths[OS_PART_TEXT_ENCODER], other));
  g_assert_true (g_str_has_prefix (f->parts.tokenizer, other));
  assert_release (f);

  /* A transformer; a part; a whole model. */
  link_part (f, "stdit", "transformer");
  names.model = path_of (f, "stdit");
  g_assert_true (locate_parts (f, &names));
  g_assert_cmpstr (f->parts.paths[OS_PART_TRANSFORMER], ==, names.model);
  assert_release (f);
  names.configured[OS_PART_VAE] = "/no/such/vae";
  g_assert_false (locate_parts (f, &names));
  assert_says (f, "/no/such/vae");
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
test_all_missing (Fixture *f, gconstpointer data)
{
  OsPartNames names = { .model = "opensora-1.2" };

  put (f, VAE, "", "vae", "config.json");
  g_assert_false (locate_parts (f, &names));
  g_assert_error (
      f->error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND);
  assert_says (f, "3 parts of the model");
  assert_says (f, TRANSFORMER_REPO);
  assert_says (f, VAE_REPO "@" COMMIT ": model.safetensors");
  assert_says (f, T5_REPO);

  names.parts[OS_PART_VAE] = "/no/such/vae";
  names.parts[OS_PART_TEXT_ENCODER] = f->folder;
  g_assert_false (locate_parts (f, &names));
  g_assert_error (f->error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND);
  assert_says (f, "vae: There is no file or folder \"/no/such/vae\"");
  assert_says (f, f->folder);
  assert_says (f, TRANSFORMER_REPO);
}

static void
test_incomplete_model (Fixture *f, gconstpointer data)
{
  OsPartNames names = { .model = path_of (f, "whole") };

  link_part (f, "whole/transformer", "transformer");
  g_assert_false (locate_parts (f, &names));
  g_assert_error (f->error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND);
  assert_says (f, "whole/vae is not there");
  assert_says (f, "the property vae, to " VAE_REPO);
  assert_says (f, "whole/text_encoder is not there");
  names.parts[OS_PART_VAE] = names.parts[OS_PART_TEXT_ENCODER] = "demo";
  g_assert_true (locate_parts (f, &names));
  assert_opens (f);
}

/* The folder of a repository whose main is not there. */
static void
test_snapshots (Fixture *f, gconstpointer data)
{
  const char *ref = path_of (f, "cache/" VAE "/refs/main");
  OsPartNames names = { .model = "demo" };

  put_part (f, VAE, "", "vae");
  names.parts[OS_PART_VAE] = path_of (f, "cache/" VAE);
  g_unlink (ref);
  g_assert_true (locate_parts (f, &names));
  assert_in (f->parts.paths[OS_PART_VAE], VAE);
  g_assert_true (g_file_set_contents (ref, "../../../x", -1, NULL));
  g_assert_false (locate_parts (f, &names));
  g_assert_error (f->error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND);
  assert_says (f, "refs/main");
}

/* Published models of other releases are known before anything is asked. */
static void
test_known_repositories (Fixture *f, gconstpointer data)
{
  OsPartNames names = { .model = "hpcai-tech/OpenSora-STDiT-v2-stage2",
    .parts = { NULL, TRANSFORMER_REPO, "openai/clip-vit-large-patch14" } };

  g_assert_false (locate_parts (f, &names));
  g_assert_error (f->error, OPENSORA_ERROR, OPENSORA_ERROR_UNSUPPORTED);
  assert_says (f, "model: hpcai-tech/OpenSora-STDiT-v2-stage2 is the Open-Sora "
                  "1.1 transformer (STDiT2), not the transformer of Open-Sora "
                  "1.2. The property model takes");
  assert_says (f, "vae: " TRANSFORMER_REPO);
  assert_says (f, "belongs to the property transformer");
  assert_says (f, "text-encoder: openai/clip-vit-large-patch14");
}

/* A network in the wrong place, told by its tensors. */
static void
test_wrong_network (Fixture *f, gconstpointer data)
{
  static const char *const clip[] = {
    "text_model.embeddings.token_embedding.weight",
    "text_model.final_layer_norm.weight", NULL
  };
  const char *file = path_of (f, "clip.safetensors");

  put_release (f);
  tensorfile_write (file, clip);
  g_assert_false (locate (f, file, NULL));
  g_assert_error (f->error, OPENSORA_ERROR, OPENSORA_ERROR_UNSUPPORTED);
  assert_says (f, "CLIP text encoder");
  g_assert_false (locate (f, path_of (f, "cache/" VAE), NULL));
  g_assert_error (f->error, OPENSORA_ERROR, OPENSORA_ERROR_MISMATCH);
  assert_says (f, "It belongs to the property vae. The property model takes");
}

/* --- What users of the Python programs could not do --- */

static OpensoraPipeline *
new_pipeline (Fixture *f, const char *model)
{
  OpensoraPipeline *pipeline = opensora_pipeline_new (model, NULL, 1);

  g_object_set (
      pipeline, "cache-dir", f->cache, "local-files-only", TRUE, NULL);
  return pipeline;
}

/* A text encoder in a plain folder, and no network. */
static void
test_local_text_encoder (Fixture *f, gconstpointer data)
{
  g_autoptr (OpensoraPipeline) pipeline = new_pipeline (f, "opensora-1.2");

  put_part (f, TRANSFORMER, "", "transformer");
  put_part (f, VAE, "", "vae");
  link_part (f, "t5-v1_1-xxl", "text_encoder");
  link_demo (f, "t5-v1_1-xxl", "tokenizer", "spiece.model");
  link_demo (f, "t5-v1_1-xxl", "tokenizer", "tokenizer_config.json");
  g_object_set (pipeline, "text-encoder", path_of (f, "t5-v1_1-xxl"), NULL);
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
set_modes (Fixture *f, int mode)
{
  static const char *const folders[] = { "cache", "cache/" TRANSFORMER,
    "cache/" VAE, "cache/" T5, "cache/" TRANSFORMER "/refs",
    "cache/" VAE "/refs", "cache/" T5 "/refs" };

  for (guint i = 0; i < G_N_ELEMENTS (folders); i++)
    g_assert_cmpint (g_chmod (path_of (f, folders[i]), mode), ==, 0);
}

/* All models in a cache that others share and nobody may write. Root may
 * always: the cache stays as it was. */
static void
test_shared_cache (Fixture *f, gconstpointer data)
{
  g_autoptr (OpensoraPipeline) pipeline = new_pipeline (f, "opensora-1.2");
  g_autoptr (GString) before = g_string_new (NULL);
  g_autoptr (GString) after = g_string_new (NULL);

  put_release (f);
  set_modes (f, 0555);
  list_tree (f->cache, before);
  opensora_pipeline_load (pipeline, NULL, NULL, NULL, &f->error);
  list_tree (f->cache, after);
  set_modes (f, 0755);
  g_assert_no_error (f->error);
  g_assert_cmpstr (after->str, ==, before->str);
  g_assert_cmpstr (opensora_pipeline_get_commit (pipeline), ==, COMMIT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func)                                                        \
  g_test_add ("/pipeline/parts/" name, Fixture, NULL, set_up, func, tear_down)
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
  ADD ("local-text-encoder", test_local_text_encoder);
  ADD ("shared-cache", test_shared_cache);
#undef ADD
  return g_test_run ();
}
