/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures and videos to latents. */
#pragma once

#include "pipeline/condition.h"
#include "pipeline/sources.h"

/* A clip being encoded, with the posteriors of the sources. */
OsVae12Encoder *os_references_encoder_new (
    OsBundle *bundle, const OsSources *sources);

/* The files of `paths`, separated by ";", in this order into the conditions.
 * They are made to fit width x height. */
gboolean os_references_load (OsConditions *conditions, OsBundle *bundle,
    OsCompute *compute, const OsSources *sources, const char *paths,
    guint width, guint height, GError **error);
