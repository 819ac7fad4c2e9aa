/* SPDX-License-Identifier: Apache-2.0 */
/* The up to 256 colours that stand for those of a picture. */
#pragma once

#include <glib.h>

/* Colours are told apart by so many bits a channel. */
#define PALETTE_BITS 5
#define PALETTE_BINS (1 << 3 * PALETTE_BITS)
#define PALETTE_MAX 256

typedef struct {
  guint n_colors;
  guint8 colors[PALETTE_MAX][3];
  guint8 of_bin[PALETTE_BINS]; /* bin -> index of its colour */
} Palette;

/* `rgb` has three bytes a pixel, a row every `stride` bytes. */
void palette_make (
    Palette *self, const guint8 *rgb, guint width, guint height, gsize stride);

static inline guint
palette_bin (const guint8 *pixel)
{
  return pixel[0] >> 3 << 10 | pixel[1] >> 3 << 5 | pixel[2] >> 3;
}
