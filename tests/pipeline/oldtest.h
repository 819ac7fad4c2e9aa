/* SPDX-License-Identifier: Apache-2.0 */
/* Models of Open-Sora 1.0 and 1.1: random networks, a thousand times smaller
 * than the published ones, with the text encoder of the demo model. */
#pragma once

#include <glib.h>

/* A folder with the four parts of a model, and no opensora.json. */
char *oldtest_make (const char *version);
void oldtest_remove (const char *folder);
