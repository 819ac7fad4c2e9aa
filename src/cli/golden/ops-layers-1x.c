/* SPDX-License-Identifier: Apache-2.0 */
/* Layers as 1.0 and 1.1 record them, a case each: attention, caption_embedder,
 * cross_attention, final_layer, patch_embed, pos_embed, rmsnorm, rope,
 * size_embedder, timestep_embedder, unpatchify. Their weights have no prefix.
 */
#include "cli/golden/golden.h"

#include "models/blocks/attention.h"
#include "models/blocks/embedders.h"
#include "models/blocks/stdit-block.h"

static gint64
config_int (GoldenRun *run, const char *key)
{
  return json_object_get_int_member_with_default (
      json_object_get_object_member (run->json, "config"), key, 0);
}

static gboolean
config_flag (GoldenRun *run, const char *key)
{
  return json_object_get_boolean_member_with_default (
      json_object_get_object_member (run->json, "config"), key, FALSE);
}

/* Of the weights: dimension 0. */
static gint64
weight_rows (GoldenRun *run, const char *name)
{
  const OsTensor *tensor = os_checkpoint_get (run->of->weights, name);

  return tensor != NULL ? tensor->shape[0] : 1;
}

static void
output_linear (
    GoldenRun *run, const char *name, const OsLinear *linear, const OsTensor *x)
{
  g_autoptr (OsTensor) out = os_linear (run->compute, linear, x, OS_ACT_NONE);

  golden_output (run, name, out);
}

/* --- attention: x [B, L, C] along L --- */

static OsTensor *
default_rope (GoldenRun *run, gint64 D, gint64 L)
{
  g_autofree float *freqs = g_new (float, D / 2);

  os_rope_default_freqs (D, freqs);
  return os_rope_table (run->compute, freqs, D / 2, L, OS_DTYPE_F32);
}

gboolean
golden_attention_1x (GoldenRun *run, GError **error)
{
  const gint64 C = config_int (run, "dim"), N = config_int (run, "num_heads");
  const gboolean has_rope = config_flag (run, "rope");
  OsAttentionFlags flags = OS_ATTENTION_ROPE_FIRST;
  g_autoptr (OsBinder) binder = golden_binder (run, error);
  g_autoptr (GPtrArray) weights = NULL;
  g_autoptr (OsTensor) x = golden_input (run, "x");
  const gint64 B = x->shape[0], L = x->shape[1];
  g_autoptr (OsTensor) tokens =
      has_rope ? os_tensor_reshape (x, OS_SHAPE (B, L, 1, C))
               : os_tensor_reshape (x, OS_SHAPE (B, 1, L, C));
  g_autoptr (OsTensor) rope = has_rope ? default_rope (run, C / N, L) : NULL;
  g_autoptr (OsTensor) mixed = NULL;
  OsSelfAttention layer;

  if (binder == NULL)
    return FALSE;
  if (has_rope)
    flags |= OS_ATTENTION_TEMPORAL;
  if (config_flag (run, "qk_norm"))
    flags |= OS_ATTENTION_QK_NORM;
  layer = os_self_attention_bind (binder, "", C, N, flags);
  if ((weights = os_binder_finish (binder, error)) == NULL)
    return FALSE;
  mixed = os_self_attention_mix (&layer, run->compute, tokens, rope);
  output_linear (run, "out", &layer.proj, mixed);
  output_linear (run, "qkv", &layer.qkv, x);
  return TRUE;
}

/* --- cross_attention: lengths in "args", under the outputs' names --- */

gboolean
golden_cross_attention (GoldenRun *run, GError **error)
{
  JsonObject *args = json_object_get_object_member (run->json, "args");
  g_autoptr (OsBinder) binder = golden_binder (run, error);
  g_autoptr (GPtrArray) weights = NULL;
  g_autoptr (OsTensor) x = golden_input (run, "x");
  OsCrossAttention layer;
  JsonObjectIter iter;
  const char *name;
  JsonNode *lengths;

  if (binder == NULL)
    return FALSE;
  layer = os_cross_attention_bind (
      binder, "", config_int (run, "d_model"), config_int (run, "num_heads"));
  if ((weights = os_binder_finish (binder, error)) == NULL)
    return FALSE;
  json_object_iter_init (&iter, args);
  while (json_object_iter_next (&iter, &name, &lengths)) {
    g_autoptr (GPtrArray) kv =
        golden_text_kv (run, &layer, "cond", json_node_get_array (lengths));
    g_autoptr (OsTensor) mixed = os_cross_attention_mix (
        &layer, run->compute, x, (OsTensor *const *) kv->pdata);

    output_linear (run, name, &layer.proj, mixed);
  }
  return TRUE;
}

/* --- rmsnorm, rope --- */

