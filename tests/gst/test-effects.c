/* SPDX-License-Identifier: Apache-2.0 */
/* Every property of a clip changes what comes out: a property that was ignored
 * would give the same frames. */
#include "gsttest.h"

#include <glib/gstdio.h>
#include <string.h>

/* Settings with which `changed` makes a difference. */
typedef struct {
  const char *name;
  const char *base, *changed;
  gint frames; /* with the change; 0: as many as without */
} Effect;

#define PICTURE "num-frames=1"
#define REFERENCE "reference-path=$gradient"
#define TWO_LOOPS "num-frames=34 loop=2"

static const Effect effects[] = {
  { "prompt", PICTURE " prompt=\"a red circle\"", "prompt=\"a blue square\"" },
  { "seed", PICTURE, "seed=43" },
  { "steps", PICTURE, "steps=3" },
  { "step-cache", PICTURE " steps=3", "step-cache=1e9" },
  { "guidance-scale", PICTURE, "guidance-scale=2.5" },
  { "aesthetic-score", PICTURE, "aesthetic-score=6.5" },
  { "motion-score", PICTURE, "motion-score=5" },
  { "camera-motion", PICTURE, "camera-motion=\"pan left\"" },
  { "noise", PICTURE, "noise=cuda" },
  { "noise-dtype", PICTURE, "noise-dtype=bf16" },
  { "noise-dtype-f16", PICTURE " noise-dtype=bf16", "noise-dtype=f16" },
  { "num-frames", "", "num-frames=34", 34 },
  { "frame-interval", "", "frame-interval=3" },
  { "num-clips", PICTURE, "num-clips=2", 2 },
  { "loop", "num-frames=34", "loop=2", 51 },
  { "continue-from", "num-frames=34 num-clips=2", "continue-from=previous",
      51 },
  { "preview", PICTURE " steps=4", "preview=true", 5 },
  { "condition-frame-length", TWO_LOOPS, "condition-frame-length=0", 68 },
  { "condition-frame-edit", TWO_LOOPS, "condition-frame-edit=0.9", 51 },
  { "reference-path", REFERENCE " mask-strategy=0", "reference-path=$red" },
  { "mask-strategy", REFERENCE, "mask-strategy=\"0,0,0,0,1,0.5\"" },
  { "align", REFERENCE " mask-strategy=\"0,0,0,2,1\"", "align=0" },
  { "text-of-a-loop", TWO_LOOPS " prompt=\"a red circle\"",
      "prompt=\"|0| a red circle |1| a blue square\"", 51 },
  { "references-in-the-prompt", "prompt=\"a red circle\"",
      "prompt=\"a red circle {\\\"reference_path\\\": \\\"$gradient\\\", "
      "\\\"mask_strategy\\\": \\\"0\\\"}\"" },
};

/* A red pixel, as PNG. */
static const char red[] = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAA"
                          "AADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
static char *red_path;

static void
write_red (void)
{
  gsize length;
  g_autofree guchar *data = g_base64_decode (red, &length);
  int fd = g_file_open_tmp ("opensora-red-XXXXXX.png", &red_path, NULL);

  g_assert_cmpint (fd, >=, 0);
  g_close (fd, NULL);
  g_assert_true (
      g_file_set_contents (red_path, (const char *) data, length, NULL));
}

/* Names of pictures to paths. */
static char *
insert_paths (const char *text)
{
  g_autofree char *gradient = g_build_filename (
      g_getenv ("OPENSORA_TEST_DATA"), "pipeline", "gradient.png", NULL);
  g_autoptr (GString) result = g_string_new (text);

  g_string_replace (result, "$gradient", gradient, 0);
  g_string_replace (result, "$red", red_path, 0);
  return g_strdup (result->str);
}

/* Checksum of all frames, and how many the element said there are. */
static char *
run (const char *properties, gint64 *frames)
{
  g_autofree char *launch =
      g_strdup_printf ("opensorasrc name=src %s ! fakesink", properties);
  g_autofree char *description = insert_paths (launch);
  GstElement *pipeline = gst_test_pipeline_new (description);
  g_autoptr (GstElement) src = gst_bin_get_by_name (GST_BIN (pipeline), "src");
  g_autoptr (GstPad) pad = gst_element_get_static_pad (src, "src");
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  char *text;

  gst_pad_add_probe (
      pad, GST_PAD_PROBE_TYPE_BUFFER, gst_test_hash_frame, checksum, NULL);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  gst_test_wait_eos (pipeline);
  /* The length that was announced is the length that came. */
  g_assert_true (gst_element_query_duration (src, GST_FORMAT_DEFAULT, frames));
  text = g_strdup (g_checksum_get_string (checksum));
  gst_test_pipeline_free (pipeline);
  return text;
}

