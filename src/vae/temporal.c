/* SPDX-License-Identifier: Apache-2.0 */
/* The temporal autoencoder. Names are those of the checkpoint; every
 * convolution is a CausalConv3d, whose weights lie in `<name>.conv`.
 *
 * Encoder: conv_in, levels from the outermost, each of them residual blocks
 * and, where time is halved, a convolution of stride 2; res_blocks, conv2,
 * quant_conv. Decoder: post_quant_conv, conv1, res_blocks, the levels from the
 * deepest, conv_out. */
#include "vae/temporal.h"

#include <string.h>

#include "base/size.h"

#define NORM_EPS 1e-5f
#define MAX_LEVELS 8

typedef struct {
  OsNorm norm1, norm2;
  OsConv conv1, conv2;
  OsConv conv3; /* 1x1x1 shortcut; weight NULL if channels stay */
} ResBlock;

typedef struct {
  ResBlock *blocks;
  OsConv conv_block; /* halves or doubles time after the blocks, or NULL */
} Level;

/* Encoder or decoder. */
typedef struct {
  OsConv conv_in, conv_out;
  ResBlock *res_blocks; /* of the deepest level */
  Level levels[MAX_LEVELS];
  OsNorm norm1;
} Coder;

struct _OsTemporalVae {
  int n_levels, n_blocks, n_groups;
  gint64 filters;
  gint64 channels[MAX_LEVELS];     /* of each level, level 0 outermost */
  gboolean downsample[MAX_LEVELS]; /* between levels i and i + 1 */
  gint64 latent_channels, embed_dim, in_out_channels;

  OsConv quant_conv, post_quant_conv; /* quant_conv NULL: no encoder */
  Coder encoder, decoder;
};

static const int kernel_1[] = { 1, 1, 1 }, kernel_3[] = { 3, 3, 3 };
static const OsConvGeometry unpadded = { 0 };
/* Zero frames in front only: no frame sees a later one. */
static const OsConvGeometry causal = {
  .pad_front = 2, .pad_top = 1, .pad_bottom = 1, .pad_left = 1, .pad_right = 1
};
static const OsConvGeometry causal_half_time = { .pad_front = 1,
  .pad_top = 1,
  .pad_bottom = 1,
  .pad_left = 1,
  .pad_right = 1,
  .stride_t = 2 };

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

static ResBlock *
bind_level (const OsTemporalVae *vae, OsBinder *b, int i, gint64 in)
{
  g_autofree char *name = g_strdup_printf ("block_res_blocks.%d", i);

  return bind_res_blocks (b, name, vae->n_blocks, in, vae->channels[i]);
}

/* Between levels i and i + 1. */
static OsConv
bind_conv_block (OsBinder *b, int i, gint64 in, gint64 out)
{
  g_autofree char *name = g_strdup_printf ("conv_blocks.%d", i);

  return bind_conv (b, name, in, out, kernel_3, TRUE);
}

/* Its last convolutions have twice the latent channels: means and variances. */
static void
bind_encoder (OsTemporalVae *vae, OsBinder *b)
{
  Coder *encoder = &vae->encoder;
  gint64 C = vae->filters;

  os_binder_push (b, "encoder");
  encoder->conv_in =
      bind_conv (b, "conv_in", vae->in_out_channels, C, kernel_3, FALSE);
  for (int i = 0; i < vae->n_levels; i++) {
    encoder->levels[i].blocks = bind_level (vae, b, i, C);
    C = vae->channels[i];
    if (i < vae->n_levels - 1 && vae->downsample[i])
      encoder->levels[i].conv_block = bind_conv_block (b, i, C, C);
  }
  encoder->res_blocks = bind_res_blocks (b, "res_blocks", vae->n_blocks, C, C);
  encoder->norm1 = os_binder_norm (b, "norm1", C);
  encoder->conv_out =
      bind_conv (b, "conv2", C, 2 * vae->latent_channels, kernel_1, TRUE);
  os_binder_pop (b);
  vae->quant_conv = bind_conv (b, "quant_conv", 2 * vae->latent_channels,
      2 * vae->embed_dim, kernel_1, TRUE);
}

