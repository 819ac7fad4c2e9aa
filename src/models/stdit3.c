/* SPDX-License-Identifier: Apache-2.0 */
/* STDiT3's forward pass. */
#include "models/stdit3.h"

#include <math.h>
#include <string.h>

#include "base/size.h"
#include "models/blocks/embedders.h"
#include "models/blocks/stdit-block.h"

typedef struct {
  gint64 hidden_size, depth, num_heads, in_channels, out_channels;
  gint64 mlp_hidden, caption_channels, model_max_length, input_sq_size;
  int patch[3];
  gboolean qk_norm;
} Config;

struct _OsStdit3 {
  Config config;
  OsWeightSet *weights;

  OsLinear x_embedder; /* a Conv3d whose kernel is its stride */
  OsScalarEmbedder t_embedder, fps_embedder;
  OsLinear t_block;
  OsCaptionEmbedder y_embedder;
  float *rope_freqs;                              /* [head_dim / 2] */
  OsStditBlock *spatial_blocks, *temporal_blocks; /* depth of each */
  OsFinalLayer final_layer;
};

struct _OsStdit3Clip {
  OsStdit3 *stdit3;   /* not owned */
  gint64 B, T, H, W;  /* of the latents */
  gint64 t, h, w;     /* of the token grid */
  OsTensor *position; /* [h w, C] */
  OsTensor *rope;     /* [t, head_dim / 2, 2] */
  OsTensor *fps;      /* [B, C] */
  /* For blocks 2 i (spatial) and 2 i + 1 (temporal): B tensors [L_b, 2 C]. */
  GPtrArray *kv;
};

static void
read_config (OsConfig *config, Config *c)
{
  const gint64 huge = 1 << 20;
  gint64 patch[3] = { 1, 2, 2 };

  c->hidden_size = os_config_int (config, "hidden_size", 1152, 4, huge);
  c->depth = os_config_int (config, "depth", 28, 1, 1024);
  c->num_heads = os_config_int (config, "num_heads", 16, 1, 1024);
  c->in_channels = os_config_int (config, "in_channels", 4, 1, 1024);
  c->out_channels =
      c->in_channels * (os_config_bool (config, "pred_sigma", TRUE) ? 2 : 1);
  c->mlp_hidden =
      c->hidden_size * os_config_double (config, "mlp_ratio", 4.0, 0.01, 64);
  c->caption_channels =
      os_config_int (config, "caption_channels", 4096, 1, huge);
  c->model_max_length =
      os_config_int (config, "model_max_length", 300, 1, huge);
  c->input_sq_size = os_config_int (config, "input_sq_size", 512, 1, huge);
  c->qk_norm = os_config_bool (config, "qk_norm", TRUE);
  os_config_ints (config, "patch_size", 1, 64, 3, patch);
  for (int i = 0; i < 3; i++)
    c->patch[i] = patch[i];

  if (c->hidden_size % c->num_heads || c->hidden_size / c->num_heads % 2)
    os_config_problem (
        config, "num_heads", "hidden_size must be an even multiple of it");
  if (c->hidden_size % 4)
    os_config_problem (config, "hidden_size", "must be a multiple of 4");
  if (os_config_bool (config, "skip_y_embedder", FALSE))
    os_config_problem (
        config, "skip_y_embedder", "is a training aid; inference needs false");
}

static void
bind_embedders (OsStdit3 *m, OsBinder *b)
{
  const Config *c = &m->config;
  const int *p = c->patch;
  const gint64 C = c->hidden_size, D = C / c->num_heads;

  m->x_embedder.weight = os_binder_weight (b, "x_embedder.proj.weight",
      OS_SHAPE (C, c->in_channels, p[0], p[1], p[2]));
  m->x_embedder.bias =
      os_binder_weight (b, "x_embedder.proj.bias", OS_SHAPE (C));
  m->t_embedder = os_scalar_embedder_bind (b, "t_embedder", C);
  m->fps_embedder = os_scalar_embedder_bind (b, "fps_embedder", C);
  m->t_block = os_binder_linear (b, "t_block.1", C, 6 * C, TRUE);
  m->y_embedder = os_caption_embedder_bind (
      b, "y_embedder", c->caption_channels, C, c->model_max_length);
  /* Trained files hold them, rounded as the training had them. */
  m->rope_freqs = g_new (float, D / 2);
  if (!os_binder_values (b, "rope.freqs", D / 2, m->rope_freqs))
    os_rope_default_freqs (D, m->rope_freqs);
}

