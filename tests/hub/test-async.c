/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that do not wait: the same results, and every callback in the main
 * context of whoever called. */
#include "hubtest.h"

#define WEIGHTS "model.safetensors"
#define WEIGHTS_SIZE 1200000
#define SLOW                                                                   \
  "{'match': {'origin': 'cdn'}, 'times': -1, "                                 \
  "'do': {'drip': 6000000, 'chunk': 100000}}"

typedef struct {
  OpensoraHub *hub;
  GThread *thread; /* that everything must happen in */
  GCancellable *cancellable;
  guint64 cancel_at; /* bytes; 0: never */
  guint reports;
  guint64 last;
  gboolean destroyed; /* the closure of the progress */
  GAsyncResult *result;
} Caller;

static void
on_progress (OpensoraStage stage, guint64 done, guint64 total, gpointer data)
{
  Caller *caller = data;

  g_assert_true (g_thread_self () == caller->thread);
  g_assert_cmpint (stage, ==, OPENSORA_STAGE_DOWNLOAD);
  g_assert_cmpuint (done, >=, caller->last);
  g_assert_cmpuint (done, <=, total);
  g_assert_null (caller->result);
  g_assert_false (caller->destroyed);
  caller->reports++;
  caller->last = done;
  if (caller->cancel_at > 0 && done >= caller->cancel_at)
    g_cancellable_cancel (caller->cancellable);
}

static void
on_destroy (gpointer data)
{
  Caller *caller = data;

  g_assert_true (g_thread_self () == caller->thread);
  g_assert_nonnull (caller->result);
  g_assert_false (caller->destroyed);
  caller->destroyed = TRUE;
}

static void
on_done (GObject *source, GAsyncResult *result, gpointer data)
{
  Caller *caller = data;

  g_assert_true (g_thread_self () == caller->thread);
  g_assert_true (source == G_OBJECT (caller->hub));
  g_set_object (&caller->result, result);
}

static void
caller_init (Caller *caller, HubTest *test)
{
  *caller = (Caller){ test->hub, g_thread_self (), g_cancellable_new () };
}

static void
caller_wait (Caller *caller)
{
  GMainContext *context = g_main_context_get_thread_default ();

  g_assert_null (caller->result); /* nothing is called before the loop runs */
  while (caller->result == NULL)
    g_main_context_iteration (context, TRUE);
}

static void
caller_clear (Caller *caller)
{
  g_clear_object (&caller->result);
  g_clear_object (&caller->cancellable);
}

static char *
download (Caller *caller, GError **error)
{
  opensora_hub_download_async (caller->hub, "org/m", NULL, WEIGHTS,
      caller->cancellable, on_progress, caller, on_destroy, on_done, caller);
  caller_wait (caller);
  g_assert_true (caller->destroyed);
  return opensora_hub_download_finish (caller->hub, caller->result, error);
}

static void
test_download (HubTest *test, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  Caller caller;

  caller_init (&caller, test);
  hub_test_fault (SLOW);
  path = download (&caller, &error);
  g_assert_no_error (error);
  hub_test_assert_content (path, WEIGHTS);
  g_assert_cmpuint (caller.reports, >, 1);
  g_assert_cmpuint (caller.last, ==, WEIGHTS_SIZE);
  caller_clear (&caller);
}

/* A main loop that has no time before everything is done gets one report, and
 * that before the end. */
