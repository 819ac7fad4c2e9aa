/* SPDX-License-Identifier: Apache-2.0 */
/* Picture files before GdkPixbuf decodes them: is it PNG, JPEG, BMP or TIFF, is
 * it whole, is it not too large. GdkPixbuf gives Pillow's values bit by bit,
 * but shows what there is of a damaged file and allocates whatever size it
 * says. Of TIFF only the signature is looked at. */
#pragma once

#include <glib.h>

/* TRUE if `path` is none of these, with *known FALSE, or is a sound one. */
gboolean os_picture_file_check (
    const char *path, gboolean *known, GError **error);
