/* SPDX-License-Identifier: Apache-2.0 */
/* OsTask: cancellation, progress and previews of one long call, handed down to
 * the innermost loops. A NULL task is valid everywhere: never cancelled,
 * silent.
 */
#pragma once

#include <gio/gio.h>
#include <opensora/opensora.h>

typedef struct _OsTask OsTask;

OsTask *os_task_new (GCancellable *cancellable, OpensoraProgressFunc progress,
    gpointer user_data);
void os_task_free (OsTask *task);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsTask, os_task_free)

/* One atomic read: cheap enough for every tile of a matrix product. */
gboolean os_task_is_cancelled (const OsTask *task);

/* For calls that take one; may be NULL. */
GCancellable *os_task_get_cancellable (const OsTask *task);

/* FALSE and G_IO_ERROR_CANCELLED when cancelled. */
gboolean os_task_check (const OsTask *task, GError **error);

void os_task_progress (
    const OsTask *task, OpensoraStage stage, guint64 done, guint64 total);

/* A preview every `interval` steps; 0: none, as without a call of this. */
void os_task_set_preview (
    OsTask *task, guint interval, OpensoraPreviewFunc func, gpointer user_data);
gboolean os_task_has_preview (const OsTask *task);
/* Whether there is one after this step, from 1. */
gboolean os_task_wants_preview (const OsTask *task, guint step);
void os_task_preview (const OsTask *task, GBytes *rgb, guint width,
    guint height, guint n_frames, guint step, guint steps);
