/* SPDX-License-Identifier: Apache-2.0 */
/* Which file of a model folder holds its weights. */
#pragma once

#include <glib.h>

/* Its path, or NULL and NOT_FOUND. */
char *os_folder_find_checkpoint (const char *folder, GError **error);
