/* SPDX-License-Identifier: Apache-2.0 */
/* diffusers' AutoencoderKL (models/autoencoders/autoencoder_kl.py, vae.py).
 *
 * Encoder: conv_in, down blocks that halve the size, a middle block with
 * attention, conv_out, quant_conv. Decoder: post_quant_conv, conv_in, the
 * middle block, up blocks that double the size, conv_out. Both are made of the
 * same parts, in another order. */
#include "vae/sd2d.h"

#include <math.h>
#include <string.h>

#define NORM_EPS 1e-6f
#define MAX_LEVELS 8

typedef struct {
  OsNorm norm1, norm2;
  OsConv conv1, conv2;
  OsConv shortcut; /* weight NULL if channels stay */
} Resnet;

/* A level: resnets, then half or twice the size. */
typedef struct {
  Resnet *resnets;
  OsConv resampler; /* weight NULL in the last block */
} Block;

typedef struct {
  OsNorm group_norm;
  OsLinear to_q, to_k, to_v, to_out;
} MidAttention;

/* Encoder or decoder. */
typedef struct {
  const char *kind; /* of its blocks, "down" or "up" */
  const OsConvGeometry *resampling;
  int n_resnets;               /* of a block */
  gint64 channels[MAX_LEVELS]; /* of the blocks in their order */

  OsConv conv_in, conv_out;
  Resnet mid_resnets[2];
  MidAttention mid_attention;
  Block blocks[MAX_LEVELS];
  OsNorm conv_norm_out;
} Coder;

struct _OsSd2d {
  int n_levels, n_resnets, n_groups;
  gint64 channels[MAX_LEVELS]; /* from the outermost level */
  gint64 latent_channels;

  OsConv quant_conv, post_quant_conv; /* quant_conv NULL: no encoder */
  Coder encoder, decoder;
};

static const int kernel_1x1[] = { 1, 1, 1 }, kernel_3x3[] = { 1, 3, 3 };
static const OsConvGeometry unpadded = { 0 };
static const OsConvGeometry same_size = {
  .pad_top = 1, .pad_bottom = 1, .pad_left = 1, .pad_right = 1
};
/* n pixels to floor (n / 2): padded at the far side only. */
static const OsConvGeometry half_size = {
  .pad_bottom = 1, .pad_right = 1, .stride_h = 2, .stride_w = 2
};
static const OsConvGeometry double_size = {
  .pad_top = 1, .pad_bottom = 1, .pad_left = 1, .pad_right = 1, .doubled = TRUE
};

static Resnet
bind_resnet (OsBinder *b, const char *name, gint64 in, gint64 out)
{
  Resnet r = { 0 };

  os_binder_push (b, "%s", name);
  r.norm1 = os_binder_norm (b, "norm1", in);
  r.conv1 = os_binder_conv (b, "conv1", in, out, 2, kernel_3x3, TRUE);
  r.norm2 = os_binder_norm (b, "norm2", out);
  r.conv2 = os_binder_conv (b, "conv2", out, out, 2, kernel_3x3, TRUE);
  if (in != out)
    r.shortcut =
        os_binder_conv (b, "conv_shortcut", in, out, 2, kernel_1x1, TRUE);
  os_binder_pop (b);
  return r;
}

static MidAttention
bind_attention (OsBinder *b, const char *name, gint64 C)
{
  MidAttention a;

  os_binder_push (b, "%s", name);
  a.group_norm = os_binder_norm (b, "group_norm", C);
  a.to_q = os_binder_linear (b, "to_q", C, C, TRUE);
  a.to_k = os_binder_linear (b, "to_k", C, C, TRUE);
  a.to_v = os_binder_linear (b, "to_v", C, C, TRUE);
  a.to_out = os_binder_linear (b, "to_out.0", C, C, TRUE);
  os_binder_pop (b);
  return a;
}

