/* SPDX-License-Identifier: Apache-2.0 */
/* Prompts, and the errors that settings lead to. */
#include "gsttest.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

static void
run_prompt (const char *prompt)
{
  GstElement *pipeline = gst_test_pipeline_new (
      "opensorasrc name=src steps=1 num-frames=1 ! fakesink");
  g_autoptr (GstElement) src = gst_bin_get_by_name (GST_BIN (pipeline), "src");

  g_object_set (src, "prompt", prompt, NULL);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  gst_test_wait_eos (pipeline);
  gst_test_pipeline_free (pipeline);
}

static void
test_prompts (void)
{
  g_autofree char *long_prompt = g_strnfill (10000, 'a');

  run_prompt (NULL); /* the demo model's own */
  run_prompt ("");
  run_prompt (
      "ein roter Kreis, \xe7\xba\xa2\xe8\x89\xb2\xe5\x9c\x86\xe5\x9c\x88");
  run_prompt (long_prompt);
  for (guint i = 1; i < 10000; i += 2)
    long_prompt[i] = ' ';
  run_prompt (long_prompt);
}

static void
test_invalid_utf8 (void)
{
  GstElement *pipeline =
      gst_test_pipeline_new ("opensorasrc name=src ! fakesink");
  g_autoptr (GstElement) src = gst_bin_get_by_name (GST_BIN (pipeline), "src");
  g_autoptr (GstMessage) message = NULL;
  g_autoptr (GError) error = NULL;

  g_object_set (src, "prompt", "a \xff\xfe circle", NULL);
  g_assert_cmpint (gst_element_set_state (pipeline, GST_STATE_PAUSED), ==,
      GST_STATE_CHANGE_FAILURE);
  message = gst_test_wait_message (pipeline, GST_MESSAGE_ERROR);
  gst_message_parse_error (message, &error, NULL);
  g_assert_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS);
  g_assert_nonnull (strstr (error->message, "UTF-8"));

  /* It can be put right. */
  g_object_set (src, "prompt", "a circle", "steps", 1, "num-frames", 1, NULL);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  gst_test_wait_eos (pipeline);
  gst_test_pipeline_free (pipeline);
}

static void
test_wrong_model (void)
{
  gst_test_expect_error ("opensorasrc model=/no/such/model ! fakesink",
      GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND, "/no/such/model");
}

static double
seconds_since (gint64 begin)
{
  return (g_get_monotonic_time () - begin) * 1e-6;
}

/* Settings that no model could follow fail the state change itself, at once. */
static void
check_start_error (const char *properties, int code, const char *part)
{
  g_autofree char *launch =
      g_strdup_printf ("opensorasrc %s ! fakesink", properties);
  GstElement *pipeline = gst_test_pipeline_new (launch);
  g_autoptr (GstMessage) message = NULL;
  g_autoptr (GError) error = NULL;
  gint64 begin = g_get_monotonic_time ();

  g_assert_cmpint (gst_element_set_state (pipeline, GST_STATE_PAUSED), ==,
      GST_STATE_CHANGE_FAILURE);
  g_assert_cmpfloat (seconds_since (begin), <, gst_test_limit (0.1));
  message = gst_test_wait_message (pipeline, GST_MESSAGE_ERROR);
  gst_message_parse_error (message, &error, NULL);
  g_test_message ("%s", error->message);
  g_assert_error (error, GST_RESOURCE_ERROR, code);
  g_assert_nonnull (strstr (error->message, part));
  gst_test_pipeline_free (pipeline);
}

static void
test_start_errors (void)
{
  const gint settings = GST_RESOURCE_ERROR_SETTINGS;
  const gint not_found = GST_RESOURCE_ERROR_NOT_FOUND;

  check_start_error ("prompt=a prompt-path=/no/such/file", settings, "both");
  check_start_error ("prompt-path=/no/such/file", not_found, "/no/such/file");
  check_start_error ("prompt-path=/", GST_RESOURCE_ERROR_OPEN_READ, "/");
  check_start_error ("config=/no/such/file.py", not_found, "/no/such/file.py");
  check_start_error ("reference-path=\"http://x/y.png;/no/such/b.mp4\"",
      not_found, "/no/such/b.mp4");
  check_start_error ("model=./nowhere", not_found, "model: ");
  check_start_error ("transformer=a/b/c", not_found, "transformer: ");
  check_start_error ("vae=~/nowhere", not_found, "vae: ");
  check_start_error ("text-encoder=/nowhere", not_found, "text-encoder: ");
}

