/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the library's RGB frames as downstream wants them. */
#pragma once

#include <gst/video/video.h>

G_BEGIN_DECLS

typedef struct {
  GstVideoInfo rgb;             /* packed, as the library gives it */
  GstVideoInfo out;             /* as negotiated */
  GstVideoConverter *converter; /* NULL when out is RGB too */
  GstVideoInfo small;           /* of previews */
  GstVideoConverter *scaler;    /* NULL before the first of them */
} GstOpensoraWriter;

void gst_opensora_writer_set_output (
    GstOpensoraWriter *self, const GstVideoInfo *out);
void gst_opensora_writer_clear (GstOpensoraWriter *self);

/* Answers an allocation query for caps with downstream's pool or one of our own
 * called name. */
void gst_opensora_writer_configure_pool (
    GstOpensoraWriter *self, GstQuery *query, GstCaps *caps, const char *name);

/* FALSE when a buffer cannot be mapped. rgb: packed, a frame or a preview,
 * which is scaled. */
gboolean gst_opensora_writer_write (
    GstOpensoraWriter *self, GstBuffer *rgb, GstBuffer *out);

G_END_DECLS
