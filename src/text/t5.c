/* SPDX-License-Identifier: Apache-2.0 */
/* T5 v1.1 encoder. No biases, no scaling of scores, one table of relative
 * position biases (block 0's) for all blocks. */
#include "text/t5.h"

#define N_BUCKETS 32
/* Scores of keys that are never attended. */
#define MASKED (-3.4028235e38f)

typedef struct {
  OsWeight *attention_norm, *feed_forward_norm;
  OsLinear q, k, v, o;
  OsLinear wi_0, wi_1, wo;
  guint first_weight, last_weight; /* in the set */
} Block;

struct _OsT5 {
  gint64 vocab_size, d_model, d_kv, d_ff, num_layers, num_heads;
  float eps;
  OsWeightSet *weights;

  OsWeight *embedding;     /* [vocab, d_model] */
  OsWeight *position_bias; /* [buckets, heads] */
  Block *blocks;
  OsWeight *final_norm;
};

static void
read_config (OsT5 *t5, OsConfig *config)
{
  const gint64 huge = 1 << 22;
  const char *projection;

  t5->vocab_size = os_config_int (config, "vocab_size", 32128, 3, huge);
  t5->d_model = os_config_int (config, "d_model", 4096, 1, huge);
  t5->d_kv = os_config_int (config, "d_kv", 64, 1, huge);
  t5->d_ff = os_config_int (config, "d_ff", 10240, 1, huge);
  t5->num_layers = os_config_int (config, "num_layers", 24, 1, 1024);
  t5->num_heads = os_config_int (config, "num_heads", 64, 1, 4096);
  t5->eps = os_config_double (config, "layer_norm_epsilon", 1e-6, 0, 1);
  os_config_int (config, "relative_attention_num_buckets", N_BUCKETS, N_BUCKETS,
      N_BUCKETS);
  os_config_int (config, "relative_attention_max_distance", 128, 128, 128);
  projection = os_config_string (config, "feed_forward_proj", "gated-gelu");
  if (!g_str_equal (projection, "gated-gelu"))
    os_config_problem (config, "feed_forward_proj",
        "is \"%s\"; only T5 v1.1's gated-gelu is known", projection);
}

static void
bind_block (OsT5 *t5, OsBinder *b, Block *block)
{
  const gint64 d = t5->d_model, inner = t5->num_heads * t5->d_kv;

  block->first_weight = os_binder_get_n_weights (b);
  os_binder_push (b, "layer.0");
  block->attention_norm =
      os_binder_weight (b, "layer_norm.weight", OS_SHAPE (d));
  block->q = os_binder_linear (b, "SelfAttention.q", d, inner, FALSE);
  block->k = os_binder_linear (b, "SelfAttention.k", d, inner, FALSE);
  block->v = os_binder_linear (b, "SelfAttention.v", d, inner, FALSE);
  block->o = os_binder_linear (b, "SelfAttention.o", inner, d, FALSE);
  os_binder_pop (b);
  os_binder_push (b, "layer.1");
  block->feed_forward_norm =
      os_binder_weight (b, "layer_norm.weight", OS_SHAPE (d));
  os_binder_push (b, "DenseReluDense");
  block->wi_0 = os_binder_linear (b, "wi_0", d, t5->d_ff, FALSE);
  block->wi_1 = os_binder_linear (b, "wi_1", d, t5->d_ff, FALSE);
  block->wo = os_binder_linear (b, "wo", t5->d_ff, d, FALSE);
  os_binder_pop (b);
  os_binder_pop (b);
  block->last_weight = os_binder_get_n_weights (b);
}

OsT5 *
os_t5_new (OsConfig *config, OsBinder *binder, GError **error)
{
  g_autoptr (OsT5) t5 = g_new0 (OsT5, 1);
  const char *embedding;

  read_config (t5, config);
  if (!os_config_check (config, error))
    return NULL;

  /* It runs once a clip, and the published one is larger than memory often is:
   * a block's weights are there while it computes. */
  os_binder_stream (binder);

  /* Files hold the table under one name or under both. */
  embedding = os_binder_has (binder, "shared.weight")
                  ? "shared.weight"
                  : "encoder.embed_tokens.weight";
  t5->embedding = os_binder_weight (
      binder, embedding, OS_SHAPE (t5->vocab_size, t5->d_model));
  os_binder_ignore (binder, "encoder.embed_tokens.weight");
  os_binder_ignore (binder, "decoder.");
  os_binder_ignore (binder, "lm_head.");

  os_binder_push (binder, "encoder");
  t5->position_bias = os_binder_weight (binder,
      "block.0.layer.0.SelfAttention.relative_attention_bias.weight",
      OS_SHAPE (N_BUCKETS, t5->num_heads));
  t5->blocks = g_new0 (Block, t5->num_layers);
  for (gint64 i = 0; i < t5->num_layers; i++) {
    os_binder_push (binder, "block.%d", (int) i);
    bind_block (t5, binder, &t5->blocks[i]);
    os_binder_pop (binder);
  }
  t5->final_norm = os_binder_weight (
      binder, "final_layer_norm.weight", OS_SHAPE (t5->d_model));
  os_binder_pop (binder);

  t5->weights = os_binder_finish (binder, error);
  return t5->weights ? g_steal_pointer (&t5) : NULL;
}

