/* SPDX-License-Identifier: Apache-2.0 */
/* OsFamily: what a release of Open-Sora is made of and made for. */
#pragma once

#include <opensora/opensora.h>

#include "models/step-cache.h"
#include "settings/prompt.h"
#include "weights/manifest.h"

/* How a network's predictions become latents; pipeline/denoise.c calls them. */
typedef enum {
  OS_SAMPLER_RFLOW,
  OS_SAMPLER_IDDPM,
  OS_SAMPLER_DPM_SOLVER,
  OS_N_SAMPLERS,
} OsSamplerKind;

typedef struct {
  const char *name; /* scheduler.type of a config */
  guint min_steps;
  gboolean takes_frame_mask;
  gboolean predicts_noise; /* that is what its networks do; else a velocity */
} OsSamplerInfo;

const OsSamplerInfo *os_sampler_get_info (OsSamplerKind kind);
/* OS_N_SAMPLERS if there is none of this name. */
OsSamplerKind os_sampler_find (const char *name);

/* When the sampler gets a frame mask, if only of ones. With a mask it draws
 * noise for it in every step. */
typedef enum {
  OS_FRAME_MASK_GIVEN,  /* in loops that are given frames */
  OS_FRAME_MASK_ALWAYS, /* in all of them */
  /* In all loops of clips that have references or more than one loop: those
   * that scripts/inference-long.py makes. */
  OS_FRAME_MASK_CONDITIONED,
} OsFrameMaskUse;

/* Channels of the latents that previews are made from. */
#define OS_PREVIEW_CHANNELS 4

typedef struct {
  const char *version;
  /* Of the inference config that the release ships. */
  const char *resolution, *aspect_ratio;
  guint width, height; /* where the size has no name: resolution is NULL */
  guint num_frames, steps;
  double fps, guidance_scale;
  double aesthetic_score; /* 0: none */
  guint align;            /* of mask strategies; 0: none */
  gboolean fits_groups;   /* of them, to what is there */
  guint condition_frame_length;
  OsSamplerKind sampler;
  /* Rectified flow. Where the first timestep rounds to above 1000, as for some
   * small pictures, a frame mask makes it throw the first step away. */
  gboolean timestep_transform;
  /* IDDPM: leading channels that guidance moves, and what its tables are
   * rounded to. */
  gint64 n_guided;
  gboolean guides_any_channels; /* as many as a config says */
  OsDType schedule_dtype;
  OsFrameMaskUse frame_mask;
  /* Latents are float32 from the start in a run of half precision, too. */
  gboolean draws_float_latents;
  gboolean takes_references; /* and makes more than one loop */
  OsPromptGrammar prompt_grammar;
  /* Its frames are one of so many of its training videos, whose frame rate the
   * model is told. */
  guint frame_interval;
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
  /* Red, green and blue, -1 .. 1, that a preview has of each latent channel,
   * and in the last row those without any. */
  float preview_map[OS_PREVIEW_CHANNELS + 1][3];
  /* "on" of the step cache; threshold 0: the network was not calibrated. */
  OsStepCacheSettings step_cache;
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
  /* The file of the transformer, where its repository has several; else a part
   * is a component. */
  const char *file;
  OpensoraHubComponent vae;
  guint size; /* side of the frames that it was made for; 0: of the family */
} OsRelease;

/* NULL if there is none of this name. */
const OsRelease *os_release_find (const char *name);
/* The release whose transformer the network is, the first of them; or NULL. */
const OsRelease *os_release_find_by_transformer (const OsManifest *network);
/* The first release whose transformer is in the repository; or NULL. */
const OsRelease *os_release_find_by_repo (const char *repo);
/* The release whose transformer has a file of this name; or NULL. */
const OsRelease *os_release_find_by_file (const char *name);