gboolean
golden_rmsnorm (GoldenRun *run, GError **error)
{
  g_autoptr (OsTensor) x = golden_input (run, "x");
  g_autoptr (OsBinder) binder = golden_binder (run, error);
  g_autoptr (GPtrArray) weights = NULL;
  g_autoptr (OsTensor) out = NULL;
  OsWeight *weight;

  if (binder == NULL)
    return FALSE;
  weight =
      os_binder_weight (binder, "weight", OS_SHAPE (x->shape[x->n_dims - 1]));
  if ((weights = os_binder_finish (binder, error)) == NULL)
    return FALSE;
  out = os_rms_norm (run->compute, x, weight, 1e-6f);
  golden_output (run, "out", out);
  return TRUE;
}

/* x [B, N, L, D] */
static void
output_rotated (GoldenRun *run, const char *name, const float *freqs)
{
  const int swap_heads[] = { 0, 2, 1, 3 };
  g_autoptr (OsTensor) x = golden_input (run, "x");
  g_autoptr (OsTensor) view = os_tensor_permute (x, swap_heads);
  g_autoptr (OsTensor) heads = os_contiguous (run->compute, view);
  g_autoptr (OsTensor) table = os_rope_table (
      run->compute, freqs, x->shape[3] / 2, x->shape[2], OS_DTYPE_F32);
  g_autoptr (OsTensor) out = NULL;

  os_rope (run->compute, heads, table);
  out = os_tensor_permute (heads, swap_heads);
  golden_output (run, name, out);
}

gboolean
golden_rope_1x (GoldenRun *run, GError **error)
{
  gint64 n;
  g_autofree float *other = golden_input_floats (run, "other_freqs", &n);
  g_autofree float *freqs = g_new (float, n);

  os_rope_default_freqs (2 * n, freqs);
  golden_output_floats (run, "freqs", n, freqs);
  output_rotated (run, "out", freqs);
  output_rotated (run, "out_other", other);
  return TRUE;
}

/* --- embedders --- */

static gboolean
bind_scalars (GoldenRun *run, OsScalarEmbedder *embedder, GPtrArray **weights,
    GError **error)
{
  g_autoptr (OsBinder) binder = golden_binder (run, error);

  if (binder == NULL)
    return FALSE;
  *embedder =
      os_scalar_embedder_bind (binder, "", weight_rows (run, "mlp.2.bias"));
  *weights = os_binder_finish (binder, error);
  return *weights != NULL;
}

/* Embeddings of n rows of n_values each, those of the input in turns. */
static void
output_scalars (GoldenRun *run, const OsScalarEmbedder *embedder,
    const char *input, const char *output, gint64 n_rows, gint64 n_values)
{
  gint64 n, count = n_rows * n_values;
  g_autofree float *values = golden_input_floats (run, input, &n);
  g_autofree float *tiled = g_new (float, count);
  g_autoptr (OsTensor) out = NULL, rows = NULL;

  for (gint64 i = 0; i < count; i++)
    tiled[i] = values[i % n];
  out = os_scalar_embed (embedder, run->compute, tiled, count);
  rows = os_tensor_reshape (out, OS_SHAPE (n_rows, n_values * out->shape[1]));
  golden_output (run, output, rows);
}

gboolean
golden_timestep_embedder (GoldenRun *run, GError **error)
{
  gint64 n;
  g_autofree float *t = golden_input_floats (run, "t", &n);
  g_autoptr (GPtrArray) weights = NULL;
  g_autoptr (OsTensor) sinusoid = NULL;
  OsScalarEmbedder embedder;

  if (!bind_scalars (run, &embedder, &weights, error))
    return FALSE;
  sinusoid = os_scalar_sinusoid (run->compute, t, n);
  golden_output (run, "freq", sinusoid);
  output_scalars (run, &embedder, "t", "out", n, 1);
  return TRUE;
}

gboolean
golden_size_embedder (GoldenRun *run, GError **error)
{
  g_autoptr (GPtrArray) weights = NULL;
  OsScalarEmbedder embedder;

  if (!bind_scalars (run, &embedder, &weights, error))
    return FALSE;
  output_scalars (run, &embedder, "hw", "hw_out", 4, 2);
  output_scalars (run, &embedder, "ar", "ar_out", 2, 1);
  return TRUE;
}

gboolean
golden_caption_embedder (GoldenRun *run, GError **error)
{
  g_autoptr (OsTensor) y = golden_input (run, "y"); /* [B, 1, L, C] */
  const gint64 C = y->shape[3], L = y->shape[2];
  g_autoptr (OsTensor) rows =
      os_tensor_reshape (y, OS_SHAPE (os_tensor_count (y) / C, C));
  g_autoptr (OsBinder) binder = golden_binder (run, error);
  g_autoptr (GPtrArray) weights = NULL;
  g_autoptr (OsTensor) out = NULL, null_out = NULL;
  OsCaptionEmbedder embedder;

  if (binder == NULL)
    return FALSE;
  embedder = os_caption_embedder_bind (
      binder, "", C, weight_rows (run, "y_proj.fc2.bias"), L);
  if ((weights = os_binder_finish (binder, error)) == NULL)
    return FALSE;
  out = os_caption_embed (&embedder, run->compute, rows);
  golden_output (run, "out", out);
  null_out = os_caption_embed (&embedder, run->compute,
      os_weight_get (embedder.null_caption, run->compute));
  golden_output (run, "null", null_out);
  return TRUE;
}

