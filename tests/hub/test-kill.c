/* SPDX-License-Identifier: Apache-2.0 */
/* kill -9 at random points of a download, 50 times: a file that has its name is
 * right, and the next run goes on where the last one died. */
#include <string.h>

#include "hubtest.h"

#define WEIGHTS "model.safetensors"
#define WEIGHTS_SIZE 1200000
#define RUNS 50
#define DOWNLOAD "--download" /* argument of the process that dies */

static const char *program;

static int
download (char **arguments)
{
  g_autoptr (OpensoraHub) hub =
      opensora_hub_new (arguments[0], arguments[1], FALSE);
  g_autofree char *path = opensora_hub_download (
      hub, "org/m", NULL, WEIGHTS, NULL, NULL, NULL, NULL);

  return path != NULL ? 0 : 1;
}

static void
run_and_kill (HubTest *test, guint microseconds)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSubprocess) process = g_subprocess_new (G_SUBPROCESS_FLAGS_NONE,
      &error, program, DOWNLOAD, test->cache, hub_test_address ("hub"), NULL);

  g_assert_no_error (error);
  g_usleep (microseconds);
  g_subprocess_force_exit (process);
  g_subprocess_wait (process, NULL, NULL);
}

static void
note_first (
    OpensoraStage stage, guint64 done, guint64 total, gpointer user_data)
{
  guint64 *first = user_data;

  if (*first == 0)
    *first = done;
}

static void
test_kill (HubTest *test, gconstpointer data)
{
  guint resumed = 0;

  hub_test_fault ("{'match': {'origin': 'cdn'}, 'times': -1, "
                  "'do': {'drip': 6000000, 'chunk': 30000}}");
  for (guint i = 0; i < RUNS; i++) {
    g_autoptr (GError) error = NULL;
    g_autofree char *path = NULL;
    guint64 first = 0;

    run_and_kill (test, g_test_rand_int_range (0, 200000));
    path = opensora_hub_resolve (test->hub, "org/m", NULL, WEIGHTS, NULL);
    if (path != NULL)
      hub_test_assert_content (path, WEIGHTS);
    g_clear_pointer (&path, g_free);
    path = opensora_hub_download (
        test->hub, "org/m", NULL, WEIGHTS, NULL, note_first, &first, &error);
    g_assert_no_error (error);
    hub_test_assert_content (path, WEIGHTS);
    g_assert_cmpuint (hub_test_count_files (test, ".incomplete"), ==, 0);
    resumed += first > 300000 && first < WEIGHTS_SIZE;
    hub_test_empty_cache (test);
  }
  g_assert_cmpuint (resumed, >, 0);
}

int
main (int argc, char **argv)
{
  int status;

  if (argc == 4 && g_str_equal (argv[1], DOWNLOAD))
    return download (argv + 2);
  g_test_init (&argc, &argv, NULL);
  program = argv[0];
  if (!hub_test_start (NULL))
    return hub_test_skip ();
  g_test_add ("/hub/kill", HubTest, NULL, hub_test_set_up, test_kill,
      hub_test_tear_down);
  status = g_test_run ();
  hub_test_stop ();
  return status;
}
