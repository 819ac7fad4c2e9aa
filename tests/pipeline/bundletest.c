/* SPDX-License-Identifier: Apache-2.0 */
#include "bundletest.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static const char *const folders[] = { "text_encoder", "tokenizer",
  "transformer", "vae" };
static const char *const copied[] = { "opensora.json",
  "text_encoder/config.json", "tokenizer/tokenizer_config.json",
  "transformer/config.json", "vae/config.json" };
static const char *const linked[] = { "text_encoder/model.safetensors",
  "tokenizer/spiece.model", "transformer/model.safetensors",
  "vae/model.safetensors" };

static char *
demo_path (const char *file)
{
  return g_build_filename (
      g_getenv ("OPENSORA_DATA_DIR"), "opensora-demo", file, NULL);
}

char *
bundletest_demo (void)
{
  return demo_path (NULL);
}

char *
bundletest_copy (void)
{
  char *folder = g_dir_make_tmp ("opensora-test-XXXXXX", NULL);

  g_assert_nonnull (folder);
  for (guint i = 0; i < G_N_ELEMENTS (folders); i++) {
    g_autofree char *path = g_build_filename (folder, folders[i], NULL);
    g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  }
  for (guint i = 0; i < G_N_ELEMENTS (copied); i++) {
    g_autofree char *from = demo_path (copied[i]);
    g_autofree char *contents = NULL;

    g_assert_true (g_file_get_contents (from, &contents, NULL, NULL));
    bundletest_put (folder, copied[i], contents);
  }
  for (guint i = 0; i < G_N_ELEMENTS (linked); i++) {
    g_autofree char *from = demo_path (linked[i]);
    g_autofree char *to = g_build_filename (folder, linked[i], NULL);
    g_assert_cmpint (symlink (from, to), ==, 0);
  }
  return folder;
}

void
bundletest_remove (const char *folder)
{
  for (guint i = 0; i < G_N_ELEMENTS (copied); i++)
    bundletest_put (folder, copied[i], NULL);
  for (guint i = 0; i < G_N_ELEMENTS (linked); i++)
    bundletest_put (folder, linked[i], NULL);
  for (guint i = 0; i < G_N_ELEMENTS (folders); i++) {
    g_autofree char *path = g_build_filename (folder, folders[i], NULL);
    g_rmdir (path);
  }
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

void
bundletest_put (const char *folder, const char *file, const char *contents)
{
  g_autofree char *path = g_build_filename (folder, file, NULL);

  g_unlink (path);
  if (contents)
    g_assert_true (g_file_set_contents (path, contents, -1, NULL));
}

void
bundletest_edit (
    const char *folder, const char *file, const char *from, const char *to)
{
  g_autofree char *path = g_build_filename (folder, file, NULL);
  g_autofree char *contents = NULL;
  g_autoptr (GString) edited = NULL;

  g_assert_true (g_file_get_contents (path, &contents, NULL, NULL));
  edited = g_string_new (contents);
  g_assert_cmpuint (g_string_replace (edited, from, to, 0), ==, 1);
  bundletest_put (folder, file, edited->str);
}
