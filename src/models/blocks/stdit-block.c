/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks and final layer of STDiT3. Modulation follows DiT (arXiv 2212.09748)
 * with PixArt's shared tables (arXiv 2310.00426). */
#include "models/blocks/stdit-block.h"

#define NORM_EPS 1e-6f

/* Order of the rows of scale_shift_table and of t_block's output. */
enum {
  SHIFT_MSA,
  SCALE_MSA,
  GATE_MSA,
  SHIFT_MLP,
  SCALE_MLP,
  GATE_MLP
};

OsStditBlock
os_stdit_block_bind (OsBinder *binder, gint64 C, gint64 n_heads,
    gint64 mlp_hidden, gboolean qk_norm, gboolean temporal)
{
  OsStditBlock block = { .temporal = temporal };

  block.scale_shift_table =
      os_binder_weight (binder, "scale_shift_table", OS_SHAPE (6, C));
  block.attn = os_self_attention_bind (binder, "attn", C, n_heads, qk_norm);
  block.cross_attn = os_cross_attention_bind (binder, "cross_attn", C, n_heads);
  block.fc1 = os_binder_linear (binder, "mlp.fc1", C, mlp_hidden, TRUE);
  block.fc2 = os_binder_linear (binder, "mlp.fc2", mlp_hidden, C, TRUE);
  return block;
}

/* x W^T + b alone, for a probe: what os_linear_add() adds is never held. */
static void
probe_linear (OsCompute *compute, const OsLinear *linear, const OsTensor *x,
    const char *name)
{
  g_autoptr (OsTensor) value = NULL;

  if (!os_compute_has_probe (compute))
    return;
  value = os_linear (compute, linear, x, OS_ACT_NONE);
  os_probe (compute, value, "%s", name);
}

/* The norm without modulation, for a probe. */
static void
probe_norm (OsCompute *compute, const OsTensor *x, const char *name)
{
  g_autoptr (OsTensor) zero = NULL;
  g_autoptr (OsTensor) value = NULL;

  if (!os_compute_has_probe (compute))
    return;
  zero = os_compute_zeros (compute, OS_SHAPE (1, x->shape[3]));
  value = os_layer_norm_modulate (compute, x, zero, zero, NORM_EPS);
  os_probe (compute, value, "%s", name);
}

/* x += gate_msa * attention (norm1 (x) (1 + scale_msa) + shift_msa) */
static void
self_attend (const OsStditBlock *block, OsCompute *compute, OsTensor *x,
    OsTensor *const *modulation, const OsTensor *rope)
{
  g_autoptr (OsTensor) h = os_layer_norm_modulate (
      compute, x, modulation[SHIFT_MSA], modulation[SCALE_MSA], NORM_EPS);
  g_autoptr (OsTensor) mixed = NULL;

  probe_norm (compute, x, "norm1");
  mixed =
      os_self_attention_mix (&block->attn, compute, h, block->temporal, rope);
  probe_linear (compute, &block->attn.proj, mixed, "attn");
  os_linear_add (compute, &block->attn.proj, mixed, modulation[GATE_MSA], x);
}

/* x += cross attention (x, text): not normalised, not gated */
static void
cross_attend (const OsStditBlock *block, OsCompute *compute, OsTensor *x,
    OsTensor *const *kv)
{
  const gint64 *s = x->shape;
  g_autoptr (OsTensor) tokens =
      os_tensor_reshape (x, OS_SHAPE (s[0], s[1] * s[2], s[3]));
  g_autoptr (OsTensor) mixed =
      os_cross_attention_mix (&block->cross_attn, compute, tokens, kv);

  probe_linear (compute, &block->cross_attn.proj, mixed, "cross_attn");
  os_linear_add (compute, &block->cross_attn.proj, mixed, NULL, x);
}

