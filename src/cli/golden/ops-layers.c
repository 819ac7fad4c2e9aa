/* SPDX-License-Identifier: Apache-2.0 */
/* Layers of the STDiT family: attention, embeddings, final_layer, patch_embed,
 * pos_embed, rope. */
#include "cli/golden/golden.h"

#include <string.h>

#include "models/blocks/attention.h"
#include "models/blocks/embedders.h"
#include "models/blocks/stdit-block.h"

static gint64
config_int (GoldenRun *run, const char *key)
{
  return json_object_get_int_member_with_default (
      json_object_get_object_member (run->json, "config"), key, 0);
}

/* --- attention --- */

/* [B, T, S, N, D] -> [B, N, T, S, D]: the golden's [batch, heads, tokens, D],
 * as one of T and S is 1 here. */
static OsTensor *
view_heads (const char *name, const OsTensor *got, const OsTensor *want)
{
  if (got->n_dims != 5)
    return os_tensor_ref (got);
  return os_tensor_permute (got, (const int[]){ 0, 3, 1, 2, 4 });
}

static void
run_self (GoldenRun *run, const char *name, const OsSelfAttention *layer,
    const OsTensor *x, const OsTensor *rope)
{
  g_autoptr (OsTensor) mixed = NULL, out = NULL;

  os_probe_push (run->compute, "%s", name);
  mixed = os_self_attention_mix (layer, run->compute, x, rope);
  os_probe_pop (run->compute);
  out = os_linear (run->compute, &layer->proj, mixed, OS_ACT_NONE);
  golden_output (run, name, out);
}

static void
run_cross (GoldenRun *run, const OsCrossAttention *layer)
{
  JsonArray *lengths = json_object_get_array_member (
      json_object_get_object_member (run->json, "config"), "text_lengths");
  g_autoptr (OsTensor) x = golden_input (run, "xc");
  g_autoptr (GPtrArray) kv = golden_text_kv (run, layer, "cond", lengths);
  g_autoptr (OsTensor) mixed = os_cross_attention_mix (
      layer, run->compute, x, (OsTensor *const *) kv->pdata);
  g_autoptr (OsTensor) out =
      os_linear (run->compute, &layer->proj, mixed, OS_ACT_NONE);

  golden_output (run, "cross", out);
}

gboolean
golden_attention (GoldenRun *run, GError **error)
{
  gint64 C = config_int (run, "dim"), N = config_int (run, "num_heads");
  gint64 D = C / N;
  g_autoptr (OsBinder) binder = golden_binder (run, error);
  g_autofree float *freqs =
      golden_weight_floats (run, "rope.freqs", D / 2, error);
  g_autoptr (GPtrArray) weights = NULL;
  g_autoptr (OsTensor) x = NULL, frames = NULL, sites = NULL, rope = NULL;
  OsSelfAttention spatial, temporal, nonorm;
  OsCrossAttention cross;
  gint64 B, L;

  if (binder == NULL || freqs == NULL)
    return FALSE;
  spatial =
      os_self_attention_bind (binder, "spatial", C, N, OS_ATTENTION_QK_NORM);
  temporal = os_self_attention_bind (
      binder, "temporal", C, N, OS_ATTENTION_TEMPORAL | OS_ATTENTION_QK_NORM);
  nonorm = os_self_attention_bind (binder, "nonorm", C, N, OS_ATTENTION_PLAIN);
  cross = os_cross_attention_bind (binder, "cross", C, N);
  if ((weights = os_binder_finish (binder, error)) == NULL)
    return FALSE;

  x = golden_input (run, "x"); /* [B, L, C] */
  B = x->shape[0];
  L = x->shape[1];
  frames = os_tensor_reshape (x, OS_SHAPE (B, 1, L, C));
  sites = os_tensor_reshape (x, OS_SHAPE (B, L, 1, C));
  rope = os_rope_table (run->compute, freqs, D / 2, L, OS_DTYPE_F32);
  golden_watch (run, view_heads, "");
  run_self (run, "spatial", &spatial, frames, NULL);
  run_self (run, "temporal", &temporal, sites, rope);
  run_self (run, "nonorm", &nonorm, frames, NULL);
  run_cross (run, &cross);
  return TRUE;
}

