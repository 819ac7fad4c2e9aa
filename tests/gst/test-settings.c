/* SPDX-License-Identifier: Apache-2.0 */
/* Properties, and the errors that settings lead to. */
#include "gsttest.h"

#include <string.h>

/* The properties are an interface: a change here is a change for users. */
static const char *const expected_properties[] = {
  "prompt gchararray (null) rw playing",
  "model gchararray (null) rw ready",
  "revision gchararray (null) rw ready",
  "cache-dir gchararray (null) rw ready",
  "local-files-only gboolean false rw ready",
  "seed gint64 [-1 9223372036854775807] 42 rw playing",
  "steps guint [0 1000] 0 rw playing",
  "guidance-scale gdouble [-1 100] -1 rw playing",
  "num-frames gint [0 4096] 0 rw playing",
  "n-threads guint [0 1024] 0 rw ready",
  "backend GstOpensoraBackend [auto openblas onednn] auto rw ready",
  NULL,
};

static char *
describe_enum (GParamSpecEnum *spec)
{
  GString *text = g_string_new ("[");

  for (guint i = 0; i < spec->enum_class->n_values; i++)
    g_string_append_printf (
        text, "%s%s", i > 0 ? " " : "", spec->enum_class->values[i].value_nick);
  g_string_append_printf (text, "] %s",
      g_enum_get_value (spec->enum_class, spec->default_value)->value_nick);
  return g_string_free (text, FALSE);
}

static char *
describe_range (GParamSpec *spec)
{
  if (G_IS_PARAM_SPEC_INT64 (spec)) {
    GParamSpecInt64 *s = G_PARAM_SPEC_INT64 (spec);
    return g_strdup_printf ("[%" G_GINT64_FORMAT " %" G_GINT64_FORMAT
                            "] %" G_GINT64_FORMAT,
        s->minimum, s->maximum, s->default_value);
  }
  if (G_IS_PARAM_SPEC_UINT (spec)) {
    GParamSpecUInt *s = G_PARAM_SPEC_UINT (spec);
    return g_strdup_printf (
        "[%u %u] %u", s->minimum, s->maximum, s->default_value);
  }
  if (G_IS_PARAM_SPEC_INT (spec)) {
    GParamSpecInt *s = G_PARAM_SPEC_INT (spec);
    return g_strdup_printf (
        "[%d %d] %d", s->minimum, s->maximum, s->default_value);
  }
  if (G_IS_PARAM_SPEC_DOUBLE (spec)) {
    GParamSpecDouble *s = G_PARAM_SPEC_DOUBLE (spec);
    return g_strdup_printf (
        "[%g %g] %g", s->minimum, s->maximum, s->default_value);
  }
  if (G_IS_PARAM_SPEC_BOOLEAN (spec))
    return g_strdup (
        G_PARAM_SPEC_BOOLEAN (spec)->default_value ? "true" : "false");
  if (G_IS_PARAM_SPEC_ENUM (spec))
    return describe_enum (G_PARAM_SPEC_ENUM (spec));
  return g_strdup (
      G_PARAM_SPEC_STRING (spec)->default_value ? "default" : "(null)");
}

static void
test_properties (void)
{
  GstElement *element = gst_element_factory_make ("opensorasrc", NULL);
  g_autofree GParamSpec **specs = NULL;
  guint n, own = 0;

  specs = g_object_class_list_properties (G_OBJECT_GET_CLASS (element), &n);
  for (guint i = 0; i < n; i++) {
    GParamSpec *spec = specs[i];
    g_autofree char *range = NULL;
    g_autofree char *text = NULL;
    g_auto (GValue) value = G_VALUE_INIT;

    if (spec->owner_type != G_OBJECT_TYPE (element))
      continue;
    range = describe_range (spec);
    text = g_strdup_printf ("%s %s %s %s%s %s", spec->name,
        g_type_name (spec->value_type), range,
        spec->flags & G_PARAM_READABLE ? "r" : "",
        spec->flags & G_PARAM_WRITABLE ? "w" : "",
        spec->flags & GST_PARAM_MUTABLE_PLAYING ? "playing"
        : spec->flags & GST_PARAM_MUTABLE_READY ? "ready"
                                                : "null");
    g_assert_true (g_strv_contains (expected_properties, text)
                   || (g_test_message ("unexpected: %s", text), FALSE));
    g_assert_cmpuint (strlen (g_param_spec_get_blurb (spec)), >, 20);

    /* A fresh element has the defaults that are documented. */
    g_value_init (&value, spec->value_type);
    g_object_get_property (G_OBJECT (element), spec->name, &value);
    g_assert_true (g_param_value_defaults (spec, &value));
    own++;
  }
  g_assert_cmpuint (own, ==, G_N_ELEMENTS (expected_properties) - 1);
  gst_object_unref (gst_object_ref_sink (element));
}

static void
test_values_are_kept (void)
{
  GstElement *element = gst_element_factory_make ("opensorasrc", NULL);
  g_autofree char *prompt = NULL;
  g_autofree char *model = NULL;
  g_autofree char *revision = NULL;
  g_autofree char *cache_dir = NULL;
  gboolean local_files_only;
  gint64 seed;
  guint steps, n_threads;
  double guidance;
  gint num_frames, backend;

  gst_util_set_object_arg (G_OBJECT (element), "backend", "onednn");
  g_object_set (element, "prompt", "a", "model", "/no/such/model", "seed",
      G_MAXINT64, "steps", 7, "guidance-scale", 0.5, "num-frames", 34,
      "n-threads", 2, "revision", "v1.0", "cache-dir", "~/models",
      "local-files-only", TRUE, NULL);
  g_object_get (element, "prompt", &prompt, "model", &model, "seed", &seed,
      "steps", &steps, "guidance-scale", &guidance, "num-frames", &num_frames,
      "n-threads", &n_threads, "backend", &backend, "revision", &revision,
      "cache-dir", &cache_dir, "local-files-only", &local_files_only, NULL);
  g_assert_cmpstr (prompt, ==, "a");
  g_assert_cmpstr (model, ==, "/no/such/model");
  g_assert_cmpint (seed, ==, G_MAXINT64);
  g_assert_cmpuint (steps, ==, 7);
  g_assert_cmpfloat (guidance, ==, 0.5);
  g_assert_cmpint (num_frames, ==, 34);
  g_assert_cmpuint (n_threads, ==, 2);
  g_assert_cmpint (backend, ==, 2);
  g_assert_cmpstr (revision, ==, "v1.0");
  g_assert_cmpstr (cache_dir, ==, "~/models");
  g_assert_true (local_files_only);
  gst_object_unref (gst_object_ref_sink (element));
}

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

/* The error comes before the end of the progress, and the progress ends. */
static void
test_error_ends_progress (void)
{
  GstElement *pipeline =
      gst_test_pipeline_new ("opensorasrc model=/no/such/model ! fakesink");
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
  g_test_add_func ("/gst/settings/properties", test_properties);
  g_test_add_func ("/gst/settings/values-are-kept", test_values_are_kept);
  g_test_add_func ("/gst/settings/prompts", test_prompts);
  g_test_add_func ("/gst/settings/invalid-utf8", test_invalid_utf8);
  g_test_add_func ("/gst/settings/wrong-model", test_wrong_model);
  g_test_add_func (
      "/gst/settings/error-ends-progress", test_error_ends_progress);
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