/* x += gate_mlp * fc2 (gelu (fc1 (norm2 (x) (1 + scale_mlp) + shift_mlp))) */
static void
feed_forward (const OsStditBlock *block, OsCompute *compute, OsTensor *x,
    OsTensor *const *modulation)
{
  g_autoptr (OsTensor) h = os_layer_norm_modulate (
      compute, x, modulation[SHIFT_MLP], modulation[SCALE_MLP], NORM_EPS);
  g_autoptr (OsTensor) hidden = NULL;

  probe_norm (compute, x, "norm2");
  hidden = os_linear (compute, &block->fc1, h, OS_ACT_GELU_TANH);
  probe_linear (compute, &block->fc2, hidden, "mlp");
  os_linear_add (compute, &block->fc2, hidden, modulation[GATE_MLP], x);
}

void
os_stdit_block_forward (const OsStditBlock *block, OsCompute *compute,
    OsTensor *x, const OsTensor *t6, OsTensor *const *kv, const OsTensor *rope)
{
  const gint64 R = t6->shape[0], C = x->shape[3];
  g_autoptr (OsTensor) sum =
      os_add (compute, t6, os_weight_get (block->scale_shift_table, compute));
  g_autoptr (OsTensor) table = os_tensor_reshape (sum, OS_SHAPE (R, 6, C));
  OsTensor *modulation[6];

  for (int i = 0; i < 6; i++)
    modulation[i] = os_tensor_select (table, 1, i);
  self_attend (block, compute, x, modulation, block->temporal ? rope : NULL);
  cross_attend (block, compute, x, kv);
  feed_forward (block, compute, x, modulation);
  for (int i = 0; i < 6; i++)
    os_tensor_unref (modulation[i]);
}

OsFinalLayer
os_final_layer_bind (OsBinder *binder, gint64 C, gint64 out_features)
{
  OsFinalLayer layer;

  layer.scale_shift_table =
      os_binder_weight (binder, "scale_shift_table", OS_SHAPE (2, C));
  layer.linear = os_binder_linear (binder, "linear", C, out_features, TRUE);
  return layer;
}

/* LN (x) (1 + scale) + shift, (shift, scale) = table + t. */
static OsTensor *
modulate_by (const OsFinalLayer *layer, OsCompute *compute, const OsTensor *x,
    const OsTensor *t)
{
  const gint64 B = t->shape[0], C = t->shape[1];
  g_autoptr (OsTensor) row = os_tensor_reshape (t, OS_SHAPE (B, 1, C));
  g_autoptr (OsTensor) twice_view = os_tensor_as_strided (
      row, 0, OS_SHAPE (B, 2, C), (gint64[]){ row->stride[0], 0, 1 });
  g_autoptr (OsTensor) twice = os_contiguous (compute, twice_view);
  g_autoptr (OsTensor) sum = os_add (
      compute, twice, os_weight_get (layer->scale_shift_table, compute));
  g_autoptr (OsTensor) shift = os_tensor_select (sum, 1, 0);
  g_autoptr (OsTensor) scale = os_tensor_select (sum, 1, 1);

  return os_layer_norm_modulate (compute, x, shift, scale, NORM_EPS);
}

OsTensor *
os_final_layer_forward (const OsFinalLayer *layer, OsCompute *compute,
    const OsTensor *x, const OsTensor *t, const OsTensor *t0,
    const guint8 *x_mask)
{
  g_autoptr (OsTensor) h = modulate_by (layer, compute, x, t);

  if (x_mask) {
    const gint64 *s = x->shape;
    g_autoptr (OsTensor) again = modulate_by (layer, compute, h, t0);
    g_autoptr (OsTensor) frames =
        os_tensor_reshape (h, OS_SHAPE (s[0] * s[1], s[2], s[3]));
    g_autoptr (OsTensor) frames0 =
        os_tensor_reshape (again, OS_SHAPE (s[0] * s[1], s[2], s[3]));
    g_autoptr (OsTensor) chosen =
        os_select_rows (compute, x_mask, frames, frames0);

    os_tensor_unref (h);
    h = os_tensor_reshape (chosen, 4, s);
  }
  return os_linear (compute, &layer->linear, h, OS_ACT_NONE);
}