/* --- embeddings --- */

static void
output_scalars (GoldenRun *run, const char *name,
    const OsScalarEmbedder *embedder, const float *values, gint64 n)
{
  g_autoptr (OsTensor) out =
      os_scalar_embed (embedder, run->compute, values, n);

  golden_output (run, name, out);
}

static void
output_timesteps (GoldenRun *run, const OsScalarEmbedder *embedder)
{
  gint64 n;
  g_autofree float *t = golden_input_floats (run, "t", &n);
  g_autoptr (OsTensor) sinusoid = os_scalar_sinusoid (run->compute, t, n);

  golden_output (run, "sinusoid", sinusoid);
  output_scalars (run, "t_emb", embedder, t, n);
}

static void
output_fps (GoldenRun *run, const OsScalarEmbedder *embedder)
{
  gint64 n3, n1;
  g_autofree float *fps3 = golden_input_floats (run, "fps3", &n3);
  g_autofree float *fps1 = golden_input_floats (run, "fps1", &n1);
  float twice[2] = { fps1[0], fps1[0] };

  output_scalars (run, "fps_emb3", embedder, fps3, n3);
  output_scalars (run, "fps_emb1_bs2", embedder, twice, 2);
}

static void
output_captions (GoldenRun *run, const OsCaptionEmbedder *embedder)
{
  g_autoptr (OsTensor) y = golden_input (run, "y"); /* [B, 1, L, C] */
  gint64 C = y->shape[3], rows = os_tensor_count (y) / C;
  g_autoptr (OsTensor) flat = os_tensor_reshape (y, OS_SHAPE (rows, C));
  g_autoptr (OsTensor) embedded =
      os_caption_embed (embedder, run->compute, flat);
  const OsTensor *null_caption =
      os_weight_get (embedder->null_caption, run->compute);
  const OsTensor *const twice[] = { null_caption, null_caption };
  g_autoptr (OsTensor) nulls = os_concat (run->compute, twice, 2);

  golden_output (run, "y_emb", embedded);
  golden_output (run, "null_y", nulls);
}

gboolean
golden_embeddings (GoldenRun *run, GError **error)
{
  gint64 C = config_int (run, "hidden_size");
  g_autoptr (OsBinder) binder = golden_binder (run, error);
  g_autoptr (GPtrArray) weights = NULL;
  OsScalarEmbedder t_embedder, fps_embedder;
  OsCaptionEmbedder y_embedder;

  if (binder == NULL)
    return FALSE;
  t_embedder = os_scalar_embedder_bind (binder, "t_embedder", C);
  fps_embedder = os_scalar_embedder_bind (binder, "fps_embedder", C);
  y_embedder = os_caption_embedder_bind (binder, "y_embedder",
      config_int (run, "caption_channels"), C, config_int (run, "token_num"));
  if ((weights = os_binder_finish (binder, error)) == NULL)
    return FALSE;
  output_timesteps (run, &t_embedder);
  output_fps (run, &fps_embedder);
  output_captions (run, &y_embedder);
  return TRUE;
}

/* --- final_layer --- */

static void
read_patch (JsonObject *config, int patch[3])
{
  JsonArray *array = json_object_get_array_member (config, "patch");

  for (int i = 0; i < 3; i++)
    patch[i] = json_array_get_int_element (array, i);
}

