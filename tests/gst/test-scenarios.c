/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios: those in tests/data/gst/scenarios, and one of a thousand actions
 * that chance chooses. OPENSORA_SCENARIO_SEED is another seed for that. */
#include "scenario.h"

#include <stdlib.h>
#include <string.h>

/* ---- written ---- */

/* The first line has the element's properties. Empty lines and those that begin
 * with # are nothing. */
static void
test_written (gconstpointer path)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  Scenario *scenario;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  lines = g_strsplit (text, "\n", -1);
  scenario = scenario_new (lines[0]);
  for (guint i = 1; lines[i] != NULL; i++) {
    if (*lines[i] != '\0' && *lines[i] != '#')
      scenario_do (scenario, lines[i]);
  }
  scenario_free (scenario);
}

static void
add_written (void)
{
  g_autofree char *folder = g_build_filename (
      g_getenv ("OPENSORA_TEST_DATA"), "gst", "scenarios", NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  g_assert_nonnull (dir);
  while ((name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *test = g_strdup_printf ("/gst/scenarios/%s", name);

    g_test_add_data_func_full (
        test, g_build_filename (folder, name, NULL), test_written, g_free);
  }
}

/* ---- random ---- */

#define N_ACTIONS 1000
#define N_ACTIONS_IN_VALGRIND 60

/* How often an action is done, of all, and with what. */
static const struct {
  const char *name;
  guint weight;
  const char *arguments[16];
} choices[] = {
  { "state", 15,
      { "null", "ready", "paused", "paused", "playing", "playing", "playing",
          "playing" } },
  { "wait-state", 5, { "" } },
  { "set", 25,
      { "prompt=a red circle", "prompt=a blue square moving left", "seed=7",
          "seed=-1", "steps=1", "steps=3", "num-frames=1", "num-frames=17",
          "num-clips=2", "num-clips=-1", "resolution=40x56", "keep-clip=true",
          "keep-clip=false", "use-buffering=false", "n-threads=1",
          "n-threads=3" } },
  { "caps", 8,
      { "video/x-raw", "video/x-raw,format=RGB", "video/x-raw,format=I420",
          "video/x-raw,format=NV12", "video/x-raw,format=GRAY8" } },
  { "seek", 12,
      { "0 flush", "0 flush", "0.3 flush", "1 flush key-unit", "2 flush",
          "1000 flush", "0" } },
  { "flush", 6, { "" } },
  { "eos", 3, { "" } },
  { "cancel", 8, { "" } },
  { "reconfigure", 4, { "" } },
  { "relink", 4, { "" } },
  { "query", 10, { "position", "duration", "seeking", "latency", "caps" } },
  { "sleep", 15, { "1", "3", "10", "30" } },
};

static guint
count_arguments (guint choice)
{
  guint n = 0;

  while (n < G_N_ELEMENTS (choices[0].arguments)
         && choices[choice].arguments[n] != NULL)
    n++;
  return n;
}

static char *
choose_action (GRand *random)
{
  guint total = 0, choice = 0;
  gint32 at;

  for (guint i = 0; i < G_N_ELEMENTS (choices); i++)
    total += choices[i].weight;
  at = g_rand_int_range (random, 0, total);
  while (at >= (gint32) choices[choice].weight)
    at -= choices[choice++].weight;
  return g_strdup_printf ("%s %s", choices[choice].name,
      choices[choice]
          .arguments[g_rand_int_range (random, 0, count_arguments (choice))]);
}

/* What any source of GStreamer 1.22 waits in until the frame that is being
 * pushed has arrived: in a sink that is paused it never does. */
static gboolean
is_allowed (Scenario *scenario, const char *action)
{
  const gboolean waits =
      g_str_has_prefix (action, "eos")
      || (g_str_has_prefix (action, "seek") && !strstr (action, "flush"));

  return !waits || scenario_is_playing (scenario);
}

/* Another thread of the application, which asks and sets while the first
 * acts. */
typedef struct {
  GstElement *src;
  gint ends; /* atomic */
} Disturbance;

static gpointer
disturb (gpointer data)
{
  Disturbance *self = data;

  while (!g_atomic_int_get (&self->ends)) {
    gint64 duration;
    guint steps;

    gst_element_query_duration (self->src, GST_FORMAT_TIME, &duration);
    g_object_get (self->src, "steps", &steps, NULL);
    g_object_set (self->src, "guidance-scale", steps + 0.5, NULL);
    g_usleep (5000);
  }
  return NULL;
}

static void
do_random_actions (Scenario *scenario, guint32 seed, guint n)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (seed);
  Disturbance disturbance = { scenario_get_src (scenario) };
  GThread *thread = g_thread_new ("disturb", disturb, &disturbance);

  for (guint i = 0; i < n; i++) {
    g_autofree char *action = choose_action (random);

    if (is_allowed (scenario, action))
      scenario_do (scenario, action);
    if (scenario_is_over (scenario)) {
      scenario_do (scenario, "state ready");
      scenario_do (scenario, "state playing");
    }
  }
  g_atomic_int_set (&disturbance.ends, TRUE);
  g_thread_join (thread);
}

/* Whatever has been, a clean clip can be made afterwards. */
static void
test_random (void)
{
  static const char *const then[] = { "state null", "caps video/x-raw",
    "set prompt=a red circle", "set seed=42", "set steps=2",
    "set num-frames=17", "set num-clips=1", "set resolution=32x32",
    "set keep-clip=false", "set use-buffering=true", "set n-threads=0",
    "set guidance-scale=-1", "forget", "state playing", "wait-eos",
    "check-clip" };
  const char *seed = g_getenv ("OPENSORA_SCENARIO_SEED");
  const gboolean slow = gst_test_limit (1) > 10;
  Scenario *scenario =
      scenario_new ("prompt=\"a red circle\" steps=2 resolution=32x32");

  do_random_actions (scenario, seed != NULL ? atoi (seed) : 1,
      slow ? N_ACTIONS_IN_VALGRIND : N_ACTIONS);
  for (guint i = 0; i < G_N_ELEMENTS (then); i++)
    scenario_do (scenario, then[i]);
  scenario_free (scenario);
}

static void
add_tests (void)
{
  add_written ();
  g_test_add_func ("/gst/scenarios/random", test_random);
}

int
main (int argc, char **argv)
{
  return gst_test_main (argc, argv, add_tests);
}
