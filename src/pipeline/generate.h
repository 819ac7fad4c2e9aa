/* SPDX-License-Identifier: Apache-2.0 */
/* One clip, from prompt to frames:
 *
 *   prompt -> tokens -> text states -> latents -> frames
 */
#pragma once

#include "pipeline/bundle.h"

/* Everything decided: see os_generate_resolve(). */
gboolean os_generate_clip (OsBundle *bundle, OsCompute *compute,
    OpensoraParams *resolved, OpensoraFrameFunc frame, gpointer user_data,
    GError **error);

/* params with every default filled in for this model, or
 * OPENSORA_ERROR_SETTINGS for what the model cannot make. */
OpensoraParams *os_generate_resolve (
    const OsBundle *bundle, OpensoraParams *params, GError **error);
