/* SPDX-License-Identifier: Apache-2.0 */
/* What the versions of STDiT are made of: configuration and weights. */
#include "models/stdit-private.h"

#include "base/size.h"

static const OsStditVariant variants[] = {
  [OS_STDIT_1] = {
      .model_type = "STDiT",
      .n_lists = 1,
      .lists = { { "blocks", OS_STDIT_BLOCK_JOINT } },
      .max_length = 120,
      .position_dtype = OS_DTYPE_F64,
      .needs_variance = TRUE,
  },
  [OS_STDIT_2] = {
      .model_type = "STDiT2",
      .n_lists = 1,
      .lists = { { "blocks", OS_STDIT_BLOCK_JOINT_MODULATED } },
      .attention = OS_ATTENTION_QK_NORM | OS_ATTENTION_ROPE_FIRST,
      .max_length = 200,
      .has_rope = TRUE,
      .stretches_positions = TRUE,
      .position_dtype = OS_DTYPE_F32,
      .embeds_fps = TRUE,
      .embeds_size = TRUE,
      .needs_variance = TRUE,
  },
  [OS_STDIT_3] = {
      .model_type = "STDiT3",
      .n_lists = 2,
      .lists = { { "spatial_blocks", OS_STDIT_BLOCK_SPATIAL },
          { "temporal_blocks", OS_STDIT_BLOCK_TEMPORAL } },
      .attention = OS_ATTENTION_QK_NORM,
      .max_length = 300,
      .has_rope = TRUE,
      .stretches_positions = TRUE,
      .position_dtype = OS_DTYPE_F32,
      .embeds_fps = TRUE,
      .final_layer_sees_fps = TRUE,
  },
};

static OsStditVersion
find_version (OsConfig *config, OsBinder *binder)
{
  const char *type = os_config_string (config, "model_type", "");

  for (guint i = 0; i < G_N_ELEMENTS (variants); i++)
    if (g_str_equal (type, variants[i].model_type))
      return i;
  if (os_binder_has (binder, "temporal_blocks.0.attn.qkv.weight"))
    return OS_STDIT_3;
  if (os_binder_has (binder, "t_block_temp.1.weight"))
    return OS_STDIT_2;
  if (os_binder_has (binder, "blocks.0.attn_temp.qkv.weight"))
    return OS_STDIT_1;
  return OS_STDIT_3;
}

/* --- configuration --- */

static void
check_config (
    const OsStditVariant *variant, OsConfig *config, const OsStditConfig *c)
{
  if (c->hidden_size % c->num_heads || c->hidden_size / c->num_heads % 2)
    os_config_problem (
        config, "num_heads", "hidden_size must be an even multiple of it");
  if (c->hidden_size % 4)
    os_config_problem (config, "hidden_size", "must be a multiple of 4");
  if (variant->embeds_size && c->hidden_size % 3)
    os_config_problem (config, "hidden_size", "must be a multiple of 3");
  if (variant->needs_variance && c->out_channels == c->in_channels)
    os_config_problem (config, "pred_sigma",
        "must be true: %s is sampled with its variance", variant->model_type);
  if (os_config_bool (config, "skip_y_embedder", FALSE))
    os_config_problem (
        config, "skip_y_embedder", "is a training aid; inference needs false");
}

static void
read_config (const OsStditVariant *variant, OsConfig *config, OsStditConfig *c)
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
      os_config_int (config, "model_max_length", variant->max_length, 1, huge);
  c->input_sq_size = os_config_int (config, "input_sq_size", 512, 1, huge);
  c->space_scale = os_config_double (config, "space_scale", 0, 1e-3, 1e3);
  c->time_scale = os_config_double (config, "time_scale", 1, 1e-3, 1e3);
  c->qk_norm = os_config_bool (config, "qk_norm", TRUE);
  os_config_ints (config, "patch_size", 1, 64, 3, patch);
  for (int i = 0; i < 3; i++)
    c->patch[i] = patch[i];
  check_config (variant, config, c);
}

/* --- weights --- */

static void
bind_embedders (OsStdit *m, OsBinder *b)
{
  const OsStditConfig *c = &m->config;
  const int *p = c->patch;
  const gint64 C = c->hidden_size;

  m->x_embedder.weight = os_binder_weight (b, "x_embedder.proj.weight",
      OS_SHAPE (C, c->in_channels, p[0], p[1], p[2]));
  m->x_embedder.bias =
      os_binder_weight (b, "x_embedder.proj.bias", OS_SHAPE (C));
  m->t_embedder = os_scalar_embedder_bind (b, "t_embedder", C);
  m->t_block = os_binder_linear (b, "t_block.1", C, 6 * C, TRUE);
  m->y_embedder = os_caption_embedder_bind (
      b, "y_embedder", c->caption_channels, C, c->model_max_length);
  if (m->variant->embeds_fps)
    m->fps_embedder = os_scalar_embedder_bind (b, "fps_embedder", C);
  if (m->variant->embeds_size) {
    m->csize_embedder = os_scalar_embedder_bind (b, "csize_embedder", C / 3);
    m->ar_embedder = os_scalar_embedder_bind (b, "ar_embedder", C / 3);
    m->fl_embedder = os_scalar_embedder_bind (b, "fl_embedder", C);
    m->t_block_temp = os_binder_linear (b, "t_block_temp.1", C, 3 * C, TRUE);
  }
}

