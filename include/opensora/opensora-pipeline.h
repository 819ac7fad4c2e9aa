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
 * OpensoraPreviewFunc:
 * @rgb: packed RGB pictures, one after the other: 3 * width bytes a row,
 *   height rows a picture
 * @width: in pixels; an eighth of the clip's
 * @height: in pixels; an eighth of the clip's
 * @n_frames: how many pictures there are, one for each latent frame of the loop
 * @step: sampling steps that are done, from 1
 * @steps: sampling steps of the loop
 * @user_data: closure
 *
 * Shows what a clip is going to be while it is denoised, in colours that are
 * roughly right. The pictures stand for equal parts of the loop's frames; those
 * that the loop goes on from come first. Called in the thread that generates;
 * it must return soon.
 *
 * Since: 0.1
 */
typedef void (*OpensoraPreviewFunc) (GBytes *rgb, guint width, guint height,
    guint n_frames, guint step, guint steps, gpointer user_data);

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
guint64 opensora_pipeline_estimate_memory (
    OpensoraPipeline *self, OpensoraParams *resolved);

OPENSORA_API
void opensora_pipeline_set_preview_func (OpensoraPipeline *self,
    guint interval_steps, OpensoraPreviewFunc func, gpointer data,
    GDestroyNotify destroy);
OPENSORA_API
gboolean opensora_pipeline_generate (OpensoraPipeline *self,
    OpensoraParams *params, OpensoraFrameFunc frame, gpointer frame_data,
    OpensoraProgressFunc progress, gpointer progress_data,
    GCancellable *cancellable, GError **error);

G_END_DECLS