static void
bind_decoder (OsTemporalVae *vae, OsBinder *b)
{
  Coder *decoder = &vae->decoder;
  gint64 C = vae->channels[vae->n_levels - 1];

  vae->post_quant_conv = bind_conv (b, "post_quant_conv", vae->embed_dim,
      vae->latent_channels, kernel_1, TRUE);
  os_binder_push (b, "decoder");
  decoder->conv_in =
      bind_conv (b, "conv1", vae->latent_channels, C, kernel_3, TRUE);
  decoder->res_blocks = bind_res_blocks (b, "res_blocks", vae->n_blocks, C, C);
  for (int i = vae->n_levels; i-- > 0;) {
    decoder->levels[i].blocks = bind_level (vae, b, i, C);
    C = vae->channels[i];
    if (i > 0 && vae->downsample[i - 1])
      decoder->levels[i].conv_block = bind_conv_block (b, i - 1, C, 2 * C);
  }
  decoder->norm1 = os_binder_norm (b, "norm1", C);
  decoder->conv_out =
      bind_conv (b, "conv_out", C, vae->in_out_channels, kernel_3, TRUE);
  os_binder_pop (b);
}

/* channels[i] = filters * channel_multipliers[i]. */
static void
read_levels (OsTemporalVae *vae, OsConfig *config)
{
  const gint64 published[] = { 1, 2, 2, 4 };
  const gboolean published_downsample[] = { FALSE, TRUE, TRUE };
  const char *multipliers = "channel_multipliers";

  vae->filters = os_config_int (config, "filters", 128, 1, 1 << 14);
  if (vae->filters % vae->n_groups)
    os_config_problem (config, "filters", "must be a multiple of num_groups");
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
  for (int i = 0; i < vae->n_levels; i++)
    vae->channels[i] *= vae->filters;
}

OsTemporalVae *
os_temporal_vae_new (OsConfig *config, OsBinder *binder)
{
  OsTemporalVae *vae = g_new0 (OsTemporalVae, 1);

  vae->n_blocks = os_config_int (config, "num_res_blocks", 4, 1, 64);
  vae->n_groups = os_config_int (config, "num_groups", 32, 1, 1024);
  vae->latent_channels = os_config_int (config, "latent_embed_dim", 4, 1, 1024);
  vae->embed_dim = os_config_int (config, "embed_dim", 4, 1, 1024);
  vae->in_out_channels = os_config_int (config, "in_out_channels", 4, 1, 1024);
  read_levels (vae, config);
  bind_decoder (vae, binder);
  if (os_binder_has (binder, "encoder.conv_in.conv.weight"))
    bind_encoder (vae, binder);
  return vae;
}

void
os_temporal_vae_free (OsTemporalVae *vae)
{
  for (int i = 0; i < vae->n_levels; i++) {
    g_free (vae->encoder.levels[i].blocks);
    g_free (vae->decoder.levels[i].blocks);
  }
  g_free (vae->encoder.res_blocks);
  g_free (vae->decoder.res_blocks);
  g_free (vae);
}

gboolean
os_temporal_vae_can_encode (const OsTemporalVae *vae)
{
  return vae->quant_conv.weight != NULL;
}

gint64
os_temporal_vae_get_factor (const OsTemporalVae *vae)
{
  gint64 factor = 1;

  for (int i = 0; i + 1 < vae->n_levels; i++)
    factor *= vae->downsample[i] ? 2 : 1;
  return factor;
}

/* The outermost level has the most: twice the channels come in, and are there
 * beside what a residual block makes of them and the sum. */
guint64
os_temporal_vae_estimate_bytes (
    const OsTemporalVae *vae, gint64 n_frames, gint64 H, gint64 W)
{
  return sizeof (float) * 4 * vae->channels[0] * n_frames * H * W;
}

static OsTensor *
measure (const OsTemporalVae *vae, OsCompute *compute, const OsNorm *norm,
    const OsTensor *x)
{
  return os_group_norm_table (compute, x, norm, vae->n_groups, NORM_EPS);
}

/* x + conv2 (silu (norm2 (conv1 (silu (norm1 (x)))))); takes x. */
static OsTensor *
run_res_block (const OsTemporalVae *vae, OsCompute *compute,
    const ResBlock *block, OsTensor *x)
{
  g_autoptr (OsTensor) norm1 = measure (vae, compute, &block->norm1, x);
  g_autoptr (OsTensor) h = os_conv (compute, &block->conv1, x, &causal, norm1);
  g_autoptr (OsTensor) norm2 = measure (vae, compute, &block->norm2, h);
  OsTensor *out = x;

  if (block->conv3.weight) {
    out = os_conv (compute, &block->conv3, x, &unpadded, NULL);
    os_tensor_unref (x);
  }
  os_conv_add (compute, &block->conv2, h, &causal, norm2, out);
  return out;
}

/* Takes x. */
static OsTensor *
run_res_blocks (const OsTemporalVae *vae, OsCompute *compute,
    const ResBlock *blocks, OsTensor *x)
{
  for (int j = 0; j < vae->n_blocks; j++) {
    x = run_res_block (vae, compute, &blocks[j], x);
    os_probe (compute, x, "%d", j);
  }
  return x;
}

