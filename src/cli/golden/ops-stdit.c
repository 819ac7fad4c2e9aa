/* SPDX-License-Identifier: Apache-2.0 */
/* STDiT, STDiT2 and STDiT3: stdit, stdit2, stdit3; and their blocks:
 * stdit_block, stdit2_block, stdit3_block. */
#include "cli/golden/golden.h"

#include <string.h>

#include "models/blocks/embedders.h"
#include "models/blocks/stdit-block.h"

/* --- blocks --- */

/* Attention across frames works on [(B S), T, C] in the reference. */
static OsTensor *
view_across_frames (const OsTensor *got)
{
  if (got->n_dims != 4)
    return os_tensor_ref (got);
  return os_tensor_permute (got, (const int[]){ 0, 2, 1, 3 });
}

static OsTensor *
view_temporal_block (
    const char *name, const OsTensor *got, const OsTensor *want)
{
  return g_str_has_suffix (name, ".attn") ? view_across_frames (got)
                                          : os_tensor_ref (got);
}

static OsTensor *
view_joint_block (const char *name, const OsTensor *got, const OsTensor *want)
{
  return g_str_equal (name, "attn_temp") ? view_across_frames (got)
                                         : os_tensor_ref (got);
}

typedef struct {
  const char *root; /* of the names of its weights and results, or NULL */
  OsStditBlock layers;
  OsWeightSet *weights;
  OsTensor *rope;
  GPtrArray *kv;
  gint64 T, S;
} Block;

