/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of files that `opensora generate` writes, by the ending of the
 * name, and what encodes each. */
#pragma once

#include <gst/gst.h>

typedef struct {
  const char *extension;
  gboolean is_picture; /* a file a frame */
  /* Descriptions of the part between the frames and the file; the first whose
   * elements are installed is taken. */
  const char *chains[2];
} FileType;

/* Whose ending `path` has. */
const FileType *file_type_find (const char *path, GError **error);
/* ".mp4, .mkv, ...": all endings. */
char *file_type_list (void);
/* A bin that writes raw video to files of this type with the element `sink`,
 * which is called "file" in it. The error says what to install. */
GstElement *file_type_make_writer (
    const FileType *self, const char *sink, GError **error);
