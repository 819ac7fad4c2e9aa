/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks and final layer of the STDiT family. Modulation follows DiT (arXiv
 * 2212.09748) with PixArt's shared tables (arXiv 2310.00426). */
#include "models/blocks/stdit-block.h"

#define NORM_EPS 1e-6f

/* Rows of scale_shift_table and of t_block's output. */
enum {
  SHIFT_MSA,
  SCALE_MSA,
  GATE_MSA,
  SHIFT_MLP,
  SCALE_MLP,
  GATE_MLP,
  N_ROWS,
  /* Of scale_shift_table_temporal and t_block_temp's output: the first ones. */
  N_TEMPORAL_ROWS = 3
};

OsStditBlock
os_stdit_block_bind (OsBinder *binder, const OsStditBlockSpec *spec)
{
  const gint64 C = spec->C, N = spec->n_heads;
  const OsAttentionFlags temporal = spec->attention | OS_ATTENTION_TEMPORAL;
  OsStditBlock block = { .kind = spec->kind };

  block.scale_shift_table =
      os_binder_weight (binder, "scale_shift_table", OS_SHAPE (N_ROWS, C));
  block.attn = os_self_attention_bind (binder, "attn", C, N,
      spec->kind == OS_STDIT_BLOCK_TEMPORAL ? temporal : spec->attention);
  if (spec->kind >= OS_STDIT_BLOCK_JOINT)
    block.attn_temp =
        os_self_attention_bind (binder, "attn_temp", C, N, temporal);
  if (spec->kind == OS_STDIT_BLOCK_JOINT_MODULATED)
    block.scale_shift_table_temporal = os_binder_weight (
        binder, "scale_shift_table_temporal", OS_SHAPE (N_TEMPORAL_ROWS, C));
  block.cross_attn = os_cross_attention_bind (binder, "cross_attn", C, N);
  block.fc1 = os_binder_linear (binder, "mlp.fc1", C, spec->mlp_hidden, TRUE);
  block.fc2 = os_binder_linear (binder, "mlp.fc2", spec->mlp_hidden, C, TRUE);
  return block;
}

/* The rows of table + t: each [R, C]. */
typedef struct {
  int n;
  OsTensor *rows[N_ROWS];
} Modulation;

/* table [n, C], t [R, n C]. */
static Modulation
modulation_new (OsCompute *compute, OsWeight *table, const OsTensor *t, int n)
{
  const gint64 R = t->shape[0], C = t->shape[1] / n;
  g_autoptr (OsTensor) sum =
      os_add (compute, t, os_weight_get (table, compute));
  g_autoptr (OsTensor) split = os_tensor_reshape (sum, OS_SHAPE (R, n, C));
  Modulation modulation = { .n = n };

  for (int i = 0; i < n; i++)
    modulation.rows[i] = os_tensor_select (split, 1, i);
  return modulation;
}

static void
modulation_clear (Modulation *modulation)
{
  for (int i = 0; i < modulation->n; i++)
    os_tensor_unref (modulation->rows[i]);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Modulation, modulation_clear)

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

/* x += gate * attention (h) */
static void
add_attention (const OsSelfAttention *attn, OsCompute *compute,
    const OsTensor *h, const OsTensor *gate, const OsTensor *rope, OsTensor *x,
    const char *probe)
{
  g_autoptr (OsTensor) mixed = os_self_attention_mix (attn, compute, h, rope);

  probe_linear (compute, &attn->proj, mixed, probe);
  os_linear_add (compute, &attn->proj, mixed, gate, x);
}

/* norm (x) (1 + scale_msa) + shift_msa */
static OsTensor *
modulate_msa (OsCompute *compute, const OsTensor *x, const Modulation *m)
{
  return os_layer_norm_modulate (
      compute, x, m->rows[SHIFT_MSA], m->rows[SCALE_MSA], NORM_EPS);
}

OsTensor *
os_stdit_block_see (const OsStditBlock *block, OsCompute *compute,
    const OsTensor *x, const OsTensor *t6)
{
  g_auto (Modulation) m =
      modulation_new (compute, block->scale_shift_table, t6, N_ROWS);

  return modulate_msa (compute, x, &m);
}

