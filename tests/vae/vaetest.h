/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the video autoencoder share. */
#pragma once

#include "vae/vae12.h"

/* With random weights. */
OsVae12 *vaetest_new (OsMemPool *pool, const char *json, GError **error);

/* All frames of a clip; each is [B, 1, 8 H, 8 W, 3]. */
GPtrArray *vaetest_decode (
    OsVae12 *vae, OsCompute *compute, const OsTensor *z, gint64 n_frames);

/* What was drawn, as text: "S[4, 4, 1, 2] T[1, 4, 5, 1, 2] ", and how large the
 * numbers of either posterior are. */
typedef struct {
  GString *order; /* or NULL */
  float noise[2];
} VaetestDraws;

/* An OsVaeNoise; data is a VaetestDraws. */
OsTensor *vaetest_draw (OsCompute *compute, OsVaeDraw which, int n_dims,
    const gint64 *shape, gpointer data);

/* frames [B n, H, W, 3], pushed in portions of this size. */
OsTensor *vaetest_encode (OsVae12 *vae, OsCompute *compute,
    const OsTensor *frames, gint64 B, gint64 portion, VaetestDraws *draws);
