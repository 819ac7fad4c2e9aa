/* SPDX-License-Identifier: Apache-2.0 */
/* The video autoencoder, small and with random weights. */
#include "vae/vae12.h"

#include <glib/gstdio.h>
#include <math.h>
#include <opensora/opensora.h>
#include <string.h>

#include "optest.h"
#include "vaetest.h"
#include "weights/checkpoint.h"
#include "weights/safetensors.h"

/* micro_frame_size to be filled in. */
#define SMALL                                                                  \
  "{\"micro_frame_size\": %s, "                                                \
  "\"vae_2d\": {\"config\": {\"block_out_channels\": [4, 4, 8, 8], "           \
  "\"layers_per_block\": 1, \"norm_num_groups\": 4}}, "                        \
  "\"vae_temporal\": {\"filters\": 4, \"num_res_blocks\": 1, "                 \
  "\"channel_multipliers\": [1, 1, 2, 2], "                                    \
  "\"temporal_downsample\": [false, true, true], \"num_groups\": 4}}"

/* Of the golden case vae-pipeline. */
#define PIPELINE                                                               \
  "{\"micro_frame_size\": 17, "                                                \
  "\"vae_2d\": {\"config\": {\"block_out_channels\": [4, 8, 8, 8], "           \
  "\"layers_per_block\": 1, \"norm_num_groups\": 2}}, "                        \
  "\"vae_temporal\": {\"filters\": 4, \"num_res_blocks\": 1, "                 \
  "\"channel_multipliers\": [1, 2, 2, 4], "                                    \
  "\"temporal_downsample\": [false, true, true], \"num_groups\": 2}}"

