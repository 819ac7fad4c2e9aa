/* SPDX-License-Identifier: Apache-2.0 */
/* Repair of text that other programs have damaged, as ftfy 6.3's fix_text(). */
#pragma once

#include <glib.h>

void os_text_fix (GArray *chars);
