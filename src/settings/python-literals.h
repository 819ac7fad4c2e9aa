/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the Python that Open-Sora's config files are written in, without
 * Python: assignments of literals to names.
 *
 *   file       = { [ name "=" values | string ] newline }
 *   values     = value { "," value } [ "," ]              more than one: a
 * tuple value      = operand { ( "/" | "//" ) operand } operand    = { "-" } (
 * number | string | name | "(" [ values ] ")" | "[" [ values ] "]" | "{" [
 * value ":" value, ... ] "}" | "dict" "(" [ name "=" value, ... ] ")" )
 *
 * Values are those that Python gives, as JSON: None is null, tuples are arrays,
 * whole numbers as keys of a dict are their digits. */
#pragma once

#include <json-glib/json-glib.h>

/* The names that `length` bytes assign, in the order of their first assignment,
 * or NULL and OPENSORA_ERROR_FORMAT; `origin` names the text in messages. */
JsonObject *os_python_parse (
    const char *text, gsize length, const char *origin, GError **error);
