/* SPDX-License-Identifier: Apache-2.0 */
/* Cancellation, progress and previews of a long call. */
#include "base/task.h"

struct _OsTask {
  GCancellable *cancellable;
  OpensoraProgressFunc progress;
  gpointer user_data;
  guint preview_interval; /* 0: no previews */
  OpensoraPreviewFunc preview;
  gpointer preview_data;
};

OsTask *
os_task_new (GCancellable *cancellable, OpensoraProgressFunc progress,
    gpointer user_data)
{
  OsTask *task = g_new0 (OsTask, 1);

  g_set_object (&task->cancellable, cancellable);
  task->progress = progress;
  task->user_data = user_data;
  return task;
}

void
os_task_free (OsTask *task)
{
  g_clear_object (&task->cancellable);
  g_free (task);
}

gboolean
os_task_is_cancelled (const OsTask *task)
{
  return task && g_cancellable_is_cancelled (task->cancellable);
}

GCancellable *
os_task_get_cancellable (const OsTask *task)
{
  return task ? task->cancellable : NULL;
}

gboolean
os_task_check (const OsTask *task, GError **error)
{
  return !task
         || !g_cancellable_set_error_if_cancelled (task->cancellable, error);
}

void
os_task_progress (
    const OsTask *task, OpensoraStage stage, guint64 done, guint64 total)
{
  if (task && task->progress)
    task->progress (stage, done, total, task->user_data);
}

void
os_task_set_preview (
    OsTask *task, guint interval, OpensoraPreviewFunc func, gpointer user_data)
{
  task->preview_interval = func ? interval : 0;
  task->preview = func;
  task->preview_data = user_data;
}

gboolean
os_task_has_preview (const OsTask *task)
{
  return task && task->preview_interval > 0;
}

gboolean
os_task_wants_preview (const OsTask *task, guint step)
{
  return os_task_has_preview (task) && step % task->preview_interval == 0;
}

void
os_task_preview (const OsTask *task, GBytes *rgb, guint width, guint height,
    guint n_frames, guint step, guint steps)
{
  if (os_task_has_preview (task))
    task->preview (
        rgb, width, height, n_frames, step, steps, task->preview_data);
}
