/* SPDX-License-Identifier: Apache-2.0 */
/* opensorasrc: a video source that makes its pictures from a text. */
#pragma once

#include <gst/base/gstpushsrc.h>

G_BEGIN_DECLS

#define GST_TYPE_OPENSORA_SRC (gst_opensora_src_get_type ())
G_DECLARE_FINAL_TYPE (
    GstOpensoraSrc, gst_opensora_src, GST, OPENSORA_SRC, GstPushSrc)

GST_ELEMENT_REGISTER_DECLARE (opensorasrc)

G_END_DECLS
