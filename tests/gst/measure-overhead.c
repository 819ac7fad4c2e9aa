/* SPDX-License-Identifier: Apache-2.0 */
/* Measures what the element adds to the work of the library: the same clip by
 * both, in turn, so that what else the machine does falls on both.
 *
 *   meson devenv -C build tests/gst/measure-overhead [PAIRS]
 *
 * The clip is the demo model's own. The element's time is that from READY to
 * the end of the stream and back; its frames are in I420, as encoders take
 * them, and go into a fakesink. */
#include <gst/gst.h>
#include <opensora/opensora.h>
#include <stdlib.h>
#include <sys/resource.h>

#define PROMPT "a red circle moving right on a blue background"
#define LAUNCH                                                                 \
  "opensorasrc prompt=\"" PROMPT "\" ! video/x-raw,format=I420 ! fakesink"
#define DEFAULT_PAIRS 20

typedef struct {
  double seconds, processor;
} Time;

static Time
now (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (Time){ g_get_monotonic_time () * 1e-6,
    usage.ru_utime.tv_sec + usage.ru_stime.tv_sec
        + 1e-6 * (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) };
}

static Time
since (Time begin)
{
  const Time end = now ();

  return (Time){ end.seconds - begin.seconds, end.processor - begin.processor };
}

static gboolean
drop_frame (
    GBytes *rgb, guint width, guint height, guint index, gpointer user_data)
{
  return TRUE;
}

static gboolean
run_library (OpensoraPipeline *pipeline, Time *taken, GError **error)
{
  g_autoptr (OpensoraParams) params = opensora_params_new ();
  const Time begin = now ();
  gboolean done;

  opensora_params_set_prompt (params, PROMPT);
  done = opensora_pipeline_generate (
      pipeline, params, drop_frame, NULL, NULL, NULL, NULL, error);
  *taken = since (begin);
  return done;
}

static gboolean
run_element (GstElement *pipeline, Time *taken, GError **error)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  g_autoptr (GstMessage) message = NULL;
  const Time begin = now ();

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (
      bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  gst_element_set_state (pipeline, GST_STATE_READY);
  *taken = since (begin);
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS)
    return TRUE;
  gst_message_parse_error (message, error, NULL);
  return FALSE;
}

static int
compare (gconstpointer a, gconstpointer b)
{
  const double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

static double
get_median (double *values, guint n)
{
  qsort (values, n, sizeof *values, compare);
  return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

/* Ratios of the pairs are what a busy machine leaves comparable. */
static gboolean
measure (OpensoraPipeline *library, GstElement *pipeline, guint n_pairs,
    GError **error)
{
  g_autofree double *seconds = g_new (double, n_pairs);
  g_autofree double *ratios = g_new (double, n_pairs);
  g_autofree double *processor = g_new (double, n_pairs);
  Time alone, with;

  /* The first runs load the model. */
  if (!run_library (library, &alone, error)
      || !run_element (pipeline, &with, error))
    return FALSE;
  for (guint i = 0; i < n_pairs; i++) {
    if (!run_library (library, &alone, error)
        || !run_element (pipeline, &with, error))
      return FALSE;
    seconds[i] = alone.seconds;
    ratios[i] = with.seconds / alone.seconds;
    processor[i] = with.processor / alone.processor;
  }
  g_print ("%u pairs, medians: the library %.3f s; the element %+.2f %% of the "
           "time, %+.2f %% of the processor time\n",
      n_pairs, get_median (seconds, n_pairs),
      100 * (get_median (ratios, n_pairs) - 1),
      100 * (get_median (processor, n_pairs) - 1));
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (OpensoraPipeline) library = opensora_pipeline_new (NULL, NULL, 0);
  g_autoptr (GstElement) pipeline = NULL;
  g_autoptr (GError) error = NULL;
  const int n_pairs = argc > 1 ? atoi (argv[1]) : DEFAULT_PAIRS;

  gst_init (&argc, &argv);
  pipeline = gst_parse_launch (LAUNCH, &error);
  if (error == NULL
      && opensora_pipeline_load (library, NULL, NULL, NULL, &error))
    measure (library, pipeline, MAX (n_pairs, 1), &error);
  if (pipeline != NULL)
    gst_element_set_state (pipeline, GST_STATE_NULL);
  if (error != NULL)
    g_printerr ("measure-overhead: %s\n", error->message);
  return error != NULL;
}