/* x += gate_msa * attention (norm (x) (1 + scale_msa) + shift_msa) */
static void
self_attend (const OsSelfAttention *attn, OsCompute *compute, OsTensor *x,
    const Modulation *m, const OsTensor *rope, const char *probe)
{
  OS_PROFILE_PART (compute, attn->flags & OS_ATTENTION_TEMPORAL
                                ? "temporal attention"
                                : "spatial attention");
  g_autoptr (OsTensor) h = modulate_msa (compute, x, m);

  add_attention (attn, compute, h, m->rows[GATE_MSA], rope, x, probe);
}

/* x [B, T, S, C] + position [T, C]. */
static OsTensor *
add_frame_position (
    OsCompute *compute, const OsTensor *x, const OsTensor *position)
{
  const gint64 T = x->shape[1], S = x->shape[2], C = x->shape[3];
  g_autoptr (OsTensor) view = os_tensor_as_strided (
      position, 0, OS_SHAPE (T, S, C), (gint64[]){ C, 0, 1 });
  g_autoptr (OsTensor) tokens = os_contiguous (compute, view);

  return os_add (compute, x, tokens);
}

/* x += gate_msa * attn_temp (x + position): the gate is that of the timestep
 * also for frames that are given. */
static void
attend_across_frames (const OsStditBlock *block, OsCompute *compute,
    OsTensor *x, const OsStditBlockInput *input)
{
  OS_PROFILE_PART (compute, "temporal attention");
  g_auto (Modulation) m =
      modulation_new (compute, block->scale_shift_table, input->t_temp, N_ROWS);
  g_autoptr (OsTensor) h = input->frame_position ? add_frame_position (
                               compute, x, input->frame_position)
                                                 : os_tensor_ref (x);

  add_attention (&block->attn_temp, compute, h, m.rows[GATE_MSA], input->rope,
      x, "attn_temp");
}

static void
attend_across_frames_modulated (const OsStditBlock *block, OsCompute *compute,
    OsTensor *x, const OsStditBlockInput *input)
{
  g_auto (Modulation) m = modulation_new (compute,
      block->scale_shift_table_temporal, input->t_temp, N_TEMPORAL_ROWS);

  self_attend (&block->attn_temp, compute, x, &m, input->rope, "attn_temp");
}

/* x += cross attention (x, text): not normalised, not gated */
static void
cross_attend (const OsStditBlock *block, OsCompute *compute, OsTensor *x,
    OsTensor *const *kv)
{
  OS_PROFILE_PART (compute, "cross attention");
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
    const Modulation *m)
{
  OS_PROFILE_PART (compute, "feed-forward");
  g_autoptr (OsTensor) h = os_layer_norm_modulate (
      compute, x, m->rows[SHIFT_MLP], m->rows[SCALE_MLP], NORM_EPS);
  g_autoptr (OsTensor) hidden = NULL;

  probe_norm (compute, x, "norm2");
  hidden = os_linear (compute, &block->fc1, h, OS_ACT_GELU_TANH);
  probe_linear (compute, &block->fc2, hidden, "mlp");
  os_linear_add (compute, &block->fc2, hidden, m->rows[GATE_MLP], x);
}

void
os_stdit_block_forward (const OsStditBlock *block, OsCompute *compute,
    OsTensor *x, const OsStditBlockInput *input)
{
  const OsStditBlockKind kind = block->kind;
  g_auto (Modulation) m =
      modulation_new (compute, block->scale_shift_table, input->t6, N_ROWS);

  probe_norm (compute, x, "norm1");
  self_attend (&block->attn, compute, x, &m,
      kind == OS_STDIT_BLOCK_TEMPORAL ? input->rope : NULL, "attn");
  if (kind == OS_STDIT_BLOCK_JOINT)
    attend_across_frames (block, compute, x, input);
  else if (kind == OS_STDIT_BLOCK_JOINT_MODULATED)
    attend_across_frames_modulated (block, compute, x, input);
  cross_attend (block, compute, x, input->kv);
  feed_forward (block, compute, x, &m);
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
  OS_PROFILE_PART (compute, "final layer");
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
