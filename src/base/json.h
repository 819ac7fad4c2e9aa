/* SPDX-License-Identifier: Apache-2.0 */
/* Strict reading of JSON that comes from strangers. json-glib forgives a lot
 * (comments, members given twice, any depth, broken surrogates); what it would
 * forgive is refused here. */
#pragma once

#include <json-glib/json-glib.h>

/* Objects in arrays in objects: deeper than any file of these formats. */
#define OS_JSON_MAX_DEPTH 16

/* The object that `length` bytes of UTF-8 spell, or NULL and
 * OPENSORA_ERROR_FORMAT; `origin` names the text in the message. */
JsonObject *os_json_parse (
    const char *text, gsize length, const char *origin, GError **error);
/* The same for any value. */
JsonNode *os_json_parse_node (
    const char *text, gsize length, const char *origin, GError **error);

/* Is there a value of this type: G_TYPE_INT64, _DOUBLE, _BOOLEAN, _STRING? */
static inline gboolean
os_json_holds (JsonNode *node, GType type)
{
  return node != NULL && JSON_NODE_HOLDS_VALUE (node)
         && json_node_get_value_type (node) == type;
}
