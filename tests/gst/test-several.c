/* SPDX-License-Identifier: Apache-2.0 */
/* Several elements in one process: they share the cores and the model's files,
 * and each makes what it makes alone. */
#include "gsttest.h"
#include "oldtest.h"

#include <string.h>

/* ---- frames ---- */

/* An element with these properties, whose frames go by at `name`. */
static char *
describe_source (const char *properties, const char *name)
{
  return g_strdup_printf ("opensorasrc steps=2 %s ! video/x-raw,format=RGB "
                          "! identity name=%s",
      properties, name);
}

static GChecksum *
watch (GstElement *pipeline, const char *name)
{
  GChecksum *checksum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autoptr (GstElement) src = gst_bin_get_by_name (GST_BIN (pipeline), name);
  g_autoptr (GstPad) pad = gst_element_get_static_pad (src, "src");

  gst_pad_add_probe (
      pad, GST_PAD_PROBE_TYPE_BUFFER, gst_test_hash_frame, checksum, NULL);
  return checksum;
}

/* The frames are those of an element that is alone. */
static void
check_alone (const char *properties, GChecksum *frames)
{
  g_autofree char *source = describe_source (properties, "alone");
  g_autofree char *launch = g_strdup_printf ("%s ! fakesink", source);
  GstElement *pipeline = gst_test_pipeline_new (launch);
  g_autoptr (GChecksum) checksum = watch (pipeline, "alone");

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  gst_test_wait_eos (pipeline);
  gst_test_pipeline_free (pipeline);
  g_assert_cmpstr (
      g_checksum_get_string (checksum), ==, g_checksum_get_string (frames));
}

/* ---- threads ---- */

/* Threads of the process with this name, which the kernel cuts; so have those
 * that they start. */
static guint
count_threads (const char *name)
{
  g_autofree char *cut = g_strdup_printf ("%.15s\n", name);
  g_autoptr (GDir) tasks = g_dir_open ("/proc/self/task", 0, NULL);
  const char *id;
  guint n = 0;

  while ((id = g_dir_read_name (tasks)) != NULL) {
    g_autofree char *path =
        g_build_filename ("/proc/self/task", id, "comm", NULL);
    g_autofree char *comm = NULL;

    /* It may have ended. */
    n += g_file_get_contents (path, &comm, NULL, NULL)
         && strcmp (comm, cut) == 0;
  }
  return n;
}

/* Each element has its thread, which computes; helpers there are one less than
 * cores, however many elements there are. A helper that has just been started
 * has the name of its element's thread. Returns how many there are. */
static guint
check_threads (guint n_elements)
{
  const guint n_helpers = count_threads ("opensora-helper");
  const guint n = count_threads ("opensora") + n_helpers;

  g_assert_cmpuint (n_helpers, <=, g_get_num_processors () - 1);
  g_assert_cmpuint (n, <=, n_elements + g_get_num_processors () - 1);
  return n;
}

static void
play_and_check_threads (GstElement *pipeline, guint n_elements)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  g_autoptr (GstMessage) message = NULL;
  guint most = 0;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (message == NULL) {
    most = MAX (most, check_threads (n_elements));
    message = gst_bus_timed_pop_filtered (
        bus, 10 * GST_MSECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  }
  g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_EOS);
  g_assert_cmpuint (most, >, 0);
}

/* ---- files ---- */

/* The model's files are in the memory map once. */
static void
check_mapped_once (void)
{
  g_autoptr (GHashTable) seen =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char *maps = NULL;
  g_auto (GStrv) lines = NULL;

  g_assert_true (g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL));
  lines = g_strsplit (maps, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++) {
    const char *path = strchr (lines[i], '/');

    if (path != NULL && strstr (path, ".safetensors") != NULL)
      g_assert_true (g_hash_table_add (seen, g_strdup (path)));
  }
  g_assert_cmpuint (g_hash_table_size (seen), >, 0);
}

/* ---- tests ---- */

/* Two models side by side in one picture. */
static void
test_two_models (void)
{
  g_autofree char *folder = oldtest_make ("1.1");
  g_autofree char *old = g_strdup_printf (
      "model=%s prompt=x num-frames=9 resolution=48x32", folder);
  g_autofree char *one = describe_source ("", "one");
  g_autofree char *two = describe_source (old, "two");
  g_autofree char *launch = g_strdup_printf (
      "compositor name=mix ! fakesink %s ! mix. %s ! mix.", one, two);
  GstElement *pipeline = gst_test_pipeline_new (launch);
  g_autoptr (GChecksum) frames_one = watch (pipeline, "one");
  g_autoptr (GChecksum) frames_two = watch (pipeline, "two");

  play_and_check_threads (pipeline, 2);
  gst_test_pipeline_free (pipeline);
  check_alone ("", frames_one);
  check_alone (old, frames_two);
  oldtest_remove (folder);
}

#define N_PIPELINES 3

/* Three at once with one model, of which there are the files of one. */
static void
test_three_pipelines (void)
{
  static const char *const properties[N_PIPELINES] = { "", "seed=43",
    "prompt=\"a blue square\" num-frames=34" };
  GstElement *pipelines[N_PIPELINES];
  GChecksum *frames[N_PIPELINES];

  for (guint i = 0; i < N_PIPELINES; i++) {
    g_autofree char *source = describe_source (properties[i], "one");
    g_autofree char *launch = g_strdup_printf ("%s ! fakesink", source);

    pipelines[i] = gst_test_pipeline_new (launch);
    frames[i] = watch (pipelines[i], "one");
  }
  for (guint i = 0; i < N_PIPELINES; i++)
    gst_element_set_state (pipelines[i], GST_STATE_PLAYING);
  for (guint i = 0; i < N_PIPELINES; i++)
    gst_test_wait_eos (pipelines[i]);
  check_mapped_once ();
  for (guint i = 0; i < N_PIPELINES; i++) {
    gst_test_pipeline_free (pipelines[i]);
    check_alone (properties[i], frames[i]);
    g_checksum_free (frames[i]);
  }
}

static void
add_tests (void)
{
  g_test_add_func ("/gst/several/two-models", test_two_models);
  g_test_add_func ("/gst/several/three-pipelines", test_three_pipelines);
}

int
main (int argc, char **argv)
{
  return gst_test_main (argc, argv, add_tests);
}
