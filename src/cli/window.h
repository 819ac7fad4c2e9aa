/* SPDX-License-Identifier: Apache-2.0 */
/* A window that shows the frames which pass a pad. It has a pipeline of its
 * own: whatever happens to it, closing included, the work goes on. */
#pragma once

#include <gst/gst.h>

typedef struct _Window Window;

/* The error says that there is no display. `on_end` is called in the main loop
 * when the window has shown the last frame or was closed. */
Window *window_new (
    GstPad *pad, void (*on_end) (gpointer), gpointer data, GError **error);
/* A small picture of what is being made. Frames that are still to be shown come
 * first. */
void window_show_preview (Window *self, GstSample *preview);
/* No more frames come. FALSE: the window has ended before. */
gboolean window_end_stream (Window *self);
void window_free (Window *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Window, window_free)
