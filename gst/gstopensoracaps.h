/* SPDX-License-Identifier: Apache-2.0 */
/* The raw video that opensorasrc makes: formats, sizes and rates. */
#pragma once

#include <gst/video/video.h>

G_BEGIN_DECLS

/* From the cheapest conversion to the dearest; the element takes the first that
 * downstream accepts. I420 comes before the other YUV formats because what an
 * encoder makes of it plays everywhere. */
#define GST_OPENSORA_FORMATS                                                   \
  "{ RGB, BGR, RGBx, BGRx, xRGB, xBGR, RGBA, BGRA, ARGB, ABGR, "               \
  "I420, YV12, NV12, NV21, Y42B, Y444, GRAY8, "                                \
  "I420_10LE, P010_10LE, I422_10LE, Y444_10LE }"

/* No Open-Sora VAE makes a picture whose sides are no multiples of 8. */
#define GST_OPENSORA_CAPS                                                      \
  "video/x-raw, format = (string) " GST_OPENSORA_FORMATS ", "                  \
  "width = (int) [ 16, 4096, 8 ], height = (int) [ 16, 4096, 8 ], "            \
  "framerate = (fraction) [ 0/1, 120/1 ], "                                    \
  "pixel-aspect-ratio = (fraction) 1/1, "                                      \
  "interlace-mode = (string) progressive"

/* A size and rate that a model makes. */
typedef struct {
  gint width, height;
  gint step; /* sides are multiples of it */
  gint fps_n, fps_d;
} GstOpensoraSize;

/* Take the template's caps and allow only sizes that are multiples of step, or
 * only this size and rate. */
GstCaps *gst_opensora_caps_set_step (GstCaps *caps, gint step);
GstCaps *gst_opensora_caps_set_size (
    GstCaps *caps, const GstOpensoraSize *size);

/* Takes caps and fixes every field that is open, the nearest to wanted. */
GstCaps *gst_opensora_caps_fixate (
    GstCaps *caps, const GstOpensoraSize *wanted);

G_END_DECLS
