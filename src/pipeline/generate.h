/* SPDX-License-Identifier: Apache-2.0 */
/* One clip, from prompt to frames:
 *
 *   references -> latents -\
 *   prompt -> text states --+-> latents -> frames      loop 0
 *                   previous clip -> latents -> ...    loop 1, ...
 */
#pragma once

#include "pipeline/sources.h"
#include "pipeline/tail.h"

typedef struct _OsClip OsClip;

/* Takes the prompt apart and encodes the references. Parameters are resolved;
 * everything that is passed outlives the clip. tail: of the clip before, which
 * the parameters may say to go on from; this one's own takes its place. NULL:
 * neither. */
OsClip *os_clip_new (OsBundle *bundle, OsCompute *compute,
    OpensoraParams *resolved, const OsSources *sources, OsTail *tail,
    GError **error);
void os_clip_free (OsClip *clip);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsClip, os_clip_free)

/* All loops, of which `frame` gets the frames as one video. Called again it
 * makes another sample, of the random numbers that follow. */
gboolean os_clip_generate (
    OsClip *clip, OpensoraFrameFunc frame, gpointer user_data, GError **error);

/* Both, with the sources of the product. */
gboolean os_generate_clip (OsBundle *bundle, OsCompute *compute,
    OpensoraParams *resolved, OsTail *tail, OpensoraFrameFunc frame,
    gpointer user_data, GError **error);