gboolean
golden_final_layer (GoldenRun *run, GError **error)
{
  gint64 C = config_int (run, "hidden_size");
  gint64 C_out = config_int (run, "out_channels"), T = config_int (run, "T");
  g_autoptr (OsBinder) binder = golden_binder (run, error);
  g_autoptr (GPtrArray) weights = NULL;
  g_autoptr (OsTensor) x = NULL, tokens = NULL, t = NULL, t0 = NULL;
  g_autoptr (OsTensor) plain = NULL, masked = NULL, picture = NULL;
  g_autofree guint8 *x_mask = NULL;
  const OsTensor *want = golden_wanted (run, "unpatchified");
  OsFinalLayer layer;
  gint64 B, S, n;
  int patch[3];

  if (binder == NULL)
    return FALSE;
  read_patch (json_object_get_object_member (run->json, "config"), patch);
  layer = os_final_layer_bind (
      binder, C, (gint64) patch[0] * patch[1] * patch[2] * C_out);
  if ((weights = os_binder_finish (binder, error)) == NULL)
    return FALSE;

  x = golden_input (run, "x");
  t = golden_input (run, "t");
  t0 = golden_input (run, "t0");
  x_mask = golden_input_mask (run, "x_mask", &n);
  B = x->shape[0];
  S = x->shape[1] / T;
  tokens = os_tensor_reshape (x, OS_SHAPE (B, T, S, C));
  plain = os_final_layer_forward (&layer, run->compute, tokens, t, NULL, NULL);
  masked = os_final_layer_forward (&layer, run->compute, tokens, t, t0, x_mask);
  golden_output (run, "plain", plain);
  golden_output (run, "masked", masked);
  if (want == NULL)
    return TRUE;
  picture = os_unpatchify (run->compute, masked, patch, C_out, want->shape[2],
      want->shape[3], want->shape[4]);
  golden_output (run, "unpatchified", picture);
  return TRUE;
}

/* --- patch_embed --- */

/* `input` through the convolution `module`.proj, as `output`. */
static gboolean
run_patch_embed (GoldenRun *run, const char *module, const char *input,
    const char *output, GError **error)
{
  g_autofree char *weight = g_strconcat (module, ".proj.weight", NULL);
  g_autofree char *bias = g_strconcat (module, ".proj.bias", NULL);
  const OsTensor *kernel = os_checkpoint_get (run->of->weights, weight);
  g_autoptr (OsBinder) binder = NULL;
  g_autoptr (GPtrArray) weights = NULL;
  g_autoptr (OsTensor) x = NULL, patches = NULL, tokens = NULL;
  OsLinear proj;

  if (kernel == NULL || !golden_has_input (run, input))
    return TRUE; /* Reported as an output that was not computed. */
  if ((binder = golden_binder (run, error)) == NULL)
    return FALSE;
  proj.weight =
      os_binder_weight (binder, weight, kernel->n_dims, kernel->shape);
  proj.bias = os_binder_weight (binder, bias, 1, kernel->shape);
  if ((weights = os_binder_finish (binder, error)) == NULL)
    return FALSE;
  x = golden_input (run, input);
  patches = os_patchify (run->compute, x,
      (const int[]){ kernel->shape[2], kernel->shape[3], kernel->shape[4] });
  tokens = os_linear (run->compute, &proj, patches, OS_ACT_NONE);
  golden_output (run, output, tokens);
  return TRUE;
}

/* Output "out<k>" of 1.0 is the input x<k> through m<k>; "<module>_<input>" of
 * 1.2 is x_<input> through that module. */
gboolean
golden_patch_embed (GoldenRun *run, GError **error)
{
  JsonObjectIter iter;
  const char *name;

  json_object_iter_init (&iter, run->bounds);
  while (json_object_iter_next (&iter, &name, NULL)) {
    const char *output = name + strlen (run->prefix);
    const char *input = strpbrk (output, "_0123456789");
    g_autofree char *module = g_str_has_prefix (output, "out")
                                  ? g_strconcat ("m", input, NULL)
                                  : g_strndup (output, input - output);
    g_autofree char *x = g_strconcat ("x", input, NULL);

    if (!run_patch_embed (run, module, x, output, error))
      return FALSE;
  }
  return TRUE;
}

/* --- pos_embed --- */

