/* SPDX-License-Identifier: Apache-2.0 */
/* The temporal autoencoder's decoder. Names are those of the checkpoint; every
 * convolution is a CausalConv3d, whose weights lie in `<name>.conv`. */
#include "vae/temporal.h"

#include <string.h>

#define NORM_EPS 1e-5f
#define MAX_LEVELS 8

typedef struct {
  OsNorm norm1, norm2;
  OsConv conv1, conv2;
  OsConv conv3; /* 1x1x1 shortcut; weight NULL if channels stay */
} ResBlock;

typedef struct {
  ResBlock *blocks;
  OsConv conv_block; /* doubles the channels for channel-to-time, or NULL */
} Level;

struct _OsTemporalVae {
  int n_levels, n_blocks, n_groups;
  gint64 channels[MAX_LEVELS];     /* of each level, level 0 outermost */
  gboolean downsample[MAX_LEVELS]; /* between levels i and i + 1 */
  gint64 latent_channels, embed_dim, out_channels;

  OsConv post_quant_conv, conv1, conv_out;
  ResBlock *res_blocks;
  Level levels[MAX_LEVELS];
  OsNorm norm1;
};

static const int kernel_1[] = { 1, 1, 1 }, kernel_3[] = { 3, 3, 3 };
static const OsConvGeometry unpadded = { 0 };
/* Zero frames in front only: no frame sees a later one. */
static const OsConvGeometry causal = {
  .pad_front = 2, .pad_top = 1, .pad_bottom = 1, .pad_left = 1, .pad_right = 1
};

static OsConv
bind_conv (OsBinder *b, const char *name, gint64 in, gint64 out,
    const int kernel[3], gboolean bias)
{
  g_autofree char *path = g_strconcat (name, ".conv", NULL);

  return os_binder_conv (b, path, in, out, 3, kernel, bias);
}

static ResBlock *
bind_res_blocks (OsBinder *b, const char *name, int n, gint64 in, gint64 out)
{
  ResBlock *blocks = g_new0 (ResBlock, n);

  for (int i = 0; i < n; i++, in = out) {
    os_binder_push (b, "%s.%d", name, i);
    blocks[i].norm1 = os_binder_norm (b, "norm1", in);
    blocks[i].conv1 = bind_conv (b, "conv1", in, out, kernel_3, FALSE);
    blocks[i].norm2 = os_binder_norm (b, "norm2", out);
    blocks[i].conv2 = bind_conv (b, "conv2", out, out, kernel_3, FALSE);
    if (in != out)
      blocks[i].conv3 = bind_conv (b, "conv3", in, out, kernel_1, FALSE);
    os_binder_pop (b);
  }
  return blocks;
}

static void
bind_levels (OsTemporalVae *vae, OsBinder *b)
{
  gint64 C = vae->channels[vae->n_levels - 1];

  for (int i = vae->n_levels; i-- > 0;) {
    Level *level = &vae->levels[i];
    g_autofree char *blocks = g_strdup_printf ("block_res_blocks.%d", i);

    level->blocks =
        bind_res_blocks (b, blocks, vae->n_blocks, C, vae->channels[i]);
    C = vae->channels[i];
    if (i > 0 && vae->downsample[i - 1]) {
      g_autofree char *name = g_strdup_printf ("conv_blocks.%d", i - 1);
      level->conv_block = bind_conv (b, name, C, 2 * C, kernel_3, TRUE);
    }
  }
}

static void
bind_decoder (OsTemporalVae *vae, OsBinder *b)
{
  const gint64 deepest = vae->channels[vae->n_levels - 1];

  vae->post_quant_conv = bind_conv (b, "post_quant_conv", vae->embed_dim,
      vae->latent_channels, kernel_1, TRUE);
  os_binder_push (b, "decoder");
  vae->conv1 =
      bind_conv (b, "conv1", vae->latent_channels, deepest, kernel_3, TRUE);
  vae->res_blocks =
      bind_res_blocks (b, "res_blocks", vae->n_blocks, deepest, deepest);
  bind_levels (vae, b);
  vae->norm1 = os_binder_norm (b, "norm1", vae->channels[0]);
  vae->conv_out = bind_conv (
      b, "conv_out", vae->channels[0], vae->out_channels, kernel_3, TRUE);
  os_binder_pop (b);
}

/* channels[i] = filters * channel_multipliers[i]. */
static void
read_levels (OsTemporalVae *vae, OsConfig *config)
{
  const gint64 published[] = { 1, 2, 2, 4 };
  const gboolean published_downsample[] = { FALSE, TRUE, TRUE };
  const char *multipliers = "channel_multipliers";
  const gint64 filters = os_config_int (config, "filters", 128, 1, 1 << 14);

  vae->n_levels =
      os_config_ints (config, multipliers, 1, 64, MAX_LEVELS, vae->channels);
  if (vae->n_levels == 0) {
    vae->n_levels = G_N_ELEMENTS (published);
    memcpy (vae->channels, published, sizeof published);
  }
  if (os_config_bools (
          config, "temporal_downsample", MAX_LEVELS, vae->downsample)
      == 0)
    memcpy (vae->downsample, published_downsample, sizeof published_downsample);
  for (int i = 0; i < vae->n_levels; i++) {
    vae->channels[i] *= filters;
    if (vae->channels[i] % vae->n_groups)
      os_config_problem (
          config, multipliers, "times filters must be multiples of num_groups");
  }
}

