/* SPDX-License-Identifier: Apache-2.0 */
/* OsBundle: the parts of a model, opened. A part is a folder of config.json and
 * weights, or a file of weights, whose tensors tell the rest; a whole model is
 * the folder of
 *
 *   transformer/  config.json, weights    vae/        config.json, weights
 *   text_encoder/ config.json, weights    tokenizer/  spiece.model
 *   opensora.json (optional): version and defaults
 */
#pragma once

#include "base/task.h"
#include "models/stdit.h"
#include "pipeline/config-model.h"
#include "pipeline/embedding-cache.h"
#include "pipeline/family.h"
#include "pipeline/parts.h"
#include "text/t5-tokenizer.h"
#include "text/t5.h"
#include "vae/vae12.h"

typedef struct {
  OsFamily family;  /* with the defaults of opensora.json */
  char *prompt;     /* default prompt or NULL */
  guint max_length; /* tokens of a prompt */

  OsT5Tokenizer *tokenizer;
  OsT5 *text_encoder;
  OsEmbeddingCache *text_states; /* what it made of prompts */
  OsStdit *transformer;
  OsVae12 *vae;
} OsBundle;

/* Maps the weights; reads none. */
OsBundle *os_bundle_open (
    const OsParts *parts, const OsTask *task, GError **error);
/* What a config says of the model, if it is one for it. FALSE and
 * OPENSORA_ERROR_SETTINGS for what the model is not made for. */
gboolean os_bundle_configure (
    OsBundle *bundle, const OsConfigModel *config, GError **error);
void os_bundle_free (OsBundle *bundle);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsBundle, os_bundle_free)
