/* SPDX-License-Identifier: Apache-2.0 */
/* The values of opensorasrc's properties, and what they ask of the library. A
 * mutex of their own guards them; nothing waits under it. */
#pragma once

#include <opensora/opensora.h>

G_BEGIN_DECLS

/**
 * GstOpensoraBackend:
 * @GST_OPENSORA_BACKEND_AUTO: the fastest one that is there
 * @GST_OPENSORA_BACKEND_OPENBLAS: OpenBLAS, always there
 * @GST_OPENSORA_BACKEND_ONEDNN: oneDNN, when built with it
 * @GST_OPENSORA_BACKEND_BUILTIN: this library's own code for linear layers,
 *   always there
 *
 * The library that multiplies matrices.
 *
 * Since: 0.1
 */
typedef enum {
  GST_OPENSORA_BACKEND_AUTO,
  GST_OPENSORA_BACKEND_OPENBLAS,
  GST_OPENSORA_BACKEND_ONEDNN,
  GST_OPENSORA_BACKEND_BUILTIN,
} GstOpensoraBackend;

/**
 * GstOpensoraContinueFrom:
 * @GST_OPENSORA_CONTINUE_FROM_NONE: nothing, every clip starts afresh
 * @GST_OPENSORA_CONTINUE_FROM_PREVIOUS: the end of the clip before
 *
 * What a clip goes on from.
 *
 * Since: 0.1
 */
typedef enum {
  GST_OPENSORA_CONTINUE_FROM_NONE,
  GST_OPENSORA_CONTINUE_FROM_PREVIOUS,
} GstOpensoraContinueFrom;

/* The list of all properties. */
void gst_opensora_properties_install (GObjectClass *klass);

typedef struct {
  GObjectClass *klass; /* that has the properties */
  GMutex lock;
  GHashTable *values; /* name -> GValue, of the properties that were set */
  char *pipeline_key; /* what the pipeline was made from */
} GstOpensoraSettings;

void gst_opensora_settings_init (
    GstOpensoraSettings *self, GObjectClass *klass);
void gst_opensora_settings_clear (GstOpensoraSettings *self);

/* A property as it was set, else its default. */
void gst_opensora_settings_get (
    GstOpensoraSettings *self, GParamSpec *spec, GValue *value);
void gst_opensora_settings_set (
    GstOpensoraSettings *self, GParamSpec *spec, const GValue *value);

char *gst_opensora_settings_dup_string (
    GstOpensoraSettings *self, const char *name);
guint gst_opensora_settings_get_uint (
    GstOpensoraSettings *self, const char *name);
gboolean gst_opensora_settings_get_boolean (
    GstOpensoraSettings *self, const char *name);
gint gst_opensora_settings_get_enum (
    GstOpensoraSettings *self, const char *name);
/* FALSE, and value stays, if it was not set. */
gboolean gst_opensora_settings_get_int (
    GstOpensoraSettings *self, const char *name, gint *value);

/* Sets all properties that were set here and exist there. */
void gst_opensora_settings_apply (GstOpensoraSettings *self, GObject *object);

/* Leaves in place a pipeline of the model and of all that it depends on, and
 * replaces any other. What the properties leave open config says, if there is
 * one. FALSE, with GST_RESOURCE_ERROR_NOT_FOUND, if a path leads to nothing. */
gboolean gst_opensora_settings_update_pipeline (GstOpensoraSettings *self,
    OpensoraConfig *config, OpensoraPipeline **pipeline, GError **error);

/* Open-Sora's height:width, such as "9:16", of a fraction width/height; NULL of
 * 0/1. */
char *gst_opensora_aspect_ratio_to_text (const GValue *fraction);

G_END_DECLS
