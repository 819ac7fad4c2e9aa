/* SPDX-License-Identifier: Apache-2.0 */
/* Resizing to cover and cropping. Only what the crop shows is computed, which
 * gives the same values: every pixel depends on the picture alone. */
#include "media/resize.h"

#include <math.h>
#include <opensora/opensora.h>

/* Fixed point of weights: 8 bits for the value, 2 for sums that overshoot. */
#define PRECISION_BITS (32 - 8 - 2)
#define CUBIC_A -0.5

/* One axis: n_in pixels are resized to n_full, of which n_out are shown from
 * `offset` on. */
typedef struct {
  gint64 n_in, n_full, n_out, offset;
} Axis;

/* A shown pixel is the sum of `count` of the input, from `first` on, each with
 * its weight. */
typedef struct {
  gint64 first, count;
  const gint32 *weights;
} Taps;

/* The taps of an axis, and their weights in one block. */
typedef struct {
  Taps *taps;
  gint32 *weights;
} Filter;

/* How far into n_full pixels a crop of n_out begins. */
typedef gint64 (*CropOffset) (gint64 n_full, gint64 n_out);

static gint64
picture_offset (gint64 n_full, gint64 n_out)
{
  return rint ((n_full - n_out) / 2.0);
}

static gint64
frame_offset (gint64 n_full, gint64 n_out)
{
  return (n_full - n_out) / 2;
}

/* The sides of a picture resized to cover height x width. */
static void
cover (const OsPicture *picture, guint width, guint height, CropOffset offset,
    Axis *x, Axis *y)
{
  double by_height = (double) height / picture->height;
  double by_width = (double) width / picture->width;

  *x = (Axis){ picture->width, width, width, 0 };
  *y = (Axis){ picture->height, height, height, 0 };
  if (by_height > by_width)
    x->n_full = rint (picture->width * by_height);
  else
    y->n_full = rint (picture->height * by_width);
  x->offset = offset (x->n_full, width);
  y->offset = offset (y->n_full, height);
}

static gpointer
try_alloc (gint64 n, gsize size, GError **error)
{
  gpointer memory = g_try_malloc_n (n, size);

  if (memory == NULL)
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MEMORY,
        "No memory for %" G_GINT64_FORMAT " x %" G_GSIZE_FORMAT
        " bytes to resize a reference; choose a smaller picture or size",
        n, size);
  return memory;
}

/* A value of 0 to 1 as the networks take it. */
static inline float
to_signed (float unit)
{
  return (unit - 0.5f) / 0.5f;
}

/* --- pictures --- */

static void
filter_clear (Filter *filter)
{
  g_free (filter->taps);
  g_free (filter->weights);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Filter, filter_clear)

/* Keys' cubic convolution kernel. */
static double
cubic (double x)
{
  x = fabs (x);
  if (x < 1.0)
    return ((CUBIC_A + 2.0) * x - (CUBIC_A + 3.0)) * x * x + 1.0;
  if (x < 2.0)
    return (((x - 5.0) * x + 8.0) * x - 4.0) * CUBIC_A;
  return 0.0;
}

/* Weights of the taps around `centre`, which sum to 1; each rounded to fixed
 * point, half away from zero. `values` has space for them. */
static void
fill_weights (const Taps *taps, double centre, double stretch, double *values,
    gint32 *weights)
{
  double sum = 0.0;

  for (gint64 k = 0; k < taps->count; k++) {
    values[k] = cubic ((k + taps->first - centre + 0.5) * (1.0 / stretch));
    sum += values[k];
  }
  for (gint64 k = 0; k < taps->count; k++) {
    double weight = values[k] / sum * (1 << PRECISION_BITS);

    weights[k] = weight + (weight < 0 ? -0.5 : 0.5);
  }
}

static gboolean
filter_init (Filter *filter, const Axis *axis, GError **error)
{
  double scale = (double) axis->n_in / axis->n_full;
  double stretch = MAX (scale, 1.0), support = 2.0 * stretch;
  gint64 max_count = 2 * (gint64) ceil (support) + 1;
  g_autofree double *values = try_alloc (max_count, sizeof *values, error);

  if (values == NULL
      || !(filter->taps = try_alloc (axis->n_out, sizeof *filter->taps, error))
      || !(filter->weights = try_alloc (
               axis->n_out * max_count, sizeof *filter->weights, error)))
    return FALSE;
  for (gint64 i = 0; i < axis->n_out; i++) {
    double centre = (i + axis->offset + 0.5) * scale;
    gint64 first = MAX (0, (gint64) (centre - support + 0.5));
    gint64 end = MIN (axis->n_in, (gint64) (centre + support + 0.5));
    gint32 *weights = filter->weights + i * max_count;

    filter->taps[i] = (Taps){ first, end - first, weights };
    fill_weights (&filter->taps[i], centre, stretch, values, weights);
  }
  return TRUE;
}

