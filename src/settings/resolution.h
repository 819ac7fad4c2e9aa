/* SPDX-License-Identifier: Apache-2.0 */
/* Names of sizes and of frame counts, as Open-Sora 1.1 and 1.2 have them. */
#pragma once

#include <glib.h>

/* Size of a resolution ("240p") at an aspect ratio height:width ("9:16", or
 * "18:32"). It is the size asked for; what a model makes of it is a multiple of
 * its step. */
gboolean os_resolution_find (const char *resolution, const char *aspect_ratio,
    guint *width, guint *height, GError **error);

/* Frames of "51", "2s" or "4x". */
gboolean os_frames_find (const char *text, guint *n, GError **error);
