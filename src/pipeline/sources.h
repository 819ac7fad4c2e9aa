/* SPDX-License-Identifier: Apache-2.0 */
/* OsSources: what enters a clip from outside of its networks, as functions:
 * random numbers, text states, reference files. opensora-golden puts recorded
 * values in their place, so that the loop that makes clips is the one that is
 * compared with the reference. */
#pragma once

#include "pipeline/bundle.h"
#include "pipeline/params.h"

/* What standard normal numbers are for. */
typedef enum {
  OS_DRAW_SPATIAL_POSTERIOR,  /* of the VAE's two posteriors, when it encodes */
  OS_DRAW_TEMPORAL_POSTERIOR, /* the same */
  OS_DRAW_LATENTS,            /* what a clip starts from */
  OS_DRAW_STEP,               /* in each sampling step, for a frame mask */
} OsDraw;

/* rgb [height, width, 3], values -1 .. 1; FALSE: no more. */
typedef gboolean (*OsPictureSink) (const float *rgb, gpointer data);

typedef struct {
  OsTensor *(*draw) (OsCompute *compute, OsDraw which, int n_dims,
      const gint64 *shape, gpointer data);
  /* [L, d_model], L the tokens of the text; not to be written to. */
  OsTensor *(*encode_text) (
      OsCompute *compute, const char *text, gpointer data);
  /* All frames of a picture or video, resized and cropped, until the sink wants
   * no more. */
  gboolean (*read_reference) (const char *path, guint width, guint height,
      OsPictureSink sink, gpointer sink_data, GError **error, gpointer data);
  gpointer data;
} OsSources;

/* Those of the product: a seed, the model's text encoder, the disk. */
OsSources *os_sources_new (
    OsBundle *bundle, const OsParams *params, const OsTask *task);
void os_sources_free (OsSources *sources);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsSources, os_sources_free)
