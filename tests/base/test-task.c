/* SPDX-License-Identifier: Apache-2.0 */
/* Cancellation and progress. */
#include "base/task.h"

typedef struct {
  guint calls;
  OpensoraStage stage;
  guint64 done, total;
} Seen;

static void
on_progress (
    OpensoraStage stage, guint64 done, guint64 total, gpointer user_data)
{
  Seen *seen = user_data;

  *seen = (Seen){ seen->calls + 1, stage, done, total };
}

static void
test_null (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (os_task_is_cancelled (NULL));
  g_assert_true (os_task_check (NULL, &error));
  g_assert_no_error (error);
  os_task_progress (NULL, OPENSORA_STAGE_LOAD, 1, 2);
}

/* A task needs neither a cancellable nor a progress function. */
static void
test_empty (void)
{
  g_autoptr (OsTask) task = os_task_new (NULL, NULL, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_false (os_task_is_cancelled (task));
  g_assert_true (os_task_check (task, &error));
  g_assert_no_error (error);
  os_task_progress (task, OPENSORA_STAGE_SAMPLE, 1, 2);
}

static void
test_cancel (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  OsTask *task = os_task_new (cancellable, NULL, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_false (os_task_is_cancelled (task));
  g_assert_true (os_task_check (task, &error));
  g_cancellable_cancel (cancellable);
  g_assert_true (os_task_is_cancelled (task));
  g_assert_false (os_task_check (task, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_false (os_task_check (task, NULL));

  /* The task holds the cancellable no longer than it lives. */
  g_assert_cmpuint (G_OBJECT (cancellable)->ref_count, ==, 2);
  os_task_free (task);
  g_assert_cmpuint (G_OBJECT (cancellable)->ref_count, ==, 1);
}

static void
test_progress (void)
{
  Seen seen = { 0 };
  g_autoptr (OsTask) task = os_task_new (NULL, on_progress, &seen);

  os_task_progress (task, OPENSORA_STAGE_DECODE, 3, G_MAXUINT64);
  g_assert_cmpuint (seen.calls, ==, 1);
  g_assert_cmpint (seen.stage, ==, OPENSORA_STAGE_DECODE);
  g_assert_cmpuint (seen.done, ==, 3);
  g_assert_cmpuint (seen.total, ==, G_MAXUINT64);
  os_task_progress (task, OPENSORA_STAGE_LOAD, 0, 4);
  g_assert_cmpuint (seen.calls, ==, 2);
  g_assert_cmpint (seen.stage, ==, OPENSORA_STAGE_LOAD);
}

static void
test_stage_names (void)
{
  g_assert_cmpstr (opensora_stage_get_name (OPENSORA_STAGE_LOAD), ==, "load");
  g_assert_cmpstr (
      opensora_stage_get_name (OPENSORA_STAGE_ENCODE), ==, "encode");
  g_assert_cmpstr (
      opensora_stage_get_name (OPENSORA_STAGE_SAMPLE), ==, "sample");
  g_assert_cmpstr (
      opensora_stage_get_name (OPENSORA_STAGE_DECODE), ==, "decode");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/base/task/null", test_null);
  g_test_add_func ("/base/task/empty", test_empty);
  g_test_add_func ("/base/task/cancel", test_cancel);
  g_test_add_func ("/base/task/progress", test_progress);
  g_test_add_func ("/base/task/stage-names", test_stage_names);
  return g_test_run ();
}