void
os_t5_free (OsT5 *t5)
{
  g_clear_pointer (&t5->weights, g_ptr_array_unref);
  g_free (t5->blocks);
  g_free (t5);
}

gint64
os_t5_get_d_model (const OsT5 *t5)
{
  return t5->d_model;
}

gint64
os_t5_get_vocab_size (const OsT5 *t5)
{
  return t5->vocab_size;
}

/* The table of embeddings, and then a block after the other: its weights, the
 * largest of them packed for a product, and of each token what the widest layer
 * makes of it. All blocks are alike. */
guint64
os_t5_estimate_bytes (const OsT5 *t5, gint64 L)
{
  const Block *block = &t5->blocks[0];
  const gint64 wide = MAX (4 * t5->num_heads * t5->d_kv, 2 * t5->d_ff);
  const gint64 largest = os_weight_set_get_largest (
      t5->weights, block->first_weight, block->last_weight);
  const guint64 in_block =
      sizeof (float) * (largest + L * (2 * t5->d_model + wide))
      + os_weight_set_get_bytes (
          t5->weights, block->first_weight, block->last_weight);

  return MAX (os_weight_get_bytes (t5->embedding), in_block);
}

/* Exact up to 7, then logarithmic up to 128; the first distance of each bucket
 * is a table, since logf() may be off by one at its edges. */
int
os_t5_position_bucket (gint64 r)
{
  static const gint64 first[] = { 8, 12, 16, 23, 32, 46, 64, 91 };
  const gint64 n = ABS (r);
  const int base = r > 0 ? N_BUCKETS / 2 : 0;
  int bucket = 7;

  if (n < first[0])
    return base + n;
  for (gsize i = 0; i < G_N_ELEMENTS (first) && n >= first[i]; i++)
    bucket++;
  return base + bucket;
}

/* The bias depends on r = key - query only. It is held as [2 L - 1, heads], r
 * ascending, and seen as [heads, query, key]. */
static OsTensor *
position_bias (const OsT5 *t5, OsCompute *compute, gint64 L)
{
  const gint64 N = t5->num_heads;
  g_autofree gint32 *buckets = g_new (gint32, 2 * L - 1);
  g_autoptr (OsTensor) rows = NULL;

  for (gint64 i = 0; i < 2 * L - 1; i++)
    buckets[i] = os_t5_position_bucket (i - (L - 1));
  rows = os_embedding (compute, t5->position_bias, buckets, 2 * L - 1);
  return os_tensor_as_strided (
      rows, (L - 1) * N, OS_SHAPE (N, L, L), (gint64[]){ 1, -N, N });
}

static OsTensor *
key_bias (OsCompute *compute, const guint8 *mask, gint64 B, gint64 L)
{
  g_autofree float *values = g_new (float, B *L);

  for (gint64 i = 0; i < B * L; i++)
    values[i] = mask[i] ? 0 : MASKED;
  return os_compute_upload (compute, values, OS_SHAPE (B, L));
}

/* What a forward pass is about. */
typedef struct {
  OsT5 *t5;
  OsCompute *compute;
  gint64 B, L;
  OsTensor *bias, *key_bias;
} Pass;

/* [B, L, inner] as [B, 1, L, heads, d_kv]. */
static OsTensor *
as_heads (const Pass *pass, const OsTensor *x)
{
  return os_tensor_reshape (
      x, OS_SHAPE (pass->B, 1, pass->L, pass->t5->num_heads, pass->t5->d_kv));
}

/* The softmax of a block is held only if somebody looks at it. */
static OsTensor *
probed_softmax (const Pass *pass)
{
  if (!os_compute_has_probe (pass->compute))
    return NULL;
  return os_compute_tensor (pass->compute,
      OS_SHAPE (pass->B, 1, pass->t5->num_heads, pass->L, pass->L));
}

