/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin as strangers meet it: what it says of itself, what loading it
 * does, what it prints. */
#include "gsttest.h"

#include <string.h>

static void
test_description (void)
{
  g_autoptr (GstElementFactory) factory =
      gst_element_factory_find ("opensorasrc");
  g_autoptr (GstPlugin) plugin =
      gst_plugin_feature_get_plugin (GST_PLUGIN_FEATURE (factory));
  const char *file = gst_plugin_get_filename (plugin);

  g_assert_true (g_str_has_suffix (file, "/libgstopensora.so"));
  g_assert_cmpstr (gst_plugin_get_name (plugin), ==, "opensora");
  g_assert_cmpstr (gst_plugin_get_license (plugin), ==, "Apache 2.0");
  g_assert_true (g_str_has_prefix (gst_plugin_get_origin (plugin), "https://"));
  g_assert_cmpuint (strlen (gst_plugin_get_description (plugin)), >, 20);
  g_assert_cmpuint (strlen (gst_plugin_get_version (plugin)), >, 0);
  g_assert_cmpuint (gst_plugin_feature_get_rank (GST_PLUGIN_FEATURE (factory)),
      ==, GST_RANK_NONE);
  g_assert_cmpstr (
      gst_element_factory_get_metadata (factory, GST_ELEMENT_METADATA_KLASS),
      ==, "Source/Video");
  g_assert_cmpuint (gst_element_factory_get_num_pad_templates (factory), ==, 1);
}

/* Nicks are for the command line, names are what gst-inspect-1.0 explains. */
static void
check_enum (GParamSpecEnum *spec)
{
  const GEnumClass *klass = spec->enum_class;
  GstPluginAPIFlags flags;

  g_assert_true (
      gst_type_is_plugin_api (G_PARAM_SPEC (spec)->value_type, &flags));
  for (guint i = 0; i < klass->n_values; i++) {
    const char *nick = klass->values[i].value_nick;

    g_assert_cmpuint (strspn (nick, "abcdefghijklmnopqrstuvwxyz0123456789-"),
        ==, strlen (nick));
    g_assert_null (strchr (klass->values[i].value_name, '_'));
  }
}

static void
test_enums (void)
{
  GstElement *element = gst_element_factory_make ("opensorasrc", NULL);
  g_autofree GParamSpec **specs = NULL;
  guint n, found = 0;

  specs = g_object_class_list_properties (G_OBJECT_GET_CLASS (element), &n);
  for (guint i = 0; i < n; i++) {
    if (!G_IS_PARAM_SPEC_ENUM (specs[i]))
      continue;
    check_enum (G_PARAM_SPEC_ENUM (specs[i]));
    found++;
  }
  g_assert_cmpuint (found, >=, 3);
  gst_object_unref (gst_object_ref_sink (element));
}

static guint
count_threads (void)
{
  g_autoptr (GDir) tasks = g_dir_open ("/proc/self/task", 0, NULL);
  guint n = 0;

  while (tasks != NULL && g_dir_read_name (tasks) != NULL)
    n++;
  return n;
}

/* Matrix libraries start threads when they are loaded; the plugin does not load
 * them before it computes. This is the first test, which loads the plugin. */
static void
test_no_threads (void)
{
  const guint before = count_threads ();
  GstElement *element = gst_element_factory_make ("opensorasrc", NULL);

  g_assert_nonnull (element);
  gst_element_set_state (element, GST_STATE_READY);
  g_assert_cmpuint (count_threads (), ==, before);
  gst_element_set_state (element, GST_STATE_NULL);
  gst_object_unref (gst_object_ref_sink (element));
}

/* The build's plugin is tested, and nothing of the user's is read or written.
 */
static void
test_environment (void)
{
  static const char *const paths[] = { "GST_PLUGIN_SYSTEM_PATH_1_0",
    "GST_REGISTRY", "HF_HOME", "XDG_CACHE_HOME" };
  const char *folder = g_getenv ("G_TEST_BUILDDIR");
  g_autofree char *build = NULL;

  if (folder == NULL) {
    g_test_skip ("meson test has the environment");
    return;
  }
  build = g_path_get_dirname (folder);
  g_assert_true (g_str_has_prefix (g_getenv ("GST_PLUGIN_PATH_1_0"), build));
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    g_assert_true (g_str_has_prefix (g_getenv (paths[i]), folder));
  g_assert_cmpstr (g_get_user_cache_dir (), ==, g_getenv ("XDG_CACHE_HOME"));
  g_assert_cmpstr (g_getenv ("HF_HUB_OFFLINE"), ==, "1");
  g_assert_nonnull (strstr (g_getenv ("G_DEBUG"), "fatal-criticals"));
}

static void
add_tests (void)
{
  g_test_add_func ("/gst/plugin/no-threads", test_no_threads);
  g_test_add_func ("/gst/plugin/description", test_description);
  g_test_add_func ("/gst/plugin/enums", test_enums);
  g_test_add_func ("/gst/plugin/environment", test_environment);
}

int
main (int argc, char **argv)
{
  return gst_test_main (argc, argv, add_tests);
}
