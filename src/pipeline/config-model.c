/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of `model`, `scheduler`, `vae` and `text_encoder`. */
#include "pipeline/config-model.h"

#include "base/json.h"
#include "pipeline/config-apply.h"
#include "settings/config-file.h"

/* In place of a path in the configs of 1.0, whose transformers come in files
 * that are made for a size. */
#define PLACEHOLDER "PRETRAINED_MODEL"

/* What 1.0 expects in the folder that it is told. */
#define T5_FOLDER "t5-v1_1-xxl"

static const char *
find_file_1_0 (OpensoraConfig *config)
{
  JsonNode *size = os_config_file_find (os_config_peek (config), "image_size");
  JsonArray *sides =
      size && JSON_NODE_HOLDS_ARRAY (size) ? json_node_get_array (size) : NULL;

  return sides && json_array_get_length (sides) > 0
                 && os_json_holds (
                     json_array_get_element (sides, 0), G_TYPE_INT64)
                 && json_array_get_int_element (sides, 0) >= 512
             ? "opensora-1.0-16x512x512"
             : "opensora-1.0";
}

char *
os_config_model_find_part (OpensoraConfig *config, OpensoraConfigPart part)
{
  const char *name = opensora_config_get_from_pretrained (config, part);
  g_autofree char *folder = NULL;

  if (!name || g_strcmp0 (opensora_config_get_version (config), "1.0") != 0)
    return g_strdup (name);
  if (g_str_equal (name, PLACEHOLDER))
    return g_strdup (find_file_1_0 (config));
  folder = g_build_filename (name, T5_FOLDER, NULL);
  if (part == OPENSORA_CONFIG_PART_TEXT_ENCODER
      && g_file_test (folder, G_FILE_TEST_IS_DIR))
    return g_steal_pointer (&folder);
  return g_strdup (name);
}

static gboolean
read_scale (JsonObject *config, const char *key, double *scale, GError **error)
{
  JsonNode *node = os_config_file_find (config, key);

  if (!node)
    return TRUE;
  if (os_json_holds (node, G_TYPE_DOUBLE) || os_json_holds (node, G_TYPE_INT64))
    *scale = json_node_get_double (node);
  else
    *scale = 0;
  if (*scale >= 1e-3 && *scale <= 1e3)
    return TRUE;
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
      "%s of the config has to be a number from 0.001 to 1000", key);
  return FALSE;
}

static gboolean
read_sampler (JsonObject *config, OsSamplerKind *sampler, GError **error)
{
  const char *type = os_config_text (config, "scheduler.type", 0);

  *sampler = type ? os_sampler_find (type) : OS_N_SAMPLERS;
  if (!type || *sampler < OS_N_SAMPLERS)
    return TRUE;
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
      "scheduler.type of the config is \"%s\"; rflow, iddpm and dpm-solver are "
      "possible",
      type);
  return FALSE;
}

/* What is missing is what the reference's classes take then. */
gboolean
os_config_model_read (
    OpensoraConfig *config, OsConfigModel *model, GError **error)
{
  JsonObject *root = os_config_peek (config);
  const char *version = opensora_config_get_version (config);

  *model = (OsConfigModel){ .version = version,
    .space_scale = 1,
    .time_scale = 1,
    .micro_batch_size = g_strcmp0 (version, "1.2") == 0 ? 4 : 0 };
  return read_sampler (root, &model->sampler, error)
         && read_scale (root, "model.space_scale", &model->space_scale, error)
         && read_scale (root, "model.time_scale", &model->time_scale, error)
         && os_config_count (
             root, "scheduler.cfg_channel", &model->n_guided, error)
         && os_config_count (
             root, "text_encoder.model_max_length", &model->max_length, error)
         && os_config_count (
             root, "vae.micro_batch_size", &model->micro_batch_size, error);
}
