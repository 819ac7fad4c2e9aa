/* SPDX-License-Identifier: Apache-2.0 */
#include "partstest.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "bundletest.h"

void
partstest_set_up (PartsTest *f, gconstpointer data)
{
  f->folder = g_dir_make_tmp ("opensora-test-XXXXXX", NULL);
  f->cache = g_build_filename (f->folder, "cache", NULL);
  g_assert_cmpint (g_mkdir (f->cache, 0700), ==, 0);
}

void
partstest_remove (const char *path)
{
  g_autoptr (GDir) dir = NULL;
  const char *name;

  if (g_unlink (path) == 0)
    return;
  dir = g_dir_open (path, 0, NULL);
  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree char *child = g_build_filename (path, name, NULL);
    partstest_remove (child);
  }
  g_rmdir (path);
}

void
partstest_tear_down (PartsTest *f, gconstpointer data)
{
  partstest_remove (f->folder);
  g_free (f->folder);
  g_free (f->cache);
  g_clear_error (&f->error);
  os_parts_clear (&f->parts);
}

void
partstest_link (
    PartsTest *f, const char *folder, const char *part, const char *file)
{
  g_autofree char *demo = bundletest_demo ();
  g_autofree char *from = g_build_filename (demo, part, file, NULL);
  g_autofree char *below = g_build_filename (f->folder, folder, NULL);
  g_autofree char *to = g_build_filename (below, file, NULL);

  g_assert_cmpint (g_mkdir_with_parents (below, 0700), ==, 0);
  g_assert_cmpint (symlink (from, to), ==, 0);
}

void
partstest_link_part (PartsTest *f, const char *folder, const char *part)
{
  partstest_link (f, folder, part, "config.json");
  partstest_link (f, folder, part, "model.safetensors");
}

const char *
partstest_path (PartsTest *f, const char *name)
{
  g_autofree char *path = g_build_filename (f->folder, name, NULL);

  return g_intern_string (path);
}

void
partstest_put (PartsTest *f, const char *repo, const char *prefix,
    const char *part, const char *file)
{
  g_autofree char *refs = g_build_filename (f->cache, repo, "refs", NULL);
  g_autofree char *ref = g_build_filename (refs, "main", NULL);
  g_autofree char *folder =
      g_build_filename ("cache", repo, "snapshots", COMMIT, prefix, NULL);

  g_assert_cmpint (g_mkdir_with_parents (refs, 0700), ==, 0);
  g_assert_true (g_file_set_contents (ref, COMMIT, -1, NULL));
  partstest_link (f, folder, part, file);
}

void
partstest_put_part (
    PartsTest *f, const char *repo, const char *prefix, const char *part)
{
  partstest_put (f, repo, prefix, part, "config.json");
  partstest_put (f, repo, prefix, part, "model.safetensors");
}

void
partstest_put_release (PartsTest *f)
{
  partstest_put_part (f, TRANSFORMER, "", "transformer");
  partstest_put_part (f, VAE, "", "vae");
  partstest_put_part (f, T5, "", "text_encoder");
  partstest_put (f, T5, "", "tokenizer", "spiece.model");
  partstest_put (f, T5, "", "tokenizer", "tokenizer_config.json");
}

void
partstest_assert_says (PartsTest *f, const char *word)
{
  if (!strstr (f->error->message, word))
    g_error ("\"%s\" lacks \"%s\"", f->error->message, word);
}
