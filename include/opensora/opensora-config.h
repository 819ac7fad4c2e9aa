/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#if !defined(OPENSORA_INSIDE) && !defined(OPENSORA_COMPILATION)
#error "Include <opensora/opensora.h> instead of single headers"
#endif

#include <opensora/opensora-params.h>
#include <opensora/opensora-version.h>

G_BEGIN_DECLS

/**
 * OpensoraConfigPart:
 * @OPENSORA_CONFIG_PART_TRANSFORMER: the model that removes noise: `model`
 * @OPENSORA_CONFIG_PART_VAE: between pictures and latents: `vae`, in 2.0 `ae`
 * @OPENSORA_CONFIG_PART_TEXT_ENCODER: T5: `text_encoder`, in 2.0 `t5`
 * @OPENSORA_CONFIG_PART_CLIP: the second text encoder of 2.0: `clip`
 *
 * Parts of a model that a config names.
 *
 * Since: 0.1
 */
typedef enum {
  OPENSORA_CONFIG_PART_TRANSFORMER,
  OPENSORA_CONFIG_PART_VAE,
  OPENSORA_CONFIG_PART_TEXT_ENCODER,
  OPENSORA_CONFIG_PART_CLIP,
} OpensoraConfigPart;

#define OPENSORA_TYPE_CONFIG (opensora_config_get_type ())
OPENSORA_API
G_DECLARE_FINAL_TYPE (
    OpensoraConfig, opensora_config, OPENSORA, CONFIG, GObject)

/**
 * OpensoraConfig:
 *
 * An inference config of Open-Sora, versions 1.0 to 2.0: a Python file, which
 * is read and not run, or JSON with the same keys.
 *
 * Since: 0.1
 */

OPENSORA_API
OpensoraConfig *opensora_config_load (const char *path, GError **error);

OPENSORA_API
const char *opensora_config_get_version (OpensoraConfig *self);
OPENSORA_API
char *opensora_config_to_json (OpensoraConfig *self);
OPENSORA_API
const char *const *opensora_config_get_unknown_keys (OpensoraConfig *self);
OPENSORA_API
const char *const *opensora_config_get_ignored_keys (OpensoraConfig *self);

OPENSORA_API
gboolean opensora_config_apply (
    OpensoraConfig *self, OpensoraParams *params, GError **error);

OPENSORA_API
char **opensora_config_load_prompts (OpensoraConfig *self, GError **error);
OPENSORA_API
const char *opensora_config_get_reference_path (
    OpensoraConfig *self, guint index);
OPENSORA_API
const char *opensora_config_get_mask_strategy (
    OpensoraConfig *self, guint index);

OPENSORA_API
guint opensora_config_get_num_sample (OpensoraConfig *self);
OPENSORA_API
guint opensora_config_get_batch_size (OpensoraConfig *self);
OPENSORA_API
double opensora_config_get_save_fps (OpensoraConfig *self);

OPENSORA_API
const char *opensora_config_get_from_pretrained (
    OpensoraConfig *self, OpensoraConfigPart part);
OPENSORA_API
const char *opensora_config_get_cache_dir (
    OpensoraConfig *self, OpensoraConfigPart part);

G_END_DECLS
