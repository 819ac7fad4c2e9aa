/* SPDX-License-Identifier: Apache-2.0 */
/* The list of properties, and their values. The properties are an interface: a
 * change in data/gst/properties.txt is a change for users. */
#include "gsttest.h"

#include <string.h>

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
  if (G_IS_PARAM_SPEC_UINT64 (spec)) {
    GParamSpecUInt64 *s = G_PARAM_SPEC_UINT64 (spec);
    return g_strdup_printf ("[%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT
                            "] %" G_GUINT64_FORMAT,
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
  if (GST_IS_PARAM_SPEC_FRACTION (spec)) {
    GstParamSpecFraction *s = GST_PARAM_SPEC_FRACTION (spec);
    return g_strdup_printf ("[%d/%d %d/%d] %d/%d", s->min_num, s->min_den,
        s->max_num, s->max_den, s->def_num, s->def_den);
  }
  if (G_IS_PARAM_SPEC_BOOLEAN (spec))
    return g_strdup (
        G_PARAM_SPEC_BOOLEAN (spec)->default_value ? "true" : "false");
  if (G_IS_PARAM_SPEC_ENUM (spec))
    return describe_enum (G_PARAM_SPEC_ENUM (spec));
  return g_strdup (
      G_PARAM_SPEC_STRING (spec)->default_value ? "default" : "(null)");
}

static char *
describe (GParamSpec *spec)
{
  g_autofree char *range = describe_range (spec);

  return g_strdup_printf ("%s %s %s %s%s %s%s", spec->name,
      g_type_name (spec->value_type), range,
      spec->flags & G_PARAM_READABLE ? "r" : "",
      spec->flags & G_PARAM_WRITABLE ? "w" : "",
      spec->flags & GST_PARAM_MUTABLE_PLAYING ? "playing"
      : spec->flags & GST_PARAM_MUTABLE_READY ? "ready"
                                              : "null",
      spec->flags & GST_PARAM_CONTROLLABLE ? " controllable" : "");
}

/* What the default stands for is explained if it is no value of its own. */
static void
check_special (GParamSpec *spec, const GValue *value)
{
  const char *blurb = g_param_spec_get_blurb (spec);
  g_auto (GValue) number = G_VALUE_INIT;
  g_autofree char *text = NULL;

  g_value_init (&number, G_TYPE_INT64);
  if (G_IS_PARAM_SPEC_STRING (spec)) {
    text = g_strdup ("(NULL = ");
  } else if (!G_IS_PARAM_SPEC_BOOLEAN (spec) && !G_IS_PARAM_SPEC_ENUM (spec)
             && g_value_transform (value, &number)
             && g_value_get_int64 (&number) <= 0) {
    text = g_strdup_printf (
        "(%" G_GINT64_FORMAT " = ", g_value_get_int64 (&number));
  }
  g_assert_true (text == NULL || strstr (blurb, text) != NULL);
}

/* A fresh element has the defaults that are documented, whatever the
 * environment is: the tests' has HF_HUB_OFFLINE and cache folders. */
static void
check_property (GstElement *element, GParamSpec *spec)
{
  const char *blurb = g_param_spec_get_blurb (spec);
  g_auto (GValue) value = G_VALUE_INIT;

  g_assert_cmpuint (strlen (blurb), >, 20);
  g_assert_true (g_ascii_isupper (*blurb) && !g_str_has_suffix (blurb, "."));
  g_value_init (&value, spec->value_type);
  g_object_get_property (G_OBJECT (element), spec->name, &value);
  g_assert_true (g_param_value_defaults (spec, &value));
  check_special (spec, &value);
}

static void
test_properties (void)
{
  GstElement *element = gst_element_factory_make ("opensorasrc", NULL);
  g_autofree char *path = g_build_filename (
      g_getenv ("OPENSORA_TEST_DATA"), "gst", "properties.txt", NULL);
  g_autoptr (GString) list = g_string_new (NULL);
  g_autofree GParamSpec **specs = NULL;
  g_autofree char *expected = NULL;
  guint n;

  specs = g_object_class_list_properties (G_OBJECT_GET_CLASS (element), &n);
  for (guint i = 0; i < n; i++) {
    g_autofree char *text = NULL;

    if (specs[i]->owner_type != G_OBJECT_TYPE (element))
      continue;
    text = describe (specs[i]);
    g_string_append_printf (list, "%s\n", text);
    check_property (element, specs[i]);
  }
  g_assert_true (g_file_get_contents (path, &expected, NULL, NULL));
  g_assert_cmpstr (list->str, ==, expected);
  gst_object_unref (gst_object_ref_sink (element));
}

/* A value that is not the default, as text. */
static const struct {
  const char *name, *text;
} values[] = {
  { "prompt", "a" },
  { "prompt-path", "/tmp/prompts.txt" },
  { "num-clips", "-1" },
  { "aesthetic-score", "6.5" },
  { "motion-score", "0" },
  { "camera-motion", "zoom in" },
  { "seed", "9223372036854775807" },
  { "steps", "7" },
  { "step-cache", "0.125" },
  { "guidance-scale", "0.5" },
  { "noise", "cuda" },
  { "noise-dtype", "bf16" },
  { "num-frames", "34" },
  { "frame-interval", "3" },
  { "resolution", "240p" },
  { "aspect-ratio", "16/9" },
  { "reference-path", "a.png;b.mp4" },
  { "mask-strategy", "0;0,1,0,-1,1" },
  { "align", "0" },
  { "loop", "1000" },
  { "condition-frame-length", "10" },
  { "condition-frame-edit", "0.25" },
  { "model", "/no/such/model" },
  { "transformer", "org/one" },
  { "vae", "org/two" },
  { "text-encoder", "org/three" },
  { "revision", "v1.0" },
  { "cache-dir", "~/models" },
  { "local-files-only", "true" },
  { "continue-from", "previous" },
  { "is-live", "true" },
  { "keep-clip", "true" },
  { "use-buffering", "false" },
  { "preview", "true" },
  { "preview-interval", "5" },
  { "config", "sample.py" },
  { "n-threads", "2" },
  { "backend", "onednn" },
  { "memory-limit", "8000000000" },
};

static void
test_values_are_kept (void)
{
  GstElement *element = gst_element_factory_make ("opensorasrc", NULL);
  GObjectClass *klass = G_OBJECT_GET_CLASS (element);
  g_autofree GParamSpec **specs = NULL;
  guint n, own = 0;

  specs = g_object_class_list_properties (klass, &n);
  for (guint i = 0; i < n; i++)
    own += specs[i]->owner_type == G_OBJECT_TYPE (element);
  g_assert_cmpuint (own, ==, G_N_ELEMENTS (values));
  for (guint i = 0; i < G_N_ELEMENTS (values); i++) {
    GParamSpec *spec = g_object_class_find_property (klass, values[i].name);
    g_auto (GValue) set = G_VALUE_INIT, got = G_VALUE_INIT;

    g_value_init (&set, spec->value_type);
    if (G_VALUE_HOLDS_STRING (&set))
      g_value_set_string (&set, values[i].text);
    else
      g_assert_true (gst_value_deserialize (&set, values[i].text));
    g_assert_false (g_param_value_defaults (spec, &set));
    g_object_set_property (G_OBJECT (element), spec->name, &set);
    g_object_get_property (G_OBJECT (element), spec->name, &got);
    g_assert_cmpint (g_param_values_cmp (spec, &set, &got), ==, 0);
  }
  gst_object_unref (gst_object_ref_sink (element));
}

/* Reading and writing never wait for the work, whatever is done. */
static void
check_no_wait (GstElement *element)
{
  GObjectClass *klass = G_OBJECT_GET_CLASS (element);
  const gint64 begin = g_get_monotonic_time ();
  g_autofree GParamSpec **specs = NULL;
  guint n;

  specs = g_object_class_list_properties (klass, &n);
  for (guint i = 0; i < n; i++) {
    g_auto (GValue) value = G_VALUE_INIT;

    if (specs[i]->owner_type != G_OBJECT_TYPE (element))
      continue;
    g_value_init (&value, specs[i]->value_type);
    g_object_get_property (G_OBJECT (element), specs[i]->name, &value);
    g_object_set_property (G_OBJECT (element), specs[i]->name, &value);
  }
  g_assert_cmpint (g_get_monotonic_time () - begin, <,
      gst_test_limit (0.05) * G_USEC_PER_SEC);
}

static void
test_no_wait (void)
{
  GstElement *pipeline =
      gst_test_pipeline_new ("opensorasrc name=src steps=1000 ! fakesink");
  g_autoptr (GstElement) src = gst_bin_get_by_name (GST_BIN (pipeline), "src");

  check_no_wait (src);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  check_no_wait (src);
  gst_test_wait_progress (pipeline, GST_PROGRESS_TYPE_START, "sample");
  check_no_wait (src);
  gst_test_pipeline_free (pipeline);
}

/* Text that an Open-Sora user might copy is refused, not turned round. */
static void
test_aspect_ratio_notation (void)
{
  g_auto (GValue) value = G_VALUE_INIT;

  g_value_init (&value, GST_TYPE_FRACTION);
  g_assert_false (gst_value_deserialize (&value, "9:16"));
}

static void
add_tests (void)
{
  g_test_add_func ("/gst/properties/list", test_properties);
  g_test_add_func ("/gst/properties/values-are-kept", test_values_are_kept);
  g_test_add_func ("/gst/properties/no-wait", test_no_wait);
  g_test_add_func (
      "/gst/properties/aspect-ratio-notation", test_aspect_ratio_notation);
}

int
main (int argc, char **argv)
{
  return gst_test_main (argc, argv, add_tests);
}
