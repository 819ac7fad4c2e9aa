/* SPDX-License-Identifier: Apache-2.0 */
/* Embedders of the STDiT family: timestep and other scalars, captions,
 * positions (opensora/models/layers/blocks.py). */
#pragma once

#include "compute/ops.h"
#include "weights/binder.h"

#define OS_SCALAR_FREQUENCIES 256

/* TimestepEmbedder, SizeEmbedder: mlp.2 (silu (mlp.0 (sinusoid (s)))). */
typedef struct {
  OsLinear mlp0, mlp2;
} OsScalarEmbedder;

OsScalarEmbedder os_scalar_embedder_bind (
    OsBinder *binder, const char *name, gint64 C);
/* n scalars -> [n, C]. */
OsTensor *os_scalar_embed (const OsScalarEmbedder *embedder, OsCompute *compute,
    const float *scalars, gint64 n);
/* [n, 256]: cos (s f_i), i < 128, then sin (s f_i); f_i = 10000^(-i/128). */
OsTensor *os_scalar_sinusoid (
    OsCompute *compute, const float *scalars, gint64 n);

/* CaptionEmbedder: fc2 (gelu (fc1 (y))); y_embedding is the null caption. */
typedef struct {
  OsLinear fc1, fc2;
  OsWeight *null_caption; /* [max_length, caption_channels] */
} OsCaptionEmbedder;

OsCaptionEmbedder os_caption_embedder_bind (OsBinder *binder, const char *name,
    gint64 caption_channels, gint64 C, gint64 max_length);
/* [L, caption_channels] -> [L, C]. */
OsTensor *os_caption_embed (const OsCaptionEmbedder *embedder,
    OsCompute *compute, const OsTensor *caption);

/* PositionEmbedding2D: [H W, C], sin and cos of the column in the first half,
 * of the row in the second. Positions are divided by scale; with a base_size
 * (not 0), they are stretched as if the grid was a square with this side. dtype
 * BF16 rounds as a model cast to bfloat16 does, F64 only what F32 rounds too:
 * positions and results. */
OsTensor *os_position_embed_2d (OsCompute *compute, gint64 C, gint64 H,
    gint64 W, double scale, gint64 base_size, OsDType dtype);

/* [T, C], sin and cos of the frame's number, divided by scale. */
OsTensor *os_position_embed_1d (
    OsCompute *compute, gint64 C, gint64 T, double scale);

/* cos, sin of position l and frequency i: [L, n_freqs, 2], for os_rope(). */
OsTensor *os_rope_table (OsCompute *compute, const float *freqs, gint64 n_freqs,
    gint64 L, OsDType dtype);
/* 10000^(-2i/D), i < D/2. */
void os_rope_default_freqs (gint64 D, float *freqs);
