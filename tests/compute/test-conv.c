/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions against seven plain loops. */
#include "optest.h"

/* What the case is; the weights have four dimensions if kernel[0] is 1. */
typedef struct {
  gint64 in[5]; /* B, T, H, W, C_in */
  gint64 C_out;
  int kernel[3];
  OsConvGeometry geometry;
  gboolean bias, residual;
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
  { { 1, 1, 37, 41, 1 }, 2, { 1, 3, 3 }, { 0, 1, 1, 1, 1 }, TRUE, TRUE },
};

static float
value_or_padding (
    const OsTensor *x, gint64 b, gint64 t, gint64 h, gint64 w, gint64 c)
{
  if (t < 0 || t >= x->shape[1] || h < 0 || h >= x->shape[2] || w < 0
      || w >= x->shape[3])
    return 0;
  return AT (x, b, t, h, w, c);
}

/* One output pixel and channel; kernel [C_out, C_in, kt, kh, kw]. */
static double
convolve (const Case *c, const OsTensor *x, const OsTensor *kernel,
    const gint64 *at, gint64 out)
{
  const OsConvGeometry *g = &c->geometry;
  const int *k = c->kernel;
  double sum = 0;

  for (int i = 0; i < k[0] * k[1] * k[2]; i++) {
    const int dt = i / (k[1] * k[2]), dh = i / k[2] % k[1], dw = i % k[2];

    for (gint64 channel = 0; channel < c->in[4]; channel++)
      sum += (double) AT (kernel, out, channel, dt, dh, dw)
             * value_or_padding (x, at[0],
                 at[1] * MAX (1, g->stride_t) - g->pad_front + dt,
                 at[2] * MAX (1, g->stride_h) - g->pad_top + dh,
                 at[3] * MAX (1, g->stride_w) - g->pad_left + dw, channel);
  }
  return sum;
}

static void
set_out_shape (const Case *c, gint64 *out)
{
  const OsConvGeometry *g = &c->geometry;
  const gint64 padded[] = { c->in[1] + g->pad_front,
    c->in[2] + g->pad_top + g->pad_bottom,
    c->in[3] + g->pad_left + g->pad_right };
  const int stride[] = { g->stride_t, g->stride_h, g->stride_w };

  out[0] = c->in[0];
  for (int i = 0; i < 3; i++)
    out[i + 1] = (padded[i] - c->kernel[i]) / MAX (1, stride[i]) + 1;
  out[4] = c->C_out;
}

static void
check_case (OsCompute *compute, const Case *c)
{
  const int *k = c->kernel;
  gint64 out[5];
  g_autoptr (OsTensor) x = optest_tensor (compute, 5, c->in);
  g_autoptr (OsTensor) kernel =
      optest_tensor (compute, OS_SHAPE (c->C_out, c->in[4], k[0], k[1], k[2]));
  g_autoptr (OsTensor) source = os_tensor_reshape (kernel, k[0] == 1 ? 4 : 5,
      k[0] == 1 ? (gint64[]){ c->C_out, c->in[4], k[1], k[2] } : kernel->shape);
  g_autoptr (OsWeight) weight = os_weight_new_conv (source);
  g_autoptr (OsWeight) bias = optest_weight (compute, OS_SHAPE (c->C_out));
  const OsConv conv = { weight, c->bias ? bias : NULL, { k[0], k[1], k[2] } };
  g_autoptr (OsTensor) residual = NULL;
  g_autoptr (OsTensor) y = NULL;
  g_autofree double *expected = NULL;

  set_out_shape (c, out);
  residual = optest_tensor (compute, 5, out);
  expected = g_new (double, os_tensor_count (residual));
  for (gint64 i = 0; i < os_tensor_count (residual); i++) {
    const gint64 pixel = i / c->C_out, channel = i % c->C_out;
    const gint64 at[] = { pixel / (out[1] * out[2] * out[3]),
      pixel / (out[2] * out[3]) % out[1], pixel / out[3] % out[2],
      pixel % out[3] };

    expected[i] = convolve (c, x, kernel, at, channel);
    if (c->bias)
      expected[i] += AT (os_weight_get (bias, compute), channel);
    if (c->residual)
      expected[i] += os_tensor_f32 (residual)[i];
  }
  y = os_conv (compute, &conv, x, &c->geometry, c->residual ? residual : NULL);
  g_assert_true (os_tensor_has_shape (y, 5, out));
  optest_assert_tensor (compute, y, expected, 1e-5);
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
