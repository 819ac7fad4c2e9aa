/* SPDX-License-Identifier: Apache-2.0 */
/* Attention layers of the STDiT family. */
#include "models/blocks/attention.h"

#include <math.h>

/* Of the RMS norms of queries and keys (LlamaRMSNorm). */
#define QK_NORM_EPS 1e-6f

OsSelfAttention
os_self_attention_bind (OsBinder *binder, const char *name, gint64 C,
    gint64 n_heads, OsAttentionFlags flags)
{
  const gint64 D = C / n_heads;
  OsSelfAttention attention = { .flags = flags, .n_heads = n_heads };

  os_binder_push (binder, "%s", name);
  attention.qkv = os_binder_linear (binder, "qkv", C, 3 * C, TRUE);
  attention.proj = os_binder_linear (binder, "proj", C, C, TRUE);
  if (flags & OS_ATTENTION_QK_NORM) {
    attention.q_norm = os_binder_weight (binder, "q_norm.weight", OS_SHAPE (D));
    attention.k_norm = os_binder_weight (binder, "k_norm.weight", OS_SHAPE (D));
  }
  os_binder_pop (binder);
  return attention;
}

/* [B, T, S, C] as [B, G, L, N, D], attention running along L: the tokens of a
 * frame (G = T), or the frames of a token (G = S). */
static OsTensor *
as_heads (const OsTensor *x, gint64 n_heads, gboolean temporal)
{
  g_autoptr (OsTensor) heads =
      os_tensor_split (x, 3, OS_SHAPE (n_heads, x->shape[3] / n_heads));

  if (!temporal)
    return g_steal_pointer (&heads);
  return os_tensor_permute (heads, (int[]){ 0, 2, 1, 3, 4 });
}

/* Queries, keys or values of [B, T, S, 3 C]. */
static OsTensor *
part_as_heads (const OsTensor *qkv, int part, gint64 n_heads, gboolean temporal)
{
  const gint64 C = qkv->shape[3] / 3;
  g_autoptr (OsTensor) x = os_tensor_slice (qkv, 3, part * C, C);

  return as_heads (x, n_heads, temporal);
}

static void
rotate (OsCompute *compute, OsTensor *q, OsTensor *k, const OsTensor *rope)
{
  os_rope (compute, q, rope);
  os_rope (compute, k, rope);
  os_probe (compute, q, "q_rotated");
}

static void
normalize (const OsSelfAttention *attention, OsCompute *compute, OsTensor *q,
    OsTensor *k)
{
  os_rms_norm_inplace (compute, q, attention->q_norm, QK_NORM_EPS);
  os_rms_norm_inplace (compute, k, attention->k_norm, QK_NORM_EPS);
  os_probe (compute, q, "q_norm");
  os_probe (compute, k, "k_norm");
}

OsTensor *
os_self_attention_mix (const OsSelfAttention *attention, OsCompute *compute,
    const OsTensor *x, const OsTensor *rope)
{
  const gint64 C = x->shape[3], N = attention->n_heads;
  const gboolean temporal = attention->flags & OS_ATTENTION_TEMPORAL;
  const gboolean rope_first = attention->flags & OS_ATTENTION_ROPE_FIRST;
  g_autoptr (OsTensor) qkv =
      os_linear (compute, &attention->qkv, x, OS_ACT_NONE);
  OsTensor *mixed = os_compute_tensor (compute, 4, x->shape);
  g_autoptr (OsTensor) out = as_heads (mixed, N, temporal);
  g_autoptr (OsTensor) q = part_as_heads (qkv, 0, N, temporal);
  g_autoptr (OsTensor) k = part_as_heads (qkv, 1, N, temporal);
  g_autoptr (OsTensor) v = part_as_heads (qkv, 2, N, temporal);

  if (rope && rope_first)
    rotate (compute, q, k, rope);
  if (attention->flags & OS_ATTENTION_QK_NORM)
    normalize (attention, compute, q, k);
  if (rope && !rope_first)
    rotate (compute, q, k, rope);
  os_attention (compute,
      &(OsAttention){
          .q = q, .k = k, .v = v, .out = out, .scale = 1 / sqrtf (C / N) });
  return mixed;
}

OsCrossAttention
os_cross_attention_bind (
    OsBinder *binder, const char *name, gint64 C, gint64 n_heads)
{
  OsCrossAttention attention = { .n_heads = n_heads };

  os_binder_push (binder, "%s", name);
  attention.q_linear = os_binder_linear (binder, "q_linear", C, C, TRUE);
  attention.kv_linear = os_binder_linear (binder, "kv_linear", C, 2 * C, TRUE);
  attention.proj = os_binder_linear (binder, "proj", C, C, TRUE);
  os_binder_pop (binder);
  return attention;
}

/* Row b of [B, M, C], or columns `first` .. of [L, 2 C], as [1, 1, L, N, D]. */
static OsTensor *
rows_as_heads (const OsTensor *rows, gint64 first, gint64 C, gint64 n_heads)
{
  g_autoptr (OsTensor) part = os_tensor_slice (rows, 1, first, C);
  g_autoptr (OsTensor) row =
      os_tensor_split (part, 0, OS_SHAPE (1, 1, part->shape[0]));

  return os_tensor_split (row, 3, OS_SHAPE (n_heads, C / n_heads));
}

OsTensor *
os_cross_attention_mix (const OsCrossAttention *attention, OsCompute *compute,
    const OsTensor *x, OsTensor *const *kv)
{
  const gint64 C = x->shape[2], N = attention->n_heads;
  g_autoptr (OsTensor) queries =
      os_linear (compute, &attention->q_linear, x, OS_ACT_NONE);
  OsTensor *mixed = os_compute_tensor (compute, 3, x->shape);

  for (gint64 b = 0; b < x->shape[0]; b++) {
    g_autoptr (OsTensor) q_rows = os_tensor_select (queries, 0, b);
    g_autoptr (OsTensor) out_rows = os_tensor_select (mixed, 0, b);
    g_autoptr (OsTensor) q = rows_as_heads (q_rows, 0, C, N);
    g_autoptr (OsTensor) k = rows_as_heads (kv[b], 0, C, N);
    g_autoptr (OsTensor) v = rows_as_heads (kv[b], C, C, N);
    g_autoptr (OsTensor) out = rows_as_heads (out_rows, 0, C, N);

    os_attention (compute,
        &(OsAttention){
            .q = q, .k = k, .v = v, .out = out, .scale = 1 / sqrtf (C / N) });
  }
  return mixed;
}
