/* SPDX-License-Identifier: Apache-2.0 */
/* OsParams: the values behind the properties of OpensoraParams, whose
 * documentation says what they mean. */
#pragma once

#include <opensora/opensora.h>

typedef struct {
  char *prompt;
  gint64 seed;
  guint steps;
  double guidance_scale;
  double aesthetic_score, motion_score;
  char *camera_motion;

  guint num_frames, width, height;
  double fps;
  guint frame_interval;
  char *resolution, *aspect_ratio;

  char *reference_path, *mask_strategy;
  guint loop;
  gint condition_frame_length;
  double condition_frame_edit;
  gint align;
  gboolean continue_previous;

  char *step_cache;
  OpensoraNoise noise;
  OpensoraNoiseDtype noise_dtype;
} OsParams;

/* Valid until a property is set. */
const OsParams *os_params_peek (OpensoraParams *self);
