/* SPDX-License-Identifier: Apache-2.0 */
/* OsMediaReader: a reference picture or video, frame by frame, as the networks
 * take it. What is a video is told by the file's name, as Open-Sora does.
 *
 * GStreamer decodes. A library that was built without it opens nothing and says
 * so, with OPENSORA_ERROR_UNSUPPORTED. */
#pragma once

#include "base/task.h"

typedef struct _OsMediaReader OsMediaReader;

typedef enum {
  OS_MEDIA_FRAME,
  OS_MEDIA_END,
  OS_MEDIA_ERROR
} OsMediaResult;

/* Frames come out as width x height: resized to cover that, the middle cut out.
 * Pictures and videos are resized by different rules: see resize.h. `path` is a
 * local file. The task is that of all later calls. */
OsMediaReader *os_media_open (const char *path, guint width, guint height,
    const OsTask *task, GError **error);
void os_media_free (OsMediaReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsMediaReader, os_media_free)

/* The next frame into rgb [height, width, 3], values -1 to 1. A file without a
 * single frame is an error, not an end. */
OsMediaResult os_media_next (OsMediaReader *reader, float *rgb, GError **error);