/* down_blocks.0 is the outermost level, up_blocks.0 the deepest. */
static void
bind_blocks (OsBinder *b, Coder *coder, int n_levels)
{
  g_autofree char *resampler =
      g_strdup_printf ("%ssamplers.0.conv", coder->kind);
  gint64 in = coder->channels[0];

  for (int i = 0; i < n_levels; i++) {
    Block *block = &coder->blocks[i];
    const gint64 out = coder->channels[i];

    os_binder_push (b, "%s_blocks.%d", coder->kind, i);
    block->resnets = g_new0 (Resnet, coder->n_resnets);
    for (int j = 0; j < coder->n_resnets; j++) {
      g_autofree char *name = g_strdup_printf ("resnets.%d", j);
      block->resnets[j] = bind_resnet (b, name, j ? out : in, out);
    }
    if (i < n_levels - 1)
      block->resampler =
          os_binder_conv (b, resampler, out, out, 2, kernel_3x3, TRUE);
    os_binder_pop (b);
    in = out;
  }
}

static void
bind_coder (const OsSd2d *vae, OsBinder *b, Coder *coder, gint64 in, gint64 out)
{
  const gint64 deepest = vae->channels[vae->n_levels - 1];
  const gint64 first = coder->channels[0];
  const gint64 last = coder->channels[vae->n_levels - 1];

  coder->conv_in =
      os_binder_conv (b, "conv_in", in, first, 2, kernel_3x3, TRUE);
  coder->mid_resnets[0] =
      bind_resnet (b, "mid_block.resnets.0", deepest, deepest);
  coder->mid_attention = bind_attention (b, "mid_block.attentions.0", deepest);
  coder->mid_resnets[1] =
      bind_resnet (b, "mid_block.resnets.1", deepest, deepest);
  bind_blocks (b, coder, vae->n_levels);
  coder->conv_norm_out = os_binder_norm (b, "conv_norm_out", last);
  coder->conv_out =
      os_binder_conv (b, "conv_out", last, out, 2, kernel_3x3, TRUE);
}

/* Its last convolutions have twice the latent channels: means and variances. */
static void
bind_encoder (OsSd2d *vae, OsBinder *b, gint64 in_channels)
{
  const gint64 n_moments = 2 * vae->latent_channels;

  vae->encoder.kind = "down";
  vae->encoder.resampling = &half_size;
  vae->encoder.n_resnets = vae->n_resnets;
  memcpy (vae->encoder.channels, vae->channels, sizeof vae->channels);
  os_binder_push (b, "encoder");
  bind_coder (vae, b, &vae->encoder, in_channels, n_moments);
  os_binder_pop (b);
  vae->quant_conv = os_binder_conv (
      b, "quant_conv", n_moments, n_moments, 2, kernel_1x1, TRUE);
}

static void
bind_decoder (OsSd2d *vae, OsBinder *b, gint64 out_channels)
{
  vae->decoder.kind = "up";
  vae->decoder.resampling = &double_size;
  vae->decoder.n_resnets = vae->n_resnets + 1;
  for (int i = 0; i < vae->n_levels; i++)
    vae->decoder.channels[i] = vae->channels[vae->n_levels - 1 - i];
  vae->post_quant_conv = os_binder_conv (b, "post_quant_conv",
      vae->latent_channels, vae->latent_channels, 2, kernel_1x1, TRUE);
  os_binder_push (b, "decoder");
  bind_coder (vae, b, &vae->decoder, vae->latent_channels, out_channels);
  os_binder_pop (b);
}

