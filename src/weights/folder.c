/* SPDX-License-Identifier: Apache-2.0 */
/* Folders as Hugging Face's libraries, Open-Sora and its training write them.
 */
#include "weights/folder.h"

#include <opensora/opensora.h>

/* In the order of preference; a pattern counts if one file alone fits it. */
static const char *const usual[] = { "model.safetensors",
  "diffusion_pytorch_model.safetensors", "model.safetensors.index.json",
  "diffusion_pytorch_model.safetensors.index.json", "*.safetensors",
  "pytorch_model.bin", "diffusion_pytorch_model.bin",
  "pytorch_model.bin.index.json", "diffusion_pytorch_model.bin.index.json",
  "*.bin", "*.index*.json", NULL };
static const char *const torch_files[] = { "*.pth", "*.pt", "*.ckpt", NULL };

/* Shards are no checkpoints by themselves: "model-00001-of-00003.safetensors",
 * "pytorch_model-00001.bin" (ColossalAI). */
static gboolean
is_shard (const char *name)
{
  return g_regex_match_simple ("-\\d{5}(-of-\\d{5})?\\.\\w+$", name, 0, 0);
}

static GPtrArray *
list_names (const char *folder)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    if (!is_shard (name))
      g_ptr_array_add (names, g_strdup (name));
  }
  return names;
}

/* NULL if none fits, or several. */
static const char *
match_only (const GPtrArray *names, const char *pattern)
{
  const char *found = NULL;

  for (guint i = 0; i < names->len; i++) {
    const char *name = g_ptr_array_index (names, i);

    if (!g_pattern_match_simple (pattern, name))
      continue;
    if (found != NULL)
      return NULL;
    found = name;
  }
  return found;
}

static char *
find (const char *folder, const char *const *patterns)
{
  g_autoptr (GPtrArray) names = list_names (folder);
  const char *name = NULL;

  for (; name == NULL && *patterns != NULL; patterns++)
    name = match_only (names, *patterns);
  return name != NULL ? g_build_filename (folder, name, NULL) : NULL;
}

char *
os_folder_find_checkpoint (const char *folder, GError **error)
{
  /* Training keeps the weights in model/, beside ema.pt and the optimizer. */
  g_autofree char *model = g_build_filename (folder, "model", NULL);
  char *found = find (folder, usual);

  if (found == NULL)
    found = find (model, usual);
  if (found == NULL)
    found = find (folder, torch_files);
  if (found == NULL)
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND,
        "%s: holds no checkpoint, or several without a usual name (%s, %s, an "
        "index of one, ...); name the file itself",
        folder, usual[0], usual[1]);
  return found;
}
