/* SPDX-License-Identifier: Apache-2.0 */
/* Median cut (Heckbert, "Color image quantization for frame buffer display",
 * SIGGRAPH 1982): the colours of the picture are a box that is cut in two at
 * the median of its longest side, the halves again, always the one in which
 * most is lost. What is left in a box becomes its mean. */

#include "palette.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
  guint16 bin;
  guint count;
  guint64 sum[3]; /* of its pixels, exact */
} Bin;

typedef struct {
  Bin *bins;
  guint n_bins;
  guint64 count; /* pixels */
  guint axis;    /* of its longest side */
  guint side;    /* so long, in bins */
} Box;

static inline guint
coordinate (const Bin *bin, guint axis)
{
  return bin->bin >> (2 - axis) * PALETTE_BITS & ((1 << PALETTE_BITS) - 1);
}

static void
measure (Box *box)
{
  box->count = box->side = box->axis = 0;
  for (guint i = 0; i < box->n_bins; i++)
    box->count += box->bins[i].count;
  for (guint axis = 0; axis < 3; axis++) {
    guint low = G_MAXUINT, high = 0;

    for (guint i = 0; i < box->n_bins; i++) {
      low = MIN (low, coordinate (&box->bins[i], axis));
      high = MAX (high, coordinate (&box->bins[i], axis));
    }
    if (high - low > box->side) {
      box->side = high - low;
      box->axis = axis;
    }
  }
}

static int
compare (const void *a, const void *b, void *axis)
{
  return (int) coordinate (a, *(guint *) axis)
         - (int) coordinate (b, *(guint *) axis);
}

/* Both halves have a bin at least. */
static void
cut (Box *box, Box *rest)
{
  guint64 below = box->bins[0].count;
  guint n = 1;

  qsort_r (box->bins, box->n_bins, sizeof (Bin), compare, &box->axis);
  below = box->bins[0].count;
  while (n < box->n_bins - 1 && 2 * below < box->count)
    below += box->bins[n++].count;
  *rest = (Box){ .bins = box->bins + n, .n_bins = box->n_bins - n };
  box->n_bins = n;
  measure (box);
  measure (rest);
}

/* Where most is lost if it stays one colour; NULL: nothing is. */
static Box *
find_widest (Box *boxes, guint n_boxes)
{
  Box *widest = boxes;

  for (guint i = 1; i < n_boxes; i++) {
    if (boxes[i].count * boxes[i].side > widest->count * widest->side)
      widest = &boxes[i];
  }
  return widest->side > 0 ? widest : NULL;
}

static void
set_color (Palette *self, guint index, const Box *box)
{
  for (guint channel = 0; channel < 3; channel++) {
    guint64 sum = 0;

    for (guint i = 0; i < box->n_bins; i++)
      sum += box->bins[i].sum[channel];
    self->colors[index][channel] = (sum + box->count / 2) / box->count;
  }
  for (guint i = 0; i < box->n_bins; i++)
    self->of_bin[box->bins[i].bin] = index;
}

/* The bins that pixels fall into, in the front of `bins`; how many. */
static guint
count_pixels (
    Bin *bins, const guint8 *rgb, guint width, guint height, gsize stride)
{
  guint n = 0;

  for (guint y = 0; y < height; y++) {
    const guint8 *pixel = rgb + y * stride;

    for (guint x = 0; x < width; x++, pixel += 3) {
      Bin *bin = &bins[palette_bin (pixel)];

      bin->count++;
      for (guint channel = 0; channel < 3; channel++)
        bin->sum[channel] += pixel[channel];
    }
  }
  for (guint i = 0; i < PALETTE_BINS; i++) {
    if (bins[i].count > 0) {
      bins[n] = bins[i];
      bins[n++].bin = i;
    }
  }
  return n;
}

void
palette_make (
    Palette *self, const guint8 *rgb, guint width, guint height, gsize stride)
{
  g_autofree Bin *bins = g_new0 (Bin, PALETTE_BINS);
  Box boxes[PALETTE_MAX] = { { .bins = bins } };
  Box *widest;

  boxes[0].n_bins = count_pixels (bins, rgb, width, height, stride);
  measure (&boxes[0]);
  self->n_colors = 1;
  while (self->n_colors < PALETTE_MAX
         && (widest = find_widest (boxes, self->n_colors)) != NULL)
    cut (widest, &boxes[self->n_colors++]);
  for (guint i = 0; i < self->n_colors; i++)
    set_color (self, i, &boxes[i]);
}
