/* SPDX-License-Identifier: Apache-2.0 */
/* OsFamily: what a release of Open-Sora is made of and made for. */
#pragma once

#include <glib.h>

typedef struct {
  const char *version;
  /* Of the inference config that the release ships. */
  guint width, height, num_frames, steps;
  double fps, guidance_scale;
  gboolean timestep_transform;
  /* Frame rate that pictures (num_frames 1) are conditioned on. */
  double picture_fps;
  /* Sizes are multiples of it. */
  guint size_step;
  /* Videos are at least this long; shorter ones make the timestep transform
   * divide by zero. */
  guint min_video_frames;
} OsFamily;

/* NULL and OPENSORA_ERROR_UNSUPPORTED for a version that is not known. */
const OsFamily *os_family_find (const char *version, GError **error);

/* The repositories on the hub that a release was published in. */
typedef struct {
  const char *name;
  const char *transformer, *vae;
  const char *text_encoder; /* and its tokenizer */
} OsRelease;

/* By its name, or by the repository of its transformer; or NULL. */
const OsRelease *os_release_find (const char *name);