/* --- pos_embed: a table for each of "args" --- */

static gint64
read_int (JsonObject *row, const char *key, const char *other_key)
{
  return json_object_get_int_member (
      row, json_object_has_member (row, key) ? key : other_key);
}

static OsTensor *
embed_positions (GoldenRun *run, JsonObject *row)
{
  const gint64 C = json_object_get_int_member (row, "dim");
  const double scale = json_object_get_double_member (row, "scale");
  /* 1.0 computes them in double. */
  const OsDType dtype =
      json_object_has_member (row, "grid_h") ? OS_DTYPE_F64 : OS_DTYPE_F32;
  gint64 base_size = 0;

  if (json_object_has_member (row, "length"))
    return os_position_embed_1d (
        run->compute, C, json_object_get_int_member (row, "length"), scale);
  if (json_object_has_member (row, "base_size")
      && !json_object_get_null_member (row, "base_size"))
    base_size = json_object_get_int_member (row, "base_size");
  return os_position_embed_2d (run->compute, C, read_int (row, "h", "grid_h"),
      read_int (row, "w", "grid_w"), scale, base_size, dtype);
}

gboolean
golden_pos_embed_1x (GoldenRun *run, GError **error)
{
  JsonArray *args = json_object_get_array_member (run->json, "args");

  for (guint i = 0; i < json_array_get_length (args); i++) {
    JsonObject *row = json_array_get_object_element (args, i);
    const char *name = json_object_get_string_member (row, "name");
    g_autoptr (OsTensor) table = embed_positions (run, row);
    g_autoptr (GPtrArray) rows =
        g_ptr_array_new_with_free_func ((GDestroyNotify) os_tensor_unref);
    g_autoptr (OsTensor) picked = NULL;
    JsonArray *pick;

    if (!json_object_has_member (row, "rows")) {
      golden_output (run, name, table);
      continue;
    }
    /* Of a large table the golden has some rows. */
    pick = json_object_get_array_member (row, "rows");
    for (guint k = 0; k < json_array_get_length (pick); k++)
      g_ptr_array_add (rows,
          os_tensor_slice (table, 0, json_array_get_int_element (pick, k), 1));
    picked = os_concat (
        run->compute, (const OsTensor *const *) rows->pdata, rows->len);
    golden_output (run, name, picked);
  }
  return TRUE;
}

/* --- patches --- */

gboolean
golden_unpatchify (GoldenRun *run, GError **error)
{
  gint64 size[3], patch[3];
  g_autoptr (OsConfig) config = golden_config (run, "config", error);
  g_autoptr (OsTensor) x = golden_input (run, "x");
  g_autoptr (OsTensor) out = NULL;

  if (config == NULL)
    return FALSE;
  if (os_config_ints (config, "input_size", 1, 1 << 16, 3, size) != 3
      || os_config_ints (config, "patch_size", 1, 64, 3, patch) != 3)
    return os_config_check (config, error);
  out = os_unpatchify (run->compute, x,
      (const int[]){ patch[0], patch[1], patch[2] },
      config_int (run, "out_channels"), size[0], size[1], size[2]);
  golden_output (run, "out", out);
  return TRUE;
}

gboolean
golden_final_layer_1x (GoldenRun *run, GError **error)
{
  const gint64 C = config_int (run, "hidden_size");
  const gint64 T = MAX (config_int (run, "T"), 1);
  g_autoptr (OsTensor) x = golden_input (run, "x"); /* [B, T S, C] */
  g_autoptr (OsTensor) t = golden_input (run, "t");
  g_autoptr (OsTensor) tokens =
      os_tensor_reshape (x, OS_SHAPE (x->shape[0], T, x->shape[1] / T, C));
  g_autoptr (OsBinder) binder = golden_binder (run, error);
  g_autoptr (GPtrArray) weights = NULL;
  g_autoptr (OsTensor) out = NULL;
  OsFinalLayer layer;

  if (binder == NULL)
    return FALSE;
  layer = os_final_layer_bind (binder, C,
      config_int (run, "num_patch") * config_int (run, "out_channels"));
  if ((weights = os_binder_finish (binder, error)) == NULL)
    return FALSE;
  out = os_final_layer_forward (&layer, run->compute, tokens, t, NULL, NULL);
  golden_output (run, "out", out);
  if (golden_has_input (run, "x_mask")) {
    gint64 n;
    g_autofree guint8 *x_mask = golden_input_mask (run, "x_mask", &n);
    g_autoptr (OsTensor) t0 = golden_input (run, "t0");
    g_autoptr (OsTensor) masked =
        os_final_layer_forward (&layer, run->compute, tokens, t, t0, x_mask);

    golden_output (run, "out_masked", masked);
  }
  return TRUE;
}
