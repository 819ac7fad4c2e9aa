/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of samplers share: a network that knows the sample, recorded
 * calls, and reports that are counted. */
#pragma once

#include <opensora/opensora.h>

#include "sampling/sampler.h"

/* Predicts the noise that leads to `target` in the prompts' rows, times
 * `error` in the others; the variance is at its lower bound. */
typedef struct {
  float target;
  float error;
  gint64 n_variances; /* channels beyond x's */
  guint calls, noise_calls;
  gint64 noise_rows; /* of the last noise drawn */
  float t[64];
  guint n_estimates;
  float estimates[64][4]; /* the first value of each frame */
  guint8 x_mask[64][4];
  gboolean masked;
  GCancellable *cancel_at_second;
} SamplerTest;

/* data is a SamplerTest. The noise is of ones. */
OsSamplerCallbacks samplertest_callbacks (SamplerTest *test);

/* Steps that a sampler is to report, 0 to `total`, and how many reports there
 * were. */
typedef struct {
  guint total, reports;
} SamplerTestProgress;

/* data is a SamplerTestProgress. */
void samplertest_count_progress (
    OpensoraStage stage, guint64 done, guint64 total, gpointer data);
