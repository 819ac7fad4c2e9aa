/* SPDX-License-Identifier: Apache-2.0 */
/* The video autoencoder of 1.0 and 1.1, which is one of images, small and with
 * random weights. */
#include <math.h>
#include <opensora/opensora.h>
#include <string.h>

#include "optest.h"
#include "vaetest.h"

#define SMALL                                                                  \
  "{\"block_out_channels\": [4, 4, 8, 8], \"layers_per_block\": 1, "           \
  "\"norm_num_groups\": 4%s}"

static OsVae12 *
new_vae (OsMemPool *pool, const char *more, GError **error)
{
  g_autofree char *json = g_strdup_printf (SMALL, more);

  return vaetest_new (pool, json, error);
}

/* Every frame is one of its own, in both directions. */
static void
test_frames (OsCompute *compute)
{
  g_autoptr (OsVae12) vae = new_vae (os_compute_get_pool (compute), "", NULL);
  g_autoptr (OsTensor) frames = optest_tensor (compute, OS_SHAPE (6, 8, 17, 3));
  VaetestDraws draws = { .noise = { 1, NAN } };
  g_autoptr (OsTensor) z = vaetest_encode (vae, compute, frames, 2, 6, &draws);
  g_autoptr (GPtrArray) decoded = vaetest_decode (vae, compute, z, 3);
  VaetestDraws none = { 0 };
  g_autoptr (OsTensor) modes =
      vaetest_encode (vae, compute, frames, 1, 6, &none);

  g_assert_cmpint (os_vae12_latent_frames (vae, 6), ==, 6);
  g_assert_true (os_tensor_has_shape (z, OS_SHAPE (2, 4, 3, 1, 2)));
  for (gint64 i = 0; i < 6; i++) {
    g_autoptr (OsTensor) frame = os_tensor_slice (frames, 0, i, 1);
    g_autoptr (OsTensor) mode =
        vaetest_encode (vae, compute, frame, 1, 1, &none);
    g_autoptr (OsTensor) at = os_tensor_slice (modes, 2, i, 1);
    g_autoptr (OsTensor) clip = os_tensor_slice (z, 0, i / 3, 1);
    g_autoptr (OsTensor) latent = os_tensor_slice (clip, 2, i % 3, 1);
    g_autoptr (GPtrArray) alone = vaetest_decode (vae, compute, latent, 1);
    g_autoptr (OsTensor) picture =
        os_tensor_slice (decoded->pdata[i % 3], 0, i / 3, 1);

    optest_assert_equal (compute, at, mode);
    optest_assert_equal (compute, picture, alone->pdata[0]);
  }
}

static void
test_draws (void)
{
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
  OsMemPool *pool = os_compute_get_pool (compute);
  g_autoptr (OsVae12) fours = new_vae (pool, "", NULL);
  g_autoptr (OsVae12) pairs = new_vae (pool, ", \"micro_batch_size\": 2", NULL);
  g_autoptr (OsTensor) frames = optest_tensor (compute, OS_SHAPE (5, 8, 8, 3));
  VaetestDraws draws = { .order = g_string_new (NULL) };
  g_autoptr (OsTensor) a =
      vaetest_encode (fours, compute, frames, 1, 5, &draws);
  g_autoptr (OsTensor) b = NULL;

  g_assert_cmpstr (draws.order->str, ==, "S[4, 4, 1, 1] S[1, 4, 1, 1] ");
  g_string_truncate (draws.order, 0);
  b = vaetest_encode (pairs, compute, frames, 1, 5, &draws);
  g_assert_cmpstr (
      draws.order->str, ==, "S[2, 4, 1, 1] S[2, 4, 1, 1] S[1, 4, 1, 1] ");
  g_string_free (draws.order, TRUE);
}

static void
test_config (void)
{
  static const struct {
    const char *more, *key;
  } cases[] = {
    { ", \"latent_channels\": 16", "latent_channels" },
    { ", \"out_channels\": 1", "out_channels" },
    { ", \"micro_batch_size\": -1", "micro_batch_size" },
  };
  g_autoptr (OsMemPool) pool = os_mem_pool_new ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_null (new_vae (pool, cases[i].more, &error));
    g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
    g_assert_nonnull (strstr (error->message, cases[i].key));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  optest_add ("/vae/vae12-image/frames", test_frames);
  g_test_add_func ("/vae/vae12-image/draws", test_draws);
  g_test_add_func ("/vae/vae12-image/config", test_config);
  return g_test_run ();
}