static OsStditBlock *
bind_blocks (OsStdit3 *m, OsBinder *b, const char *name, gboolean temporal)
{
  const Config *c = &m->config;
  OsStditBlock *blocks = g_new0 (OsStditBlock, c->depth);

  for (gint64 i = 0; i < c->depth; i++) {
    os_binder_push (b, "%s.%d", name, (int) i);
    blocks[i] = os_stdit_block_bind (
        b, c->hidden_size, c->num_heads, c->mlp_hidden, c->qk_norm, temporal);
    os_binder_pop (b);
  }
  return blocks;
}

OsStdit3 *
os_stdit3_new (OsConfig *config, OsBinder *binder, GError **error)
{
  g_autoptr (OsStdit3) m = g_new0 (OsStdit3, 1);
  const Config *c = &m->config;
  const int *p = c->patch;

  read_config (config, &m->config);
  if (!os_config_check (config, error))
    return NULL;

  bind_embedders (m, binder);
  m->spatial_blocks = bind_blocks (m, binder, "spatial_blocks", FALSE);
  m->temporal_blocks = bind_blocks (m, binder, "temporal_blocks", TRUE);
  os_binder_push (binder, "final_layer");
  m->final_layer = os_final_layer_bind (
      binder, c->hidden_size, p[0] * p[1] * p[2] * c->out_channels);
  os_binder_pop (binder);
  /* Position tables of older files; they are computed here. */
  os_binder_ignore (binder, "pos_embed");

  m->weights = os_binder_finish (binder, error);
  return m->weights ? g_steal_pointer (&m) : NULL;
}

void
os_stdit3_free (OsStdit3 *m)
{
  g_clear_pointer (&m->weights, g_ptr_array_unref);
  g_free (m->spatial_blocks);
  g_free (m->temporal_blocks);
  g_free (m->rope_freqs);
  g_free (m);
}

gint64
os_stdit3_get_in_channels (const OsStdit3 *m)
{
  return m->config.in_channels;
}

gint64
os_stdit3_get_caption_channels (const OsStdit3 *m)
{
  return m->config.caption_channels;
}

gint64
os_stdit3_get_max_length (const OsStdit3 *m)
{
  return m->config.model_max_length;
}

OsTensor *
os_stdit3_null_caption (OsStdit3 *m, OsCompute *compute, gint64 n)
{
  return os_tensor_slice (
      os_weight_get (m->y_embedder.null_caption, compute), 0, 0, n);
}

/* Keys and values of one block for every sample's text. */
static OsTensor **
text_kv (const OsStditBlock *block, OsCompute *compute, OsTensor *const *texts,
    gint64 B)
{
  OsTensor **kv = g_new0 (OsTensor *, B + 1);

  for (gint64 b = 0; b < B; b++)
    kv[b] = os_linear (
        compute, &block->cross_attn.kv_linear, texts[b], OS_ACT_NONE);
  return kv;
}

static void
free_tensors (OsTensor **tensors)
{
  for (OsTensor **t = tensors; *t; t++)
    os_tensor_unref (*t);
  g_free (tensors);
}

static void
embed_text (
    OsStdit3Clip *clip, OsCompute *compute, const OsTensor *const *captions)
{
  const OsStdit3 *m = clip->stdit3;
  OsTensor **texts = g_new0 (OsTensor *, clip->B + 1);

  for (gint64 b = 0; b < clip->B; b++)
    texts[b] = os_caption_embed (&m->y_embedder, compute, captions[b]);
  for (gint64 i = 0; i < m->config.depth; i++) {
    g_ptr_array_add (
        clip->kv, text_kv (&m->spatial_blocks[i], compute, texts, clip->B));
    g_ptr_array_add (
        clip->kv, text_kv (&m->temporal_blocks[i], compute, texts, clip->B));
  }
  free_tensors (texts);
}

/* The position table is that of the size asked for, stretched as if the grid
 * were square and of the size that the network was trained at. */
