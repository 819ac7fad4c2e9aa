/* SPDX-License-Identifier: Apache-2.0 */
#include "samplertest.h"

#include <math.h>

#include "sampling/iddpm-schedule.h"

/* sqrt of the product of 1 - beta up to a timestep, which may lie between. */
static double
alpha_at (float t)
{
  double product = 1;

  for (guint i = 0; i <= t && i < OS_IDDPM_TIMESTEPS; i++)
    product *= 1 - os_iddpm_beta (i);
  return sqrt (product * pow (1 - os_iddpm_beta ((guint) t), t - floor (t)));
}

static OsTensor *
predict (OsCompute *compute, const OsTensor *x, float t, const guint8 *x_mask,
    gpointer data)
{
  SamplerTest *test = data;
  const gint64 *s = x->shape;
  const gint64 C = s[1] + test->n_variances, plane = s[2] * s[3] * s[4];
  const double alpha = alpha_at (t), sigma = sqrt (1 - alpha * alpha);
  OsTensor *out =
      os_compute_tensor (compute, OS_SHAPE (2 * s[0], C, s[2], s[3], s[4]));

  for (gint64 i = 0; i < os_tensor_count (out) && os_compute_ok (compute);
       i++) {
    const gint64 b = i / plane / C, c = i / plane % C;
    const gint64 at = (b % s[0] * s[1] + c) * plane + i % plane;
    const float noise =
        c < s[1] ? (os_tensor_f32 (x)[at] - alpha * test->target) / sigma : -1;

    os_tensor_f32 (out)[i] =
        b < s[0] || c >= s[1] ? noise : noise * test->error;
  }
  test->t[test->calls % 64] = t;
  test->masked = x_mask != NULL;
  for (gint64 i = 0; x_mask && i < s[0] * s[2]; i++)
    test->x_mask[test->calls % 64][i] = x_mask[i];
  if (++test->calls == 2 && test->cancel_at_second)
    g_cancellable_cancel (test->cancel_at_second);
  return out;
}

static OsTensor *
draw (OsCompute *compute, int n_dims, const gint64 *shape, gpointer data)
{
  SamplerTest *test = data;
  OsTensor *noise = os_compute_tensor (compute, n_dims, shape);

  test->noise_calls++;
  test->noise_rows = shape[0];
  for (gint64 i = 0; i < os_tensor_count (noise) && os_compute_ok (compute);
       i++)
    os_tensor_f32 (noise)[i] = 1;
  return noise;
}

static void
keep_estimate (
    OsCompute *compute, guint step, const OsTensor *x0, gpointer data)
{
  SamplerTest *test = data;

  g_assert_cmpuint (step, <, 64);
  test->n_estimates++;
  if (!os_compute_ok (compute))
    return;
  for (gint64 t = 0; t < x0->shape[2] && t < 4; t++)
    test->estimates[step][t] =
        os_tensor_f32 (x0)[t * x0->shape[3] * x0->shape[4]];
}

OsSamplerCallbacks
samplertest_callbacks (SamplerTest *test)
{
  return (OsSamplerCallbacks){ predict, draw, test, keep_estimate };
}

void
samplertest_count_progress (
    OpensoraStage stage, guint64 done, guint64 total, gpointer data)
{
  SamplerTestProgress *progress = data;

  g_assert_cmpint (stage, ==, OPENSORA_STAGE_SAMPLE);
  g_assert_cmpuint (done, ==, progress->reports++);
  g_assert_cmpuint (total, ==, progress->total);
}
