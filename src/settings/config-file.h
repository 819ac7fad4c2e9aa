/* SPDX-License-Identifier: Apache-2.0 */
/* Open-Sora's config files: Python (python-literals.h) or JSON, by the end of
 * their name. What `_base_` names, a path beside the file or a list of them, is
 * read first; then what the file has is merged into that, with the rules of
 * mmengine's Config, which the reference reads its files with:
 *
 *   - dicts on both sides are merged, their keys one by one; anything else
 *     takes the place of what was there;
 *   - so does a dict with a true `_delete_`;
 *   - two bases have no key in common;
 *   - keys that begin with two underscores are left out. */
#pragma once

#include <json-glib/json-glib.h>

/* Errors: NOT_FOUND, READ, FORMAT, UNSUPPORTED. */
JsonObject *os_config_file_load (const char *path, GError **error);

/* The value of "key" or "section.key"; NULL if there is none or it is null. */
JsonNode *os_config_file_find (JsonObject *config, const char *key);
