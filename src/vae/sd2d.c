/* SPDX-License-Identifier: Apache-2.0 */
/* diffusers' AutoencoderKL decoder: post_quant_conv, conv_in, a middle block
 * with attention, up blocks that double the size, conv_out. */
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

typedef struct {
  Resnet *resnets;
  OsConv upsampler; /* weight NULL in the last block */
} UpBlock;

typedef struct {
  OsNorm group_norm;
  OsLinear to_q, to_k, to_v, to_out;
} MidAttention;

struct _OsSd2d {
  int n_levels, n_resnets, n_groups;
  gint64 channels[MAX_LEVELS]; /* from the outermost level */
  gint64 latent_channels, out_channels;

  OsConv post_quant_conv, conv_in, conv_out;
  Resnet mid_resnets[2];
  MidAttention mid_attention;
  UpBlock up_blocks[MAX_LEVELS];
  OsNorm conv_norm_out;
};

static const int kernel_1x1[] = { 1, 1, 1 }, kernel_3x3[] = { 1, 3, 3 };
static const OsConvGeometry unpadded = { 0 };
static const OsConvGeometry same_size = {
  .pad_top = 1, .pad_bottom = 1, .pad_left = 1, .pad_right = 1
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

/* up_blocks.0 is the deepest level. */
static void
bind_up_blocks (OsSd2d *vae, OsBinder *b)
{
  gint64 in = vae->channels[vae->n_levels - 1];

  for (int i = 0; i < vae->n_levels; i++) {
    UpBlock *block = &vae->up_blocks[i];
    const gint64 out = vae->channels[vae->n_levels - 1 - i];

    os_binder_push (b, "up_blocks.%d", i);
    block->resnets = g_new0 (Resnet, vae->n_resnets);
    for (int j = 0; j < vae->n_resnets; j++) {
      g_autofree char *name = g_strdup_printf ("resnets.%d", j);
      block->resnets[j] = bind_resnet (b, name, j ? out : in, out);
    }
    if (i < vae->n_levels - 1)
      block->upsampler = os_binder_conv (
          b, "upsamplers.0.conv", out, out, 2, kernel_3x3, TRUE);
    os_binder_pop (b);
    in = out;
  }
}

static void
bind_decoder (OsSd2d *vae, OsBinder *b)
{
  const gint64 deepest = vae->channels[vae->n_levels - 1];

  vae->post_quant_conv = os_binder_conv (b, "post_quant_conv",
      vae->latent_channels, vae->latent_channels, 2, kernel_1x1, TRUE);
  os_binder_push (b, "decoder");
  vae->conv_in = os_binder_conv (
      b, "conv_in", vae->latent_channels, deepest, 2, kernel_3x3, TRUE);
  vae->mid_resnets[0] =
      bind_resnet (b, "mid_block.resnets.0", deepest, deepest);
  vae->mid_attention = bind_attention (b, "mid_block.attentions.0", deepest);
  vae->mid_resnets[1] =
      bind_resnet (b, "mid_block.resnets.1", deepest, deepest);
  bind_up_blocks (vae, b);
  vae->conv_norm_out = os_binder_norm (b, "conv_norm_out", vae->channels[0]);
  vae->conv_out = os_binder_conv (
      b, "conv_out", vae->channels[0], vae->out_channels, 2, kernel_3x3, TRUE);
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
  vae->n_resnets = os_config_int (config, "layers_per_block", 2, 1, 16) + 1;
  vae->n_groups = os_config_int (config, "norm_num_groups", 32, 1, 1024);
  vae->latent_channels = os_config_int (config, "latent_channels", 4, 1, 1024);
  vae->out_channels = os_config_int (config, "out_channels", 3, 1, 64);
  for (int i = 0; i < vae->n_levels; i++) {
    if (vae->channels[i] % vae->n_groups)
      os_config_problem (
          config, channels, "must be multiples of norm_num_groups");
  }
  bind_decoder (vae, binder);
  return vae;
}

void
os_sd2d_free (OsSd2d *vae)
{
  for (int i = 0; i < vae->n_levels; i++)
    g_free (vae->up_blocks[i].resnets);
  g_free (vae);
}

static OsTensor *
normalize (const OsSd2d *vae, OsCompute *compute, const OsNorm *norm,
    const OsTensor *x, OsActivation act)
{
  return os_group_norm (compute, x, norm, vae->n_groups, NORM_EPS, act);
}

/* x + conv2 (silu (norm2 (conv1 (silu (norm1 (x)))))) */
static OsTensor *
run_resnet (
    const OsSd2d *vae, OsCompute *compute, const Resnet *r, const OsTensor *x)
{
  g_autoptr (OsTensor) h1 = normalize (vae, compute, &r->norm1, x, OS_ACT_SILU);
  g_autoptr (OsTensor) h2 = os_conv (compute, &r->conv1, h1, &same_size, NULL);
  g_autoptr (OsTensor) h3 = NULL;
  g_autoptr (OsTensor) skip = NULL;

  g_clear_pointer (&h1, os_tensor_unref);
  h3 = normalize (vae, compute, &r->norm2, h2, OS_ACT_SILU);
  g_clear_pointer (&h2, os_tensor_unref);
  skip = r->shortcut.weight
             ? os_conv (compute, &r->shortcut, x, &unpadded, NULL)
             : os_tensor_ref (x);
  return os_conv (compute, &r->conv2, h3, &same_size, skip);
}

/* [F, 1, H, W, C] as one head: [F, 1, H W, 1, C]. */
static OsTensor *
as_tokens (const OsTensor *x)
{
  const gint64 *s = x->shape;

  return os_tensor_reshape (x, OS_SHAPE (s[0], 1, s[2] * s[3], 1, s[4]));
}

static OsTensor *
run_attention (const OsSd2d *vae, OsCompute *compute, const OsTensor *x)
{
  const MidAttention *a = &vae->mid_attention;
  g_autoptr (OsTensor) normed =
      normalize (vae, compute, &a->group_norm, x, OS_ACT_NONE);
  g_autoptr (OsTensor) h = as_tokens (normed);
  g_autoptr (OsTensor) q = os_linear (compute, &a->to_q, h, OS_ACT_NONE);
  g_autoptr (OsTensor) k = os_linear (compute, &a->to_k, h, OS_ACT_NONE);
  g_autoptr (OsTensor) v = os_linear (compute, &a->to_v, h, OS_ACT_NONE);
  g_autoptr (OsTensor) mixed = os_compute_tensor (compute, 5, h->shape);
  g_autoptr (OsTensor) change = NULL;

  os_attention (compute, &(OsAttention){ .q = q,
                             .k = k,
                             .v = v,
                             .out = mixed,
                             .scale = 1 / sqrtf (h->shape[4]) });
  change = os_linear (compute, &a->to_out, mixed, OS_ACT_NONE);
  return os_add (compute, x, change);
}

static OsTensor *
run_up_block (const OsSd2d *vae, OsCompute *compute, int level, OsTensor *x)
{
  const UpBlock *block = &vae->up_blocks[level];
  g_autoptr (OsTensor) h = x;

  for (int j = 0; j < vae->n_resnets; j++) {
    OsTensor *next = run_resnet (vae, compute, &block->resnets[j], h);
    os_tensor_unref (h);
    h = next;
  }
  if (block->upsampler.weight) {
    g_autoptr (OsTensor) doubled = os_upsample_nearest2x (compute, h);
    g_clear_pointer (&h, os_tensor_unref);
    h = os_conv (compute, &block->upsampler, doubled, &same_size, NULL);
  }
  os_probe (compute, h, "decoder.up_blocks.%d", level);
  return g_steal_pointer (&h);
}

static OsTensor *
run_mid_block (const OsSd2d *vae, OsCompute *compute, const OsTensor *x)
{
  g_autoptr (OsTensor) first =
      run_resnet (vae, compute, &vae->mid_resnets[0], x);
  g_autoptr (OsTensor) attended = run_attention (vae, compute, first);
  OsTensor *out = run_resnet (vae, compute, &vae->mid_resnets[1], attended);

  os_probe (compute, out, "decoder.mid_block");
  return out;
}

OsTensor *
os_sd2d_decode (OsSd2d *vae, OsCompute *compute, const OsTensor *z)
{
  const gint64 *s = z->shape;
  g_autoptr (OsTensor) frames =
      os_tensor_reshape (z, OS_SHAPE (s[0], 1, s[1], s[2], s[3]));
  g_autoptr (OsTensor) quant =
      os_conv (compute, &vae->post_quant_conv, frames, &unpadded, NULL);
  g_autoptr (OsTensor) first =
      os_conv (compute, &vae->conv_in, quant, &same_size, NULL);
  OsTensor *h = run_mid_block (vae, compute, first);
  g_autoptr (OsTensor) normed = NULL;
  g_autoptr (OsTensor) out = NULL;

  os_probe (compute, first, "decoder.conv_in");
  for (int i = 0; i < vae->n_levels; i++)
    h = run_up_block (vae, compute, i, h);
  normed = normalize (vae, compute, &vae->conv_norm_out, h, OS_ACT_SILU);
  os_tensor_unref (h);
  out = os_conv (compute, &vae->conv_out, normed, &same_size, NULL);
  os_probe (compute, out, "decoder.conv_out");
  return os_tensor_reshape (
      out, OS_SHAPE (s[0], out->shape[2], out->shape[3], out->shape[4]));
}
