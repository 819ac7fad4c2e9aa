/* SPDX-License-Identifier: Apache-2.0 */
/* Going on from a clip. A loop encodes all of the clip before and takes the
 * last latents. Chunks of the autoencoder do not see each other, so that those
 * which nothing is taken from need neither be decoded nor encoded. */
#include "pipeline/tail.h"

#include "pipeline/references.h"

void
os_tail_set (OsTail *tail, const OsTensor *latents, guint num_frames)
{
  OsTensor *own = os_tensor_ref (latents);

  os_tail_clear (tail);
  tail->latents = own;
  tail->num_frames = num_frames;
}

void
os_tail_copy (OsTail *tail, const OsTail *from)
{
  if (from->latents)
    os_tail_set (tail, from->latents, from->num_frames);
  else
    os_tail_clear (tail);
}

void
os_tail_clear (OsTail *tail)
{
  g_clear_pointer (&tail->latents, os_tensor_unref);
}

gboolean
os_tail_fits (const OsTail *tail, const OsParams *params)
{
  const gint64 *shape = tail->latents ? tail->latents->shape : NULL;

  return shape && shape[2] >= params->condition_frame_length
         && shape[3] == params->height / OS_VAE12_SPACE_FACTOR
         && shape[4] == params->width / OS_VAE12_SPACE_FACTOR;
}

/* How many chunks can be left out. Starts are aligned the same way in what
 * remains if the latents that are left out are a multiple of the alignment. */
static gint64
count_unused_chunks (
    const OsTail *tail, const OsVae12 *vae, const OsParams *params)
{
  const gint64 used = MAX (params->condition_frame_length, 1);
  const gint64 chunk =
      os_vae12_latent_frames (vae, os_vae12_get_chunk_frames (vae));
  gint64 n = 1;

  if (chunk == 0)
    return 0;
  while (params->align > 0 && n * chunk % params->align != 0)
    n++;
  return (tail->latents->shape[2] - used) / (n * chunk) * n;
}

OsTensor *
os_tail_encode (const OsTail *tail, OsBundle *bundle, OsCompute *compute,
    const OsSources *sources, const OsParams *params)
{
  const OsTask *task = os_compute_get_task (compute);
  const gint64 unused = count_unused_chunks (tail, bundle->vae, params)
                        * os_vae12_get_chunk_frames (bundle->vae);
  const gint64 first = os_vae12_latent_frames (bundle->vae, unused);
  const guint n = tail->num_frames - unused;
  g_autoptr (OsTensor) z = os_tensor_slice (
      tail->latents, 2, first, tail->latents->shape[2] - first);
  g_autoptr (OsVae12Decoder) decoder = os_vae12_decoder_new (bundle->vae, z, n);
  g_autoptr (OsVae12Encoder) encoder =
      os_references_encoder_new (bundle, sources);

  os_task_progress (task, OPENSORA_STAGE_REFERENCE, 0, 1);
  for (guint i = 0; i < n && os_compute_ok (compute); i++) {
    g_autoptr (OsTensor) picture = os_vae12_decoder_next (decoder, compute);
    g_autoptr (OsTensor) frame = os_tensor_select (picture, 0, 0);

    os_vae12_encoder_push (encoder, compute, frame);
  }
  os_task_progress (task, OPENSORA_STAGE_REFERENCE, 1, 1);
  return os_vae12_encoder_finish (encoder, compute, 1);
}
