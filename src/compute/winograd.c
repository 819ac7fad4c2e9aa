/* SPDX-License-Identifier: Apache-2.0 */
/* Winograd convolutions, in bands of lines of tiles: the input of a band is
 * transformed, its planes are multiplied, the result is transformed back while
 * all of it is in the cache. The values of a band are
 *
 *   input   [36, frames, tiles, C]   of all frames: kt of them make one result
 *   product [36, frames', tiles, N]
 *   kernel  [36, N / panel, kt, C, panel]
 *
 * where N are as many output channels as the kernel has room for. */
#include "compute/winograd.h"

#include <string.h>

#include "base/size.h"
#include "compute/conv-private.h"
#include "compute/cpu.h"

/* Floats of a transformed kernel at most. */
#define KERNEL_FLOATS (10 * 1024 * 1024)
/* Floats of input and product of a band, which should stay in the cache, and
 * tiles of a band at least: each band reads the whole kernel. */
#define BAND_FLOATS (2 * 1024 * 1024)
#define BAND_TILES 192
/* Floats of the input pixels that a thread gathers at once. */
#define STRIP_FLOATS 32768
/* Floating point operations of an item of the product. */
#define ITEM_FLOPS 5e7
/* Planes do not begin in the same set of the cache. */
#define PLANE_GAP 16
#define ALIGN_FLOATS 16

typedef struct {
  const OsConvolution *c;
  const OsWinogradKernels *kernels;
  OsTensor *source; /* of the kernel, [N, C, kt, 3, 3] */

  gint64 C, C_padded, N, kt;
  gint64 frames, frames_out; /* B T */
  gboolean apart;            /* frames do not see each other */
  gint64 tiles_w, strip;     /* tiles of a line; gathered at once */
  gint64 lines;              /* lines of tiles of a frame */

  gint64 line, n_lines, tiles; /* the band: lines, tiles of a frame */
  gint64 n0, n, n_padded;      /* its output channels */
  gint64 panels;               /* of an item of the product */

  float *weights, *input, *product, *bias, *strips;
  gint64 weights_plane, input_plane, product_plane, strip_floats;
} Winograd;

/* --- the kernel --- */

/* One panel and frame of the kernel. */
static void
transform_weights (gint64 index, guint worker, gpointer data)
{
  const Winograd *w = data;
  const gint64 panel = w->kernels->panel, tap = index % w->kt;
  const gint64 first = index / w->kt * panel;
  const gint64 stride = 9 * w->kt;

  w->kernels->weights (
      os_tensor_f32 (w->source) + ((w->n0 + first) * w->C * w->kt + tap) * 9,
      w->C * stride, stride, MIN (panel, w->n - first), w->C,
      w->weights + index * w->C * panel, w->weights_plane);
}

/* --- the input --- */

/* Some tiles of a line. */
static void
transform_input (gint64 index, guint worker, gpointer data)
{
  const Winograd *w = data;
  const OsConvGeometry *g = w->c->geometry;
  const gint64 strips = os_div_up (w->tiles_w, w->strip);
  const gint64 first = index % strips * w->strip;
  const gint64 n = MIN (w->strip, w->tiles_w - first);
  const gint64 line = index / strips % w->n_lines;
  const gint64 frame = index / (strips * w->n_lines);
  const gint64 pixels = n * OS_WINOGRAD_TILE + 2;
  const gint64 top = (w->line + line) * OS_WINOGRAD_TILE - g->pad_top;
  const gint64 left = first * OS_WINOGRAD_TILE - g->pad_left;
  const gint64 tile = frame * w->tiles + line * w->tiles_w + first;
  float *strip = w->strips + worker * w->strip_floats;

  for (int i = 0; i < OS_WINOGRAD_EDGE; i++)
    os_conv_read_line (w->c, frame, top + i, left, pixels, w->C_padded,
        strip + i * pixels * w->C_padded);
  for (gint64 t = 0; t < n; t++)
    w->kernels->input (strip + t * OS_WINOGRAD_TILE * w->C_padded,
        pixels * w->C_padded, w->C_padded, w->input + (tile + t) * w->C_padded,
        w->input_plane);
}

/* --- the product --- */

/* The tiles of a frame of the result with a panel of the kernel. */
static void
multiply_frame (const Winograd *w, gint64 frame, const float *input,
    const float *weights, float *product)
{
  const gint64 T = w->c->in[1], T_out = w->c->out->shape[1];
  const gint64 first = frame / T_out * T, panel = w->kernels->panel;
  const gint64 t = frame % T_out * w->c->stride[0] - w->c->geometry->pad_front;
  gboolean add = FALSE;

  for (gint64 tap = 0; tap < w->kt; tap++) {
    if (t + tap < 0 || t + tap >= T)
      continue;
    w->kernels->multiply (w->tiles, w->C,
        input + (first + t + tap) * w->tiles * w->C_padded, w->C_padded,
        weights + tap * w->C * panel, product, w->n_padded, add);
    add = TRUE;
  }
  for (gint64 i = 0; !add && i < w->tiles; i++)
    memset (product + i * w->n_padded, 0, panel * sizeof *product);
}

