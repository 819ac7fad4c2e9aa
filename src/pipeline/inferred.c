/* SPDX-License-Identifier: Apache-2.0 */
/* From shapes to the keys of config.json. A tensor that is missing leaves its
 * keys out; the network is bound with defaults then, and reports it. */
#include "pipeline/inferred.h"

#include <json-glib/json-glib.h>

#define SPATIAL "spatial_vae.module."
#define TEMPORAL "temporal_vae."
#define LEVELS TEMPORAL "decoder.block_res_blocks."
#define LEVEL_CONVOLUTION ".0.conv1.conv.weight"
#define T5_ATTENTION "encoder.block.0.layer.0.SelfAttention."
#define MAX_COUNT 1024
#define MAX_SIZE (1 << 30)

/* Length of an axis of a tensor, within what products of them can hold; 0 if
 * there is no such. */
static gint64
get_size (const OsCheckpoint *checkpoint, const char *name, int axis)
{
  const OsTensor *tensor = os_checkpoint_get (checkpoint, name);

  return tensor && axis < tensor->n_dims ? MIN (tensor->shape[axis], MAX_SIZE)
                                         : 0;
}

/* How many there are of `before`0`after`, `before`1`after`, ... */
static int
count (const OsCheckpoint *checkpoint, const char *before, const char *after)
{
  for (int n = 0;; n++) {
    g_autofree char *name = g_strdup_printf ("%s%d%s", before, n, after);

    if (n == MAX_COUNT || !os_checkpoint_get (checkpoint, name))
      return n;
  }
}

static void
set (JsonObject *object, const char *key, gint64 value)
{
  if (value > 0)
    json_object_set_int_member (object, key, value);
}

static void
set_size (JsonObject *object, const char *key, const OsCheckpoint *checkpoint,
    const char *name, int axis)
{
  set (object, key, get_size (checkpoint, name, axis));
}

/* --- STDiT, STDiT2, STDiT3 --- */

/* Of a tensor of the first block, whose list has another name in STDiT3. */
static gint64
get_block_size (const OsCheckpoint *c, const char *name, int axis)
{
  g_autofree char *joint = g_strconcat ("blocks.0.", name, NULL);
  g_autofree char *spatial = g_strconcat ("spatial_blocks.0.", name, NULL);

  return MAX (get_size (c, joint, axis), get_size (c, spatial, axis));
}

/* STDiT's tensors do not tell: what is published has 16 heads, as is the
 * default. */
static void
infer_heads (JsonObject *config, const OsCheckpoint *c, gint64 hidden)
{
  gint64 head = get_block_size (c, "attn.q_norm.weight", 0);

  json_object_set_boolean_member (config, "qk_norm", head > 0);
  if (head == 0)
    head = 2 * get_size (c, "rope.freqs", 0);
  set (config, "num_heads", head > 0 ? hidden / head : 0);
}

/* The reference cuts hidden_size * mlp_ratio: half a unit keeps it whole. */
static void
infer_mlp (JsonObject *config, const OsCheckpoint *c, gint64 hidden)
{
  const gint64 width = get_block_size (c, "mlp.fc1.weight", 0);

  if (hidden > 0 && width > 0)
    json_object_set_double_member (config, "mlp_ratio", (width + 0.5) / hidden);
}

/* A patch's outputs are those of its input channels, or twice as many. */
static void
infer_patch (JsonObject *config, const OsCheckpoint *c, const char *embedder)
{
  JsonArray *patch = json_array_new ();
  double inputs = get_size (c, embedder, 1);

  for (int axis = 2; axis < 5; axis++) {
    gint64 size = get_size (c, embedder, axis);
    json_array_add_int_element (patch, size);
    inputs *= size;
  }
  json_object_set_array_member (config, "patch_size", patch);
  json_object_set_boolean_member (config, "pred_sigma",
      get_size (c, "final_layer.linear.bias", 0) > inputs);
}

static void
infer_stdit (JsonObject *config, const OsCheckpoint *c)
{
  const char *embedder = "x_embedder.proj.weight";
  const gint64 hidden = get_size (c, embedder, 0);

  set (config, "hidden_size", hidden);
  set_size (config, "in_channels", c, embedder, 1);
  if (get_size (c, embedder, 4) > 0)
    infer_patch (config, c, embedder);
  set (config, "depth",
      MAX (count (c, "blocks.", ".attn.qkv.weight"),
          count (c, "spatial_blocks.", ".attn.qkv.weight")));
  infer_heads (config, c, hidden);
  infer_mlp (config, c, hidden);
  set_size (config, "caption_channels", c, "y_embedder.y_proj.fc1.weight", 1);
}

/* --- The image autoencoder of 1.0 and 1.1, and the first half of 1.2's --- */

/* Channels of the decoder's levels, the outermost first; it names the deepest
 * 0. root: what its names begin with. */