static void
test_empty_prompt_file (void)
{
  g_autofree char *path = NULL, *properties = NULL;

  g_close (g_file_open_tmp ("opensora-prompts-XXXXXX", &path, NULL), NULL);
  properties = g_strconcat ("prompt-path=", path, NULL);
  check_start_error (properties, GST_RESOURCE_ERROR_SETTINGS, "no prompt");
  g_unlink (path);
}

/* What never ends or never begins is an error, and nothing waits for it. */
static void
check_no_file (const char *property, const char *path)
{
  g_autofree char *launch =
      g_strdup_printf ("opensorasrc %s=%s ! fakesink", property, path);
  GstElement *pipeline = gst_test_pipeline_new (launch);
  g_autoptr (GstMessage) message = NULL;
  g_autoptr (GError) error = NULL;
  gint64 begin = g_get_monotonic_time ();

  g_test_message ("%s", property);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_assert_cmpfloat (seconds_since (begin), <, gst_test_limit (0.1));
  message = gst_test_wait_message (pipeline, GST_MESSAGE_ERROR);
  gst_message_parse_error (message, &error, NULL);
  g_assert_nonnull (strstr (error->message, path));
  g_assert_cmpfloat (gst_test_pipeline_free (pipeline), <, gst_test_limit (1));
}

static void
test_no_file (void)
{
  static const struct {
    const char *property, *suffix;
  } files[] = { { "prompt-path", ".txt" }, { "config", ".py" },
    { "reference-path", ".png" }, { "model", ".safetensors" },
    { "transformer", ".safetensors" }, { "vae", ".pth" },
    { "text-encoder", ".bin" } };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *folder = g_dir_make_tmp ("opensora-XXXXXX", NULL);
    g_autofree char *path =
        g_strconcat (folder, "/pipe", files[i].suffix, NULL);

    g_assert_cmpint (mkfifo (path, 0600), ==, 0);
    check_no_file (files[i].property, path);
    g_unlink (path);
    g_rmdir (folder);
  }
  check_no_file ("prompt-path", "/dev/zero");
  check_no_file ("model", "/dev/zero");
}

/* Every part comes from where its property says. */
static void
test_parts (void)
{
  g_autofree char *demo =
      g_build_filename (g_getenv ("OPENSORA_DATA_DIR"), "opensora-demo", NULL);
  static const char *const parts[] = { "transformer", "vae", "text-encoder" };
  static const char *const folders[] = { "transformer", "vae", "text_encoder" };
  g_autofree char *good =
      g_strdup_printf ("opensorasrc transformer=%s/transformer vae=%s/vae "
                       "text-encoder=%s/text_encoder prompt=a steps=1 "
                       "num-frames=1 ! fakesink",
          demo, demo, demo);
  GstElement *pipeline = gst_test_pipeline_new (good);

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  gst_test_wait_eos (pipeline);
  gst_test_pipeline_free (pipeline);
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++) {
    g_autofree char *wrong =
        g_strdup_printf ("opensorasrc model=%s %s=%s/%s prompt=a ! fakesink",
            demo, parts[i], demo, folders[(i + 1) % G_N_ELEMENTS (parts)]);

    gst_test_expect_error (
        wrong, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, parts[i]);
  }
}

/* The error comes before the end of the progress, and the progress ends. */
static void
test_error_ends_progress (void)
{
  GstElement *pipeline =
      gst_test_pipeline_new ("opensorasrc num-frames=2 ! fakesink");
  g_autoptr (GstMessage) error = NULL;

  gst_element_set_state (pipeline, GST_STATE_PAUSED);
  error = gst_test_wait_message (pipeline, GST_MESSAGE_ERROR);
  for (;;) {
    g_autoptr (GstMessage) message =
        gst_test_wait_message (pipeline, GST_MESSAGE_PROGRESS);
    GstProgressType type;

    gst_message_parse_progress (message, &type, NULL, NULL);
    if (type == GST_PROGRESS_TYPE_ERROR)
      break;
    g_assert_cmpint (type, !=, GST_PROGRESS_TYPE_COMPLETE);
  }
  gst_test_pipeline_free (pipeline);
}

