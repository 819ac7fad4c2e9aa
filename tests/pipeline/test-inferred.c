/* SPDX-License-Identifier: Apache-2.0 */
/* What shapes tell of a network: the published ones at their full size, and the
 * demo model's. */
#include "pipeline/inferred.h"

#include <glib/gstdio.h>
#include <opensora/opensora.h>

#include "bundletest.h"
#include "models/stdit.h"
#include "tensorfile.h"
#include "text/t5.h"
#include "vae/vae12.h"

static void
count_message (const char *domain, GLogLevelFlags level, const char *message,
    gpointer count)
{
  ++*(guint *) count;
}

typedef struct {
  char *folder;
  char *path;
  OsCheckpoint *checkpoint;
  OsConfig *config;
  OsBinder *binder;
  guint handler;
  guint unexpected; /* messages about tensors that nobody asked for */
  GError *error;
} Fixture;

static void
open_published (Fixture *f, const char *name, OsPartKind part)
{
  f->path = g_build_filename (f->folder, "model.safetensors", NULL);
  tensorfile_write_published (f->path, name);
  f->checkpoint = os_checkpoint_open (f->path, &f->error);
  g_assert_no_error (f->error);
  f->config = os_inferred_config (part, f->checkpoint, &f->error);
  g_assert_no_error (f->error);
  f->binder = os_binder_new (f->checkpoint);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->folder = g_dir_make_tmp ("opensora-test-XXXXXX", NULL);
  f->handler = g_log_set_handler (
      "opensora", G_LOG_LEVEL_INFO, count_message, &f->unexpected);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_log_remove_handler ("opensora", f->handler);
  g_assert_no_error (f->error);
  g_assert_cmpuint (f->unexpected, ==, 0);
  os_binder_free (f->binder);
  os_config_free (f->config);
  os_checkpoint_unref (f->checkpoint);
  g_unlink (f->path);
  g_rmdir (f->folder);
  g_free (f->path);
  g_free (f->folder);
}

static void
assert_int (const OsConfig *config, const char *key, gint64 value)
{
  g_assert_cmpint (
      os_config_int ((OsConfig *) config, key, -1, 1, G_MAXINT32), ==, value);
}

static void
test_stdit3 (Fixture *f, gconstpointer data)
{
  g_autoptr (OsStdit) stdit3 = NULL;

  open_published (f, "stdit3", OS_PART_TRANSFORMER);
  assert_int (f->config, "hidden_size", 1152);
  assert_int (f->config, "depth", 28);
  assert_int (f->config, "num_heads", 16);
  g_assert_true (os_config_bool (f->config, "qk_norm", FALSE));
  g_assert_true (os_config_bool (f->config, "pred_sigma", FALSE));
  stdit3 = os_stdit_new (f->config, f->binder, &f->error);
  g_assert_no_error (f->error);
  g_assert_cmpint (os_stdit_get_caption_channels (stdit3), ==, 4096);
  g_assert_cmpint (os_stdit_get_max_length (stdit3), ==, 300);
}

/* Its tensors do not tell the number of heads. */
static void
test_stdit1 (Fixture *f, gconstpointer data)
{
  g_autoptr (OsStdit) stdit = NULL;

  open_published (f, "stdit1", OS_PART_TRANSFORMER);
  assert_int (f->config, "hidden_size", 1152);
  assert_int (f->config, "depth", 28);
  g_assert_false (os_config_has (f->config, "num_heads"));
  stdit = os_stdit_new (f->config, f->binder, &f->error);
  g_assert_no_error (f->error);
  g_assert_cmpint (os_stdit_get_version (stdit), ==, OS_STDIT_1);
  g_assert_cmpint (os_stdit_get_max_length (stdit), ==, 120);
}

static void
test_stdit2 (Fixture *f, gconstpointer data)
{
  g_autoptr (OsStdit) stdit = NULL;

  open_published (f, "stdit2", OS_PART_TRANSFORMER);
  assert_int (f->config, "depth", 28);
  assert_int (f->config, "num_heads", 16);
  g_assert_true (os_config_bool (f->config, "qk_norm", FALSE));
  stdit = os_stdit_new (f->config, f->binder, &f->error);
  g_assert_no_error (f->error);
  g_assert_cmpint (os_stdit_get_version (stdit), ==, OS_STDIT_2);
  g_assert_cmpint (os_stdit_get_max_length (stdit), ==, 200);
}

static void
test_image_vae (Fixture *f, gconstpointer data)
{
  static const gint64 levels[] = { 128, 256, 512, 512 };
  gint64 found[8];
  g_autoptr (OsVae12) vae = NULL;

  open_published (f, "sd-vae-ft-ema", OS_PART_VAE);
  assert_int (f->config, "layers_per_block", 2);
  g_assert_cmpuint (
      os_config_ints (f->config, "block_out_channels", 1, 1 << 20, 8, found),
      ==, 4);
  g_assert_cmpmem (found, sizeof levels, levels, sizeof levels);
  vae = os_vae12_new (f->config, f->binder, &f->error);
  g_assert_no_error (f->error);
  g_assert_cmpint (os_vae12_latent_frames (vae, 51), ==, 51);
}

