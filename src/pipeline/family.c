/* SPDX-License-Identifier: Apache-2.0 */
/* The table of Open-Sora releases. */
#include "pipeline/family.h"

#include <opensora/opensora.h>

static const OsFamily families[] = {
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
      .condition_frame_length = 5,
      .timestep_transform = TRUE,
      .frame_mask = TRUE,
      .picture_fps = 120,
      .size_step = 8,
      .min_video_frames = 17,
      .carried_latents = 5,
      .carried_frames = 17,
  },
};

static const OsRelease releases[] = {
  { "opensora-1.2", "1.2",
      { "hpcai-tech/OpenSora-STDiT-v3", "hpcai-tech/OpenSora-VAE-v1.2",
          "DeepFloyd/t5-v1_1-xxl" } },
};

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
