/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at every frame of a live stream in RGB that the pad "src" of the
 * element "src" pushes, at 24 a second: each begins where the one before ends,
 * those that are repeated are marked and are what was shown last. */
#pragma once

#include <gst/gst.h>

#define LIVEWATCH_RATE 24

typedef struct {
  GMutex lock;    /* guards what follows */
  GCond cond;     /* there was a frame */
  gboolean open;  /* frames may come; else one that was on its way */
  guint n_closed; /* that came all the same */
  gboolean holes; /* and need not follow each other */
  guint n_frames, n_repeated, n_previews, n_caps;
  GstClockTime begin, end; /* of the last frame */
  guint64 offset;          /* of the next */
  GPtrArray *hashes; /* of frames that are neither repeated nor previews */
  /* Of these, a letter when the strongest colour is another: red, green, blue.
   */
  GString *colours;
  GBytes *last; /* the last of these; NULL: black */
} LiveWatch;

void livewatch_init (LiveWatch *self, GstElement *pipeline);
void livewatch_clear (LiveWatch *self);
void livewatch_set_open (LiveWatch *self, gboolean open);
/* Waits for so many more frames, or for a colour to come. */
void livewatch_wait_frames (LiveWatch *self, guint n);
void livewatch_wait_colour (LiveWatch *self, char colour);
