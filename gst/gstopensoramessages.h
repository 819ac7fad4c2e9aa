/* SPDX-License-Identifier: Apache-2.0 */
/* Information, warnings and errors of opensorasrc. */
#pragma once

#include <gst/gst.h>
#include <opensora/opensora.h>

G_BEGIN_DECLS

/* Tells once a run that no model was asked for. */
void gst_opensora_post_demo_info (GstElement *element);

/* Tells that a property was set too late for this run. */
void gst_opensora_post_late_warning (GstElement *element, const char *property);

/* Tells that no more of a clip is made. */
void gst_opensora_post_cancelled (GstElement *element, guint clip);

/* Tells what of a config is of no use here. */
void gst_opensora_post_config_warnings (
    GstElement *element, OpensoraConfig *config);

/* Posts the one error message that says what failed and what to do. error: of
 * the library's domain, or of a GStreamer domain, which then stays. */
void gst_opensora_post_error (GstElement *element, const GError *error);

G_END_DECLS
