/* SPDX-License-Identifier: Apache-2.0 */
/* Finding a model by the name that users give it, in a cache that was filled
 * elsewhere. */
#include "pipeline/parts.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "bundletest.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"

typedef struct {
  char *cache;
  OpensoraHub *hub;
  OsParts parts;
  GError *error;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->cache = g_dir_make_tmp ("opensora-test-XXXXXX", NULL);
  f->hub = opensora_hub_new (f->cache, NULL, TRUE);
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
  remove_tree (f->cache);
  g_free (f->cache);
  g_object_unref (f->hub);
  g_clear_error (&f->error);
  os_parts_clear (&f->parts);
}

/* A repository in the cache, of files of the demo model. `prefix` is the folder
 * in the repository, `part` that of the model. */
static void
put (Fixture *f, const char *repo, const char *prefix, const char *part,
    const char *file)
{
  g_autofree char *demo = bundletest_demo ();
  g_autofree char *from = g_build_filename (demo, part, file, NULL);
  g_autofree char *refs = g_build_filename (f->cache, repo, "refs", NULL);
  g_autofree char *ref = g_build_filename (refs, "main", NULL);
  g_autofree char *folder =
      g_build_filename (f->cache, repo, "snapshots", COMMIT, prefix, NULL);
  g_autofree char *to = g_build_filename (folder, file, NULL);

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_assert_cmpint (g_mkdir_with_parents (refs, 0700), ==, 0);
  g_assert_true (g_file_set_contents (ref, COMMIT, -1, NULL));
  g_assert_cmpint (symlink (from, to), ==, 0);
}

static void
put_part (Fixture *f, const char *repo, const char *prefix, const char *part)
{
  put (f, repo, prefix, part, "config.json");
  put (f, repo, prefix, part, "model.safetensors");
}

static gboolean
locate (Fixture *f, const char *model, const char *revision)
{
  os_parts_clear (&f->parts);
  f->parts = (OsParts){ NULL };
  g_clear_error (&f->error);
  return os_parts_locate (&f->parts, model, f->hub, revision, NULL, &f->error);
}

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

  g_setenv ("OPENSORA_DATA_DIR", "/no/such/data", TRUE);
  g_assert_false (locate (f, NULL, NULL));
  g_setenv ("OPENSORA_DATA_DIR", kept, TRUE);
  g_assert_error (f->error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (f->error->message, "/no/such/data/opensora-demo"));
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
  g_assert_nonnull (strstr (f->error->message, g_get_home_dir ()));
}

static void
test_path_wins (Fixture *f, gconstpointer data)
{
  g_autofree char *before = g_get_current_dir ();

  g_assert_cmpint (g_chdir (f->cache), ==, 0);
  g_assert_cmpint (g_mkdir_with_parents ("org/name", 0700), ==, 0);
  g_assert_cmpint (g_mkdir_with_parents ("opensora-1.2", 0700), ==, 0);
  g_assert_true (locate (f, "org/name", NULL));
  g_assert_cmpstr (f->parts.folder, ==, "org/name");
  g_assert_true (locate (f, "opensora-1.2", NULL));
  g_assert_cmpstr (f->parts.folder, ==, "opensora-1.2");
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
  g_assert_nonnull (strstr (f->error->message, "spiece.model"));

  put (f, repo, "tokenizer", "tokenizer", "spiece.model");
  g_assert_true (locate (f, "org/name", NULL));
  g_assert_cmpstr (f->parts.folder, ==, folder);
  g_assert_cmpstr (f->parts.commit, ==, COMMIT);
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
test_release (Fixture *f, gconstpointer data)
{
  static const char *const names[] = { "opensora-1.2",
    "hpcai-tech/OpenSora-STDiT-v3" };
  static const char transformer[] = "models--hpcai-tech--OpenSora-STDiT-v3";
  static const char vae[] = "models--hpcai-tech--OpenSora-VAE-v1.2";
  static const char t5[] = "models--DeepFloyd--t5-v1_1-xxl";

  put_part (f, transformer, "", "transformer");
  put_part (f, vae, "", "vae");
  g_assert_false (locate (f, "opensora-1.2", NULL));
  g_assert_error (
      f->error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_LOCAL_ENTRY_NOT_FOUND);
  g_assert_nonnull (strstr (f->error->message, "DeepFloyd/t5-v1_1-xxl"));

  put_part (f, t5, "", "text_encoder");
  put (f, t5, "", "tokenizer", "spiece.model");
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_assert_true (locate (f, names[i], NULL));
    g_assert_null (f->parts.folder);
    assert_in (f->parts.transformer, transformer);
    assert_in (f->parts.vae, vae);
    assert_in (f->parts.text_encoder, t5);
    assert_in (f->parts.tokenizer, t5);
    g_assert_cmpstr (f->parts.commit, ==, COMMIT);
  }
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
#undef ADD
  return g_test_run ();
}
