/* SPDX-License-Identifier: Apache-2.0 */
/* A few names are enough: networks that share most of their names differ in
 * those of the table. Decoders come alone, too, so their names are taken. */
#include "weights/manifest.h"

static const OsManifest manifests[] = {
  { "Open-Sora 1.0 transformer (STDiT)", { "hpcai-tech/Open-Sora" },
      { "blocks.0.attn_temp.qkv.weight", "blocks.0.cross_attn.q_linear.weight",
          "!t_block_temp.1.weight" } },
  { "Open-Sora 1.1 transformer (STDiT2)",
      { "hpcai-tech/OpenSora-STDiT-v2-stage3",
          "hpcai-tech/OpenSora-STDiT-v2-stage2" },
      { "blocks.0.attn_temp.qkv.weight", "t_block_temp.1.weight",
          "fps_embedder.mlp.0.weight" } },
  { "Open-Sora 1.2 transformer (STDiT3)", { "hpcai-tech/OpenSora-STDiT-v3" },
      { "spatial_blocks.0.attn.qkv.weight", "temporal_blocks.0.attn.qkv.weight",
          "!x_embedder_cond.proj.weight" } },
  { "Open-Sora 1.3 transformer (STDiT3)",
      { "hpcai-tech/OpenSora-STDiT-v4", "hpcai-tech/OpenSora-STDiT-v4-360p",
          "hpcai-tech/OpenSora-STDiT-v4-i2v" },
      { "spatial_blocks.0.attn.qkv.weight", "temporal_blocks.0.attn.qkv.weight",
          "x_embedder_cond.proj.weight" } },
  { "Open-Sora 2.0 transformer (MMDiT)", { "hpcai-tech/Open-Sora-v2" },
      { "double_blocks.0.img_attn.proj.weight",
          "single_blocks.0.linear2.weight", "cond_in.weight" } },
  { "FLUX.1-dev transformer", { "black-forest-labs/FLUX.1-dev" },
      { "double_blocks.0.img_attn.proj.weight",
          "single_blocks.0.linear2.weight", "!cond_in.weight" } },
  { "PixArt transformer", { "PixArt-alpha/PixArt-Sigma" },
      { "blocks.0.cross_attn.q_linear.weight", "t_block.1.weight",
          "!blocks.0.attn_temp.qkv.weight" } },
  { "DiT or Latte transformer", { "facebook/DiT-XL-2-256" },
      { "blocks.0.adaLN_modulation.1.weight",
          "final_layer.adaLN_modulation.1.weight" } },
  { "Open-Sora 1.2 video autoencoder", { "hpcai-tech/OpenSora-VAE-v1.2" },
      { "spatial_vae.module.decoder.conv_in.weight",
          "temporal_vae.decoder.conv1.conv.weight" } },
  { "temporal half of the Open-Sora 1.2 video autoencoder", { NULL },
      { "temporal_vae.decoder.conv1.conv.weight",
          "!spatial_vae.module.decoder.conv_in.weight" } },
  { "temporal half of the Open-Sora 1.2 video autoencoder", { NULL },
      { "decoder.conv1.conv.weight",
          "decoder.res_blocks.0.conv1.conv.weight" } },
  { "2-D half of the Open-Sora 1.2 video autoencoder", { NULL },
      { "spatial_vae.module.decoder.conv_in.weight",
          "!temporal_vae.decoder.conv1.conv.weight" } },
  { "Open-Sora 1.3 video autoencoder", { "hpcai-tech/OpenSora-VAE-v1.3" },
      { "decoder.conv_in.conv.weight", "decoder.mid.attn_1.q.conv.weight",
          "!decoder.up_blocks.0.resnets.0.conv1.conv.weight" } },
  { "Open-Sora 2.0 video autoencoder (Hunyuan)", { "hpcai-tech/Open-Sora-v2" },
      { "decoder.conv_in.conv.weight",
          "decoder.up_blocks.0.resnets.0.conv1.conv.weight",
          "!decoder.mid.attn_1.q.conv.weight" } },
  { "Open-Sora 2.0 video autoencoder (DC-AE)",
      { "hpcai-tech/Open-Sora-v2-Video-DC-AE" },
      { "decoder.project_in.main.conv.weight",
          "decoder.stages.0.op_list.0.main.conv.conv.weight" } },
  { "Stable Diffusion image autoencoder",
      { "stabilityai/sd-vae-ft-ema", "stabilityai/sd-vae-ft-mse",
          "stabilityai/sdxl-vae" },
      { "decoder.conv_in.weight",
          "decoder.up_blocks.0.resnets.0.conv1.weight" } },
  { "FLUX.1 image autoencoder", { "black-forest-labs/FLUX.1-dev" },
      { "decoder.conv_in.weight", "decoder.up.0.block.0.conv1.weight" } },
  { "T5 encoder", { "DeepFloyd/t5-v1_1-xxl", "google/t5-v1_1-xxl" },
      { "encoder.block.0.layer.0.SelfAttention.q.weight",
          "encoder.final_layer_norm.weight" } },
  { "T5 decoder", { NULL },
      { "decoder.block.0.layer.0.SelfAttention.q.weight",
          "decoder.final_layer_norm.weight",
          "!encoder.block.0.layer.0.SelfAttention.q.weight" } },
  { "CLIP text encoder", { "openai/clip-vit-large-patch14" },
      { "text_model.embeddings.token_embedding.weight",
          "text_model.final_layer_norm.weight" } },
};

/* Signs that are right, less those that are wrong. */
static int
rate (const OsManifest *manifest, OsManifestHas has, gconstpointer names)
{
  int rating = 0;

  for (guint i = 0; i < G_N_ELEMENTS (manifest->signs); i++) {
    const char *sign = manifest->signs[i];
    gboolean wanted;

    if (sign == NULL)
      break;
    wanted = *sign != '!';
    rating += has (names, wanted ? sign : sign + 1) == wanted ? 1 : -1;
  }
  return rating;
}

const OsManifest *
os_manifest_find_nearest (OsManifestHas has, gconstpointer names)
{
  const OsManifest *nearest = NULL;
  int best = 0;

  for (guint i = 0; i < G_N_ELEMENTS (manifests); i++) {
    int rating = rate (&manifests[i], has, names);

    if (rating > best) {
      best = rating;
      nearest = &manifests[i];
    }
  }
  return nearest;
}

static gboolean
checkpoint_has (gconstpointer checkpoint, const char *name)
{
  return os_checkpoint_find (checkpoint, name) != NULL;
}

const OsManifest *
os_manifest_find_for (const OsCheckpoint *checkpoint)
{
  return os_manifest_find_nearest (checkpoint_has, checkpoint);
}

const OsManifest *
os_manifest_find_published (const char *repo)
{
  for (guint i = 0; i < G_N_ELEMENTS (manifests); i++) {
    const char *const *repos = manifests[i].repos;

    for (guint k = 0; k < OS_MANIFEST_MAX_REPOS && repos[k] != NULL; k++) {
      if (g_str_equal (repos[k], repo))
        return &manifests[i];
    }
  }
  return NULL;
}
