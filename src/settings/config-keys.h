/* SPDX-License-Identifier: Apache-2.0 */
/* Which keys of a config file mean something: those that the inference scripts
 * of Open-Sora 1.0 to 2.0 read, in its sections those that the constructors
 * they go to have. Keys are named "key" or "section.key". */
#pragma once

#include <json-glib/json-glib.h>

/* Keys that no version of Open-Sora reads; NULL-terminated. */
char **os_config_keys_unknown (JsonObject *config);
/* Keys whose values change what Open-Sora makes and are not looked at here;
 * NULL-terminated. */
char **os_config_keys_ignored (JsonObject *config);