static OsVae12 *
new_vae (OsMemPool *pool, const char *micro_frame_size)
{
  g_autofree char *json = g_strdup_printf (SMALL, micro_frame_size);
  g_autoptr (GError) error = NULL;
  OsVae12 *vae = vaetest_new (pool, json, &error);

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

static void
check_count (OsCompute *compute, const char *micro, gint64 n_frames, gint64 B)
{
  g_autoptr (OsVae12) vae = new_vae (os_compute_get_pool (compute), micro);
  const gint64 latents = os_vae12_latent_frames (vae, n_frames);
  g_autoptr (OsTensor) z =
      optest_tensor (compute, OS_SHAPE (B, 4, latents, 1, 2));
  g_autoptr (GPtrArray) frames = vaetest_decode (vae, compute, z, n_frames);

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
  g_autoptr (GPtrArray) all = vaetest_decode (vae, compute, z, 34);

  for (int k = 0; k < 2; k++) {
    g_autoptr (OsTensor) part = os_tensor_slice (z, 2, 5 * k, 5);
    g_autoptr (GPtrArray) chunk = vaetest_decode (vae, compute, part, 17);

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
  g_autoptr (GPtrArray) frames = vaetest_decode (vae, compute, z, 8);
  g_autoptr (GPtrArray) short_frames = vaetest_decode (vae, compute, z, 7);

  for (int i = 0; i < 7; i++)
    optest_assert_equal (compute, short_frames->pdata[i], frames->pdata[i + 1]);
}

static void
test_batch (OsCompute *compute)
{
  g_autoptr (OsVae12) vae = new_vae (os_compute_get_pool (compute), "4");
  g_autoptr (OsTensor) z = optest_tensor (compute, OS_SHAPE (2, 4, 1, 2, 2));
  g_autoptr (GPtrArray) both = vaetest_decode (vae, compute, z, 4);

  for (int b = 0; b < 2; b++) {
    g_autoptr (OsTensor) row = os_tensor_slice (z, 0, b, 1);
    g_autoptr (GPtrArray) alone = vaetest_decode (vae, compute, row, 4);

    for (int i = 0; i < 4; i++) {
      g_autoptr (OsTensor) frame = os_tensor_slice (both->pdata[i], 0, b, 1);

      optest_assert_similar (compute, frame, alone->pdata[i], 1e-5);
    }
  }
}

/* --- encoding --- */

/* There and back: the frames come in number, and in whole latents' size. */
static void
check_round_trip (
    OsCompute *compute, const char *micro, gint64 n, gint64 H, gint64 W)
{
  g_autoptr (OsVae12) vae = new_vae (os_compute_get_pool (compute), micro);
  g_autoptr (OsTensor) frames = optest_tensor (compute, OS_SHAPE (n, H, W, 3));
  VaetestDraws draws = { .noise = { 1, 1 } };
  g_autoptr (OsTensor) z = vaetest_encode (vae, compute, frames, 1, n, &draws);
  g_autoptr (GPtrArray) decoded = NULL;

  g_assert_true (os_tensor_has_shape (
      z, OS_SHAPE (1, 4, os_vae12_latent_frames (vae, n), H / 8, W / 8)));
  for (gint64 i = 0; i < os_tensor_count (z); i++)
    g_assert_true (isfinite (os_tensor_f32 (z)[i]));
  decoded = vaetest_decode (vae, compute, z, n);
  g_assert_cmpuint (decoded->len, ==, n);
}

static void
test_round_trip (OsCompute *compute)
{
  check_round_trip (compute, "17", 1, 8, 16);
  check_round_trip (compute, "17", 18, 15, 9);
  check_round_trip (compute, "5", 11, 8, 8);
  check_round_trip (compute, "null", 7, 17, 23);
}

/* Groups as they fill, the rest and the chunks at the end. */
static void
test_draw_order (void)
{
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
  g_autoptr (OsVae12) vae = new_vae (os_compute_get_pool (compute), "5");
  g_autoptr (OsTensor) frames =
      optest_tensor (compute, OS_SHAPE (14, 8, 16, 3));
  g_autoptr (OsTensor) first = os_tensor_slice (frames, 0, 0, 3);
  g_autoptr (OsTensor) rest = os_tensor_slice (frames, 0, 3, 11);
  VaetestDraws draws = { .order = g_string_new (NULL) };
  OsVae12Encoder *encoder = os_vae12_encoder_new (vae, vaetest_draw, &draws);
  g_autoptr (OsTensor) z = NULL;

  os_vae12_encoder_push (encoder, compute, first);
  g_assert_cmpstr (draws.order->str, ==, "");
  os_vae12_encoder_push (encoder, compute, rest);
  g_assert_cmpstr (
      draws.order->str, ==, "S[4, 4, 1, 2] S[4, 4, 1, 2] S[4, 4, 1, 2] ");
  g_string_truncate (draws.order, 0);
  z = os_vae12_encoder_finish (encoder, compute, 2);
  g_assert_cmpstr (
      draws.order->str, ==, "S[2, 4, 1, 2] T[2, 4, 2, 1, 2] T[2, 4, 1, 1, 2] ");
  g_assert_true (os_tensor_has_shape (z, OS_SHAPE (2, 4, 3, 1, 2)));
  os_vae12_encoder_free (encoder);
  g_string_free (draws.order, TRUE);
}

/* micro_batch_size 0: one group. */
static void
test_one_group (void)
{
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
  g_autofree char *json = g_strdup_printf (SMALL, "null");
  g_auto (GStrv) halves = g_strsplit (json, "\"config\"", 2);
  g_autofree char *whole =
      g_strjoinv ("\"micro_batch_size\": 0, \"config\"", halves);
  g_autoptr (OsVae12) vae =
      vaetest_new (os_compute_get_pool (compute), whole, NULL);
  g_autoptr (OsTensor) frames = optest_tensor (compute, OS_SHAPE (9, 8, 8, 3));
  VaetestDraws draws = { .order = g_string_new (NULL) };
  g_autoptr (OsTensor) z = vaetest_encode (vae, compute, frames, 1, 2, &draws);

  g_assert_cmpstr (draws.order->str, ==, "S[9, 4, 1, 1] T[1, 4, 3, 1, 1] ");
  g_string_free (draws.order, TRUE);
}

/* How frames are handed over changes nothing. */
static void
test_portions (OsCompute *compute)
{
  g_autoptr (OsVae12) vae = new_vae (os_compute_get_pool (compute), "5");
  g_autoptr (OsTensor) frames = optest_tensor (compute, OS_SHAPE (7, 8, 9, 3));
  VaetestDraws draws = { .noise = { 1, 1 } };
  g_autoptr (OsTensor) at_once =
      vaetest_encode (vae, compute, frames, 1, 7, &draws);
  g_autoptr (OsTensor) singly =
      vaetest_encode (vae, compute, frames, 1, 1, &draws);

  optest_assert_equal (compute, at_once, singly);
}

/* Chunks do not see each other, nor do clips. */
static void
test_encoded_chunks (OsCompute *compute)
{
  g_autoptr (OsVae12) vae = new_vae (os_compute_get_pool (compute), "5");
  g_autoptr (OsTensor) frames = optest_tensor (compute, OS_SHAPE (10, 8, 8, 3));
  VaetestDraws none = { 0 };
  g_autoptr (OsTensor) one =
      vaetest_encode (vae, compute, frames, 1, 10, &none);
  g_autoptr (OsTensor) two =
      vaetest_encode (vae, compute, frames, 2, 10, &none);

  for (int k = 0; k < 2; k++) {
    g_autoptr (OsTensor) part = os_tensor_slice (frames, 0, 5 * k, 5);
    g_autoptr (OsTensor) alone =
        vaetest_encode (vae, compute, part, 1, 5, &none);
    g_autoptr (OsTensor) chunk = os_tensor_slice (one, 2, 2 * k, 2);
    g_autoptr (OsTensor) clip = os_tensor_slice (two, 0, k, 1);

    optest_assert_equal (compute, chunk, alone);
    optest_assert_similar (compute, clip, alone, 1e-5);
  }
}

/* Both posteriors are sampled; the second is the last thing that happens, so
 * that twice the numbers move the latents twice as far. */
static void
test_noise (void)
{
  static const float noise[4][2] = { { 0, 0 }, { 1, 0 }, { 0, 1 }, { 0, 2 } };
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
  g_autoptr (OsVae12) vae = new_vae (os_compute_get_pool (compute), "17");
  g_autoptr (OsTensor) frame = optest_tensor (compute, OS_SHAPE (1, 16, 16, 3));
  OsTensor *z[4];

  for (int i = 0; i < 4; i++) {
    VaetestDraws draws = { .noise = { noise[i][0], noise[i][1] } };
    z[i] = vaetest_encode (vae, compute, frame, 1, 1, &draws);
  }
  for (int i = 0; i < 16; i++) {
    const float mode = os_tensor_f32 (z[0])[i];

    g_assert_cmpfloat (fabs (os_tensor_f32 (z[1])[i] - mode), >, 1e-6);
    g_assert_cmpfloat (fabs (os_tensor_f32 (z[2])[i] - mode), >, 1e-2);
    optest_assert_near (os_tensor_f32 (z[3])[i] - mode,
        2 * (os_tensor_f32 (z[2])[i] - mode), 1e-5, i);
  }
  for (int i = 0; i < 4; i++)
    os_tensor_unref (z[i]);
}

/* The weights of a golden case, those with `drop` in their names left out. */
static OsVae12 *
vae_without (const char *drop, GError **error)
{
  g_autofree char *golden = g_build_filename (g_getenv ("OPENSORA_TEST_DATA"),
      "goldens", "opensora-1.2", "vae-pipeline", "weights.safetensors", NULL);
  g_autofree char *folder = g_dir_make_tmp ("vae12-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "model.safetensors", NULL);
  g_autoptr (OsCheckpoint) all = os_checkpoint_open (golden, error);
  g_autoptr (OsCheckpoint) some = NULL;
  g_autoptr (OsConfig) config =
      os_config_parse (PIPELINE, -1, "vae.json", NULL);
  g_autoptr (OsBinder) binder = NULL;
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  g_autoptr (GPtrArray) tensors = g_ptr_array_new ();
  const char *const *name;

  for (name = os_checkpoint_get_names (all); *name != NULL; name++) {
    if (strstr (*name, drop) != NULL)
      continue;
    g_ptr_array_add (names, (gpointer) *name);
    g_ptr_array_add (tensors, os_checkpoint_get (all, *name));
  }
  os_safetensors_write (path, (const char *const *) names->pdata,
      (const OsTensor *const *) tensors->pdata, names->len, NULL, error);
  some = os_checkpoint_open (path, error);
  g_unlink (path);
  g_rmdir (folder);
  binder = os_binder_new (some);
  return os_vae12_new (config, binder, error);
}

/* A checkpoint of the decoder alone decodes, and says why it cannot encode. */
static void
test_no_encoder (void)
{
  static const char *const halves[] = { "spatial_vae.module.encoder.",
    "temporal_vae.encoder." };
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (halves); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (OsVae12) vae = vae_without (halves[i], &error);
    g_autoptr (OsTensor) z = optest_tensor (compute, OS_SHAPE (1, 4, 1, 1, 1));
    g_autoptr (OsTensor) frame = optest_tensor (compute, OS_SHAPE (1, 8, 8, 3));
    g_autoptr (GPtrArray) frames = NULL;
    g_autoptr (OsTensor) encoded = NULL;
    VaetestDraws draws = { 0 };

    g_assert_no_error (error);
    frames = vaetest_decode (vae, compute, z, 1);
    g_assert_true (os_compute_check (compute, &error));
    encoded = vaetest_encode (vae, compute, frame, 1, 1, &draws);
    g_assert_true (os_tensor_has_shape (encoded, OS_SHAPE (1, 4, 1, 1, 1)));
    g_assert_false (os_compute_check (compute, &error));
    g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MISMATCH);
    g_assert_nonnull (strstr (error->message, halves[i]));
    g_assert_nonnull (strstr (error->message, "vae.json"));
  }
}

/* An encoder that is there in part is a checkpoint that does not fit. */
static void
test_half_an_encoder (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (OsVae12) vae =
      vae_without ("spatial_vae.module.encoder.conv_out", &error);

  g_assert_null (vae);
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MISMATCH);
  g_assert_nonnull (
      strstr (error->message, "spatial_vae.module.encoder.conv_out.weight"));
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
    { "{\"vae_2d\": {\"micro_batch_size\": -1}}", "vae_2d.micro_batch_size" },
    { "{\"vae_2d\": {\"config\": {\"latent_channels\": 16}}}",
        "vae_2d.config.latent_channels" },
    { "{\"vae_2d\": {\"config\": {\"in_channels\": 1}}}",
        "vae_2d.config.in_channels" },
    { "{\"vae_2d\": {\"config\": {\"block_out_channels\": [128, 256]}}}",
        "vae_2d.config.block_out_channels" },
    { "{\"vae_temporal\": {\"embed_dim\": 8}}", "vae_temporal.embed_dim" },
    { "{\"vae_temporal\": {\"filters\": \"many\"}}", "vae_temporal.filters" },
    { "{\"vae_temporal\": {\"num_groups\": 48}}", "vae_temporal" },
  };
  g_autoptr (OsMemPool) pool = os_mem_pool_new ();

  /* What is bound before the check fails at once: nothing is computed. */
  os_mem_pool_set_limit (pool, 1);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_null (vaetest_new (pool, cases[i].json, &error));
    g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
    g_assert_nonnull (strstr (error->message, "vae.json"));
    g_assert_nonnull (strstr (error->message, cases[i].key));
  }
}

