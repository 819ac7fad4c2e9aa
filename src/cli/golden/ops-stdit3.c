/* SPDX-License-Identifier: Apache-2.0 */
/* STDiT3 and its block: stdit3, stdit3_block. */
#include "cli/golden/golden.h"

#include <string.h>

#include "models/blocks/embedders.h"
#include "models/blocks/stdit-block.h"

/* --- stdit3_block --- */

/* The temporal attention of the reference works on [(B S), T, C]. */
static OsTensor *
view_temporal_block (
    const char *name, const OsTensor *got, const OsTensor *want)
{
  if (!g_str_has_suffix (name, ".attn") || got->n_dims != 4)
    return os_tensor_ref (got);
  return os_tensor_permute (got, (const int[]){ 0, 2, 1, 3 });
}

typedef struct {
  OsStditBlock layers;
  OsTensor *rope;
  gint64 C, T, S;
  gboolean temporal;
} Block;

/* Keys and values of every sample's own rows of y [1, sum of lengths, C]. */
static GPtrArray *
project_texts (GoldenRun *run, const OsCrossAttention *cross)
{
  JsonArray *lengths = json_object_get_array_member (
      json_object_get_object_member (run->json, "config"), "text_lengths");
  GPtrArray *kv =
      g_ptr_array_new_with_free_func ((GDestroyNotify) os_tensor_unref);
  g_autoptr (OsTensor) y = golden_input (run, "y");
  g_autoptr (OsTensor) texts = os_tensor_select (y, 0, 0);
  gint64 start = 0;

  for (guint b = 0; b < json_array_get_length (lengths); b++) {
    gint64 length = json_array_get_int_element (lengths, b);
    g_autoptr (OsTensor) text = os_tensor_slice (texts, 0, start, length);

    g_ptr_array_add (
        kv, os_linear (run->compute, &cross->kv_linear, text, OS_ACT_NONE));
    start += length;
  }
  return kv;
}

/* A row of t6 for every frame: t where its mask is set, else t0. */
static OsTensor *
mask_frames (GoldenRun *run, const Block *block)
{
  gint64 n, n_frames, width = 6 * block->C;
  g_autofree float *t = golden_input_floats (run, "t", &n);
  g_autofree float *t0 = golden_input_floats (run, "t0", &n);
  g_autofree guint8 *mask = golden_input_mask (run, "x_mask", &n_frames);
  g_autofree float *rows = g_new (float, n_frames *width);

  for (gint64 f = 0; f < n_frames; f++)
    memcpy (rows + f * width, (mask[f] ? t : t0) + f / block->T * width,
        width * sizeof *rows);
  return os_compute_upload (run->compute, rows, OS_SHAPE (n_frames, width));
}

static void
run_block (GoldenRun *run, const Block *block, GPtrArray *kv,
    const OsTensor *t6, const char *suffix)
{
  g_autoptr (OsTensor) input = golden_input (run, "x");
  g_autoptr (OsTensor) x = os_tensor_reshape (
      input, OS_SHAPE (input->shape[0], block->T, block->S, block->C));
  g_autofree char *out = g_strconcat ("out", suffix, NULL);

  golden_watch (run, block->temporal ? view_temporal_block : NULL, suffix);
  os_probe_push (run->compute, "block");
  os_stdit_block_forward (&block->layers, run->compute, x, t6,
      (OsTensor *const *) kv->pdata, block->rope);
  os_probe_pop (run->compute);
  golden_output (run, out, x);
}

gboolean
golden_stdit3_block (GoldenRun *run, GError **error)
{
  g_autoptr (OsConfig) config = golden_config (run, "config", error);
  g_autoptr (OsBinder) binder = golden_binder (run, error);
  g_autoptr (GPtrArray) weights = NULL;
  g_autoptr (GPtrArray) kv = NULL;
  g_autoptr (OsTensor) rope = NULL, t = NULL, t_masked = NULL;
  g_autofree float *freqs = NULL;
  gint64 C, N;
  Block block = { 0 };

  if (config == NULL || binder == NULL)
    return FALSE;
  C = block.C = os_config_int (config, "hidden_size", 0, 1, 1 << 16);
  N = os_config_int (config, "num_heads", 0, 1, 1 << 10);
  block.T = os_config_int (config, "T", 0, 1, 1 << 16);
  block.S = os_config_int (config, "S", 0, 1, 1 << 16);
  block.temporal = os_config_bool (config, "temporal", FALSE);
  if (!os_config_check (config, error))
    return FALSE;
  if (block.temporal) {
    freqs = golden_weight_floats (run, "rope.freqs", C / N / 2, error);
    if (freqs == NULL)
      return FALSE;
    block.rope = rope =
        os_rope_table (run->compute, freqs, C / N / 2, block.T, OS_DTYPE_F32);
  }
  os_binder_push (binder, "block");
  block.layers =
      os_stdit_block_bind (binder, C, N, 4 * C, TRUE, block.temporal);
  os_binder_pop (binder);
  if ((weights = os_binder_finish (binder, error)) == NULL)
    return FALSE;

  kv = project_texts (run, &block.layers.cross_attn);
  t = golden_input (run, "t");
  t_masked = mask_frames (run, &block);
  run_block (run, &block, kv, t, "");
  run_block (run, &block, kv, t_masked, ".masked");
  return TRUE;
}

