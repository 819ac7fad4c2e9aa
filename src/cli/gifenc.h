/* SPDX-License-Identifier: Apache-2.0 */
/* The element `cligifenc`: raw video to an animated GIF. GStreamer 1.22 has
 * none in Debian. */
#pragma once

#include <gst/gst.h>

GST_ELEMENT_REGISTER_DECLARE (cligifenc)