/* One failure, one error that says it, and the base class's own after it. */
static void
test_one_error (void)
{
  GstElement *pipeline =
      gst_test_pipeline_new ("opensorasrc num-frames=2 ! fakesink");
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  GstMessage *message;
  guint n = 0;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (
      (message = gst_bus_timed_pop_filtered (bus,
           n < 2 ? GST_CLOCK_TIME_NONE : GST_SECOND / 2, GST_MESSAGE_ERROR))) {
    g_autoptr (GError) error = NULL;
    g_autofree char *debug = NULL;

    gst_message_parse_error (message, &error, &debug);
    if (n++ == 0) {
      g_assert_error (error, GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_SETTINGS);
      g_assert_nonnull (strstr (debug, "opensora-error"));
    } else {
      g_assert_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED);
    }
    gst_message_unref (message);
  }
  g_assert_cmpuint (n, ==, 2);
  gst_test_pipeline_free (pipeline);
}

/* A downstream that takes no size that can be made, found when it is linked
 * already: nothing is computed. */
static void
test_wrong_size (void)
{
  GstHarness *harness = gst_test_harness_new ("", "video/x-raw,width=250");
  g_autoptr (GstMessage) message = NULL;
  g_autoptr (GError) error = NULL;

  gst_harness_play (harness);
  message = gst_test_wait_message (harness->element, GST_MESSAGE_ERROR);
  gst_message_parse_error (message, &error, NULL);
  g_assert_error (error, GST_CORE_ERROR, GST_CORE_ERROR_NEGOTIATION);
  g_assert_cmpuint (gst_harness_buffers_received (harness), ==, 0);
  gst_test_wait_progress (harness->element, GST_PROGRESS_TYPE_ERROR, NULL);
  gst_test_harness_free (harness);
}

static void
test_wrong_frames (void)
{
  gst_test_expect_error ("opensorasrc num-frames=2 ! fakesink",
      GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_SETTINGS, "num-frames");
  gst_test_expect_error (
      "opensorasrc num-frames=17 ! video/x-raw,framerate=0/1 ! fakesink",
      GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_SETTINGS, "num-frames");
}

/* Found at link time, before anything is loaded. */
static void
test_size_against_template (void)
{
  GstElement *src = gst_element_factory_make ("opensorasrc", NULL);
  GstElement *sink = gst_element_factory_make ("fakesink", NULL);
  GstElement *bin = gst_bin_new (NULL);
  g_autoptr (GstCaps) odd = gst_caps_from_string ("video/x-raw,width=250");

  gst_bin_add_many (GST_BIN (bin), src, sink, NULL);
  g_assert_false (gst_element_link_filtered (src, sink, odd));
  gst_object_unref (gst_object_ref_sink (bin));
}

/* A failed run leaves an element that works. */
static void
test_after_error (void)
{
  GstElement *pipeline = gst_test_pipeline_new (
      "opensorasrc name=src steps=1 num-frames=1 model=/no/such/model "
      "! fakesink");
  g_autoptr (GstElement) src = gst_bin_get_by_name (GST_BIN (pipeline), "src");

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  gst_message_unref (gst_test_wait_message (pipeline, GST_MESSAGE_ERROR));
  gst_element_set_state (pipeline, GST_STATE_NULL);
  g_object_set (src, "model", NULL, NULL);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  gst_test_wait_eos (pipeline);
  gst_test_pipeline_free (pipeline);
}

static void
add_tests (void)
{
  g_test_add_func ("/gst/settings/prompts", test_prompts);
  g_test_add_func ("/gst/settings/invalid-utf8", test_invalid_utf8);
  g_test_add_func ("/gst/settings/wrong-model", test_wrong_model);
  g_test_add_func ("/gst/settings/start-errors", test_start_errors);
  g_test_add_func ("/gst/settings/empty-prompt-file", test_empty_prompt_file);
  g_test_add_func ("/gst/settings/no-file", test_no_file);
  g_test_add_func ("/gst/settings/parts", test_parts);
  g_test_add_func (
      "/gst/settings/error-ends-progress", test_error_ends_progress);
  g_test_add_func ("/gst/settings/one-error", test_one_error);
  g_test_add_func ("/gst/settings/wrong-size", test_wrong_size);
  g_test_add_func ("/gst/settings/wrong-frames", test_wrong_frames);
  g_test_add_func (
      "/gst/settings/size-against-template", test_size_against_template);
  g_test_add_func ("/gst/settings/after-error", test_after_error);
}

int
main (int argc, char **argv)
{
  return gst_test_main (argc, argv, add_tests);
}
