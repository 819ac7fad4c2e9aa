/* SPDX-License-Identifier: Apache-2.0 */
/* What a clip takes of memory, before anything of it is computed. The weights
 * of the transformer stay; of the stages, which come one after the other, each
 * gives back what it had.
 *
 * Counted is what the pool gives out (base/memory.h). Weights that are used in
 * place are not: they are pages of the file, which the system can take back. */
#include <string.h>

#include "pipeline/pipeline-private.h"
#include "pipeline/resolve.h"

/* Of tiles, which a thread keeps. */
#define THREAD_BYTES 3000000
#define MEGABYTE 1000000

static gboolean
has_step_cache (const OsBundle *bundle, const OsParams *p)
{
  OsStepCacheSettings cache;

  return os_resolve_step_cache (&bundle->family, p, &cache, NULL)
         && cache.threshold > 0;
}

static guint64
estimate_stages (
    const OsBundle *bundle, const OsCompute *compute, const OsParams *p)
{
  const gint64 T = os_vae12_latent_frames (bundle->vae, p->num_frames);
  const gint64 H = p->height / OS_VAE12_SPACE_FACTOR;
  const gint64 W = p->width / OS_VAE12_SPACE_FACTOR;
  const guint64 text =
      os_t5_estimate_bytes (bundle->text_encoder, bundle->max_length);
  const guint64 step = os_stdit_estimate_bytes (bundle->transformer, T, H, W,
      bundle->max_length, has_step_cache (bundle, p));
  const guint64 decoding =
      os_vae12_estimate_bytes (bundle->vae, p->num_frames, p->height, p->width);

  return MAX (MAX (text, step), decoding)
         + os_compute_get_n_threads (compute) * (guint64) THREAD_BYTES;
}

/**
 * opensora_pipeline_estimate_memory:
 * @self: a loaded pipeline
 * @resolved: what opensora_pipeline_resolve() returned
 *
 * Tells about how much memory opensora_pipeline_generate() needs for computing:
 * what [property@Pipeline:memory-limit] limits. That of a real clip is between
 * half and all of it.
 *
 * Returns: bytes; 0 before the model is loaded
 *
 * Since: 0.1
 */
guint64
opensora_pipeline_estimate_memory (
    OpensoraPipeline *self, OpensoraParams *resolved)
{
  g_return_val_if_fail (OPENSORA_IS_PIPELINE (self), 0);
  g_return_val_if_fail (OPENSORA_IS_PARAMS (resolved), 0);
  return self->bundle ? os_stdit_get_weight_bytes (self->bundle->transformer)
                            + estimate_stages (self->bundle, self->compute,
                                os_params_peek (resolved))
                      : 0;
}

/* What programs can have before others give something up, as the kernel
 * estimates it; 0: unknown. */
static guint64
get_available_bytes (void)
{
  g_autofree char *text = NULL;
  const char *line;

  if (!g_file_get_contents ("/proc/meminfo", &text, NULL, NULL))
    return 0;
  line = strstr (text, "MemAvailable:");
  return line ? g_ascii_strtoull (line + strlen ("MemAvailable:"), NULL, 10)
                    * 1024
              : 0;
}

gboolean
os_budget_check (
    OpensoraPipeline *self, OpensoraParams *resolved, GError **error)
{
  const OsParams *p = os_params_peek (resolved);
  const guint64 bytes = opensora_pipeline_estimate_memory (self, resolved);

  g_debug ("A clip takes about %" G_GUINT64_FORMAT " MB; %" G_GUINT64_FORMAT
           " MB of memory are available",
      bytes / MEGABYTE, get_available_bytes () / MEGABYTE);
  if (self->memory_limit == 0 || bytes <= self->memory_limit)
    return TRUE;
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MEMORY,
      "%u frames of %ux%u take about %" G_GUINT64_FORMAT
      " bytes of memory, %" G_GUINT64_FORMAT
      " of these for the transformer's weights, and the limit is "
      "%" G_GUINT64_FORMAT
      "; choose fewer frames or a smaller size, or set memory-limit higher",
      p->num_frames, p->width, p->height, bytes,
      os_stdit_get_weight_bytes (self->bundle->transformer),
      self->memory_limit);
  return FALSE;
}
