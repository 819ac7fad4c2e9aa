/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of an Open-Sora config become parameters. */
#pragma once

#include <json-glib/json-glib.h>
#include <opensora/opensora.h>

/* Keys and values. */
JsonObject *os_config_peek (OpensoraConfig *config);

/* `version` is that of the config's model, or NULL. OPENSORA_ERROR_SETTINGS
 * names the key and its value. */
gboolean os_config_apply (JsonObject *config, const char *version,
    OpensoraParams *params, GError **error);

/* FALSE and OPENSORA_ERROR_SETTINGS unless the key is missing, null, or a whole
 * number of at least 1, which *count is set to. */
gboolean os_config_count (
    JsonObject *config, const char *key, guint *count, GError **error);

/* Entry of a list of texts, or a text that is there instead of a list of one;
 * NULL if there is no such entry or it is empty. */
const char *os_config_text (JsonObject *config, const char *key, guint index);
