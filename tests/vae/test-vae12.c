/* SPDX-License-Identifier: Apache-2.0 */
/* The video autoencoder's decoder, small and with random weights. */
#include "vae/vae12.h"

#include <math.h>
#include <opensora/opensora.h>
#include <string.h>

#include "optest.h"

/* micro_frame_size to be filled in. */
#define SMALL                                                                  \
  "{\"micro_frame_size\": %s, "                                                \
  "\"vae_2d\": {\"config\": {\"block_out_channels\": [4, 4, 8, 8], "           \
  "\"layers_per_block\": 1, \"norm_num_groups\": 4}}, "                        \
  "\"vae_temporal\": {\"filters\": 4, \"num_res_blocks\": 1, "                 \
  "\"channel_multipliers\": [1, 1, 2, 2], "                                    \
  "\"temporal_downsample\": [false, true, true], \"num_groups\": 4}}"

static OsVae12 *
new_vae_from (OsMemPool *pool, const char *json, GError **error)
{
  g_autoptr (OsConfig) config = os_config_parse (json, -1, "vae.json", NULL);
  g_autoptr (OsBinder) binder = os_binder_new_random (pool, 3);

  g_assert_nonnull (config);
  return os_vae12_new (config, binder, error);
}

static OsVae12 *
new_vae (OsMemPool *pool, const char *micro_frame_size)
{
  g_autofree char *json = g_strdup_printf (SMALL, micro_frame_size);
  g_autoptr (GError) error = NULL;
  OsVae12 *vae = new_vae_from (pool, json, &error);

  g_assert_no_error (error);
  return vae;
}

static void
test_latent_frames (void)
{
  static const gint64 chunked[][2] = { { 1, 1 }, { 4, 1 }, { 5, 2 }, { 16, 4 },
    { 17, 5 }, { 18, 6 }, { 34, 10 }, { 51, 15 }, { 102, 30 } };
  static const gint64 whole[][2] = { { 1, 1 }, { 4, 1 }, { 9, 3 }, { 17, 5 },
    { 34, 9 } };
  g_autoptr (OsMemPool) pool = os_mem_pool_new ();
  g_autoptr (OsVae12) by_17 = new_vae (pool, "17");
  g_autoptr (OsVae12) in_one = new_vae (pool, "null");

  for (guint i = 0; i < G_N_ELEMENTS (chunked); i++)
    g_assert_cmpint (
        os_vae12_latent_frames (by_17, chunked[i][0]), ==, chunked[i][1]);
  for (guint i = 0; i < G_N_ELEMENTS (whole); i++)
    g_assert_cmpint (
        os_vae12_latent_frames (in_one, whole[i][0]), ==, whole[i][1]);
}

/* All frames of a clip; each is [B, 1, 8 H, 8 W, 3]. */
static GPtrArray *
decode (OsVae12 *vae, OsCompute *compute, const OsTensor *z, gint64 n_frames)
{
  g_autoptr (OsVae12Decoder) decoder = os_vae12_decoder_new (vae, z, n_frames);
  GPtrArray *frames =
      g_ptr_array_new_with_free_func ((GDestroyNotify) os_tensor_unref);
  OsTensor *frame;

  while ((frame = os_vae12_decoder_next (decoder, compute))) {
    g_assert_true (os_tensor_has_shape (
        frame, OS_SHAPE (z->shape[0], 1, 8 * z->shape[3], 8 * z->shape[4], 3)));
    g_ptr_array_add (frames, frame);
  }
  g_assert_null (os_vae12_decoder_next (decoder, compute));
  g_assert_cmpuint (frames->len, ==, n_frames);
  return frames;
}

static void
check_count (OsCompute *compute, const char *micro, gint64 n_frames, gint64 B)
{
  g_autoptr (OsVae12) vae = new_vae (os_compute_get_pool (compute), micro);
  const gint64 latents = os_vae12_latent_frames (vae, n_frames);
  g_autoptr (OsTensor) z =
      optest_tensor (compute, OS_SHAPE (B, 4, latents, 1, 2));
  g_autoptr (GPtrArray) frames = decode (vae, compute, z, n_frames);

  for (guint i = 0; i < frames->len; i++) {
    for (gint64 j = 0; j < os_tensor_count (frames->pdata[i]); j++)
      g_assert_true (isfinite (os_tensor_f32 (frames->pdata[i])[j]));
  }
}

static void
test_frame_counts (OsCompute *compute)
{
  check_count (compute, "17", 1, 1);
  check_count (compute, "17", 18, 1);
  check_count (compute, "4", 9, 2);
  check_count (compute, "null", 9, 1);
}

