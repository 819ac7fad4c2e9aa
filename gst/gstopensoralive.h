/* SPDX-License-Identifier: Apache-2.0 */
/* GstOpensoraLive: a stream that follows the clock. Its frames are numbered by
 * the places that they have in time, and every place is filled: with the clip's
 * frame if it is there, with a preview of what is being made if those are asked
 * for, else with what was shown last; black at first. */
#pragma once

#include "gstopensoraclip.h"

G_BEGIN_DECLS

/* The streaming thread's, but for `on` and `resumes`, which state changes set
 * while it does not run. */
typedef struct {
  gboolean on;
  gboolean resumes; /* the clock may have gone on since the last frame */
  GstOpensoraClip *timeline;    /* whose times are those of the places */
  guint64 place;                /* the next */
  GstBuffer *last;              /* RGB, that was shown */
  guint n_repeated, n_previews; /* since the last clip was done */
} GstOpensoraLive;

void gst_opensora_live_clear (GstOpensoraLive *self);

/* Running time of the next place; none before the first. */
GstClockTime gst_opensora_live_get_time (const GstOpensoraLive *self);
/* The clip begins at the next place. */
void gst_opensora_live_place (GstOpensoraLive *self, GstOpensoraClip *clip);

G_END_DECLS