static gboolean
decode_a_frame (OsVae12 *vae, OsCompute *compute, const OsTensor *x)
{
  g_autoptr (OsVae12Decoder) decoder = os_vae12_decoder_new (vae, x, 4);
  g_autoptr (OsTensor) frame = os_vae12_decoder_next (decoder, compute);

  return os_tensor_has_shape (frame, OS_SHAPE (1, 1, 8, 8, 3));
}

static gboolean
encode_frames (OsVae12 *vae, OsCompute *compute, const OsTensor *x)
{
  VaetestDraws draws = { .noise = { 1, 1 } };
  g_autoptr (OsTensor) z = vaetest_encode (vae, compute, x, 1, 2, &draws);

  return os_tensor_has_shape (z, OS_SHAPE (1, 4, 2, 1, 1));
}

/* Whichever allocation fails, the result has its shape and the compute its
 * error, and memory comes back. */
static void
check_memory_limits (
    gboolean (*call) (OsVae12 *, OsCompute *, const OsTensor *), int n_dims,
    const gint64 *shape)
{
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
  OsMemPool *pool = os_compute_get_pool (compute);
  g_autoptr (OsVae12) vae = new_vae (pool, "4");
  g_autoptr (OsTensor) x = optest_tensor (compute, n_dims, shape);
  guint failures = 0;
  gboolean done = FALSE;

  for (guint64 limit = 64; !done; limit += 400) {
    const guint64 before = os_mem_pool_get_in_use (pool);
    g_autoptr (GError) error = NULL;

    os_mem_pool_set_limit (pool, before + limit);
    g_assert_true (call (vae, compute, x));
    done = os_compute_check (compute, &error);
    os_mem_pool_set_limit (pool, 0);
    if (!done) {
      g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MEMORY);
      failures++;
    }
    g_assert_cmpuint (os_mem_pool_get_in_use (pool), <=, before + 400000);
  }
  g_assert_cmpuint (failures, >, 10);
}

static void
test_memory_limits (void)
{
  check_memory_limits (decode_a_frame, OS_SHAPE (1, 4, 1, 1, 1));
  check_memory_limits (encode_frames, OS_SHAPE (5, 8, 8, 3));
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
  optest_add ("/vae/vae12/round-trip", test_round_trip);
  g_test_add_func ("/vae/vae12/draw-order", test_draw_order);
  g_test_add_func ("/vae/vae12/one-group", test_one_group);
  optest_add ("/vae/vae12/portions", test_portions);
  optest_add ("/vae/vae12/encoded-chunks", test_encoded_chunks);
  g_test_add_func ("/vae/vae12/noise", test_noise);
  g_test_add_func ("/vae/vae12/no-encoder", test_no_encoder);
  g_test_add_func ("/vae/vae12/half-an-encoder", test_half_an_encoder);
  g_test_add_func ("/vae/vae12/config-errors", test_config_errors);
  g_test_add_func ("/vae/vae12/memory-limits", test_memory_limits);
  return g_test_run ();
}
