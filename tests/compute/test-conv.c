/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions against seven plain loops. */
#include <math.h>

#include "optest.h"

/* What the case is; the weights have four dimensions if kernel[0] is 1. */
typedef struct {
  gint64 in[5]; /* B, T, H, W, C_in */
  gint64 C_out;
  int kernel[3];
  OsConvGeometry geometry;
  gboolean bias, add, norm;
} Case;

static const Case cases[] = {
  { { 1, 1, 1, 1, 1 }, 1, { 1, 1, 1 }, { 0 } },
  { { 2, 3, 5, 7, 3 }, 5, { 1, 1, 1 }, { 0 }, TRUE },
  { { 2, 1, 17, 9, 3 }, 4, { 1, 3, 3 }, { 0, 1, 1, 1, 1 }, TRUE, TRUE },
  { { 1, 1, 5, 6, 2 }, 3, { 1, 3, 3 }, { 0 }, TRUE },
  { { 1, 5, 4, 3, 2 }, 3, { 3, 3, 3 }, { 2, 1, 1, 1, 1 }, FALSE, TRUE },
  { { 2, 1, 3, 3, 2 }, 17, { 3, 3, 3 }, { 2, 1, 1, 1, 1 }, TRUE },
  { { 1, 4, 3, 3, 2 }, 2, { 3, 1, 1 }, { 2 }, TRUE },
  /* The encoder's downsampling: padding on one side, every second pixel. */
  { { 1, 2, 9, 8, 3 }, 4, { 1, 3, 3 }, { 0, 0, 1, 0, 1, 0, 2, 2 }, TRUE },
  { { 1, 7, 8, 9, 2 }, 3, { 3, 3, 3 }, { 2, 1, 1, 1, 1, 2, 3, 2 }, TRUE },
  { { 1, 2, 4, 5, 2 }, 3, { 2, 4, 5 }, { 1, 3, 0, 4, 2 }, TRUE, TRUE },
  /* A line narrower than the kernel, padded on both sides. */
  { { 1, 1, 2, 1, 2 }, 2, { 1, 5, 5 }, { 0, 2, 2, 2, 2 }, TRUE },
  /* More output pixels than an item has. */
  { { 1, 1, 37, 41, 1 }, 2, { 1, 5, 5 }, { 0, 2, 2, 2, 2 }, TRUE, TRUE },
  /* A norm before it, of each batch element, and not of the padding. */
  { { 2, 2, 3, 5, 4 }, 3, { 1, 1, 1 }, { 0 }, TRUE, FALSE, TRUE },
  { { 2, 3, 6, 5, 4 }, 3, { 3, 3, 3 }, { 2, 1, 1, 1, 1 }, TRUE, TRUE, TRUE },
  /* Twice the size. */
  { { 2, 1, 5, 3, 2 }, 3, { 1, 3, 3 }, { 0, 1, 1, 1, 1, .doubled = TRUE } },
  { { 1, 2, 3, 4, 2 }, 3, { 2, 5, 2 }, { 1, 2, 2, 1, 0, .doubled = TRUE }, TRUE,
      TRUE, TRUE },
  /* Winograd's: time that is halved, frames that are all padding. */
  { { 2, 7, 4, 5, 2 }, 3, { 3, 3, 3 }, { 1, 1, 1, 1, 1, 2 }, TRUE },
  { { 1, 2, 4, 5, 2 }, 3, { 3, 3, 3 }, { 5, 1, 1, 1, 1 }, TRUE, TRUE },
  /* Several bands, several strips, some panels with a rest. */
  { { 1, 1, 201, 202, 1 }, 2, { 1, 3, 3 }, { 0, 1, 1, 1, 1 }, TRUE, TRUE },
  { { 1, 1, 3, 150, 40 }, 3, { 1, 3, 3 }, { 0, 1, 1, 1, 1 } },
  { { 1, 1, 6, 5, 20 }, 37, { 1, 3, 3 }, { 0, 1, 1, 1, 1 }, TRUE, TRUE },
  /* A kernel that is transformed in two parts. */
  { { 1, 1, 1, 2, 1500 }, 70, { 3, 3, 3 }, { 2, 1, 1, 1, 1 }, TRUE, TRUE },
};

/* Of the tensors of a case. */
typedef struct {
  const Case *c;
  const OsTensor *x, *kernel, *norm;
} Inputs;

/* What the kernel sees at a place. */
static double
read_pixel (const Inputs *in, gint64 b, gint64 t, gint64 h, gint64 w, gint64 c)
{
  const int scale = in->c->geometry.doubled ? 2 : 1;
  double value;

  if (t < 0 || t >= in->x->shape[1] || h < 0 || h >= scale * in->x->shape[2]
      || w < 0 || w >= scale * in->x->shape[3])
    return 0;
  value = AT (in->x, b, t, h / scale, w / scale, c);
  if (!in->c->norm)
    return value;
  return optest_activate (
      value * AT (in->norm, b, 0, c) + AT (in->norm, b, 1, c), OS_ACT_SILU);
}

