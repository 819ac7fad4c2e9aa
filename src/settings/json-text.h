/* SPDX-License-Identifier: Apache-2.0 */
/* JSON as text for people: indented, lists of plain values in one line, numbers
 * with the fewest digits that read back as they are. */
#pragma once

#include <json-glib/json-glib.h>

/* Without a line end. */
char *os_json_text (JsonObject *object);