/* Chunks do not see each other. */
static void
test_chunks (OsCompute *compute)
{
  g_autoptr (OsVae12) vae = new_vae (os_compute_get_pool (compute), "17");
  g_autoptr (OsTensor) z = optest_tensor (compute, OS_SHAPE (1, 4, 10, 2, 1));
  g_autoptr (GPtrArray) all = decode (vae, compute, z, 34);

  for (int k = 0; k < 2; k++) {
    g_autoptr (OsTensor) part = os_tensor_slice (z, 2, 5 * k, 5);
    g_autoptr (GPtrArray) chunk = decode (vae, compute, part, 17);

    for (int i = 0; i < 17; i++)
      optest_assert_equal (compute, chunk->pdata[i], all->pdata[17 * k + i]);
  }
}

/* Fewer frames than the latents stand for are the last of them. */
static void
test_surplus (void)
{
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
  g_autoptr (OsVae12) vae = new_vae (os_compute_get_pool (compute), "8");
  g_autoptr (OsTensor) z = optest_tensor (compute, OS_SHAPE (1, 4, 2, 1, 1));
  g_autoptr (GPtrArray) frames = decode (vae, compute, z, 8);
  g_autoptr (GPtrArray) short_frames = decode (vae, compute, z, 7);

  for (int i = 0; i < 7; i++)
    optest_assert_equal (compute, short_frames->pdata[i], frames->pdata[i + 1]);
}

static void
test_batch (OsCompute *compute)
{
  g_autoptr (OsVae12) vae = new_vae (os_compute_get_pool (compute), "4");
  g_autoptr (OsTensor) z = optest_tensor (compute, OS_SHAPE (2, 4, 1, 2, 2));
  g_autoptr (GPtrArray) both = decode (vae, compute, z, 4);

  for (int b = 0; b < 2; b++) {
    g_autoptr (OsTensor) row = os_tensor_slice (z, 0, b, 1);
    g_autoptr (GPtrArray) alone = decode (vae, compute, row, 4);

    for (int i = 0; i < 4; i++) {
      const float *x = os_tensor_f32 (alone->pdata[i]);
      const gint64 n = os_tensor_count (alone->pdata[i]);

      for (gint64 j = 0; j < n; j++)
        optest_assert_near (
            os_tensor_f32 (both->pdata[i])[b * n + j], x[j], 1e-5, j);
    }
  }
}

static void
test_config_errors (void)
{
  static const struct {
    const char *json, *key;
  } cases[] = {
    { "{\"micro_frame_size\": -17}", "micro_frame_size" },
    { "{\"vae_2d\": {\"config\": {\"layers_per_block\": 0}}}",
        "vae_2d.config.layers_per_block" },
    { "{\"vae_2d\": {\"config\": {\"block_out_channels\": [128, -1]}}}",
        "vae_2d.config.block_out_channels" },
    { "{\"vae_temporal\": {\"filters\": \"many\"}}", "vae_temporal.filters" },
    { "{\"vae_temporal\": {\"num_groups\": 48}}", "vae_temporal" },
  };
  g_autoptr (OsMemPool) pool = os_mem_pool_new ();

  /* What is bound before the check fails at once: nothing is computed. */
  os_mem_pool_set_limit (pool, 1);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_null (new_vae_from (pool, cases[i].json, &error));
    g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
    g_assert_nonnull (strstr (error->message, "vae.json"));
    g_assert_nonnull (strstr (error->message, cases[i].key));
  }
}

/* Whichever allocation fails, the frame is an error, and memory comes back. */
static void
test_memory_limits (void)
{
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
  OsMemPool *pool = os_compute_get_pool (compute);
  g_autoptr (OsVae12) vae = new_vae (pool, "4");
  g_autoptr (OsTensor) z = optest_tensor (compute, OS_SHAPE (1, 4, 1, 1, 1));
  guint failures = 0;
  gboolean done = FALSE;

  for (guint64 limit = 64; !done; limit += 400) {
    const guint64 before = os_mem_pool_get_in_use (pool);
    g_autoptr (GError) error = NULL;

    os_mem_pool_set_limit (pool, before + limit);
    {
      g_autoptr (OsVae12Decoder) decoder = os_vae12_decoder_new (vae, z, 4);
      g_autoptr (OsTensor) frame = os_vae12_decoder_next (decoder, compute);

      g_assert_true (os_tensor_has_shape (frame, OS_SHAPE (1, 1, 8, 8, 3)));
      done = os_compute_check (compute, &error);
    }
    os_mem_pool_set_limit (pool, 0);
    if (!done) {
      g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MEMORY);
      failures++;
    }
    g_assert_cmpuint (os_mem_pool_get_in_use (pool), <=, before + 400000);
  }
  g_assert_cmpuint (failures, >, 10);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/vae/vae12/latent-frames", test_latent_frames);
  optest_add ("/vae/vae12/frame-counts", test_frame_counts);
  optest_add ("/vae/vae12/chunks", test_chunks);
  g_test_add_func ("/vae/vae12/surplus", test_surplus);
  optest_add ("/vae/vae12/batch", test_batch);
  g_test_add_func ("/vae/vae12/config-errors", test_config_errors);
  g_test_add_func ("/vae/vae12/memory-limits", test_memory_limits);
  return g_test_run ();
}
