/* SPDX-License-Identifier: Apache-2.0 */
/* GstOpensoraPreview: what a clip is going to be, in small pictures, while it
 * is denoised. Buffers of the stream that show one are known by a custom meta.
 */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/* gst_buffer_get_custom_meta (buffer, this) is there for previews alone.
 * Fields: clip, step, steps, and width and height of the picture before it was
 * scaled.
 */
#define GST_OPENSORA_PREVIEW_META "GstOpensoraPreviewMeta"

typedef struct {
  GBytes *rgb; /* packed pictures, one after the other; NULL: none */
  guint width, height;
  guint n_pictures;
  guint n_shared; /* the first of them are of the clip or loop before */
  guint clip, step, steps;
} GstOpensoraPreview;

void gst_opensora_preview_copy (
    GstOpensoraPreview *self, const GstOpensoraPreview *from);
void gst_opensora_preview_clear (GstOpensoraPreview *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (
    GstOpensoraPreview, gst_opensora_preview_clear)

/* Before any buffer is made or looked at. */
void gst_opensora_preview_register_meta (void);

/* A copy of the picture at a fraction of the clip, 0 to below 1, with the meta.
 */
GstBuffer *gst_opensora_preview_make_buffer (
    const GstOpensoraPreview *self, double position);
/* FALSE if the buffer is no preview. */
gboolean gst_opensora_preview_get_size (
    GstBuffer *buffer, guint *width, guint *height);

/* Which picture is shown where each step shows one: all of the clip in the
 * course of its denoising. */
double gst_opensora_preview_get_position (const GstOpensoraPreview *self);
/* The element message opensora-preview. */
void gst_opensora_preview_post (
    const GstOpensoraPreview *self, GstElement *element);

G_END_DECLS
