/* SPDX-License-Identifier: Apache-2.0 */
/* Mask strategies: which frames of a clip are given, by which frames of which
 * references, and how far they may change. Counts are latent frames.
 *
 *   text:   group (";" group)*            nothing: no groups
 *   group:  loop ["," reference ["," reference-start ["," target-start
 *           ["," length ["," edit]]]]]    missing ones: 0,0,0,0,1,0
 *
 * The first five are whole numbers, edit is a fraction: 0 keeps the frame, 1
 * generates it. Negative references and starts count from the end. */
#pragma once

#include <glib.h>

typedef struct {
  gint64 loop, reference, reference_start, target_start, length;
  double edit;
} OsMaskGroup;

/* What a frame of the clip begins as. */
typedef struct {
  gint reference; /* -1: noise */
  gint64 frame;   /* of that reference */
} OsMaskSource;

/* Array of OsMaskGroup; text may be NULL. Numbers too large for any clip become
 * +-2^40. */
GArray *os_mask_strategy_parse (const char *text, GError **error);

/* The groups of `loop` on a clip of T frames and references of so many frames
 * each (at least one), in order, later ones over earlier ones. With `align`
 * above 0 starts are moved to the nearest multiple of it. With `fit` groups are
 * as long as both reference and clip have frames for, as in 1.2; without, a
 * frame is missing on one side alone, as in 1.1: an error, but a single frame
 * fills all places. source [T] and
 * mask [T], the edit of each frame and 1 where nothing is given, are set whole.
 * FALSE, with OPENSORA_ERROR_SETTINGS, if a group cannot be followed. */
gboolean os_mask_strategy_apply (const GArray *groups, guint loop, guint align,
    gboolean fit, gint64 T, const gint64 *reference_frames, guint n_references,
    OsMaskSource *source, float *mask, GError **error);