static void
output_positions (GoldenRun *run, JsonObject *row, guint index, OsDType dtype)
{
  g_autofree char *name = g_strdup_printf (
      dtype == OS_DTYPE_BF16 ? "pos_bf16.%u" : "pos.%u", index);
  gint64 S = json_object_get_int_member (row, "h")
             * json_object_get_int_member (row, "w");
  g_autoptr (OsTensor) table = os_position_embed_2d (run->compute,
      json_object_get_int_member (row, "dim"),
      json_object_get_int_member (row, "h"),
      json_object_get_int_member (row, "w"),
      json_object_get_double_member (row, "scale"),
      json_object_get_int_member (row, "base_size"), dtype);
  g_autoptr (OsTensor) head = NULL, tail = NULL, cropped = NULL;

  if (!json_object_has_member (row, "crop")) {
    golden_output (run, name, table);
    return;
  }
  /* A large table is in the golden with its first and last two rows. */
  head = os_tensor_slice (table, 0, 0, 2);
  tail = os_tensor_slice (table, 0, S - 2, 2);
  cropped =
      os_concat (run->compute, (const OsTensor *const[]){ head, tail }, 2);
  golden_output (run, name, cropped);
}

gboolean
golden_pos_embed (GoldenRun *run, GError **error)
{
  JsonArray *rows = json_object_get_array_member (run->json, "rows");

  for (guint i = 0; i < json_array_get_length (rows); i++) {
    JsonObject *row = json_array_get_object_element (rows, i);

    output_positions (run, row, i, OS_DTYPE_F32);
    output_positions (run, row, i, OS_DTYPE_BF16);
  }
  return TRUE;
}

/* --- rope --- */

/* The table of a model cast to bfloat16; the golden has each angle twice, once
 * for either half of a pair. */
static void
output_rope_tables (GoldenRun *run, guint index, gint64 D, gint64 L)
{
  g_autofree char *freqs_name = g_strdup_printf ("default_freqs.%u", index);
  g_autofree char *cos_name = g_strdup_printf ("bf16_cos.%u", index);
  g_autofree char *sin_name = g_strdup_printf ("bf16_sin.%u", index);
  g_autofree float *freqs = g_new (float, D / 2);
  g_autofree float *values = g_new (float, L *D);
  g_autofree float *cosines = g_new (float, L *D);
  g_autofree float *sines = g_new (float, L *D);
  g_autoptr (OsTensor) table = NULL;

  os_rope_default_freqs (D, freqs);
  golden_output_floats (run, freqs_name, D / 2, freqs);
  table = os_rope_table (run->compute, freqs, D / 2, L, OS_DTYPE_BF16);
  os_compute_download (run->compute, table, values);
  for (gint64 i = 0; i < L * D; i++) {
    cosines[i] = values[i / 2 * 2];
    sines[i] = values[i / 2 * 2 + 1];
  }
  golden_output_floats (run, cos_name, L * D, cosines);
  golden_output_floats (run, sin_name, L * D, sines);
}

static gboolean
run_rope (GoldenRun *run, guint index, gint64 D, GError **error)
{
  const int swap_heads[] = { 0, 2, 1, 3 };
  g_autofree char *q_name = g_strdup_printf ("q.%u", index);
  g_autofree char *freqs_name = g_strdup_printf ("rope.freqs.%u", index);
  g_autofree char *out_name = g_strdup_printf ("rotated.%u", index);
  g_autofree float *freqs =
      golden_weight_floats (run, freqs_name, D / 2, error);
  g_autoptr (OsTensor) q = NULL, view = NULL, x = NULL, table = NULL;
  g_autoptr (OsTensor) out = NULL;

  if (freqs == NULL)
    return FALSE;
  if (!golden_has_input (run, q_name))
    return TRUE; /* Reported as an output that was not computed. */
  q = golden_input (run, q_name); /* [B, N, L, D] */
  view = os_tensor_permute (q, swap_heads);
  x = os_contiguous (run->compute, view);
  table = os_rope_table (run->compute, freqs, D / 2, q->shape[2], OS_DTYPE_F32);
  os_rope (run->compute, x, table);
  out = os_tensor_permute (x, swap_heads);
  golden_output (run, out_name, out);
  output_rope_tables (run, index, D, q->shape[2]);
  return TRUE;
}

gboolean
golden_rope (GoldenRun *run, GError **error)
{
  JsonArray *rows = json_object_get_array_member (run->json, "rows");

  for (guint i = 0; i < json_array_get_length (rows); i++) {
    JsonObject *row = json_array_get_object_element (rows, i);

    if (!run_rope (run, i, json_object_get_int_member (row, "head_dim"), error))
      return FALSE;
  }
  return TRUE;
}
