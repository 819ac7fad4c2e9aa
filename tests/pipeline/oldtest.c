/* SPDX-License-Identifier: Apache-2.0 */
#include "oldtest.h"

#include <glib/gstdio.h>
#include <unistd.h>

#include "tensorfile.h"

#define STDIT_SIZES                                                            \
  "\"hidden_size\": 48, \"depth\": 2, \"num_heads\": 4, "                      \
  "\"caption_channels\": 128, \"model_max_length\": "

static const struct {
  const char *version, *list, *config;
} transformers[] = {
  { "1.0", "stdit1-tiny", "{\"model_type\": \"STDiT\", " STDIT_SIZES "16}" },
  { "1.1", "stdit2-tiny", "{\"model_type\": \"STDiT2\", " STDIT_SIZES "20}" },
};

static const char vae_config[] =
    "{\"_class_name\": \"AutoencoderKL\", \"layers_per_block\": 2, "
    "\"block_out_channels\": [8, 16, 32, 32], \"norm_num_groups\": 4}";

static void
make_part (const char *folder, const char *part, const char *config,
    const char *file, const char *list)
{
  g_autofree char *below = g_build_filename (folder, part, NULL);
  g_autofree char *config_path = g_build_filename (below, "config.json", NULL);
  g_autofree char *weights = g_build_filename (below, file, NULL);

  g_assert_cmpint (g_mkdir (below, 0700), ==, 0);
  g_assert_true (g_file_set_contents (config_path, config, -1, NULL));
  tensorfile_write_random (weights, list);
}

static void
link_demo (const char *folder, const char *part)
{
  g_autofree char *from = g_build_filename (
      g_getenv ("OPENSORA_DATA_DIR"), "opensora-demo", part, NULL);
  g_autofree char *to = g_build_filename (folder, part, NULL);

  g_assert_cmpint (symlink (from, to), ==, 0);
}

char *
oldtest_make (const char *version)
{
  char *folder = g_dir_make_tmp ("opensora-test-XXXXXX", NULL);

  for (guint i = 0; i < G_N_ELEMENTS (transformers); i++) {
    if (g_str_equal (version, transformers[i].version))
      make_part (folder, "transformer", transformers[i].config,
          "model.safetensors", transformers[i].list);
  }
  make_part (folder, "vae", vae_config, "diffusion_pytorch_model.safetensors",
      "sd-vae-tiny");
  link_demo (folder, "text_encoder");
  link_demo (folder, "tokenizer");
  return folder;
}

void
oldtest_remove (const char *folder)
{
  static const char *const files[] = { "transformer/config.json",
    "transformer/model.safetensors", "transformer", "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors", "vae", "text_encoder",
    "tokenizer", "" };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *path = g_build_filename (folder, files[i], NULL);
    g_assert_cmpint (g_remove (path), ==, 0);
  }
}
