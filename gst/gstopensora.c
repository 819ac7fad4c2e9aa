/* SPDX-License-Identifier: Apache-2.0 */
/* The GStreamer plugin `opensora`: registers its elements and lets the
 * library's log through. */
#include <gst/gst.h>
#include <opensora/opensora.h>

#include "gstopensorasrc.h"

GST_DEBUG_CATEGORY_STATIC (gst_opensora_debug);

/* The library logs through GLib: let GST_DEBUG=opensora:5 show it too. */
static void
bridge_log (const char *domain, GLogLevelFlags level, const char *message,
    gpointer data)
{
  GST_CAT_LEVEL_LOG (gst_opensora_debug,
      level & G_LOG_LEVEL_DEBUG ? GST_LEVEL_DEBUG : GST_LEVEL_INFO, NULL, "%s",
      message);
  g_log_default_handler (domain, level, message, NULL);
}

static gboolean
plugin_init (GstPlugin *plugin)
{
  GST_DEBUG_CATEGORY_INIT (
      gst_opensora_debug, "opensora", 0, "Open-Sora library");
  g_log_set_handler (
      "opensora", G_LOG_LEVEL_DEBUG | G_LOG_LEVEL_INFO, bridge_log, NULL);
  return GST_ELEMENT_REGISTER (opensorasrc, plugin);
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, opensora,
    "Text-to-video with the Open-Sora models", plugin_init,
    OPENSORA_VERSION_STRING, "Apache 2.0", "opensorasrc",
    "https://github.com/hpcaitech/Open-Sora")