static void
test_vae12 (Fixture *f, gconstpointer data)
{
  g_autoptr (OsVae12) vae = NULL;

  open_published (f, "vae12", OS_PART_VAE);
  assert_int (f->config, "vae_temporal.filters", 128);
  assert_int (f->config, "vae_temporal.num_res_blocks", 4);
  assert_int (f->config, "vae_2d.config.layers_per_block", 2);
  vae = os_vae12_new (f->config, f->binder, &f->error);
  g_assert_no_error (f->error);
  /* In chunks of 17 frames, as published. */
  g_assert_cmpint (os_vae12_latent_frames (vae, 51), ==, 15);
}

static void
test_t5 (Fixture *f, gconstpointer data)
{
  g_autoptr (OsT5) t5 = NULL;

  open_published (f, "t5-v1_1-xxl", OS_PART_TEXT_ENCODER);
  assert_int (f->config, "num_heads", 64);
  assert_int (f->config, "d_kv", 64);
  assert_int (f->config, "num_layers", 24);
  t5 = os_t5_new (f->config, f->binder, &f->error);
  g_assert_no_error (f->error);
  g_assert_cmpint (os_t5_get_d_model (t5), ==, 4096);
  g_assert_cmpint (os_t5_get_vocab_size (t5), ==, 32128);
}

static OsConfig *
infer_demo (OsPartKind part)
{
  g_autofree char *demo = bundletest_demo ();
  g_autofree char *folder =
      g_build_filename (demo, os_part_get_folder (part), NULL);
  g_autoptr (OsCheckpoint) checkpoint = os_checkpoint_open (folder, NULL);

  return os_inferred_config (part, checkpoint, NULL);
}

/* Sizes that are not the defaults. */
static void
test_demo (void)
{
  static const gint64 levels[] = { 8, 16, 32, 64 }, channels[] = { 1, 1, 2, 2 };
  g_autoptr (OsConfig) stdit3 = infer_demo (OS_PART_TRANSFORMER);
  g_autoptr (OsConfig) vae = infer_demo (OS_PART_VAE);
  g_autoptr (OsConfig) t5 = infer_demo (OS_PART_TEXT_ENCODER);
  gint64 found[8];

  assert_int (stdit3, "hidden_size", 128);
  assert_int (stdit3, "depth", 3);
  assert_int (stdit3, "num_heads", 4);
  assert_int (stdit3, "caption_channels", 128);
  g_assert_cmpint (
      os_config_double (stdit3, "mlp_ratio", 0, 0, 10) * 128, ==, 512);
  assert_int (t5, "d_kv", 32);
  assert_int (t5, "d_ff", 256);
  assert_int (t5, "num_layers", 2);
  assert_int (t5, "vocab_size", 319);
  assert_int (vae, "micro_frame_size", 17);
  assert_int (vae, "vae_2d.config.layers_per_block", 1);
  g_assert_cmpuint (os_config_ints (vae, "vae_2d.config.block_out_channels", 1,
                        1 << 20, 8, found),
      ==, 4);
  g_assert_cmpmem (found, sizeof levels, levels, sizeof levels);
  assert_int (vae, "vae_temporal.filters", 16);
  assert_int (vae, "vae_temporal.num_res_blocks", 1);
  g_assert_cmpuint (
      os_config_ints (vae, "vae_temporal.channel_multipliers", 1, 64, 8, found),
      ==, 4);
  g_assert_cmpmem (found, sizeof channels, channels, sizeof channels);
}

/* Nothing is known, and nothing is made up. */
static void
test_empty (void)
{
  g_autoptr (OsCheckpoint) empty = os_checkpoint_new ("x", "test");

  for (int part = 0; part < OS_N_PARTS; part++) {
    g_autoptr (OsConfig) config = os_inferred_config (part, empty, NULL);

    g_assert_cmpstr (os_config_get_origin (config), ==, "x");
    g_assert_false (os_config_has (config, "hidden_size"));
    g_assert_false (os_config_has (config, "num_heads"));
    g_assert_false (os_config_has (config, "num_layers"));
    g_assert_true (os_config_check (config, NULL));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func)                                                        \
  g_test_add (                                                                 \
      "/pipeline/inferred/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("stdit1", test_stdit1);
  ADD ("stdit2", test_stdit2);
  ADD ("image-vae", test_image_vae);
  ADD ("stdit3", test_stdit3);
  ADD ("vae12", test_vae12);
  ADD ("t5", test_t5);
#undef ADD
  g_test_add_func ("/pipeline/inferred/demo", test_demo);
  g_test_add_func ("/pipeline/inferred/empty", test_empty);
  return g_test_run ();
}
