/* SPDX-License-Identifier: Apache-2.0 */
/* GstOpensoraPlan: what a run of opensorasrc makes, clip after clip. Every
 * prompt has num-clips clips with the seeds seed, seed + 1 and so on; without
 * end, all prompts take turns. */
#pragma once

#include "gstopensoraclip.h"
#include "gstopensorasettings.h"

G_BEGIN_DECLS

/* A clip among those of a run. */
typedef struct {
  guint prompt, sample;
  guint index; /* number of the clip, from 0 */
} GstOpensoraPlace;

typedef struct {
  GstOpensoraSettings *settings; /* not owned */
  OpensoraConfig *config;        /* NULL: none */
  char **prompts;                /* NULL: the property is the only one */
  guint n_prompts;
  gboolean live;
  GstOpensoraPlace next;
  OpensoraParams *request; /* of it, if it is decided already */
  /* Where the stream begins. */
  GstOpensoraPlace first;
  OpensoraParams *first_params; /* NULL until it has begun */
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
 * peer of the pad takes. last: the clip before it in the stream, or NULL. */
GstOpensoraClip *gst_opensora_plan_make_clip (GstOpensoraPlan *self,
    OpensoraPipeline *pipeline, GstPad *pad, const GstOpensoraClip *last,
    GError **error);
/* That clip is being made, or left out. */
void gst_opensora_plan_advance (GstOpensoraPlan *self);
/* Back to the clip that the stream began with, which is made as it was. */
void gst_opensora_plan_rewind (GstOpensoraPlan *self);

G_END_DECLS
