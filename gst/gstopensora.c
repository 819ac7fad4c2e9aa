/* SPDX-License-Identifier: Apache-2.0 */
/* The GStreamer plugin `opensora`: registers its elements and nothing else. */
#include <gst/gst.h>
#include <opensora/opensora.h>

#include "gstopensorasrc.h"

static gboolean
plugin_init (GstPlugin *plugin)
{
  return GST_ELEMENT_REGISTER (opensorasrc, plugin);
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, opensora,
    "Text-to-video with the Open-Sora models", plugin_init,
    OPENSORA_VERSION_STRING, "Apache 2.0", "opensorasrc",
    "https://github.com/hpcaitech/Open-Sora")
