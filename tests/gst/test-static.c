/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin, and the element alone, linked into a program: nothing is loaded.
 */
#include "gsttest.h"

GST_PLUGIN_STATIC_DECLARE (opensora);
GST_ELEMENT_REGISTER_DECLARE (opensorasrc);

static void
make_picture (void)
{
  GstElement *pipeline =
      gst_test_pipeline_new ("opensorasrc num-frames=1 steps=1 ! fakesink");

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  gst_test_wait_eos (pipeline);
  gst_test_pipeline_free (pipeline);
}

static GstPlugin *
get_plugin (void)
{
  g_autoptr (GstElementFactory) factory =
      gst_element_factory_find ("opensorasrc");

  g_assert_nonnull (factory);
  return gst_plugin_feature_get_plugin (GST_PLUGIN_FEATURE (factory));
}

static void
test_element (void)
{
  g_assert_null (gst_element_factory_find ("opensorasrc"));
  g_assert_true (GST_ELEMENT_REGISTER (opensorasrc, NULL));
  g_assert_null (get_plugin ());
  make_picture ();
}

static void
test_plugin (void)
{
  g_autoptr (GstPlugin) plugin = NULL;

  GST_PLUGIN_STATIC_REGISTER (opensora);
  plugin = get_plugin ();
  g_assert_cmpstr (gst_plugin_get_name (plugin), ==, "opensora");
  g_assert_null (gst_plugin_get_filename (plugin));
  make_picture ();
}

static void
add_tests (void)
{
  g_test_add_func ("/gst/static/element", test_element);
  g_test_add_func ("/gst/static/plugin", test_plugin);
}

int
main (int argc, char **argv)
{
  /* What is registered while the tracer runs stays for ever. */
  g_unsetenv ("GST_TRACERS");
  return gst_test_main (argc, argv, add_tests);
}