static inline guint8
clip_u8 (gint32 sum)
{
  return CLAMP (sum >> PRECISION_BITS, 0, 255);
}

/* One RGB pixel of 8 bits: taps of pixels that are `step` bytes apart. */
static inline void
resample (const Taps *taps, const guint8 *from, gint64 step, guint8 *to)
{
  gint32 r, g, b;

  r = g = b = 1 << (PRECISION_BITS - 1);
  from += taps->first * step;
  for (gint64 k = 0; k < taps->count; k++, from += step) {
    r += from[0] * taps->weights[k];
    g += from[1] * taps->weights[k];
    b += from[2] * taps->weights[k];
  }
  to[0] = clip_u8 (r);
  to[1] = clip_u8 (g);
  to[2] = clip_u8 (b);
}

/* Rows first .. end - 1 with their columns resized, one after the other. */
static gboolean
resize_columns (const OsPicture *picture, const Filter *filter, guint width,
    gint64 first, gint64 end, const OsTask *task, guint8 *rows, GError **error)
{
  for (gint64 y = first; y < end; y++) {
    const guint8 *row = picture->rgb + y * picture->stride;

    if (!os_task_check (task, error))
      return FALSE;
    for (guint x = 0; x < width; x++, rows += 3)
      resample (&filter->taps[x], row, 3, rows);
  }
  return TRUE;
}

gboolean
os_resize_picture (const OsPicture *picture, guint width, guint height,
    const OsTask *task, float *rgb, GError **error)
{
  g_auto (Filter) columns = { 0 }, lines = { 0 };
  g_autofree guint8 *rows = NULL;
  gint64 first, end, row_size = 3 * (gint64) width;
  Axis x, y;

  cover (picture, width, height, picture_offset, &x, &y);
  if (!filter_init (&columns, &x, error) || !filter_init (&lines, &y, error))
    return FALSE;
  first = lines.taps[0].first;
  end = lines.taps[height - 1].first + lines.taps[height - 1].count;
  rows = try_alloc (end - first, row_size, error);
  if (rows == NULL
      || !resize_columns (
          picture, &columns, width, first, end, task, rows, error))
    return FALSE;

  for (guint i = 0; i < height; i++) {
    Taps taps = lines.taps[i];

    if (!os_task_check (task, error))
      return FALSE;
    taps.first -= first;
    for (guint j = 0; j < width; j++, rgb += 3) {
      guint8 pixel[3];

      resample (&taps, rows + 3 * j, row_size, pixel);
      for (guint c = 0; c < 3; c++)
        rgb[c] = to_signed (pixel[c] / 255.0f);
    }
  }
  return TRUE;
}

/* --- frames of videos --- */

/* A shown pixel lies between two of the input. */
typedef struct {
  gint64 first, second;
  float weight; /* of the second */
} Between;

static Between
find_between (const Axis *axis, gint64 i)
{
  float scale = (float) axis->n_in / axis->n_full;
  /* Rounded once: PyTorch's kernel is compiled to a fused multiply-add. */
  float at = fmaf (scale, i + axis->offset + 0.5f, -0.5f);
  gint64 first;

  at = MAX (at, 0.0f);
  first = MIN ((gint64) at, axis->n_in - 1);
  return (Between){ first, MIN (first + 1, axis->n_in - 1),
    MIN (at - first, 1.0f) };
}

static inline float
mix (float a, float b, float weight)
{
  return a * (1.0f - weight) + b * weight;
}

gboolean
os_resize_frame (const OsPicture *picture, guint width, guint height,
    const OsTask *task, float *rgb, GError **error)
{
  g_autofree Between *columns = try_alloc (width, sizeof *columns, error);
  Axis x, y;

  if (columns == NULL)
    return FALSE;
  cover (picture, width, height, frame_offset, &x, &y);
  for (guint j = 0; j < width; j++)
    columns[j] = find_between (&x, j);

  for (guint i = 0; i < height; i++) {
    Between line = find_between (&y, i);
    const guint8 *above = picture->rgb + line.first * picture->stride;
    const guint8 *below = picture->rgb + line.second * picture->stride;

    if (!os_task_check (task, error))
      return FALSE;
    for (guint j = 0; j < width; j++, rgb += 3) {
      gint64 left = 3 * columns[j].first, right = 3 * columns[j].second;
      float weight = columns[j].weight;

      for (guint c = 0; c < 3; c++)
        rgb[c] = to_signed (mix (
            mix (above[left + c] / 255.0f, above[right + c] / 255.0f, weight),
            mix (below[left + c] / 255.0f, below[right + c] / 255.0f, weight),
            line.weight));
    }
  }
  return TRUE;
}