OsSd2d *
os_sd2d_new (OsConfig *config, OsBinder *binder)
{
  const gint64 sdxl[] = { 128, 256, 512, 512 };
  const char *channels = "block_out_channels";
  OsSd2d *vae = g_new0 (OsSd2d, 1);

  vae->n_levels =
      os_config_ints (config, channels, 1, 1 << 16, MAX_LEVELS, vae->channels);
  if (vae->n_levels == 0) {
    vae->n_levels = G_N_ELEMENTS (sdxl);
    memcpy (vae->channels, sdxl, sizeof sdxl);
  }
  vae->n_resnets = os_config_int (config, "layers_per_block", 2, 1, 16);
  vae->n_groups = os_config_int (config, "norm_num_groups", 32, 1, 1024);
  vae->latent_channels = os_config_int (config, "latent_channels", 4, 1, 1024);
  for (int i = 0; i < vae->n_levels; i++) {
    if (vae->channels[i] % vae->n_groups)
      os_config_problem (
          config, channels, "must be multiples of norm_num_groups");
  }
  bind_decoder (vae, binder, os_config_int (config, "out_channels", 3, 1, 64));
  if (os_binder_has (binder, "encoder.conv_in.weight"))
    bind_encoder (vae, binder, os_config_int (config, "in_channels", 3, 1, 64));
  return vae;
}

void
os_sd2d_free (OsSd2d *vae)
{
  for (int i = 0; i < vae->n_levels; i++) {
    g_free (vae->encoder.blocks[i].resnets);
    g_free (vae->decoder.blocks[i].resnets);
  }
  g_free (vae);
}

gint64
os_sd2d_get_factor (const OsSd2d *vae)
{
  return G_GINT64_CONSTANT (1) << (vae->n_levels - 1);
}

gboolean
os_sd2d_can_encode (const OsSd2d *vae)
{
  return vae->quant_conv.weight != NULL;
}

static OsTensor *
measure (const OsSd2d *vae, OsCompute *compute, const OsNorm *norm,
    const OsTensor *x)
{
  return os_group_norm_table (compute, x, norm, vae->n_groups, NORM_EPS);
}

/* x + conv2 (silu (norm2 (conv1 (silu (norm1 (x)))))); takes x. */
static OsTensor *
run_resnet (const OsSd2d *vae, OsCompute *compute, const Resnet *r, OsTensor *x)
{
  g_autoptr (OsTensor) norm1 = measure (vae, compute, &r->norm1, x);
  g_autoptr (OsTensor) h = os_conv (compute, &r->conv1, x, &same_size, norm1);
  g_autoptr (OsTensor) norm2 = measure (vae, compute, &r->norm2, h);
  OsTensor *out = x;

  if (r->shortcut.weight) {
    out = os_conv (compute, &r->shortcut, x, &unpadded, NULL);
    os_tensor_unref (x);
  }
  os_conv_add (compute, &r->conv2, h, &same_size, norm2, out);
  return out;
}

/* [F, 1, H, W, C] as one head: [F, 1, H W, 1, C]. */
static OsTensor *
as_tokens (const OsTensor *x)
{
  const gint64 *s = x->shape;

  return os_tensor_reshape (x, OS_SHAPE (s[0], 1, s[2] * s[3], 1, s[4]));
}

/* x += to_out (attention (norm (x))), of one frame. */
static void
add_attention (
    const OsSd2d *vae, OsCompute *compute, const MidAttention *a, OsTensor *x)
{
  g_autoptr (OsTensor) normed =
      os_group_norm (compute, x, &a->group_norm, vae->n_groups, NORM_EPS);
  g_autoptr (OsTensor) h = as_tokens (normed);
  g_autoptr (OsTensor) q = os_linear (compute, &a->to_q, h, OS_ACT_NONE);
  g_autoptr (OsTensor) k = os_linear (compute, &a->to_k, h, OS_ACT_NONE);
  g_autoptr (OsTensor) v = os_linear (compute, &a->to_v, h, OS_ACT_NONE);
  g_autoptr (OsTensor) mixed = os_compute_tensor (compute, 5, h->shape);
  g_autoptr (OsTensor) acc = as_tokens (x);

  os_attention (compute, &(OsAttention){ .q = q,
                             .k = k,
                             .v = v,
                             .out = mixed,
                             .scale = 1 / sqrtf (h->shape[4]) });
  os_linear_add (compute, &a->to_out, mixed, NULL, acc);
}

