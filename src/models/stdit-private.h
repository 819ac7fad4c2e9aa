/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of STDiT share. */
#pragma once

#include "models/blocks/embedders.h"
#include "models/blocks/stdit-block.h"
#include "models/stdit.h"

/* Every block list has as many blocks as the configuration's depth; they run in
 * turns. */
#define OS_STDIT_MAX_LISTS 2

/* Where the versions differ, beside the kinds of their blocks. */
typedef struct {
  const char *model_type; /* in config.json */
  guint n_lists;
  struct {
    const char *name;
    OsStditBlockKind kind;
  } lists[OS_STDIT_MAX_LISTS];
  OsAttentionFlags attention;
  gint64 max_length; /* of captions, where the configuration does not say */
  /* Frames are told apart by rotary embedding, else by a table of positions
   * that the first block adds. */
  gboolean has_rope;
  /* Positions are those of a square grid, stretched. */
  gboolean stretches_positions;
  OsDType position_dtype; /* that they are computed in */
  /* The frame rate is added to the timestep; or rate and length where frames
   * attend across each other, and the size in pixels elsewhere. */
  gboolean embeds_fps, embeds_size;
  gboolean final_layer_sees_fps;
  /* Its sampler has to know the variance, too. */
  gboolean needs_variance;
} OsStditVariant;

typedef struct {
  gint64 hidden_size, depth, num_heads, in_channels, out_channels;
  gint64 mlp_hidden, caption_channels, model_max_length, input_sq_size;
  double space_scale, time_scale; /* of positions; space_scale 0: from size */
  int patch[3];
  gboolean qk_norm;
} OsStditConfig;

struct _OsStdit {
  OsStditVersion version;
  const OsStditVariant *variant;
  OsStditConfig config;
  OsWeightSet *weights;

  OsLinear x_embedder; /* a Conv3d whose kernel is its stride */
  OsScalarEmbedder t_embedder;
  OsScalarEmbedder fps_embedder;                /* 2, 3 */
  OsScalarEmbedder csize_embedder, ar_embedder; /* 2: C / 3 wide */
  OsScalarEmbedder fl_embedder;                 /* 2 */
  OsLinear t_block;
  OsLinear t_block_temp; /* 2 */
  OsCaptionEmbedder y_embedder;
  float *rope_freqs;    /* 2, 3: [head_dim / 2] */
  OsStditBlock *blocks; /* in the order they run */
  guint n_blocks;
  OsFinalLayer final_layer;
};

struct _OsStditClip {
  OsStdit *stdit;           /* not owned */
  gint64 B, T, H, W;        /* of the latents */
  gint64 t, h, w;           /* of the token grid */
  OsTensor *position;       /* [h w, C] */
  OsTensor *frame_position; /* [t, C], or NULL with rotary embedding */
  OsTensor *rope;           /* [t, head_dim / 2, 2] or NULL */
  /* Added to the timestep's embedding before t_block and t_block_temp: [B, C]
   * or NULL. */
  OsTensor *format, *length;
  GPtrArray *kv;           /* for each block B tensors [L_b, 2 C] */
  OsStepCache *step_cache; /* or NULL */
};
