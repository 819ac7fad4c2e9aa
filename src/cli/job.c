/* SPDX-License-Identifier: Apache-2.0 */
/* The work is done in a thread; the main loop waits for it and for signals. */

#include "job.h"

#include <glib-unix.h>

typedef struct {
  CliJobFunc func;
  gpointer data;
  GCancellable *cancellable;
  GMainLoop *loop;
} Job;

static void
job_thread (
    GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Job *job = data;
  GError *error = NULL;

  if (job->func (job->data, cancellable, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
on_done (GObject *source, GAsyncResult *result, gpointer data)
{
  Job *job = data;

  g_main_loop_quit (job->loop);
}

static gboolean
on_interrupt (gpointer data)
{
  Job *job = data;

  g_cancellable_cancel (job->cancellable);
  return G_SOURCE_CONTINUE;
}

gboolean
cli_job_run (CliJobFunc func, gpointer data, GError **error)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Job job = { func, data, cancellable, loop };
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, on_done, &job);
  guint sources[2];

  sources[0] = g_unix_signal_add (SIGINT, on_interrupt, &job);
  sources[1] = g_unix_signal_add (SIGTERM, on_interrupt, &job);

  /* Without this, work that was cancelled after its last step would count as
   * failed. */
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_task_data (task, &job, NULL);
  g_task_run_in_thread (task, job_thread);
  g_main_loop_run (loop);

  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    g_source_remove (sources[i]);
  return g_task_propagate_boolean (task, error);
}