/* One output pixel and channel; kernel [C_out, C_in, kt, kh, kw]. */
static double
convolve (const Inputs *in, const gint64 *at, gint64 out)
{
  const OsConvGeometry *g = &in->c->geometry;
  const int *k = in->c->kernel;
  double sum = 0;

  for (int i = 0; i < k[0] * k[1] * k[2]; i++) {
    const int dt = i / (k[1] * k[2]), dh = i / k[2] % k[1], dw = i % k[2];

    for (gint64 channel = 0; channel < in->c->in[4]; channel++) {
      const double value = read_pixel (in, at[0],
          at[1] * MAX (1, g->stride_t) - g->pad_front + dt,
          at[2] * MAX (1, g->stride_h) - g->pad_top + dh,
          at[3] * MAX (1, g->stride_w) - g->pad_left + dw, channel);

      if (value != 0)
        sum += value * AT (in->kernel, out, channel, dt, dh, dw);
    }
  }
  return sum;
}

static void
set_out_shape (const Case *c, gint64 *out)
{
  const OsConvGeometry *g = &c->geometry;
  const int scale = g->doubled ? 2 : 1;
  const gint64 padded[] = { c->in[1] + g->pad_front,
    scale * c->in[2] + g->pad_top + g->pad_bottom,
    scale * c->in[3] + g->pad_left + g->pad_right };
  const int stride[] = { g->stride_t, g->stride_h, g->stride_w };

  out[0] = c->in[0];
  for (int i = 0; i < 3; i++)
    out[i + 1] = (padded[i] - c->kernel[i]) / MAX (1, stride[i]) + 1;
  out[4] = c->C_out;
}

static double *
expect (const Inputs *in, const OsTensor *bias, const OsTensor *before)
{
  const gint64 *out = before->shape;
  double *expected = g_new (double, os_tensor_count (before));

  for (gint64 i = 0; i < os_tensor_count (before); i++) {
    const gint64 pixel = i / out[4], channel = i % out[4];
    const gint64 at[] = { pixel / (out[1] * out[2] * out[3]),
      pixel / (out[2] * out[3]) % out[1], pixel / out[3] % out[2],
      pixel % out[3] };

    expected[i] = convolve (in, at, channel);
    if (in->c->bias)
      expected[i] += AT (bias, channel);
    if (in->c->add)
      expected[i] += os_tensor_f32 (before)[i];
  }
  return expected;
}

static void
check_case (OsCompute *compute, const Case *c)
{
  const int *k = c->kernel;
  gint64 out[5];
  g_autoptr (OsTensor) x = optest_tensor (compute, 5, c->in);
  g_autoptr (OsTensor) norm =
      optest_tensor (compute, OS_SHAPE (c->in[0], 2, c->in[4]));
  g_autoptr (OsTensor) kernel =
      optest_tensor (compute, OS_SHAPE (c->C_out, c->in[4], k[0], k[1], k[2]));
  g_autoptr (OsTensor) source = os_tensor_reshape (kernel, k[0] == 1 ? 4 : 5,
      k[0] == 1 ? (gint64[]){ c->C_out, c->in[4], k[1], k[2] } : kernel->shape);
  g_autoptr (OsWeight) weight = os_weight_new_conv (source);
  g_autoptr (OsWeight) bias = optest_weight (compute, OS_SHAPE (c->C_out));
  const OsConv conv = { weight, c->bias ? bias : NULL, { k[0], k[1], k[2] } };
  const Inputs inputs = { c, x, kernel, norm };
  g_autoptr (OsTensor) y = NULL;
  g_autofree double *expected = NULL;

  set_out_shape (c, out);
  y = optest_tensor (compute, 5, out);
  expected = expect (&inputs, os_weight_get (bias, compute), y);
  if (c->add) {
    os_conv_add (compute, &conv, x, &c->geometry, c->norm ? norm : NULL, y);
  } else {
    os_tensor_unref (y);
    y = os_conv (compute, &conv, x, &c->geometry, c->norm ? norm : NULL);
  }
  g_assert_true (os_tensor_has_shape (y, 5, out));
  /* Sums of n random terms are as large as the root of n. */
  optest_assert_tensor (
      compute, y, expected, 4e-6 * sqrt (c->in[4] * k[0] * k[1] * k[2]));
}

static void
test_conv (OsCompute *compute)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    check_case (compute, &cases[i]);
}

/* No frame sees a later one. */
static void
test_causal (OsCompute *compute)
{
  const OsConvGeometry causal = { 2, 1, 1, 1, 1 };
  g_autoptr (OsTensor) x = optest_tensor (compute, OS_SHAPE (1, 6, 5, 4, 3));
  g_autoptr (OsTensor) source =
      optest_tensor (compute, OS_SHAPE (2, 3, 3, 3, 3));
  g_autoptr (OsWeight) weight = os_weight_new_conv (source);
  const OsConv conv = { weight, NULL, { 3, 3, 3 } };
  g_autoptr (OsTensor) all = os_conv (compute, &conv, x, &causal, NULL);
  g_autoptr (OsTensor) first = os_tensor_slice (x, 1, 0, 4);
  g_autoptr (OsTensor) some = os_conv (compute, &conv, first, &causal, NULL);
  g_autoptr (OsTensor) start = os_tensor_slice (all, 1, 0, 4);
  const gint64 n = os_tensor_count (some);

  g_assert_true (os_tensor_has_shape (all, OS_SHAPE (1, 6, 5, 4, 2)));
  for (gint64 i = 0; i < n; i++)
    optest_assert_near (
        os_tensor_f32 (some)[i], os_tensor_f32 (start)[i], 1e-6, i);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  optest_add ("/compute/conv/values", test_conv);
  optest_add ("/compute/conv/causal", test_causal);
  return g_test_run ();
}
