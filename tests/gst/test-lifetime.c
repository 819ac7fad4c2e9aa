/* SPDX-License-Identifier: Apache-2.0 */
/* What stays in memory from run to run: the weights as long as the element is
 * at least in READY, and after that nothing. */
#include "gsttest.h"

#include <string.h>
#include <unistd.h>

#define LAUNCH "opensorasrc name=src steps=1 ! fakesink"

/* The lines of the process's memory map that are of the model's files. They
 * have addresses: a file that was mapped anew makes another text. */
static char *
list_mapped_weights (void)
{
  g_autofree char *maps = NULL;
  g_auto (GStrv) lines = NULL;
  GString *found = g_string_new (NULL);

  g_assert_true (g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL));
  lines = g_strsplit (maps, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++) {
    if (strstr (lines[i], "/opensora-demo/") != NULL)
      g_string_append_printf (found, "%s\n", lines[i]);
  }
  return g_string_free (found, FALSE);
}

static void
run (GstElement *pipeline)
{
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  gst_test_wait_eos (pipeline);
}

/* READY keeps them as they are, for whatever is asked next; NULL lets them go.
 */
static void
test_weights (void)
{
  GstElement *pipeline = gst_test_pipeline_new (LAUNCH);
  g_autoptr (GstElement) src = gst_bin_get_by_name (GST_BIN (pipeline), "src");
  g_autofree char *first = NULL, *again = NULL, *gone = NULL;

  run (pipeline);
  gst_element_set_state (pipeline, GST_STATE_READY);
  first = list_mapped_weights ();
  g_assert_cmpstr (first, !=, "");
  g_object_set (src, "prompt", "a blue square", "seed", (gint64) 5, NULL);
  run (pipeline);
  again = list_mapped_weights ();
  g_assert_cmpstr (again, ==, first);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gone = list_mapped_weights ();
  g_assert_cmpstr (gone, ==, "");
  gst_test_pipeline_free (pipeline);
}

/* Also where the run was given up, or never came to a frame. */
static void
test_weights_after_cancel (void)
{
  GstElement *pipeline =
      gst_test_pipeline_new ("opensorasrc name=src steps=1000 ! fakesink");
  g_autofree char *gone = NULL;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  gst_test_wait_progress (pipeline, GST_PROGRESS_TYPE_START, "sample");
  gst_test_pipeline_free (pipeline);
  gone = list_mapped_weights ();
  g_assert_cmpstr (gone, ==, "");
}

static double
get_resident_size (void)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) fields = NULL;

  g_assert_true (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  fields = g_strsplit (text, " ", 3);
  return g_ascii_strtod (fields[1], NULL) * sysconf (_SC_PAGESIZE);
}

#define N_RUNS 16

/* Memory comes back to what it was. The first runs load what the process keeps,
 * such as the matrix library and the computing threads; what is left of one run
 * and gone after the next is not counted. */
static void
test_memory (void)
{
  double before = 0, after = G_MAXDOUBLE;

  if (gst_test_limit (1) > 1) {
    g_test_skip ("this tool keeps memory that was freed");
    return;
  }
  for (guint i = 0; i < N_RUNS; i++) {
    GstElement *pipeline = gst_test_pipeline_new (LAUNCH);

    run (pipeline);
    gst_test_pipeline_free (pipeline);
    if (i < N_RUNS / 4)
      before = MAX (before, get_resident_size ());
    else if (i >= N_RUNS * 3 / 4)
      after = MIN (after, get_resident_size ());
  }
  g_test_message ("%g MB before, %g MB after", before * 1e-6, after * 1e-6);
  g_assert_cmpfloat (after, <, 1.05 * before);
}

static void
add_tests (void)
{
  g_test_add_func ("/gst/lifetime/weights", test_weights);
  g_test_add_func (
      "/gst/lifetime/weights-after-cancel", test_weights_after_cancel);
  g_test_add_func ("/gst/lifetime/memory", test_memory);
}

int
main (int argc, char **argv)
{
  return gst_test_main (argc, argv, add_tests);
}
