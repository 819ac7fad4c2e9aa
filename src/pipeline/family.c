/* SPDX-License-Identifier: Apache-2.0 */
/* The table of Open-Sora releases. */
#include "pipeline/family.h"

static const OsSamplerInfo samplers[OS_N_SAMPLERS] = {
  [OS_SAMPLER_RFLOW] = { "rflow", 1, TRUE, FALSE },
  [OS_SAMPLER_IDDPM] = { "iddpm", 2, TRUE, TRUE },
  [OS_SAMPLER_DPM_SOLVER] = { "dpm-solver", 2, FALSE, TRUE },
};

/* Latents of Stable Diffusion's image autoencoder as colours: found by
 * experiment with Stable Diffusion 1.4, discuss.huggingface.co/t/23204. Those
 * of 1.0 and 1.1 are this autoencoder's. The temporal one of 1.2 makes others
 * of them, for which no map was published: this is an approximation of it. */
#define STABLE_DIFFUSION_MAP                                                   \
  {                                                                            \
    { 0.298f, 0.207f, 0.208f }, { 0.187f, 0.286f, 0.173f },                    \
        { -0.158f, 0.189f, 0.264f }, { -0.184f, -0.271f, -0.473f },            \
        { 0, 0, 0 },                                                           \
  }

static const OsFamily families[] = {
  {
      .version = "1.0",
      .width = 256,
      .height = 256,
      .num_frames = 16,
      .steps = 100,
      .fps = 8,
      .guidance_scale = 7.0,
      .sampler = OS_SAMPLER_IDDPM,
      .n_guided = 3,
      .schedule_dtype = OS_DTYPE_F64,
      .draws_float_latents = TRUE,
      .prompt_grammar = OS_PROMPT_TEXT,
      .frame_interval = 1,
      .picture_fps = 120,
      .size_step = 16,
      .min_video_frames = 1,
      .carried_latents = 1,
      .carried_frames = 1,
      .preview_map = STABLE_DIFFUSION_MAP,
  },
  {
      .version = "1.1",
      .resolution = "240p",
      .aspect_ratio = "9:16",
      .num_frames = 16,
      .steps = 100,
      .fps = 8,
      .guidance_scale = 7.0,
      .condition_frame_length = 4,
      .sampler = OS_SAMPLER_IDDPM,
      .n_guided = 3,
      .guides_any_channels = TRUE,
      .schedule_dtype = OS_DTYPE_F32,
      .frame_mask = OS_FRAME_MASK_CONDITIONED,
      .takes_references = TRUE,
      .prompt_grammar = OS_PROMPT_1_1,
      .frame_interval = 3,
      .picture_fps = 120,
      .size_step = 8,
      .min_video_frames = 1,
      .carried_latents = 1,
      .carried_frames = 1,
      .preview_map = STABLE_DIFFUSION_MAP,
  },
  {
      .version = "1.2",
      .resolution = "240p",
      .aspect_ratio = "9:16",
      .num_frames = 51,
      .steps = 30,
      .fps = 24,
      .guidance_scale = 7.0,
      .aesthetic_score = 6.5,
      .align = 5,
      .fits_groups = TRUE,
      .condition_frame_length = 5,
      .sampler = OS_SAMPLER_RFLOW,
      .timestep_transform = TRUE,
      .frame_mask = OS_FRAME_MASK_ALWAYS,
      .takes_references = TRUE,
      .prompt_grammar = OS_PROMPT_1_2,
      .frame_interval = 1,
      .picture_fps = 120,
      .size_step = 8,
      .min_video_frames = 17,
      .carried_latents = 5,
      .carried_frames = 17,
      .preview_map = STABLE_DIFFUSION_MAP,
      /* Those of the paper's authors, who call this threshold the slow one. */
      .step_cache = { 0.1, { 2.17546007e+02, -1.18329252e+02, 2.68662585e+01,
                               -4.59364272e-02, 4.84426240e-02 } },
  },
};

