/* SPDX-License-Identifier: Apache-2.0 */
/* STDiT3Block: self attention over space or time, cross attention to the text
 * and an MLP, modulated by the timestep (opensora/models/stdit/stdit3.py). */
#pragma once

#include "models/blocks/attention.h"

typedef struct {
  OsWeight *scale_shift_table; /* [6, C] */
  OsSelfAttention attn;
  OsCrossAttention cross_attn;
  OsLinear fc1, fc2;
  gboolean temporal;
} OsStditBlock;

OsStditBlock os_stdit_block_bind (OsBinder *binder, gint64 C, gint64 n_heads,
    gint64 mlp_hidden, gboolean qk_norm, gboolean temporal);

/* x [B, T, S, C] in place. t6 [R, 6 C]: t_block of the timestep, a row a sample
 * (R = B) or a frame (R = B T). kv as os_cross_attention_mix(). */
void os_stdit_block_forward (const OsStditBlock *block, OsCompute *compute,
    OsTensor *x, const OsTensor *t6, OsTensor *const *kv, const OsTensor *rope);

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