/* x += o (attention (norm (x))) */
static void
self_attend (const Pass *pass, const Block *block, OsTensor *x)
{
  OsCompute *c = pass->compute;
  g_autoptr (OsTensor) n =
      os_rms_norm (c, x, block->attention_norm, pass->t5->eps);
  g_autoptr (OsTensor) q = os_linear (c, &block->q, n, OS_ACT_NONE);
  g_autoptr (OsTensor) k = os_linear (c, &block->k, n, OS_ACT_NONE);
  g_autoptr (OsTensor) v = os_linear (c, &block->v, n, OS_ACT_NONE);
  g_autoptr (OsTensor) context = os_compute_tensor (c, 3, q->shape);
  g_autoptr (OsTensor) q_heads = as_heads (pass, q);
  g_autoptr (OsTensor) k_heads = as_heads (pass, k);
  g_autoptr (OsTensor) v_heads = as_heads (pass, v);
  g_autoptr (OsTensor) out = as_heads (pass, context);
  g_autoptr (OsTensor) probs = probed_softmax (pass);

  os_attention (c, &(OsAttention){ .q = q_heads,
                       .k = k_heads,
                       .v = v_heads,
                       .out = out,
                       .bias = pass->bias,
                       .key_bias = pass->key_bias,
                       .probs = probs,
                       .scale = 1 });
  os_probe (c, n, "attn_norm");
  os_probe (c, q, "q");
  os_probe (c, k, "k");
  os_probe (c, v, "v");
  if (probs)
    os_probe (c, probs, "attn_probs");
  os_probe (c, context, "attn_context");
  if (os_compute_has_probe (c)) {
    g_autoptr (OsTensor) change =
        os_linear (c, &block->o, context, OS_ACT_NONE);
    os_probe (c, change, "attn_out");
  }
  os_linear_add (c, &block->o, context, NULL, x);
  os_probe (c, x, "after_attn");
}

/* x += wo (gelu (wi_0 (norm (x))) * wi_1 (norm (x))) */
static void
feed_forward (const Pass *pass, const Block *block, OsTensor *x)
{
  OsCompute *c = pass->compute;
  g_autoptr (OsTensor) n =
      os_rms_norm (c, x, block->feed_forward_norm, pass->t5->eps);
  g_autoptr (OsTensor) hidden =
      os_linear (c, &block->wi_0, n, OS_ACT_GELU_TANH);
  g_autoptr (OsTensor) gate = os_linear (c, &block->wi_1, n, OS_ACT_NONE);

  os_probe (c, n, "ff_norm");
  os_probe (c, hidden, "gelu");
  os_probe (c, gate, "wi_1");
  os_mul_inplace (c, hidden, gate);
  if (os_compute_has_probe (c)) {
    g_autoptr (OsTensor) wi_0 = os_linear (c, &block->wi_0, n, OS_ACT_NONE);
    g_autoptr (OsTensor) change =
        os_linear (c, &block->wo, hidden, OS_ACT_NONE);
    os_probe (c, wi_0, "wi_0");
    os_probe (c, change, "ff_out");
  }
  os_linear_add (c, &block->wo, hidden, NULL, x);
  os_probe (c, x, "after_ff");
}

/* The block's weights are given back, the next one's read meanwhile. */
static void
run_block (const Pass *pass, gint64 i, OsTensor *x)
{
  const OsT5 *t5 = pass->t5;
  const Block *block = &t5->blocks[i];

  if (i + 1 < t5->num_layers)
    os_weight_set_read_ahead (
        t5->weights, block[1].first_weight, block[1].last_weight);
  os_probe_push (pass->compute, "block%d", (int) i);
  self_attend (pass, block, x);
  feed_forward (pass, block, x);
  os_probe_pop (pass->compute);
  os_weight_set_drop (t5->weights, block->first_weight, block->last_weight);
}

OsTensor *
os_t5_encode (OsT5 *t5, OsCompute *compute, const gint32 *ids,
    const guint8 *mask, gint64 B, gint64 L)
{
  g_autoptr (OsTensor) bias = position_bias (t5, compute, L);
  g_autoptr (OsTensor) keys = mask ? key_bias (compute, mask, B, L) : NULL;
  g_autoptr (OsTensor) rows = os_embedding (compute, t5->embedding, ids, B * L);
  g_autoptr (OsTensor) x =
      os_tensor_reshape (rows, OS_SHAPE (B, L, t5->d_model));
  Pass pass = { t5, compute, B, L, bias, keys };
  const OsTask *task = os_compute_get_task (compute);
  OsTensor *out;

  os_task_progress (task, OPENSORA_STAGE_ENCODE, 0, t5->num_layers);
  os_probe (compute, x, "embed");
  os_probe (compute, bias, "position_bias");
  os_weight_drop (t5->embedding);
  for (gint64 i = 0; i < t5->num_layers && os_compute_ok (compute); i++) {
    run_block (&pass, i, x);
    os_task_progress (task, OPENSORA_STAGE_ENCODE, i + 1, t5->num_layers);
  }
  os_probe (compute, x, "before_final_norm");
  out = os_rms_norm (compute, x, t5->final_norm, t5->eps);
  os_probe (compute, out, "last_hidden_state");
  return out;
}