/* Trained files hold them, rounded as the training had them. */
static void
bind_rope (OsStdit *m, OsBinder *b)
{
  const gint64 D = m->config.hidden_size / m->config.num_heads;

  m->rope_freqs = g_new (float, D / 2);
  if (!os_binder_values (b, "rope.freqs", D / 2, m->rope_freqs))
    os_rope_default_freqs (D, m->rope_freqs);
}

static void
bind_blocks (OsStdit *m, OsBinder *b)
{
  const OsStditConfig *c = &m->config;
  const OsStditVariant *variant = m->variant;
  OsStditBlockSpec spec = { .C = c->hidden_size,
    .n_heads = c->num_heads,
    .mlp_hidden = c->mlp_hidden,
    .attention = variant->attention };

  if (!c->qk_norm)
    spec.attention &= ~OS_ATTENTION_QK_NORM;
  m->n_blocks = c->depth * variant->n_lists;
  m->blocks = g_new0 (OsStditBlock, m->n_blocks);
  for (guint i = 0; i < m->n_blocks; i++) {
    const guint list = i % variant->n_lists;

    spec.kind = variant->lists[list].kind;
    os_binder_push (
        b, "%s.%u", variant->lists[list].name, i / variant->n_lists);
    m->blocks[i] = os_stdit_block_bind (b, &spec);
    os_binder_pop (b);
  }
}

OsStdit *
os_stdit_new (OsConfig *config, OsBinder *binder, GError **error)
{
  g_autoptr (OsStdit) m = g_new0 (OsStdit, 1);
  const OsStditConfig *c = &m->config;
  const int *p = c->patch;

  m->version = find_version (config, binder);
  m->variant = &variants[m->version];
  read_config (m->variant, config, &m->config);
  if (!os_config_check (config, error))
    return NULL;

  bind_embedders (m, binder);
  if (m->variant->has_rope)
    bind_rope (m, binder);
  bind_blocks (m, binder);
  os_binder_push (binder, "final_layer");
  m->final_layer = os_final_layer_bind (
      binder, c->hidden_size, p[0] * p[1] * p[2] * c->out_channels);
  os_binder_pop (binder);
  /* Position tables, which are computed here. */
  os_binder_ignore (binder, "pos_embed");

  m->weights = os_binder_finish (binder, error);
  return m->weights ? g_steal_pointer (&m) : NULL;
}

void
os_stdit_free (OsStdit *m)
{
  g_clear_pointer (&m->weights, g_ptr_array_unref);
  g_free (m->blocks);
  g_free (m->rope_freqs);
  g_free (m);
}

void
os_stdit_set_scales (OsStdit *m, double space_scale, double time_scale)
{
  m->config.space_scale = space_scale;
  m->config.time_scale = time_scale;
}

OsStditVersion
os_stdit_get_version (const OsStdit *m)
{
  return m->version;
}

gint64
os_stdit_get_in_channels (const OsStdit *m)
{
  return m->config.in_channels;
}

gint64
os_stdit_get_caption_channels (const OsStdit *m)
{
  return m->config.caption_channels;
}

gint64
os_stdit_get_max_length (const OsStdit *m)
{
  return m->config.model_max_length;
}

guint64
os_stdit_get_weight_bytes (const OsStdit *m)
{
  return os_weight_set_get_bytes (m->weights, 0, m->weights->len);
}

/* Of both captions keys and values in every block; of each token itself, its
 * norm, and what the widest layer makes of that: queries, keys, values and
 * their mixture, or the hidden layer. A cache has it as it was, what the first
 * block saw of it, and what the blocks added. The largest weight is packed for
 * a product. */
guint64
os_stdit_estimate_bytes (const OsStdit *m, gint64 T, gint64 H, gint64 W,
    gint64 L, gboolean step_cache)
{
  const OsStditConfig *c = &m->config;
  const guint64 C = c->hidden_size, wide = MAX (4 * C, (guint64) c->mlp_hidden);
  const guint64 of_token = 2 * C + wide + (step_cache ? 3 * C : 0);
  const guint64 tokens = os_div_up (T, c->patch[0]) * os_div_up (H, c->patch[1])
                         * os_div_up (W, c->patch[2]);

  return sizeof (float)
         * (2 * tokens * of_token + 2 * m->n_blocks * L * 2 * C
             + os_weight_set_get_largest (m->weights, 0, m->weights->len));
}
