/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of opensorasrc share. */
#pragma once

#include <gst/check/gstharness.h>
#include <gst/gst.h>

/* Runs the tests, then asks the leaks tracer, if it is active, for objects that
 * are still alive. */
int gst_test_main (int argc, char **argv, void (*add_tests) (void));

/* A time limit in seconds, longer where the tests run in a slow tool. */
double gst_test_limit (double seconds);

/* An element with these properties (as in gst-launch, "" for none) whose
 * harness takes only such caps (NULL for all) and has a bus. */
GstHarness *gst_test_harness_new (const char *properties, const char *caps);
void gst_test_harness_free (GstHarness *harness);

/* A pipeline in READY. */
GstElement *gst_test_pipeline_new (const char *description);
/* Sets NULL and frees; the time that took in seconds. */
double gst_test_pipeline_free (GstElement *pipeline);

/* The next message of these types, none is a failure. */
GstMessage *gst_test_wait_message (GstElement *element, GstMessageType types);
/* Waits for a progress message of this type and code (NULL for any). */
void gst_test_wait_progress (
    GstElement *element, GstProgressType type, const char *code);
/* Until the clip that is being pushed, with keep-clip, has all its frames. */
void gst_test_wait_whole (GstElement *src);
/* Fails on an error message. */
void gst_test_wait_eos (GstElement *pipeline);

/* The element's first error message must be this; part is in its text. */
void gst_test_expect_error (
    const char *launch, GQuark domain, int code, const char *part);

/* A probe for buffers: adds what goes by to a GChecksum. */
GstPadProbeReturn gst_test_hash_frame (
    GstPad *pad, GstPadProbeInfo *info, gpointer data);
