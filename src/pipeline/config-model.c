/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of `model`, `scheduler` and `text_encoder`. */
#include "pipeline/config-model.h"

#include "base/json.h"
#include "pipeline/config-apply.h"
#include "settings/config-file.h"

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

  *model = (OsConfigModel){ .version = opensora_config_get_version (config),
    .space_scale = 1,
    .time_scale = 1,
    .frame_interval = 1 };
  return read_sampler (root, &model->sampler, error)
         && read_scale (root, "model.space_scale", &model->space_scale, error)
         && read_scale (root, "model.time_scale", &model->time_scale, error)
         && os_config_count (
             root, "scheduler.cfg_channel", &model->n_guided, error)
         && os_config_count (
             root, "frame_interval", &model->frame_interval, error)
         && os_config_count (
             root, "text_encoder.model_max_length", &model->max_length, error);
}
