/* SPDX-License-Identifier: Apache-2.0 */
/* Raw video frames of any format as 8-bit RGB. */
#pragma once

#include <gst/video/video.h>

#include "base/task.h"

/* Into rgb [height, width, 3]; `line` has space for a row of 8-byte pixels.
 * FALSE when cancelled. */
gboolean os_unpack_rgb (const GstVideoFrame *frame, const OsTask *task,
    gpointer line, guint8 *rgb, GError **error);