static void
test_busy (HubTest *test, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  Caller caller;

  caller_init (&caller, test);
  opensora_hub_download_async (test->hub, "org/m", NULL, WEIGHTS, NULL,
      on_progress, &caller, on_destroy, on_done, &caller);
  while (hub_test_count_files (test, WEIGHTS) == 0)
    g_usleep (10000);
  g_usleep (300000);
  caller_wait (&caller);
  path = opensora_hub_download_finish (test->hub, caller.result, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (caller.reports, ==, 1);
  g_assert_cmpuint (caller.last, ==, WEIGHTS_SIZE);
  g_assert_true (caller.destroyed);
  caller_clear (&caller);
}

static gpointer
download_in_context (gpointer data)
{
  g_autoptr (GMainContext) context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  test_download (data, NULL);
  g_main_context_pop_thread_default (context);
  return NULL;
}

/* A thread with a main context of its own; nobody runs the global one. */
static void
test_own_context (HubTest *test, gconstpointer data)
{
  g_thread_join (g_thread_new ("caller", download_in_context, test));
}

static void
test_cancel (HubTest *test, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  Caller caller;

  caller_init (&caller, test);
  caller.cancel_at = 300000;
  hub_test_fault (SLOW);
  g_assert_null (download (&caller, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (hub_test_count_files (test, ".incomplete"), ==, 1);
  g_clear_error (&error);
  caller_clear (&caller);

  caller_init (&caller, test);
  path = download (&caller, &error);
  g_assert_no_error (error);
  hub_test_assert_content (path, WEIGHTS);
  caller_clear (&caller);
}

static void
test_failure (HubTest *test, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  Caller caller;

  caller_init (&caller, test);
  opensora_hub_download_async (test->hub, "org/m", NULL, "../x", NULL,
      on_progress, &caller, on_destroy, on_done, &caller);
  caller_wait (&caller);
  g_assert_null (
      opensora_hub_download_finish (test->hub, caller.result, &error));
  g_assert_error (
      error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_INVALID_ARGUMENT);
  g_assert_true (caller.destroyed);
  caller_clear (&caller);
}

static void
test_component (HubTest *test, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) paths = NULL;
  Caller caller;

  caller_init (&caller, test);
  opensora_hub_download_component_async (test->hub, "org/m", "main", NULL,
      OPENSORA_HUB_COMPONENT_TRANSFORMERS, NULL, NULL, on_progress, &caller,
      on_destroy, on_done, &caller);
  caller_wait (&caller);
  paths =
      opensora_hub_download_component_finish (test->hub, caller.result, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_strv_length (paths), ==, 2);
  hub_test_assert_content (paths[1], WEIGHTS);
  g_assert_cmpuint (caller.last, >=, WEIGHTS_SIZE);
  caller_clear (&caller);

  caller_init (&caller, test);
  opensora_hub_download_component_async (test->hub, "org/m", "main", NULL,
      OPENSORA_HUB_COMPONENT_TRANSFORMERS, "fp16", NULL, NULL, NULL, NULL,
      on_done, &caller);
  caller_wait (&caller);
  g_assert_null (opensora_hub_download_component_finish (
      test->hub, caller.result, &error));
  g_assert_error (
      error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_ENTRY_NOT_FOUND);
  caller_clear (&caller);
}

static void
test_list (HubTest *test, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) names = NULL;
  Caller caller;

  caller_init (&caller, test);
  opensora_hub_list_files_async (
      test->hub, "org/m", NULL, NULL, on_done, &caller);
  caller_wait (&caller);
  names = opensora_hub_list_files_finish (test->hub, caller.result, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_strv_length (names), ==, 4);
  caller_clear (&caller);
}

static void
test_verify (HubTest *test, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = hub_test_download (test, WEIGHTS, &error);

  for (guint damaged = 0; damaged < 2; damaged++) {
    Caller caller;

    caller_init (&caller, test);
    if (damaged)
      g_assert_true (g_file_set_contents (path, "damaged", -1, NULL));
    opensora_hub_verify_async (test->hub, "org/m", NULL, WEIGHTS, NULL,
        on_progress, &caller, on_destroy, on_done, &caller);
    caller_wait (&caller);
    g_assert_cmpint (
        opensora_hub_verify_finish (test->hub, caller.result, &error), ==,
        !damaged);
    g_assert_cmpuint (caller.reports, >, 0);
    caller_clear (&caller);
  }
  g_assert_error (error, OPENSORA_HUB_ERROR, OPENSORA_HUB_ERROR_INTEGRITY);
}

#define ADD(name, func)                                                        \
  g_test_add ("/hub/async/" name, HubTest, NULL, hub_test_set_up, func,        \
      hub_test_tear_down)

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  if (!hub_test_start (NULL))
    return hub_test_skip ();
  ADD ("download", test_download);
  ADD ("busy", test_busy);
  ADD ("own-context", test_own_context);
  ADD ("cancel", test_cancel);
  ADD ("failure", test_failure);
  ADD ("component", test_component);
  ADD ("list", test_list);
  ADD ("verify", test_verify);
  status = g_test_run ();
  hub_test_stop ();
  return status;
}