static void
block_clear (Block *block)
{
  g_clear_pointer (&block->weights, g_ptr_array_unref);
  g_clear_pointer (&block->rope, os_tensor_unref);
  g_clear_pointer (&block->kv, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Block, block_clear)

static JsonArray *
read_text_lengths (GoldenRun *run)
{
  JsonObject *config = json_object_get_object_member (run->json, "config");

  if (json_object_has_member (config, "text_lengths"))
    return json_object_get_array_member (config, "text_lengths");
  return json_object_get_array_member (
      json_object_get_object_member (run->json, "args"), "y_lens");
}

static gboolean
block_init (Block *block, GoldenRun *run, OsStditBlockKind kind,
    OsAttentionFlags flags, GError **error)
{
  g_autoptr (OsConfig) config = golden_config (run, "config", error);
  g_autoptr (OsBinder) binder = golden_binder (run, error);
  OsStditBlockSpec spec = { .kind = kind, .attention = flags };

  if (config == NULL || binder == NULL)
    return FALSE;
  spec.C = os_config_int (config, "hidden_size", 0, 1, 1 << 16);
  spec.n_heads = os_config_int (config, "num_heads", 0, 1, 1 << 10);
  spec.mlp_hidden = 4 * spec.C;
  block->T = os_config_int (config, "T", 0, 1, 1 << 16);
  block->S = os_config_int (config, "S", 0, 1, 1 << 16);
  if (!os_config_check (config, error))
    return FALSE;
  if (block->root != NULL)
    os_binder_push (binder, "%s", block->root);
  block->layers = os_stdit_block_bind (binder, &spec);
  block->weights = os_binder_finish (binder, error);
  if (block->weights == NULL)
    return FALSE;
  block->kv = golden_text_kv (
      run, &block->layers.cross_attn, "y", read_text_lengths (run));
  return TRUE;
}

/* A row for every frame: of `name` where its mask is set, else of `name0`. */
static OsTensor *
mask_frames (
    GoldenRun *run, const Block *block, const char *name, const char *name0)
{
  gint64 n, n_frames;
  g_autofree float *t = golden_input_floats (run, name, &n);
  g_autofree float *t0 = golden_input_floats (run, name0, &n);
  g_autofree guint8 *mask = golden_input_mask (run, "x_mask", &n_frames);
  gint64 width = n * block->T / n_frames;
  g_autofree float *rows = g_new (float, n_frames *width);

  for (gint64 f = 0; f < n_frames; f++)
    memcpy (rows + f * width, (mask[f] ? t : t0) + f / block->T * width,
        width * sizeof *rows);
  return os_compute_upload (run->compute, rows, OS_SHAPE (n_frames, width));
}

/* Names of probes and of the result end in `suffix`; output: the result's. */
static void
run_block (GoldenRun *run, const Block *block, OsStditBlockInput input,
    GoldenView view, const char *suffix, const char *output)
{
  g_autoptr (OsTensor) tokens = golden_input (run, "x");
  gint64 C = tokens->shape[2];
  g_autoptr (OsTensor) x = os_tensor_reshape (
      tokens, OS_SHAPE (tokens->shape[0], block->T, block->S, C));

  input.kv = (OsTensor *const *) block->kv->pdata;
  input.rope = block->rope;
  golden_watch (run, view, suffix);
  if (block->root != NULL)
    os_probe_push (run->compute, "%s", block->root);
  os_stdit_block_forward (&block->layers, run->compute, x, &input);
  if (block->root != NULL)
    os_probe_pop (run->compute);
  golden_unwatch (run);
  golden_output (run, output, x);
}

gboolean
golden_stdit_block (GoldenRun *run, GError **error)
{
  g_auto (Block) block = { .root = NULL };
  g_autoptr (OsTensor) t = golden_input (run, "t");
  g_autoptr (OsTensor) position = golden_input (run, "tpe"); /* [1, T, C] */
  g_autoptr (OsTensor) rows = os_tensor_select (position, 0, 0);
  OsStditBlockInput input = { .t6 = t, .t_temp = t };

  if (!block_init (
          &block, run, OS_STDIT_BLOCK_JOINT, OS_ATTENTION_PLAIN, error))
    return FALSE;
  run_block (run, &block, input, NULL, "_no_tpe", "out_no_tpe");
  input.frame_position = rows;
  run_block (run, &block, input, view_joint_block, "", "out");
  return TRUE;
}

gboolean
golden_stdit2_block (GoldenRun *run, GError **error)
{
  g_auto (Block) block = { .root = NULL };
  g_autoptr (OsTensor) t = golden_input (run, "t");
  g_autoptr (OsTensor) t_temp = golden_input (run, "t_tmp");
  g_autoptr (OsTensor) t_masked = NULL, t_temp_masked = NULL;
  g_autofree float *freqs = NULL;
  gint64 D;

  if (!block_init (&block, run, OS_STDIT_BLOCK_JOINT_MODULATED,
          OS_ATTENTION_QK_NORM | OS_ATTENTION_ROPE_FIRST, error))
    return FALSE;
  D = os_weight_count (block.layers.attn.q_norm);
  freqs = g_new (float, D / 2);
  os_rope_default_freqs (D, freqs);
  block.rope =
      os_rope_table (run->compute, freqs, D / 2, block.T, OS_DTYPE_F32);
  t_masked = mask_frames (run, &block, "t", "t0");
  t_temp_masked = mask_frames (run, &block, "t_tmp", "t0_tmp");
  run_block (run, &block, (OsStditBlockInput){ .t6 = t, .t_temp = t_temp },
      view_joint_block, "", "out");
  run_block (run, &block,
      (OsStditBlockInput){ .t6 = t_masked, .t_temp = t_temp_masked },
      view_joint_block, "_masked", "out_masked");
  return TRUE;
}

gboolean
golden_stdit3_block (GoldenRun *run, GError **error)
{
  gboolean temporal = json_object_get_boolean_member_with_default (
      json_object_get_object_member (run->json, "config"), "temporal", FALSE);
  GoldenView view = temporal ? view_temporal_block : NULL;
  g_auto (Block) block = { .root = "block" };
  g_autoptr (OsTensor) t = golden_input (run, "t");
  g_autoptr (OsTensor) t_masked = NULL;
  g_autofree float *freqs = NULL;
  gint64 D;

  if (!block_init (&block, run,
          temporal ? OS_STDIT_BLOCK_TEMPORAL : OS_STDIT_BLOCK_SPATIAL,
          OS_ATTENTION_QK_NORM, error))
    return FALSE;
  D = os_weight_count (block.layers.attn.q_norm);
  if (temporal) {
    freqs = golden_weight_floats (run, "rope.freqs", D / 2, error);
    if (freqs == NULL)
      return FALSE;
    block.rope =
        os_rope_table (run->compute, freqs, D / 2, block.T, OS_DTYPE_F32);
  }
  t_masked = mask_frames (run, &block, "t", "t0");
  run_block (run, &block, (OsStditBlockInput){ .t6 = t }, view, "", "out");
  run_block (run, &block, (OsStditBlockInput){ .t6 = t_masked }, view,
      ".masked", "out.masked");
  return TRUE;
}

/* --- networks --- */

/* What 1.0 and 1.1 call the results of submodules. */
static const struct {
  const char *module, *output;
} renamed[] = {
  { "csize_embedder", "csize" },
  { "ar_embedder", "ar_emb" },
  { "fl_embedder", "fl" },
  { "fps_embedder", "fps_emb" },
  { "pos_embed", "pos_emb" },
  { "blocks.0", "block0" },
  { "blocks.1", "block1" },
  { "blocks.2", "block2" },
};

/* The golden's name of a submodule. */
static const char *
rename_module (GoldenRun *run, const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (renamed); i++)
    if (g_str_equal (name, renamed[i].module)
        && golden_wanted (run, renamed[i].output) != NULL)
      return renamed[i].output;
  return name;
}

