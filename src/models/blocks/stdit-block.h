/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of the STDiT family: self attention over space, time or both, cross
 * attention to the text and an MLP, modulated by the timestep
 * (opensora/models/stdit: STDiTBlock, STDiT2Block, STDiT3Block). */
#pragma once

#include "models/blocks/attention.h"

typedef enum {
  /* STDiT3: attention within frames, or across them. */
  OS_STDIT_BLOCK_SPATIAL,
  OS_STDIT_BLOCK_TEMPORAL,
  /* STDiT: within frames, then across them (attn_temp), gated alike; what
   * attn_temp sees is neither normalised nor modulated. */
  OS_STDIT_BLOCK_JOINT,
  /* STDiT2: the same with a norm and a modulation of its own. */
  OS_STDIT_BLOCK_JOINT_MODULATED,
} OsStditBlockKind;

typedef struct {
  OsStditBlockKind kind;
  gint64 C, n_heads, mlp_hidden;
  OsAttentionFlags attention; /* without OS_ATTENTION_TEMPORAL */
} OsStditBlockSpec;

typedef struct {
  OsStditBlockKind kind;
  OsWeight *scale_shift_table;          /* [6, C] */
  OsWeight *scale_shift_table_temporal; /* [3, C], of JOINT_MODULATED */
  OsSelfAttention attn;
  OsSelfAttention attn_temp; /* of the joint ones */
  OsCrossAttention cross_attn;
  OsLinear fc1, fc2;
} OsStditBlock;

OsStditBlock os_stdit_block_bind (
    OsBinder *binder, const OsStditBlockSpec *spec);

/* What a block sees beside the tokens. R rows of a modulation: one a sample
 * (R = B) or one a frame (R = B T). */
typedef struct {
  const OsTensor *t6;     /* [R, 6 C]: t_block of the timestep */
  const OsTensor *t_temp; /* of attn_temp: [R, 3 C]; of JOINT t6 again */
  OsTensor *const *kv;    /* as os_cross_attention_mix() */
  const OsTensor *rope;   /* of attention across frames; or NULL */
  /* [T, C], added to what attn_temp of JOINT sees; or NULL. */
  const OsTensor *frame_position;
} OsStditBlockInput;

/* norm (x) (1 + scale) + shift, what its first attention sees of x
 * [B, T, S, C]. */
OsTensor *os_stdit_block_see (const OsStditBlock *block, OsCompute *compute,
    const OsTensor *x, const OsTensor *t6);

/* x [B, T, S, C] in place. */
void os_stdit_block_forward (const OsStditBlock *block, OsCompute *compute,
    OsTensor *x, const OsStditBlockInput *input);

/* T2IFinalLayer: linear (modulate (layer norm (x))), with t [B, C]. */
typedef struct {
  OsWeight *scale_shift_table; /* [2, C] */
  OsLinear linear;
} OsFinalLayer;

OsFinalLayer os_final_layer_bind (
    OsBinder *binder, gint64 C, gint64 out_features);
/* x [B, T, S, C]; with x_mask [B, T], frames with 0 are normalised and
 * modulated again with t0, as the reference does. */
OsTensor *os_final_layer_forward (const OsFinalLayer *layer, OsCompute *compute,
    const OsTensor *x, const OsTensor *t, const OsTensor *t0,
    const guint8 *x_mask);
