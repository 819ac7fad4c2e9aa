/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#if !defined(OPENSORA_INSIDE) && !defined(OPENSORA_COMPILATION)
#error "Include <opensora/opensora.h> instead of single headers"
#endif

#include <gio/gio.h>
#include <opensora/opensora-params.h>
#include <opensora/opensora-types.h>

G_BEGIN_DECLS

#define OPENSORA_TYPE_PIPELINE (opensora_pipeline_get_type ())
OPENSORA_API
G_DECLARE_FINAL_TYPE (
    OpensoraPipeline, opensora_pipeline, OPENSORA, PIPELINE, GObject)

/**
 * OpensoraFrameFunc:
 * @rgb: packed RGB, 3 * width bytes a row, rows from the top
 * @width: in pixels
 * @height: in pixels
 * @index: number of the frame in the clip with all its loops, from 0
 * @user_data: closure
 *
 * Receives the frames of a clip in order, as soon as each is decoded, in the
 * thread that generates. It may block to slow the generation down.
 *
 * Returns: %TRUE to go on, %FALSE to stop the clip; the generation then ends
 *   with %G_IO_ERROR_CANCELLED
 *
 * Since: 0.1
 */
typedef gboolean (*OpensoraFrameFunc) (
    GBytes *rgb, guint width, guint height, guint index, gpointer user_data);

/**
 * OpensoraPipeline:
 *
 * A model and all that is needed to turn prompts into frames: tokenizer, text
 * encoder, transformer, sampler and VAE.
 *
 * A pipeline may be used from any thread; calls that load or generate run one
 * after the other.
 *
 * Since: 0.1
 */

OPENSORA_API
OpensoraPipeline *opensora_pipeline_new (
    const char *model, const char *backend, guint n_threads);

OPENSORA_API
gboolean opensora_pipeline_load (OpensoraPipeline *self,
    GCancellable *cancellable, OpensoraProgressFunc progress,
    gpointer user_data, GError **error);

OPENSORA_API
const char *opensora_pipeline_get_model (OpensoraPipeline *self);
OPENSORA_API
gboolean opensora_pipeline_is_demo (OpensoraPipeline *self);
OPENSORA_API
const char *opensora_pipeline_get_version (OpensoraPipeline *self);
OPENSORA_API
const char *opensora_pipeline_get_commit (OpensoraPipeline *self);
OPENSORA_API
guint opensora_pipeline_get_size_step (OpensoraPipeline *self);

OPENSORA_API
OpensoraParams *opensora_pipeline_resolve (
    OpensoraPipeline *self, OpensoraParams *params, GError **error);
OPENSORA_API
void opensora_pipeline_forget_previous (OpensoraPipeline *self);
OPENSORA_API
guint opensora_pipeline_count_frames (
    OpensoraPipeline *self, OpensoraParams *resolved);

OPENSORA_API
gboolean opensora_pipeline_generate (OpensoraPipeline *self,
    OpensoraParams *params, OpensoraFrameFunc frame, gpointer frame_data,
    OpensoraProgressFunc progress, gpointer progress_data,
    GCancellable *cancellable, GError **error);

G_END_DECLS
