/* SPDX-License-Identifier: Apache-2.0 */
/* OsFamily: what a release of Open-Sora is made of and made for. */
#pragma once

#include "weights/manifest.h"

typedef struct {
  const char *version;
  /* Of the inference config that the release ships. */
  const char *resolution, *aspect_ratio;
  guint width, height; /* where the size has no name: resolution is NULL */
  guint num_frames, steps;
  double fps, guidance_scale;
  double aesthetic_score; /* 0: none */
  guint align;            /* of mask strategies; 0: none */
  guint condition_frame_length;
  gboolean timestep_transform;
  /* The sampler always gets a frame mask, if only of ones. It then draws noise
   * in every step; and where the first timestep rounds to above 1000, as for
   * some small pictures, it throws the first step away. */
  gboolean frame_mask;
  /* Frame rate that pictures (num_frames 1) are conditioned on. */
  double picture_fps;
  /* Sizes are multiples of it. */
  guint size_step;
  /* Videos are at least this long; shorter ones make the timestep transform
   * divide by zero. */
  guint min_video_frames;
  /* A clip goes on from so many latent frames of another, or a multiple, which
   * decode to so many frames. */
  guint carried_latents, carried_frames;
} OsFamily;

/* NULL and OPENSORA_ERROR_UNSUPPORTED for a version that is not known. */
const OsFamily *os_family_find (const char *version, GError **error);

/* What a model consists of. */
typedef enum {
  OS_PART_TRANSFORMER,
  OS_PART_VAE,
  OS_PART_TEXT_ENCODER, /* and its tokenizer */
  OS_N_PARTS,
} OsPartKind;

const char *os_part_get_name (OsPartKind part); /* "text encoder" */
/* Of OpensoraPipeline: "text-encoder". */
const char *os_part_get_property (OsPartKind part);
/* In a whole model: "text_encoder". */
const char *os_part_get_folder (OsPartKind part);

/* The repositories on the hub that a release was published in. */
typedef struct {
  const char *name; /* "opensora-1.2" */
  const char *version;
  const char *repos[OS_N_PARTS];
} OsRelease;

/* NULL if there is none of this name. */
const OsRelease *os_release_find (const char *name);
/* The release whose transformer the network is; or NULL. */
const OsRelease *os_release_find_by_transformer (const OsManifest *network);
