/* SPDX-License-Identifier: Apache-2.0 */
/* Clips of the demo model, or another small one, with the sources of the
 * product but for files: a path is the number of frames of a video, "1" a
 * picture. */
#pragma once

#include "pipeline/generate.h"

#define CLIPTEST_SIZE 32
#define CLIPTEST_FRAME (3 * CLIPTEST_SIZE * CLIPTEST_SIZE)

typedef struct {
  OsBundle *bundle;
  OsCompute *compute;
  OsSources *product;
  OsTask *task;         /* of the next runs; not owned */
  const float *picture; /* of every reference; NULL: a pattern */
  gboolean no_posterior_noise;
  gboolean same_noise; /* in every loop, clip and step */
  OsTail tail;         /* of the last run */

  /* What the sources were asked for: a text in quotes, the size of a reference,
   * "s4 " for the spatial posterior of 4 frames, "t5 " for the temporal one of
   * 5 latents, "z15 " for latents, "e " for a step. */
  GString *log;
  GByteArray *bytes; /* of the frames */
  guint n_frames;
  GPtrArray *latents; /* of each loop, [1, C, T, H, W] */
  GPtrArray *decoded; /* all frames of each loop, [1, 1, H, W, 3] */
} ClipTest;

void cliptest_init (ClipTest *test);
/* Of another model: the parts in a folder. */
void cliptest_init_with (ClipTest *test, const char *folder);
void cliptest_clear (ClipTest *test);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ClipTest, cliptest_clear)

/* Two steps of the smallest clip that can go on in loops. */
OpensoraParams *cliptest_params (void);
gboolean cliptest_try (ClipTest *test, OpensoraParams *params, GError **error);
/* Without an error. */
void cliptest_run (ClipTest *test, OpensoraParams *params);
/* The frames, to keep. */
GBytes *cliptest_run_to_bytes (ClipTest *test, OpensoraParams *params);