OsTemporalVae *
os_temporal_vae_new (OsConfig *config, OsBinder *binder)
{
  OsTemporalVae *vae = g_new0 (OsTemporalVae, 1);

  vae->n_blocks = os_config_int (config, "num_res_blocks", 4, 1, 64);
  vae->n_groups = os_config_int (config, "num_groups", 32, 1, 1024);
  vae->latent_channels = os_config_int (config, "latent_embed_dim", 4, 1, 1024);
  vae->embed_dim = os_config_int (config, "embed_dim", 4, 1, 1024);
  vae->out_channels = os_config_int (config, "in_out_channels", 4, 1, 1024);
  read_levels (vae, config);
  bind_decoder (vae, binder);
  return vae;
}

void
os_temporal_vae_free (OsTemporalVae *vae)
{
  for (int i = 0; i < vae->n_levels; i++)
    g_free (vae->levels[i].blocks);
  g_free (vae->res_blocks);
  g_free (vae);
}

gint64
os_temporal_vae_get_factor (const OsTemporalVae *vae)
{
  gint64 factor = 1;

  for (int i = 0; i + 1 < vae->n_levels; i++)
    factor *= vae->downsample[i] ? 2 : 1;
  return factor;
}

/* x + conv2 (silu (norm2 (conv1 (silu (norm1 (x)))))); takes x. */
static OsTensor *
run_res_block (const OsTemporalVae *vae, OsCompute *compute,
    const ResBlock *block, OsTensor *x)
{
  g_autoptr (OsTensor) skip = x;
  g_autoptr (OsTensor) h1 = os_group_norm (
      compute, x, &block->norm1, vae->n_groups, NORM_EPS, OS_ACT_SILU);
  g_autoptr (OsTensor) h2 = os_conv (compute, &block->conv1, h1, &causal, NULL);
  g_autoptr (OsTensor) h3 = NULL;

  g_clear_pointer (&h1, os_tensor_unref);
  h3 = os_group_norm (
      compute, h2, &block->norm2, vae->n_groups, NORM_EPS, OS_ACT_SILU);
  g_clear_pointer (&h2, os_tensor_unref);
  if (block->conv3.weight) {
    skip = os_conv (compute, &block->conv3, x, &unpadded, NULL);
    os_tensor_unref (x);
  }
  return os_conv (compute, &block->conv2, h3, &causal, skip);
}

static OsTensor *
run_level (const OsTemporalVae *vae, OsCompute *compute, int i, OsTensor *h)
{
  const Level *level = &vae->levels[i];

  for (int j = 0; j < vae->n_blocks; j++)
    h = run_res_block (vae, compute, &level->blocks[j], h);
  if (level->conv_block.weight) {
    g_autoptr (OsTensor) wide =
        os_conv (compute, &level->conv_block, h, &causal, NULL);

    os_probe (compute, wide, "decoder.conv_blocks.%d", i - 1);
    os_tensor_unref (h);
    h = os_channel_to_time (compute, wide, 2);
  }
  return h;
}

OsTensor *
os_temporal_vae_decode (
    OsTemporalVae *vae, OsCompute *compute, const OsTensor *z, gint64 n_frames)
{
  g_autoptr (OsTensor) quant =
      os_conv (compute, &vae->post_quant_conv, z, &unpadded, NULL);
  OsTensor *h = os_conv (compute, &vae->conv1, quant, &causal, NULL);
  g_autoptr (OsTensor) normed = NULL;
  g_autoptr (OsTensor) out = NULL;
  g_autoptr (OsTensor) kept = NULL;

  os_probe (compute, quant, "post_quant_conv");
  os_probe (compute, h, "decoder.conv1");
  for (int j = 0; j < vae->n_blocks; j++) {
    h = run_res_block (vae, compute, &vae->res_blocks[j], h);
    os_probe (compute, h, "decoder.res_blocks.%d", j);
  }
  for (int i = vae->n_levels; i-- > 0;)
    h = run_level (vae, compute, i, h);
  normed = os_group_norm (
      compute, h, &vae->norm1, vae->n_groups, NORM_EPS, OS_ACT_SILU);
  os_tensor_unref (h);
  out = os_conv (compute, &vae->conv_out, normed, &causal, NULL);
  os_probe (compute, out, "decoder.conv_out");
  kept = os_tensor_slice (out, 1, out->shape[1] - n_frames, n_frames);
  return os_contiguous (compute, kept);
}
