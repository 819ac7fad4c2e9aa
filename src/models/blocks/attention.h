/* SPDX-License-Identifier: Apache-2.0 */
/* Attention layers of the STDiT family: self attention over space or time, and
 * cross attention to the text (opensora/models/layers/blocks.py Attention,
 * MultiHeadCrossAttention). */
#pragma once

#include "compute/ops.h"
#include "weights/binder.h"

typedef enum {
  OS_ATTENTION_PLAIN = 0,
  /* Each token attends along T, else along the S tokens of its frame. */
  OS_ATTENTION_TEMPORAL = 1 << 0,
  /* RMS norm of queries and keys. */
  OS_ATTENTION_QK_NORM = 1 << 1,
  /* Rotary embedding comes before that norm, else after it. */
  OS_ATTENTION_ROPE_FIRST = 1 << 2,
} OsAttentionFlags;

typedef struct {
  OsAttentionFlags flags;
  OsLinear qkv, proj;
  OsWeight *q_norm, *k_norm; /* [D]; NULL without OS_ATTENTION_QK_NORM */
  gint64 n_heads;
} OsSelfAttention;

OsSelfAttention os_self_attention_bind (OsBinder *binder, const char *name,
    gint64 C, gint64 n_heads, OsAttentionFlags flags);
/* x [B, T, S, C] -> the mixed values before proj, same shape. rope: rotary
 * embedding of the positions attended along, or NULL. */
OsTensor *os_self_attention_mix (const OsSelfAttention *attention,
    OsCompute *compute, const OsTensor *x, const OsTensor *rope);

typedef struct {
  OsLinear q_linear, kv_linear, proj;
  gint64 n_heads;
} OsCrossAttention;

OsCrossAttention os_cross_attention_bind (
    OsBinder *binder, const char *name, gint64 C, gint64 n_heads);
/* x [B, M, C]; kv: for each of the B samples kv_linear of its own text, [L_b,
 * 2 C] (keys first). Returns the mixed values before proj. */
OsTensor *os_cross_attention_mix (const OsCrossAttention *attention,
    OsCompute *compute, const OsTensor *x, OsTensor *const *kv);
