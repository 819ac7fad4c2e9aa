/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures and videos made by GStreamer, for the tests that read them. */
#pragma once

#include <gst/video/video.h>

#include "media/media.h"

/* The folder that all files of a test program are in; gone at its end. */
const char *media_test_folder (void);
/* A file in it. */
char *media_test_path (const char *name);

/* Bytes of frame `index`, `size` of them. */
typedef void (*MediaFill) (guint8 *frame, gsize size, guint index);

/* Writes n frames of raw video through "appsrc ! PIPELINE ! filesink". `caps`
 * has format, width and height. */
char *media_test_write (const char *name, const char *caps, guint n,
    MediaFill fill, const char *pipeline);
char *media_test_write_bytes (const char *name, gconstpointer data, gsize size);