/* The reference embeds all rows of the captions, also masked ones, which the
 * library leaves out. */
static gboolean
run_caption_embedder (GoldenRun *run, OsStdit *stdit, GError **error)
{
  g_autoptr (OsBinder) binder = golden_binder (run, error);
  g_autoptr (GPtrArray) weights = NULL;
  g_autoptr (OsTensor) y = golden_input (run, "y"); /* [B, 1, L, C] */
  g_autoptr (OsTensor) rows = NULL, out = NULL;
  const OsTensor *want = golden_wanted (run, "y_embedder");
  OsCaptionEmbedder embedder;
  gint64 C = y->shape[3];

  if (binder == NULL)
    return FALSE;
  if (want == NULL)
    return TRUE;
  embedder = os_caption_embedder_bind (binder, "y_embedder", C,
      want->shape[want->n_dims - 1], os_stdit_get_max_length (stdit));
  if ((weights = os_binder_finish (binder, error)) == NULL)
    return FALSE;
  rows = os_tensor_reshape (y, OS_SHAPE (os_tensor_count (y) / C, C));
  out = os_caption_embed (&embedder, run->compute, rows);
  golden_output (run, "y_embedder", out);
  return TRUE;
}

static void
run_forward (GoldenRun *run, OsStdit *stdit, GPtrArray *captions)
{
  gint64 n;
  g_autofree float *timestep = golden_input_floats (run, "timestep", &n);
  g_autoptr (OsTensor) x = golden_input (run, "x");
  g_autofree guint8 *x_mask = NULL;
  g_autoptr (GArray) formats = golden_formats (run, x);
  g_autoptr (OsStditClip) clip = NULL;
  g_autoptr (OsTensor) out = NULL;
  OsStditClipInfo info = {
    .B = x->shape[0],
    .T = x->shape[2],
    .H = x->shape[3],
    .W = x->shape[4],
    .captions = (const OsTensor *const *) captions->pdata,
    .formats = (const OsStditFormat *) formats->data,
    .n_formats = formats->len,
  };

  if (golden_has_input (run, "x_mask"))
    x_mask = golden_input_mask (run, "x_mask", &n);
  run->rename = rename_module;
  golden_watch (run, NULL, "");
  clip = os_stdit_clip_new (stdit, run->compute, &info);
  out = os_stdit_forward (clip, run->compute, x, timestep, x_mask);
  golden_output (run, "out", out);
}

gboolean
golden_stdit (GoldenRun *run, GError **error)
{
  g_autoptr (OsConfig) config = golden_config (run, "config", error);
  g_autoptr (OsBinder) binder = golden_binder (run, error);
  g_autoptr (OsStdit) stdit = NULL;
  g_autoptr (GPtrArray) captions = NULL;

  if (config == NULL || binder == NULL
      || (stdit = os_stdit_new (config, binder, error)) == NULL)
    return FALSE;
  captions = golden_captions (run, NULL);
  run_forward (run, stdit, captions);
  golden_unwatch (run);
  return run_caption_embedder (run, stdit, error);
}
