/* SPDX-License-Identifier: Apache-2.0 */
/* Animated GIF, piece by piece: a header, frames, a trailer. */
#pragma once

#include <glib.h>

typedef struct {
  guint16 width, height;
  const guint8 *rgb; /* three bytes a pixel */
  gsize stride;      /* bytes from a row to the next */
  guint16 delay;     /* until the next frame, hundredths of a second */
} GifFrame;

/* The animation repeats without end. */
void gif_write_header (GByteArray *out, guint16 width, guint16 height);
void gif_write_frame (GByteArray *out, const GifFrame *frame);
void gif_write_trailer (GByteArray *out);
