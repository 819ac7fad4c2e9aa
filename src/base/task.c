/* SPDX-License-Identifier: Apache-2.0 */
/* Cancellation and progress of a long call. */
#include "base/task.h"

struct _OsTask {
  GCancellable *cancellable;
  OpensoraProgressFunc progress;
  gpointer user_data;
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
