/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#if !defined(OPENSORA_INSIDE) && !defined(OPENSORA_COMPILATION)
#error "Include <opensora/opensora.h> instead of single headers"
#endif

#include <glib-object.h>
#include <opensora/opensora-types.h>

G_BEGIN_DECLS

#define OPENSORA_TYPE_PARAMS (opensora_params_get_type ())
OPENSORA_API
G_DECLARE_FINAL_TYPE (
    OpensoraParams, opensora_params, OPENSORA, PARAMS, GObject)

/**
 * OpensoraParams:
 *
 * What to generate and how, independent of a model. Values left at their
 * defaults mean "what the model was made for".
 *
 * All values are GObject properties. Those that every program meets have
 * functions as well.
 *
 * Since: 0.1
 */

OPENSORA_API
OpensoraParams *opensora_params_new (void);
OPENSORA_API
OpensoraParams *opensora_params_copy (OpensoraParams *self);

OPENSORA_API
const char *opensora_params_get_prompt (OpensoraParams *self);
OPENSORA_API
void opensora_params_set_prompt (OpensoraParams *self, const char *prompt);
OPENSORA_API
gint64 opensora_params_get_seed (OpensoraParams *self);
OPENSORA_API
void opensora_params_set_seed (OpensoraParams *self, gint64 seed);
OPENSORA_API
guint opensora_params_get_steps (OpensoraParams *self);
OPENSORA_API
void opensora_params_set_steps (OpensoraParams *self, guint steps);
OPENSORA_API
double opensora_params_get_guidance_scale (OpensoraParams *self);
OPENSORA_API
void opensora_params_set_guidance_scale (
    OpensoraParams *self, double guidance_scale);
OPENSORA_API
guint opensora_params_get_num_frames (OpensoraParams *self);
OPENSORA_API
void opensora_params_set_num_frames (OpensoraParams *self, guint num_frames);
OPENSORA_API
guint opensora_params_get_width (OpensoraParams *self);
OPENSORA_API
void opensora_params_set_width (OpensoraParams *self, guint width);
OPENSORA_API
guint opensora_params_get_height (OpensoraParams *self);
OPENSORA_API
void opensora_params_set_height (OpensoraParams *self, guint height);
OPENSORA_API
double opensora_params_get_fps (OpensoraParams *self);
OPENSORA_API
void opensora_params_set_fps (OpensoraParams *self, double fps);

G_END_DECLS