/* Takes x. */
static OsTensor *
run_mid_block (
    const OsSd2d *vae, OsCompute *compute, const Coder *coder, OsTensor *x)
{
  x = run_resnet (vae, compute, &coder->mid_resnets[0], x);
  /* One by one: a frame's result does not depend on those beside it. */
  for (gint64 i = 0; i < x->shape[0]; i++) {
    g_autoptr (OsTensor) frame = os_tensor_slice (x, 0, i, 1);

    add_attention (vae, compute, &coder->mid_attention, frame);
  }
  os_probe (compute, x, "mid_block.attentions.0");
  x = run_resnet (vae, compute, &coder->mid_resnets[1], x);
  os_probe (compute, x, "mid_block");
  return x;
}

/* Takes x. */
static OsTensor *
run_resnets (const OsSd2d *vae, OsCompute *compute, const Coder *coder,
    const Block *block, OsTensor *x)
{
  for (int j = 0; j < coder->n_resnets; j++)
    x = run_resnet (vae, compute, &block->resnets[j], x);
  return x;
}

/* Half or twice the size, if the block has that; takes x. */
static OsTensor *
resample (
    OsCompute *compute, const Coder *coder, const Block *block, OsTensor *x)
{
  g_autoptr (OsTensor) before = x;

  if (!block->resampler.weight)
    return g_steal_pointer (&before);
  return os_conv (compute, &block->resampler, before, coder->resampling, NULL);
}

/* Blocks have two halves, the resnets and the resampler: the halves first ..
 * last - 1. Takes x. */
static OsTensor *
run_halves (const OsSd2d *vae, OsCompute *compute, const Coder *coder,
    int first, int last, OsTensor *x)
{
  for (int i = first; i < last; i++) {
    const Block *block = &coder->blocks[i / 2];

    if (i % 2 == 0) {
      x = run_resnets (vae, compute, coder, block, x);
    } else {
      x = resample (compute, coder, block, x);
      os_probe (compute, x, "%s_blocks.%d", coder->kind, i / 2);
    }
  }
  return x;
}

static OsTensor *
run_first (OsCompute *compute, const Coder *coder, const OsTensor *x)
{
  OsTensor *out = os_conv (compute, &coder->conv_in, x, &same_size, NULL);

  os_probe (compute, out, "conv_in");
  return out;
}

/* Takes x. */
static OsTensor *
run_last (
    const OsSd2d *vae, OsCompute *compute, const Coder *coder, OsTensor *x)
{
  g_autoptr (OsTensor) h = x;
  g_autoptr (OsTensor) norm = measure (vae, compute, &coder->conv_norm_out, h);
  OsTensor *out = os_conv (compute, &coder->conv_out, h, &same_size, norm);

  os_probe (compute, out, "conv_out");
  return out;
}

/* [F, H, W, C] as [F, 1, H, W, C] and back. */
static OsTensor *
with_time (const OsTensor *x)
{
  const gint64 *s = x->shape;

  return os_tensor_reshape (x, OS_SHAPE (s[0], 1, s[1], s[2], s[3]));
}

static OsTensor *
without_time (const OsTensor *x)
{
  const gint64 *s = x->shape;

  return os_tensor_reshape (x, OS_SHAPE (s[0], s[2], s[3], s[4]));
}

#define DEEP_LEVELS 2

/* The first half of the encoder's blocks that belongs to the deep part. */
static int
first_deep_half (const OsSd2d *vae)
{
  return 2 * MAX (0, vae->n_levels - DEEP_LEVELS);
}

/* The first half of the decoder's blocks that belongs to the outer part: what
 * doubles the last of the deep levels. */
static int
first_outer_half (const OsSd2d *vae)
{
  return 2 * MIN (vae->n_levels, DEEP_LEVELS) - 1;
}

