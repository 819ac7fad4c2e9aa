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

static void
on_preview (GBytes *rgb, guint width, guint height, guint n_frames, guint step,
    guint steps, gpointer user_data)
{
  g_assert_cmpuint (width, ==, 1);
  g_assert_cmpuint (height, ==, 2);
  g_assert_cmpuint (n_frames, ==, 3);
  g_assert_cmpuint (steps, ==, 5);
  g_string_append_printf (user_data, "%u ", step);
}

static void
test_preview (void)
{
  static const struct {
    guint interval;
    const char *steps;
  } cases[] = { { 0, "" }, { 1, "1 2 3 4 5 " }, { 2, "2 4 " } };
  g_autoptr (OsTask) task = os_task_new (NULL, NULL, NULL);
  g_autoptr (GBytes) rgb = g_bytes_new (NULL, 0);

  g_assert_false (os_task_has_preview (NULL));
  g_assert_false (os_task_wants_preview (NULL, 1));
  g_assert_false (os_task_has_preview (task));
  os_task_preview (task, rgb, 1, 2, 3, 4, 5);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GString) seen = g_string_new (NULL);

    os_task_set_preview (task, cases[i].interval, on_preview, seen);
    g_assert_cmpint (os_task_has_preview (task), ==, cases[i].interval > 0);
    for (guint step = 1; step <= 5; step++)
      if (os_task_wants_preview (task, step))
        os_task_preview (task, rgb, 1, 2, 3, step, 5);
    g_assert_cmpstr (seen->str, ==, cases[i].steps);
  }
  os_task_set_preview (task, 1, NULL, NULL);
  g_assert_false (os_task_has_preview (task));
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
  g_test_add_func ("/base/task/preview", test_preview);
  return g_test_run ();
}
