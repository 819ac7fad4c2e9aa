/* SPDX-License-Identifier: Apache-2.0 */
/* The sources of the product. */
#include "pipeline/sources.h"

#include "compute/noise.h"
#include "media/media.h"
#include "pipeline/encode.h"

typedef struct {
  OsSources sources; /* first: it is what is handed out */
  OsBundle *bundle;
  const OsTask *task;
  OsNoise *noise;
  OsNoise *host;         /* beside CUDA's; NULL: noise is the CPU's */
  gboolean half_latents; /* they still have the type of the run */
} ModelSources;

/* A run of the reference in half precision draws in its type, with two
 * exceptions: the temporal posterior is drawn in float32 on the CPU
 * (opensora/models/vae/utils.py), and the latents, which the noise of a step is
 * drawn like, are float32 from the first update on; in 1.0 always. */
static OsTensor *
draw (OsCompute *compute, OsDraw which, int n_dims, const gint64 *shape,
    gpointer data)
{
  ModelSources *self = data;
  gboolean half = TRUE;

  if (which == OS_DRAW_TEMPORAL_POSTERIOR)
    return os_noise_tensor_f32 (
        self->host ? self->host : self->noise, compute, n_dims, shape);
  if (which == OS_DRAW_STEP) {
    half = self->half_latents;
    self->half_latents = FALSE;
  } else if (which == OS_DRAW_LATENTS) {
    half = self->half_latents = !self->bundle->family.draws_float_latents;
  }
  return half ? os_noise_tensor (self->noise, compute, n_dims, shape)
              : os_noise_tensor_f32 (self->noise, compute, n_dims, shape);
}

static OsTensor *
encode_text (OsCompute *compute, const char *text, gpointer data)
{
  const ModelSources *self = data;

  return os_encode_text (self->bundle, compute, text);
}

static gboolean
read_reference (const char *path, guint width, guint height, OsPictureSink sink,
    gpointer sink_data, GError **error, gpointer data)
{
  const ModelSources *self = data;
  g_autoptr (OsMediaReader) reader =
      os_media_open (path, width, height, self->task, error);
  g_autofree float *rgb = NULL;
  OsMediaResult result;

  if (!reader)
    return FALSE;
  rgb = g_try_new (float, (gsize) 3 * width * height);
  if (!rgb) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MEMORY,
        "No memory for a picture of %u x %u", width, height);
    return FALSE;
  }
  do
    result = os_media_next (reader, rgb, error);
  while (result == OS_MEDIA_FRAME && sink (rgb, sink_data));
  return result != OS_MEDIA_ERROR;
}

OsSources *
os_sources_new (OsBundle *bundle, const OsParams *params, const OsTask *task)
{
  static const OsDType dtypes[] = { [OPENSORA_NOISE_DTYPE_F32] = OS_DTYPE_F32,
    [OPENSORA_NOISE_DTYPE_BF16] = OS_DTYPE_BF16,
    [OPENSORA_NOISE_DTYPE_F16] = OS_DTYPE_F16 };
  const gboolean cuda = params->noise == OPENSORA_NOISE_CUDA;
  ModelSources *self = g_new0 (ModelSources, 1);

  self->sources = (OsSources){ draw, encode_text, read_reference, self };
  self->bundle = bundle;
  self->task = task;
  self->noise = os_noise_new (cuda ? OS_NOISE_CUDA : OS_NOISE_CPU, params->seed,
      dtypes[params->noise_dtype]);
  if (cuda)
    self->host = os_noise_new (OS_NOISE_CPU, params->seed, OS_DTYPE_F32);
  return &self->sources;
}

void
os_sources_free (OsSources *sources)
{
  ModelSources *self = (ModelSources *) sources;

  os_noise_free (self->noise);
  g_clear_pointer (&self->host, os_noise_free);
  g_free (self);
}