/* Some panels of a plane. */
static void
multiply_plane (gint64 index, guint worker, gpointer data)
{
  const Winograd *w = data;
  const gint64 panel = w->kernels->panel, n_panels = w->n_padded / panel;
  const gint64 items = os_div_up (n_panels, w->panels);
  const gint64 plane = index / items, first = index % items * w->panels;
  const float *input = w->input + plane * w->input_plane;

  for (gint64 p = first; p < MIN (first + w->panels, n_panels); p++) {
    const float *weights =
        w->weights + plane * w->weights_plane + p * w->kt * w->C * panel;
    float *product = w->product + plane * w->product_plane + p * panel;

    if (w->apart)
      w->kernels->multiply (w->frames * w->tiles, w->C, input, w->C_padded,
          weights, product, w->n_padded, FALSE);
    else
      for (gint64 f = 0; f < w->frames_out; f++)
        multiply_frame (
            w, f, input, weights, product + f * w->tiles * w->n_padded);
  }
}

/* --- the result --- */

/* n pixels of a line. */
static void
write_pixels (const Winograd *w, const float *y, gint64 n, float *out)
{
  const gboolean dense = w->n == w->n_padded && w->n == w->N;
  const gint64 length = dense ? n * w->n : w->n;

  for (gint64 i = 0; i < (dense ? 1 : n); i++) {
    if (w->c->add)
      w->c->compute->kernels->add (out + i * w->N, y + i * w->n_padded, length);
    else
      memcpy (out + i * w->N, y + i * w->n_padded, length * sizeof *out);
  }
}

/* A line of tiles. */
static void
transform_output (gint64 index, guint worker, gpointer data)
{
  const Winograd *w = data;
  const gint64 H = w->c->out->shape[2], W = w->c->out->shape[3];
  const gint64 line = index % w->n_lines, frame = index / w->n_lines;
  const gint64 top = (w->line + line) * OS_WINOGRAD_TILE;
  const gint64 tile = frame * w->tiles + line * w->tiles_w;
  float *pixels = w->strips + worker * w->strip_floats;
  float *out = os_tensor_f32 (w->c->out) + (frame * H + top) * W * w->N + w->n0;

  for (gint64 t = 0; t < w->tiles_w; t++) {
    const gint64 left = t * OS_WINOGRAD_TILE;

    w->kernels->output (w->product + (tile + t) * w->n_padded, w->product_plane,
        w->n_padded, w->bias + w->n0, pixels);
    for (gint64 i = 0; i < MIN (OS_WINOGRAD_TILE, H - top); i++)
      write_pixels (w, pixels + i * OS_WINOGRAD_TILE * w->n_padded,
          MIN (OS_WINOGRAD_TILE, W - left), out + (i * W + left) * w->N);
  }
}

/* --- all of it --- */

static gint64
pad_to (gint64 n, gint64 unit)
{
  return os_div_up (n, unit) * unit;
}

static void
set_shapes (Winograd *w)
{
  const OsConvolution *c = w->c;
  const gint64 *in = c->in, *out = c->out->shape;

  w->C = in[4];
  w->N = out[4];
  w->C_padded = pad_to (w->C, w->kernels->lanes);
  w->kt = c->conv->kernel[0];
  w->frames = in[0] * in[1];
  w->frames_out = out[0] * out[1];
  w->apart = w->kt == 1 && c->stride[0] == 1 && c->geometry->pad_front == 0;
  w->tiles_w = os_div_up (out[3], OS_WINOGRAD_TILE);
  w->lines = os_div_up (out[2], OS_WINOGRAD_TILE);
}

