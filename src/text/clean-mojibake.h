/* SPDX-License-Identifier: Apache-2.0 */
/* Repair of mojibake: UTF-8 that was read as if it were something else. */
#pragma once

#include <glib.h>

/* As ftfy.fix_encoding(): only where it looks wrong as it is. */
void os_mojibake_fix (GArray *chars);
