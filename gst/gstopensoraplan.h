/* SPDX-License-Identifier: Apache-2.0 */
/* GstOpensoraPlan: what a run of opensorasrc makes, clip after clip. Every
 * prompt has num-clips clips with the seeds seed, seed + 1 and so on; without
 * end, all prompts take turns. */
#pragma once

#include "gstopensoraclip.h"
#include "gstopensorasettings.h"

G_BEGIN_DECLS

typedef struct {
  GstOpensoraSettings *settings; /* not owned */
  OpensoraConfig *config;        /* NULL: none */
  char **prompts;                /* NULL: the property is the only one */
  guint n_prompts;
  guint prompt, sample;    /* of the next clip */
  OpensoraParams *request; /* of the first clip, as asked for at the start */
} GstOpensoraPlan;

/* Reads the files that the properties name. NULL, with an error of GStreamer's
 * resource domain, for settings that no model could follow. */
GstOpensoraPlan *gst_opensora_plan_new (
    GstOpensoraSettings *settings, GError **error);
void gst_opensora_plan_free (GstOpensoraPlan *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstOpensoraPlan, gst_opensora_plan_free)

/* How many clips are still to be made; -1: there is no end. */
gint64 gst_opensora_plan_count (GstOpensoraPlan *self);

/* Decides every value of the next clip, from what is asked for now and what the
 * peer of the pad takes. last: the clip before, or NULL. */
GstOpensoraClip *gst_opensora_plan_make_clip (GstOpensoraPlan *self,
    OpensoraPipeline *pipeline, GstPad *pad, const GstOpensoraClip *last,
    GError **error);
/* That clip is being made. */
void gst_opensora_plan_advance (GstOpensoraPlan *self);

G_END_DECLS
