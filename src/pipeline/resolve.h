/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters meet a model. A resolved OpensoraParams has no defaults left in
 * it: width and height are those of the frames, and resolution (with
 * aspect-ratio, if it is a name) is there where the model is told another size
 * than that. */
#pragma once

#include "pipeline/bundle.h"
#include "pipeline/params.h"

/* params with every default filled in for this model, or
 * OPENSORA_ERROR_SETTINGS for what the model cannot make. */
OpensoraParams *os_resolve (
    const OsBundle *bundle, OpensoraParams *params, GError **error);

/* Of resolved parameters: */

/* The size that the model is told and references are made to fit; 240p is
 * 240 x 426 and comes out as 240 x 424. */
void os_resolve_nominal_size (
    const OsParams *params, guint *width, guint *height);
/* What goes on from a clip leaves out the frames that it shares with it. */
guint os_resolve_carried_frames (
    const OsFamily *family, const OsParams *params);
/* How many of them a loop has. */
guint os_resolve_shared_frames (
    const OsFamily *family, const OsParams *params, guint loop);
/* Steps that are not computed; threshold 0: all are. FALSE only for parameters
 * that are not resolved. */
gboolean os_resolve_step_cache (const OsFamily *family, const OsParams *params,
    OsStepCacheSettings *settings, GError **error);
/* Frames of all loops. */
guint os_resolve_count_frames (const OsFamily *family, const OsParams *params);
