/* SPDX-License-Identifier: Apache-2.0 */
/* References, as scripts/inference.py of Open-Sora 1.2 encodes them
 * (opensora/utils/inference_utils.py collect_references_batch). */
#include "pipeline/references.h"

static OsTensor *
draw_posterior (OsCompute *compute, OsVaeDraw which, int n_dims,
    const gint64 *shape, gpointer data)
{
  const OsSources *sources = data;

  return sources->draw (compute,
      which == OS_VAE_DRAW_SPATIAL ? OS_DRAW_SPATIAL_POSTERIOR
                                   : OS_DRAW_TEMPORAL_POSTERIOR,
      n_dims, shape, sources->data);
}

OsVae12Encoder *
os_references_encoder_new (OsBundle *bundle, const OsSources *sources)
{
  return os_vae12_encoder_new (bundle->vae, draw_posterior, (gpointer) sources);
}

typedef struct {
  OsVae12Encoder *encoder;
  OsCompute *compute;
  guint width, height;
} Reading;

static gboolean
push_picture (const float *rgb, gpointer data)
{
  Reading *reading = data;
  g_autoptr (OsTensor) frame = os_compute_upload (
      reading->compute, rgb, OS_SHAPE (1, reading->height, reading->width, 3));

  os_vae12_encoder_push (reading->encoder, reading->compute, frame);
  return os_compute_ok (reading->compute);
}

static gboolean
load (OsConditions *conditions, OsBundle *bundle, OsCompute *compute,
    const OsSources *sources, const char *path, guint width, guint height,
    GError **error)
{
  g_autoptr (OsVae12Encoder) encoder =
      os_references_encoder_new (bundle, sources);
  Reading reading = { encoder, compute, width, height };
  g_autoptr (OsTensor) latents = NULL;

  if (!sources->read_reference (
          path, width, height, push_picture, &reading, error, sources->data)) {
    os_compute_check (compute, NULL);
    return FALSE;
  }
  latents = os_vae12_encoder_finish (encoder, compute, 1);
  if (!os_compute_check (compute, error))
    return FALSE;
  os_conditions_add (conditions, latents);
  return TRUE;
}

gboolean
os_references_load (OsConditions *conditions, OsBundle *bundle,
    OsCompute *compute, const OsSources *sources, const char *paths,
    guint width, guint height, GError **error)
{
  const OsTask *task = os_compute_get_task (compute);
  g_auto (GStrv) files = g_strsplit (paths, ";", -1);
  const guint n = g_strv_length (files);

  if (n == 0)
    return TRUE;
  os_task_progress (task, OPENSORA_STAGE_REFERENCE, 0, n);
  for (guint i = 0; i < n; i++) {
    if (!load (conditions, bundle, compute, sources, files[i], width, height,
            error))
      return FALSE;
    os_task_progress (task, OPENSORA_STAGE_REFERENCE, i + 1, n);
  }
  return TRUE;
}