static void
infer_spatial (JsonObject *config, const OsCheckpoint *c, const char *root)
{
  g_autofree char *blocks = g_strconcat (root, "decoder.up_blocks.", NULL);
  g_autofree char *layers = g_strconcat (blocks, "0.resnets.", NULL);
  g_autofree char *quant = g_strconcat (root, "post_quant_conv.weight", NULL);
  g_autofree char *out = g_strconcat (root, "decoder.conv_out.weight", NULL);
  const char *conv = ".resnets.0.conv1.weight";
  JsonArray *channels = json_array_new ();

  for (int i = count (c, blocks, conv); i-- > 0;) {
    g_autofree char *name = g_strdup_printf ("%s%d%s", blocks, i, conv);
    json_array_add_int_element (channels, get_size (c, name, 0));
  }
  json_object_set_array_member (config, "block_out_channels", channels);
  set (config, "layers_per_block", count (c, layers, ".conv1.weight") - 1);
  set_size (config, "latent_channels", c, quant, 0);
  set_size (config, "out_channels", c, out, 0);
}

/* --- The video autoencoder of 1.2 --- */

/* Channels are given as multiples of `filters`: their greatest divisor. */
static void
infer_channels (JsonObject *config, const OsCheckpoint *c, int n_levels)
{
  JsonArray *multipliers = json_array_new ();
  g_autofree gint64 *channels = g_new (gint64, n_levels);
  gint64 filters = 0;

  for (int i = 0; i < n_levels; i++) {
    g_autofree char *name = g_strdup_printf (LEVELS "%d" LEVEL_CONVOLUTION, i);

    channels[i] = get_size (c, name, 0);
    for (gint64 n = channels[i]; n > 0;) {
      gint64 rest = filters % n;
      filters = n;
      n = rest;
    }
  }
  for (int i = 0; i < n_levels; i++)
    json_array_add_int_element (multipliers, channels[i] / MAX (filters, 1));
  set (config, "filters", filters);
  json_object_set_array_member (config, "channel_multipliers", multipliers);
}

/* A level has a convolution if time is halved below it. */
static void
infer_levels (JsonObject *config, const OsCheckpoint *c)
{
  const int n_levels = count (c, LEVELS, LEVEL_CONVOLUTION);
  JsonArray *halved = json_array_new ();

  for (int i = 0; i + 1 < n_levels; i++) {
    g_autofree char *name =
        g_strdup_printf (TEMPORAL "decoder.conv_blocks.%d.conv.weight", i);
    json_array_add_boolean_element (
        halved, os_checkpoint_get (c, name) != NULL);
  }
  infer_channels (config, c, n_levels);
  json_object_set_array_member (config, "temporal_downsample", halved);
}

static JsonObject *
infer_temporal (const OsCheckpoint *c)
{
  const char *quant = TEMPORAL "post_quant_conv.conv.weight";
  JsonObject *config = json_object_new ();

  infer_levels (config, c);
  set (config, "num_res_blocks",
      count (c, TEMPORAL "decoder.res_blocks.", ".conv1.conv.weight"));
  set_size (config, "latent_embed_dim", c, quant, 0);
  set_size (config, "embed_dim", c, quant, 1);
  set_size (
      config, "in_out_channels", c, TEMPORAL "decoder.conv_out.conv.weight", 0);
  return config;
}

static void
infer_vae (JsonObject *config, const OsCheckpoint *c)
{
  JsonObject *half, *spatial;

  if (!os_checkpoint_get (c, SPATIAL "decoder.conv_in.weight")) {
    infer_spatial (config, c, "");
    return;
  }
  half = json_object_new ();
  spatial = json_object_new ();
  infer_spatial (spatial, c, SPATIAL);
  json_object_set_object_member (half, "config", spatial);
  json_object_set_int_member (config, "micro_frame_size", 17);
  json_object_set_object_member (config, "vae_2d", half);
  json_object_set_object_member (config, "vae_temporal", infer_temporal (c));
}

/* --- T5 --- */

static void
infer_t5 (JsonObject *config, const OsCheckpoint *c)
{
  const char *bias = T5_ATTENTION "relative_attention_bias.weight";
  const char *query = T5_ATTENTION "q.weight";
  const gint64 heads = get_size (c, bias, 1);

  set_size (config, "vocab_size", c, "encoder.embed_tokens.weight", 0);
  set_size (config, "vocab_size", c, "shared.weight", 0);
  set_size (config, "d_model", c, query, 1);
  set (config, "num_heads", heads);
  set (config, "d_kv", heads > 0 ? get_size (c, query, 0) / heads : 0);
  set_size (config, "d_ff", c,
      "encoder.block.0.layer.1.DenseReluDense.wi_0.weight", 0);
  set (config, "num_layers",
      count (c, "encoder.block.", ".layer.0.SelfAttention.q.weight"));
}

OsConfig *
os_inferred_config (
    OsPartKind part, const OsCheckpoint *checkpoint, GError **error)
{
  static void (*const infer[]) (JsonObject *, const OsCheckpoint *) = {
    [OS_PART_TRANSFORMER] = infer_stdit,
    [OS_PART_VAE] = infer_vae,
    [OS_PART_TEXT_ENCODER] = infer_t5,
  };
  g_autoptr (JsonNode) root = json_node_new (JSON_NODE_OBJECT);
  g_autofree char *text = NULL;

  json_node_take_object (root, json_object_new ());
  infer[part](json_node_get_object (root), checkpoint);
  text = json_to_string (root, FALSE);
  g_debug (
      "%s: as its shapes tell, %s", os_checkpoint_get_path (checkpoint), text);
  return os_config_parse (text, -1, os_checkpoint_get_path (checkpoint), error);
}