static void
embed_positions (
    OsStdit3Clip *clip, OsCompute *compute, double height, double width)
{
  const Config *c = &clip->stdit3->config;
  const double scale = sqrt (height * width) / c->input_sq_size;
  const gint64 base_size = rint (sqrt (clip->h * clip->w));

  clip->position = os_position_embed_2d (compute, c->hidden_size, clip->h,
      clip->w, scale, base_size, OS_DTYPE_F32);
  clip->rope = os_rope_table (compute, clip->stdit3->rope_freqs,
      c->hidden_size / c->num_heads / 2, clip->t, OS_DTYPE_F32);
}

static void
embed_fps (OsStdit3Clip *clip, OsCompute *compute, const OsStdit3ClipInfo *info)
{
  g_autofree float *fps = g_new (float, clip->B);

  for (gint64 b = 0; b < clip->B; b++)
    fps[b] = info->fps[b % info->n_fps];
  clip->fps =
      os_scalar_embed (&clip->stdit3->fps_embedder, compute, fps, clip->B);
  os_probe (compute, clip->fps, "fps_embedder");
}

OsStdit3Clip *
os_stdit3_clip_new (
    OsStdit3 *m, OsCompute *compute, const OsStdit3ClipInfo *info)
{
  const int *p = m->config.patch;
  OsStdit3Clip *clip = g_new0 (OsStdit3Clip, 1);

  clip->stdit3 = m;
  clip->B = info->B;
  clip->T = info->T;
  clip->H = info->H;
  clip->W = info->W;
  clip->t = os_div_up (info->T, p[0]);
  clip->h = os_div_up (info->H, p[1]);
  clip->w = os_div_up (info->W, p[2]);
  clip->kv = g_ptr_array_new_with_free_func ((GDestroyNotify) free_tensors);
  embed_text (clip, compute, info->captions);
  embed_positions (clip, compute, info->height, info->width);
  embed_fps (clip, compute, info);
  return clip;
}

void
os_stdit3_clip_free (OsStdit3Clip *clip)
{
  g_ptr_array_unref (clip->kv);
  g_clear_pointer (&clip->position, os_tensor_unref);
  g_clear_pointer (&clip->rope, os_tensor_unref);
  g_clear_pointer (&clip->fps, os_tensor_unref);
  g_free (clip);
}

/* Timestep and frame rate together: [B, C]. */
static OsTensor *
embed_time (const OsStdit3Clip *clip, OsCompute *compute, const float *timestep,
    const char *probe)
{
  g_autoptr (OsTensor) t =
      os_scalar_embed (&clip->stdit3->t_embedder, compute, timestep, clip->B);

  os_probe (compute, t, "%s", probe);
  return os_add (compute, t, clip->fps);
}

/* t_block (silu (t)): [B, 6 C]. */
static OsTensor *
block_modulation (
    const OsStdit3Clip *clip, OsCompute *compute, const OsTensor *t)
{
  g_autoptr (OsTensor) active = os_activate (compute, t, OS_ACT_SILU);

  return os_linear (compute, &clip->stdit3->t_block, active, OS_ACT_NONE);
}

/* A row a frame, of t6 where the frame is generated, else of t60:
 * [B, 6 C] -> [B T, 6 C]. */
static OsTensor *
modulation_per_frame (const OsStdit3Clip *clip, OsCompute *compute,
    const OsTensor *t6, const OsTensor *t60, const guint8 *x_mask)
{
  const gint64 n = clip->B * clip->t, width = t6->shape[1];
  const gint64 shape[] = { clip->B, clip->t, width };
  const gint64 stride[] = { width, 0, 1 };
  g_autoptr (OsTensor) view = os_tensor_as_strided (t6, 0, 3, shape, stride);
  g_autoptr (OsTensor) view0 = os_tensor_as_strided (t60, 0, 3, shape, stride);
  g_autoptr (OsTensor) all = os_contiguous (compute, view);
  g_autoptr (OsTensor) all0 = os_contiguous (compute, view0);
  g_autoptr (OsTensor) rows = os_tensor_reshape (all, OS_SHAPE (n, width));
  g_autoptr (OsTensor) rows0 = os_tensor_reshape (all0, OS_SHAPE (n, width));

  return os_select_rows (compute, x_mask, rows, rows0);
}

