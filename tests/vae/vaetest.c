/* SPDX-License-Identifier: Apache-2.0 */
#include "vaetest.h"

OsVae12 *
vaetest_new (OsMemPool *pool, const char *json, GError **error)
{
  g_autoptr (OsConfig) config = os_config_parse (json, -1, "vae.json", NULL);
  g_autoptr (OsBinder) binder = os_binder_new_random (pool, 3);

  g_assert_nonnull (config);
  return os_vae12_new (config, binder, error);
}

GPtrArray *
vaetest_decode (
    OsVae12 *vae, OsCompute *compute, const OsTensor *z, gint64 n_frames)
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

OsTensor *
vaetest_draw (OsCompute *compute, OsVaeDraw which, int n_dims,
    const gint64 *shape, gpointer data)
{
  VaetestDraws *draws = data;
  g_autofree char *text = os_shape_to_string (n_dims, shape);
  OsTensor *numbers = os_compute_zeros (compute, n_dims, shape);

  if (draws->order)
    g_string_append_printf (
        draws->order, "%c%s ", which == OS_VAE_DRAW_SPATIAL ? 'S' : 'T', text);
  for (gint64 i = 0; os_compute_ok (compute) && i < os_tensor_count (numbers);
       i++)
    os_tensor_f32 (numbers)[i] = draws->noise[which] * (i % 5 - 1.5f);
  return numbers;
}

OsTensor *
vaetest_encode (OsVae12 *vae, OsCompute *compute, const OsTensor *frames,
    gint64 B, gint64 portion, VaetestDraws *draws)
{
  g_autoptr (OsVae12Encoder) encoder =
      os_vae12_encoder_new (vae, vaetest_draw, draws);

  for (gint64 i = 0; i < frames->shape[0]; i += portion) {
    g_autoptr (OsTensor) part =
        os_tensor_slice (frames, 0, i, MIN (portion, frames->shape[0] - i));
    os_vae12_encoder_push (encoder, compute, part);
  }
  return os_vae12_encoder_finish (encoder, compute, B);
}
