/* SPDX-License-Identifier: Apache-2.0 */
/* From frames to files: one for all, one a clip, or one a picture.
 *
 *   tee ! queue ! encoder ! filesink
 *
 * A file has its name once it is complete; until then, and after a failure, an
 * older file of that name is as it was. */
#pragma once

#include "file-types.h"

typedef struct {
  GstElement *pipeline; /* whose bus tells of files that are complete */
  GstElement *tee;
  const FileType *type;
  const char *output;
  gboolean is_pattern;

  GstElement *writer; /* atomic: of the current file */
  /* The streaming thread's, while it runs. */
  GstPad *pad; /* of the tee, to the writer */
  guint n_files;
  guint64 n_frames; /* of the current file */
  GstClockTime end; /* of its last frame */
} Recorder;

/* Adds to `pipeline` what writes `output`, behind `filter`. A name with a
 * number, such as clip-%02d.mp4, is a pattern. */
gboolean recorder_begin (Recorder *self, GstElement *pipeline,
    GstElement *filter, const char *output, GError **error);
/* To be told every element message of the pipeline: gives complete files their
 * names. */
gboolean recorder_handle (
    Recorder *self, const GstStructure *message, GError **error);
/* Gives the files that are left their names, or removes them if they are not
 * `complete`. The pipeline has to be in the state NULL. */
gboolean recorder_end (Recorder *self, gboolean complete, GError **error);