/* Sizes of the band and its buffers. */
static void
plan (Winograd *w)
{
  const gint64 panel = w->kernels->panel;
  const gint64 all = pad_to (w->N, panel);
  const gint64 per_channel = OS_WINOGRAD_PLANES * w->kt * w->C;
  gint64 per_line;

  w->n_padded = MAX (panel, KERNEL_FLOATS / per_channel / panel * panel);
  w->n_padded = MIN (all, w->n_padded);
  per_line = OS_WINOGRAD_PLANES * w->tiles_w
             * (w->frames * w->C_padded + w->frames_out * w->n_padded);
  w->n_lines = MAX (BAND_FLOATS / per_line,
      os_div_up (BAND_TILES, w->tiles_w * w->frames_out));
  w->n_lines = CLAMP (w->n_lines, 1, w->lines);
  w->tiles = w->n_lines * w->tiles_w;

  w->weights_plane = w->n_padded * w->kt * w->C + PLANE_GAP;
  w->input_plane = w->frames * w->tiles * w->C_padded + PLANE_GAP;
  w->product_plane = w->frames_out * w->tiles * w->n_padded + PLANE_GAP;

  w->strip = STRIP_FLOATS / (w->C_padded * OS_WINOGRAD_EDGE) - 2;
  w->strip = CLAMP (w->strip / OS_WINOGRAD_TILE, 1, w->tiles_w);
  w->strip_floats =
      MAX (OS_WINOGRAD_EDGE * (w->strip * OS_WINOGRAD_TILE + 2) * w->C_padded,
          OS_WINOGRAD_TILE * OS_WINOGRAD_TILE * w->n_padded);
  w->panels =
      ITEM_FLOPS / (2.0 * w->frames_out * w->tiles * w->kt * w->C * panel);
  w->panels = MAX (1, w->panels);
}

/* Cuts the buffers out of the scratch of all threads, which is one block. */
static gboolean
allocate (Winograd *w, const OsTensor *bias)
{
  OsCompute *compute = w->c->compute;
  const gint64 n_threads = os_compute_get_n_threads (compute);
  const gint64 n_bias = pad_to (w->N, w->kernels->panel);
  const gint64 sizes[] = { OS_WINOGRAD_PLANES * w->weights_plane,
    OS_WINOGRAD_PLANES * w->input_plane, OS_WINOGRAD_PLANES * w->product_plane,
    n_threads * w->strip_floats, n_bias };
  float **buffers[] = { &w->weights, &w->input, &w->product, &w->strips,
    &w->bias };
  gint64 total = 0;
  float *next;

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    total += pad_to (sizes[i], ALIGN_FLOATS);
  if (!os_compute_ok (compute)
      || !os_compute_reserve_scratch (
          compute, os_div_up (total, n_threads) * sizeof *next))
    return FALSE;
  next = os_compute_scratch (compute, 0);
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    *buffers[i] = next;
    next += pad_to (sizes[i], ALIGN_FLOATS);
  }
  memset (w->bias, 0, n_bias * sizeof *w->bias);
  if (bias)
    memcpy (w->bias, os_tensor_f32 (bias), w->N * sizeof *w->bias);
  return TRUE;
}

static void
run_product (Winograd *w)
{
  OsCompute *compute = w->c->compute;
  const gint64 n_panels = w->n_padded / w->kernels->panel;

  for (w->n0 = 0; w->n0 < w->N; w->n0 += w->n_padded) {
    w->n = MIN (w->n_padded, w->N - w->n0);
    if (w->line == 0 || w->n < w->N)
      os_compute_for (compute, os_div_up (w->n, w->kernels->panel) * w->kt,
          transform_weights, w);
    os_compute_for (compute,
        OS_WINOGRAD_PLANES * os_div_up (n_panels, w->panels), multiply_plane,
        w);
    os_compute_for (compute, w->frames_out * w->n_lines, transform_output, w);
  }
}

static void
run_bands (Winograd *w)
{
  OsCompute *compute = w->c->compute;
  const gint64 band = w->n_lines;

  for (w->line = 0; w->line < w->lines; w->line += band) {
    w->n_lines = MIN (band, w->lines - w->line);
    w->tiles = w->n_lines * w->tiles_w;
    os_compute_for (compute,
        w->frames * w->n_lines * os_div_up (w->tiles_w, w->strip),
        transform_input, w);
    run_product (w);
    if (!os_compute_ok (compute))
      return;
  }
}

void
os_conv_winograd (const OsConvolution *c)
{
  const OsConv *conv = c->conv;
  const OsTensor *bias =
      conv->bias ? os_weight_get (conv->bias, c->compute) : NULL;
  Winograd w = { .c = c, .kernels = os_cpu_winograd_kernels () };

  w.source = os_weight_read (conv->weight, c->compute);
  set_shapes (&w);
  plan (&w);
  if (allocate (&w, bias))
    run_bands (&w);
  os_tensor_unref (w.source);
}

/* The kernel as it is read, its planes (36 values for 9), and those of a band
 * (36 for the 16 pixels of a tile). */
guint64
os_conv_estimate_bytes (gint64 kernel, gint64 values)
{
  const gint64 planes = MIN (4 * kernel, KERNEL_FLOATS);
  const gint64 band = MIN (values / 4 * 9, BAND_FLOATS);

  return sizeof (float) * (kernel + planes + band);
}