/* --- stdit3 --- */

/* The reference embeds all rows of the captions, also masked ones, which the
 * library leaves out. */
static gboolean
run_caption_embedder (
    GoldenRun *run, OsStdit3 *stdit3, const OsTensor *y, GError **error)
{
  g_autoptr (OsBinder) binder = golden_binder (run, error);
  g_autoptr (GPtrArray) weights = NULL;
  g_autoptr (OsTensor) rows = NULL, out = NULL;
  const OsTensor *want = golden_wanted (run, "y_embedder");
  OsCaptionEmbedder embedder;
  gint64 C = y->shape[3];

  if (binder == NULL)
    return FALSE;
  if (want == NULL)
    return TRUE;
  embedder = os_caption_embedder_bind (binder, "y_embedder", C,
      want->shape[want->n_dims - 1], os_stdit3_get_max_length (stdit3));
  if ((weights = os_binder_finish (binder, error)) == NULL)
    return FALSE;
  rows = os_tensor_reshape (y, OS_SHAPE (os_tensor_count (y) / C, C));
  out = os_caption_embed (&embedder, run->compute, rows);
  golden_output (run, "y_embedder", out);
  return TRUE;
}

static GPtrArray *
read_captions (GoldenRun *run, const OsTensor *y)
{
  GPtrArray *captions =
      g_ptr_array_new_with_free_func ((GDestroyNotify) os_tensor_unref);
  gint64 B = y->shape[0], L = y->shape[2], C = y->shape[3], n;
  g_autofree guint8 *mask = golden_input_mask (run, "mask", &n);
  g_autoptr (OsTensor) rows = os_tensor_reshape (y, OS_SHAPE (B, L, C));

  for (gint64 b = 0; b < B; b++) {
    g_autoptr (OsTensor) row = os_tensor_select (rows, 0, b);

    golden_add_caption (run, captions, row, mask + (b * L) % n);
  }
  return captions;
}

static void
run_forward (GoldenRun *run, OsStdit3 *stdit3, GPtrArray *captions)
{
  gint64 n_fps, n;
  g_autofree float *fps = golden_input_floats (run, "fps", &n_fps);
  g_autofree float *height = golden_input_floats (run, "height", &n);
  g_autofree float *width = golden_input_floats (run, "width", &n);
  g_autofree float *timestep = golden_input_floats (run, "timestep", &n);
  g_autoptr (OsTensor) x = golden_input (run, "x");
  g_autofree guint8 *x_mask = NULL;
  g_autoptr (OsStdit3Clip) clip = NULL;
  g_autoptr (OsTensor) out = NULL;
  OsStdit3ClipInfo info = {
    .B = x->shape[0],
    .T = x->shape[2],
    .H = x->shape[3],
    .W = x->shape[4],
    .captions = (const OsTensor *const *) captions->pdata,
    .fps = fps,
    .n_fps = n_fps,
    .height = height[0],
    .width = width[0],
  };

  if (golden_has_input (run, "x_mask"))
    x_mask = golden_input_mask (run, "x_mask", &n);
  golden_watch (run, NULL, "");
  clip = os_stdit3_clip_new (stdit3, run->compute, &info);
  out = os_stdit3_forward (clip, run->compute, x, timestep, x_mask);
  golden_output (run, "out", out);
}

gboolean
golden_stdit3 (GoldenRun *run, GError **error)
{
  g_autoptr (OsConfig) config = golden_config (run, "config", error);
  g_autoptr (OsBinder) binder = golden_binder (run, error);
  g_autoptr (OsStdit3) stdit3 = NULL;
  g_autoptr (OsTensor) y = NULL;
  g_autoptr (GPtrArray) captions = NULL;

  if (config == NULL || binder == NULL
      || (stdit3 = os_stdit3_new (config, binder, error)) == NULL)
    return FALSE;
  y = golden_input (run, "y"); /* [B, 1, L, C] */
  captions = read_captions (run, y);
  run_forward (run, stdit3, captions);
  golden_unwatch (run);
  return run_caption_embedder (run, stdit3, y, error);
}