/* [B, C_in, T, H, W] -> tokens [B, t, h w, C] with their positions. */
static OsTensor *
embed_latents (const OsStdit3Clip *clip, OsCompute *compute, const OsTensor *x)
{
  const Config *c = &clip->stdit3->config;
  g_autoptr (OsTensor) patches = os_patchify (compute, x, c->patch);
  g_autoptr (OsTensor) tokens =
      os_linear (compute, &clip->stdit3->x_embedder, patches, OS_ACT_NONE);
  g_autoptr (OsTensor) placed = os_add (compute, tokens, clip->position);

  os_probe (compute, tokens, "x_embedder");
  return os_tensor_reshape (
      placed, OS_SHAPE (clip->B, clip->t, clip->h * clip->w, c->hidden_size));
}

static void
run_blocks (
    OsStdit3Clip *clip, OsCompute *compute, OsTensor *x, const OsTensor *t6)
{
  OsStdit3 *m = clip->stdit3;

  for (gint64 i = 0; i < m->config.depth && os_compute_ok (compute); i++) {
    os_probe_push (compute, "spatial_blocks.%d", (int) i);
    os_stdit_block_forward (
        &m->spatial_blocks[i], compute, x, t6, clip->kv->pdata[2 * i], NULL);
    os_probe_pop (compute);
    os_probe (compute, x, "spatial_blocks.%d", (int) i);

    os_probe_push (compute, "temporal_blocks.%d", (int) i);
    os_stdit_block_forward (&m->temporal_blocks[i], compute, x, t6,
        clip->kv->pdata[2 * i + 1], clip->rope);
    os_probe_pop (compute);
    os_probe (compute, x, "temporal_blocks.%d", (int) i);
  }
}

/* A mask that leaves every frame to be generated says nothing. */
static gboolean
has_given_frames (const guint8 *x_mask, gint64 n)
{
  return x_mask && memchr (x_mask, 0, n) != NULL;
}

OsTensor *
os_stdit3_forward (OsStdit3Clip *clip, OsCompute *compute, const OsTensor *x,
    const float *timestep, const guint8 *x_mask)
{
  const Config *c = &clip->stdit3->config;
  g_autoptr (OsTensor) t = embed_time (clip, compute, timestep, "t_embedder");
  g_autoptr (OsTensor) t6 = block_modulation (clip, compute, t);
  g_autoptr (OsTensor) t0 = NULL;
  g_autoptr (OsTensor) tokens = NULL;
  g_autoptr (OsTensor) out = NULL;

  if (!has_given_frames (x_mask, clip->B * clip->t)) {
    x_mask = NULL;
  } else {
    g_autofree float *zeros = g_new0 (float, clip->B);
    g_autoptr (OsTensor) t60 = NULL;
    OsTensor *per_frame;

    t0 = embed_time (clip, compute, zeros, "t_embedder.call2");
    t60 = block_modulation (clip, compute, t0);
    per_frame = modulation_per_frame (clip, compute, t6, t60, x_mask);
    os_tensor_unref (t6);
    t6 = per_frame;
  }

  tokens = embed_latents (clip, compute, x);
  run_blocks (clip, compute, tokens, t6);
  out = os_final_layer_forward (
      &clip->stdit3->final_layer, compute, tokens, t, t0, x_mask);
  os_probe (compute, out, "final_layer");
  return os_unpatchify (
      compute, out, c->patch, c->out_channels, clip->T, clip->H, clip->W);
}

OsTensor *
os_stdit3_forward_guided (OsStdit3Clip *clip, OsCompute *compute,
    const OsTensor *x, float timestep, const guint8 *x_mask)
{
  const gint64 half = clip->B / 2 * clip->t;
  g_autoptr (OsTensor) both =
      os_concat (compute, (const OsTensor *[]){ x, x }, 2);
  g_autofree float *timesteps = g_new (float, clip->B);
  g_autofree guint8 *masks = NULL;

  for (gint64 b = 0; b < clip->B; b++)
    timesteps[b] = timestep;
  if (x_mask) {
    masks = g_new (guint8, 2 * half);
    memcpy (masks, x_mask, half);
    memcpy (masks + half, x_mask, half);
  }
  return os_stdit3_forward (clip, compute, both, timesteps, masks);
}