OsTensor *
os_sd2d_encode_outer (OsSd2d *vae, OsCompute *compute, const OsTensor *pictures)
{
  const Coder *coder = &vae->encoder;
  g_autoptr (OsTensor) frames = with_time (pictures);
  OsTensor *h;

  os_probe_push (compute, "encoder");
  h = run_first (compute, coder, frames);
  h = run_halves (vae, compute, coder, 0, first_deep_half (vae), h);
  os_probe_pop (compute);
  return h;
}

OsTensor *
os_sd2d_encode_deep (OsSd2d *vae, OsCompute *compute, OsTensor *features)
{
  const Coder *coder = &vae->encoder;
  g_autoptr (OsTensor) last = NULL;
  g_autoptr (OsTensor) moments = NULL;
  OsTensor *h;

  os_probe_push (compute, "encoder");
  h = run_halves (
      vae, compute, coder, first_deep_half (vae), 2 * vae->n_levels, features);
  h = run_mid_block (vae, compute, coder, h);
  last = run_last (vae, compute, coder, h);
  os_probe_pop (compute);
  moments = os_conv (compute, &vae->quant_conv, last, &unpadded, NULL);
  return without_time (moments);
}

OsTensor *
os_sd2d_decode_deep (OsSd2d *vae, OsCompute *compute, const OsTensor *z)
{
  const Coder *coder = &vae->decoder;
  g_autoptr (OsTensor) frames = with_time (z);
  g_autoptr (OsTensor) quant =
      os_conv (compute, &vae->post_quant_conv, frames, &unpadded, NULL);
  OsTensor *h;

  os_probe_push (compute, "decoder");
  h = run_first (compute, coder, quant);
  h = run_mid_block (vae, compute, coder, h);
  h = run_halves (vae, compute, coder, 0, first_outer_half (vae), h);
  os_probe_pop (compute);
  return h;
}

OsTensor *
os_sd2d_decode_outer (OsSd2d *vae, OsCompute *compute, OsTensor *features)
{
  const Coder *coder = &vae->decoder;
  g_autoptr (OsTensor) pictures = NULL;
  OsTensor *h;

  os_probe_push (compute, "decoder");
  h = run_halves (
      vae, compute, coder, first_outer_half (vae), 2 * vae->n_levels, features);
  pictures = run_last (vae, compute, coder, h);
  os_probe_pop (compute);
  return without_time (pictures);
}

OsTensor *
os_sd2d_encode (OsSd2d *vae, OsCompute *compute, const OsTensor *pictures)
{
  OsTensor *features = os_sd2d_encode_outer (vae, compute, pictures);

  return os_sd2d_encode_deep (vae, compute, features);
}

OsTensor *
os_sd2d_decode (OsSd2d *vae, OsCompute *compute, const OsTensor *z)
{
  OsTensor *features = os_sd2d_decode_deep (vae, compute, z);

  return os_sd2d_decode_outer (vae, compute, features);
}

/* A residual block has its input, what it makes of that and their sum. Frames
 * are together on the two deepest levels; what comes of these waits meanwhile
 * for the others. */
guint64
os_sd2d_estimate_bytes (const OsSd2d *vae, gint64 H, gint64 W, gint64 n)
{
  const int deepest = vae->n_levels - 1;
  guint64 deep = 0, outer = 0, features = 0;

  for (int i = deepest; i >= 0; i--) {
    const guint64 pixels = (H >> i) * (W >> i);
    const guint64 in = vae->channels[MIN (i + 1, deepest)];
    const guint64 out = vae->channels[i];

    if (i + 1 >= deepest) {
      deep = MAX (deep, n * pixels * (in + 2 * out));
      features = n * pixels * out;
    } else {
      outer = MAX (outer, pixels * (in + 2 * out));
    }
  }
  return sizeof (float) * MAX (deep, outer + features);
}