static void
test_effect (gconstpointer data)
{
  const Effect *effect = data;
  g_autofree char *base =
      g_strdup_printf ("steps=2 guidance-scale=3 %s", effect->base);
  g_autofree char *changed = g_strdup_printf ("%s %s", base, effect->changed);
  gint64 frames_without, frames_with;
  g_autofree char *without = run (base, &frames_without);
  g_autofree char *with = run (changed, &frames_with);

  g_assert_cmpstr (without, !=, with);
  g_assert_cmpint (
      frames_with, ==, effect->frames > 0 ? effect->frames : frames_without);
}

/* The size that is negotiated with downstream. */
static void
check_size (
    const char *properties, const char *downstream, gint width, gint height)
{
  g_autofree char *all = g_strdup_printf ("num-frames=1 %s", properties);
  GstHarness *harness = gst_test_harness_new (all, downstream);
  const GstStructure *structure;
  GstEvent *event;
  GstCaps *caps;
  gint w, h;

  gst_harness_play (harness);
  while (GST_EVENT_TYPE (event = gst_harness_pull_event (harness))
         != GST_EVENT_CAPS)
    gst_event_unref (event);
  gst_event_parse_caps (event, &caps);
  structure = gst_caps_get_structure (caps, 0);
  g_assert_true (gst_structure_get_int (structure, "width", &w));
  g_assert_true (gst_structure_get_int (structure, "height", &h));
  g_assert_cmpint (w, ==, width);
  g_assert_cmpint (h, ==, height);
  gst_event_unref (event);
  gst_test_harness_free (harness);
}

/* A size by its name, as far as the caps leave it open. */
static void
test_size (void)
{
  check_size ("resolution=240p aspect-ratio=16/9", NULL, 424, 240);
  check_size ("resolution=240p aspect-ratio=9/16", NULL, 240, 424);
  check_size ("resolution=144p aspect-ratio=21/9", NULL, 288, 120);
  check_size ("resolution=426x240", NULL, 424, 240);
  check_size (
      "resolution=144p aspect-ratio=16/9", "video/x-raw,width=128", 128, 72);
  check_size ("resolution=144p aspect-ratio=16/9",
      "video/x-raw,width=64,height=48", 64, 48);
}

/* The size in the caps decides what is made, not only its frame. */
static void
test_size_of_frames (void)
{
  GstHarness *harness = gst_test_harness_new (
      "num-frames=1 steps=1", "video/x-raw,format=RGB,width=40,height=56");
  GstBuffer *buffer;

  gst_harness_play (harness);
  buffer = gst_harness_pull (harness);
  g_assert_cmpuint (gst_buffer_get_size (buffer), ==, 40 * 56 * 3);
  gst_buffer_unref (buffer);
  gst_test_harness_free (harness);
}

static void
test_unknown_resolution (void)
{
  gst_test_expect_error ("opensorasrc resolution=250p ! fakesink",
      GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_SETTINGS, "240p");
  gst_test_expect_error (
      "opensorasrc resolution=240p aspect-ratio=5/4 ! fakesink",
      GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_SETTINGS, "9:16");
}

static void
add_tests (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (effects); i++) {
    g_autofree char *path =
        g_strdup_printf ("/gst/effects/%s", effects[i].name);

    g_test_add_data_func (path, &effects[i], test_effect);
  }
  g_test_add_func ("/gst/effects/size", test_size);
  g_test_add_func ("/gst/effects/size-of-frames", test_size_of_frames);
  g_test_add_func ("/gst/effects/unknown-resolution", test_unknown_resolution);
}

int
main (int argc, char **argv)
{
  int failed;

  write_red ();
  failed = gst_test_main (argc, argv, add_tests);
  g_unlink (red_path);
  g_free (red_path);
  return failed;
}
