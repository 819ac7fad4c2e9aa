/* SPDX-License-Identifier: Apache-2.0 */
/* What a config says of its model and how that is sampled, which no parameter
 * of a clip is about. */
#pragma once

#include <opensora/opensora.h>

#include "pipeline/family.h"

typedef struct {
  const char *version;   /* of the model that it is for; NULL: not said */
  OsSamplerKind sampler; /* OS_N_SAMPLERS: not said */
  guint n_guided;        /* 0: all channels of the latents */
  /* Of STDiT, as os_stdit_set_scales() has them. */
  double space_scale, time_scale;
  guint max_length; /* tokens of a prompt; 0: not said */
  /* Of the VAE, as os_vae12_set_micro_batch_size() has it. */
  guint micro_batch_size;
} OsConfigModel;

/* Where a part is, as a pipeline finds it; NULL: not said. */
char *os_config_model_find_part (
    OpensoraConfig *config, OpensoraConfigPart part);
/* FALSE and OPENSORA_ERROR_SETTINGS for a value that is not possible. */
gboolean os_config_model_read (
    OpensoraConfig *config, OsConfigModel *model, GError **error);