/* Takes x. */
static OsTensor *
run_level (const OsTemporalVae *vae, OsCompute *compute, const Coder *coder,
    int i, OsTensor *x)
{
  os_probe_push (compute, "block_res_blocks.%d", i);
  x = run_res_blocks (vae, compute, coder->levels[i].blocks, x);
  os_probe_pop (compute);
  return x;
}

/* Between levels i and i + 1, if there is one; takes x. */
static OsTensor *
run_conv_block (OsCompute *compute, const OsConv *conv,
    const OsConvGeometry *geometry, int i, OsTensor *x)
{
  OsTensor *out;

  if (conv->weight == NULL)
    return x;
  out = os_conv (compute, conv, x, geometry, NULL);
  os_probe (compute, out, "conv_blocks.%d", i);
  os_tensor_unref (x);
  return out;
}

/* The res_blocks; takes x. */
static OsTensor *
run_deepest (const OsTemporalVae *vae, OsCompute *compute, const Coder *coder,
    OsTensor *x)
{
  os_probe_push (compute, "res_blocks");
  x = run_res_blocks (vae, compute, coder->res_blocks, x);
  os_probe_pop (compute);
  return x;
}

/* Takes x. */
static OsTensor *
run_last (const OsTemporalVae *vae, OsCompute *compute, const Coder *coder,
    const OsConvGeometry *geometry, OsTensor *x)
{
  g_autoptr (OsTensor) h = x;
  g_autoptr (OsTensor) norm = measure (vae, compute, &coder->norm1, h);

  return os_conv (compute, &coder->conv_out, h, geometry, norm);
}

OsTensor *
os_temporal_vae_encode (
    OsTemporalVae *vae, OsCompute *compute, const OsTensor *x)
{
  const Coder *encoder = &vae->encoder;
  const gint64 factor = os_temporal_vae_get_factor (vae), n = x->shape[1];
  OsConvGeometry first = causal;
  g_autoptr (OsTensor) features = NULL;
  OsTensor *h, *moments;

  /* The zero frames that fill the first latent. */
  first.pad_front += os_div_up (n, factor) * factor - n;
  os_probe_push (compute, "encoder");
  h = os_conv (compute, &encoder->conv_in, x, &first, NULL);
  os_probe (compute, h, "conv_in");
  for (int i = 0; i < vae->n_levels; i++) {
    h = run_level (vae, compute, encoder, i, h);
    h = run_conv_block (
        compute, &encoder->levels[i].conv_block, &causal_half_time, i, h);
  }
  h = run_deepest (vae, compute, encoder, h);
  features = run_last (vae, compute, encoder, &unpadded, h);
  os_probe (compute, features, "conv2");
  os_probe_pop (compute);
  moments = os_conv (compute, &vae->quant_conv, features, &unpadded, NULL);
  os_probe (compute, moments, "quant_conv");
  return moments;
}

/* Level i and, where the encoder halved time, twice the frames; takes x. */
static OsTensor *
run_up_level (const OsTemporalVae *vae, OsCompute *compute, int i, OsTensor *x)
{
  const OsConv *conv = &vae->decoder.levels[i].conv_block;
  OsTensor *h = run_level (vae, compute, &vae->decoder, i, x);
  g_autoptr (OsTensor) wide = run_conv_block (compute, conv, &causal, i - 1, h);

  if (conv->weight == NULL)
    return g_steal_pointer (&wide);
  return os_channel_to_time (compute, wide, 2);
}

OsTensor *
os_temporal_vae_decode (
    OsTemporalVae *vae, OsCompute *compute, const OsTensor *z, gint64 n_frames)
{
  const Coder *decoder = &vae->decoder;
  g_autoptr (OsTensor) quant =
      os_conv (compute, &vae->post_quant_conv, z, &unpadded, NULL);
  g_autoptr (OsTensor) out = NULL;
  g_autoptr (OsTensor) kept = NULL;
  OsTensor *h;

  os_probe (compute, quant, "post_quant_conv");
  os_probe_push (compute, "decoder");
  h = os_conv (compute, &decoder->conv_in, quant, &causal, NULL);
  os_probe (compute, h, "conv1");
  h = run_deepest (vae, compute, decoder, h);
  for (int i = vae->n_levels; i-- > 0;)
    h = run_up_level (vae, compute, i, h);
  out = run_last (vae, compute, decoder, &causal, h);
  os_probe (compute, out, "conv_out");
  os_probe_pop (compute);
  kept = os_tensor_slice (out, 1, out->shape[1] - n_frames, n_frames);
  return os_contiguous (compute, kept);
}