#define T5 "DeepFloyd/t5-v1_1-xxl"
#define IMAGE_VAE "stabilityai/sd-vae-ft-ema"
#define FILES_1_0 "hpcai-tech/Open-Sora"

/* The first of a version is what its transformer alone is taken for. */
static const OsRelease releases[] = {
  { "opensora-1.0", "1.0", { FILES_1_0, IMAGE_VAE, T5 },
      "OpenSora-v1-HQ-16x256x256.pth", OPENSORA_HUB_COMPONENT_DIFFUSERS },
  { "opensora-1.0-16x256x256", "1.0", { FILES_1_0, IMAGE_VAE, T5 },
      "OpenSora-v1-16x256x256.pth", OPENSORA_HUB_COMPONENT_DIFFUSERS },
  { "opensora-1.0-16x512x512", "1.0", { FILES_1_0, IMAGE_VAE, T5 },
      "OpenSora-v1-HQ-16x512x512.pth", OPENSORA_HUB_COMPONENT_DIFFUSERS, 512 },
  { "opensora-1.1", "1.1",
      { "hpcai-tech/OpenSora-STDiT-v2-stage3", IMAGE_VAE, T5 }, NULL,
      OPENSORA_HUB_COMPONENT_DIFFUSERS },
  { "opensora-1.1-stage2", "1.1",
      { "hpcai-tech/OpenSora-STDiT-v2-stage2", IMAGE_VAE, T5 }, NULL,
      OPENSORA_HUB_COMPONENT_DIFFUSERS },
  { "opensora-1.2", "1.2",
      { "hpcai-tech/OpenSora-STDiT-v3", "hpcai-tech/OpenSora-VAE-v1.2", T5 } },
};

const OsSamplerInfo *
os_sampler_get_info (OsSamplerKind kind)
{
  return &samplers[kind];
}

OsSamplerKind
os_sampler_find (const char *name)
{
  int kind = 0;

  while (kind < OS_N_SAMPLERS && !g_str_equal (name, samplers[kind].name))
    kind++;
  return kind;
}

const OsFamily *
os_family_find (const char *version, GError **error)
{
  g_autoptr (GString) known = g_string_new (NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (families); i++) {
    if (g_str_equal (version, families[i].version))
      return &families[i];
    g_string_append_printf (known, "%s%s", i ? ", " : "", families[i].version);
  }
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_UNSUPPORTED,
      "Open-Sora %s is not supported; supported: %s", version, known->str);
  return NULL;
}

static const struct {
  const char *name, *property, *folder;
} parts[OS_N_PARTS] = {
  [OS_PART_TRANSFORMER] = { "transformer", "transformer", "transformer" },
  [OS_PART_VAE] = { "video autoencoder", "vae", "vae" },
  [OS_PART_TEXT_ENCODER] = { "text encoder", "text-encoder", "text_encoder" },
};

const char *
os_part_get_name (OsPartKind part)
{
  return parts[part].name;
}

const char *
os_part_get_property (OsPartKind part)
{
  return parts[part].property;
}

const char *
os_part_get_folder (OsPartKind part)
{
  return parts[part].folder;
}

const OsRelease *
os_release_find (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (releases); i++) {
    if (g_str_equal (name, releases[i].name))
      return &releases[i];
  }
  return NULL;
}

const OsRelease *
os_release_find_by_transformer (const OsManifest *network)
{
  for (gsize i = 0; i < G_N_ELEMENTS (releases); i++) {
    const char *repo = releases[i].repos[OS_PART_TRANSFORMER];

    if (os_manifest_find_published (repo) == network)
      return &releases[i];
  }
  return NULL;
}

const OsRelease *
os_release_find_by_repo (const char *repo)
{
  for (gsize i = 0; i < G_N_ELEMENTS (releases); i++) {
    if (g_str_equal (repo, releases[i].repos[OS_PART_TRANSFORMER]))
      return &releases[i];
  }
  return NULL;
}

const OsRelease *
os_release_find_by_file (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (releases); i++) {
    if (g_strcmp0 (name, releases[i].file) == 0)
      return &releases[i];
  }
  return NULL;
}
