/* SPDX-License-Identifier: Apache-2.0 */
/* The properties of opensorasrc: their values, and what they ask of the
 * library. A mutex of their own guards them; nothing waits under it. */
#pragma once

#include <opensora/opensora.h>

G_BEGIN_DECLS

/**
 * GstOpensoraBackend:
 * @GST_OPENSORA_BACKEND_AUTO: the fastest one that is there
 * @GST_OPENSORA_BACKEND_OPENBLAS: OpenBLAS, always there
 * @GST_OPENSORA_BACKEND_ONEDNN: oneDNN, when built with it
 *
 * The library that multiplies matrices.
 *
 * Since: 0.1
 */
typedef enum {
  GST_OPENSORA_BACKEND_AUTO,
  GST_OPENSORA_BACKEND_OPENBLAS,
  GST_OPENSORA_BACKEND_ONEDNN,
} GstOpensoraBackend;

typedef struct {
  GMutex lock;
  char *prompt;
  char *model;
  char *revision;
  char *cache_dir;
  gboolean local_files_only;
  gint64 seed;
  guint steps;
  double guidance_scale;
  gint num_frames;
  guint n_threads;
  GstOpensoraBackend backend;
  gboolean model_changed; /* since the pipeline was made */
} GstOpensoraSettings;

void gst_opensora_settings_init (GstOpensoraSettings *self);
void gst_opensora_settings_clear (GstOpensoraSettings *self);

void gst_opensora_settings_install (GObjectClass *klass);
/* FALSE: no such property. */
gboolean gst_opensora_settings_set (
    GstOpensoraSettings *self, guint id, const GValue *value);
gboolean gst_opensora_settings_get (
    GstOpensoraSettings *self, guint id, GValue *value);

/* The clip that is asked for, as far as the properties say. NULL when no model
 * could make it. */
OpensoraParams *gst_opensora_settings_make_request (
    GstOpensoraSettings *self, GError **error);

/* Leaves in place a pipeline of the model and of all that it depends on, and
 * replaces any other. */
void gst_opensora_settings_update_pipeline (
    GstOpensoraSettings *self, OpensoraPipeline **pipeline);

G_END_DECLS
