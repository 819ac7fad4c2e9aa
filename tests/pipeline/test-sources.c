/* SPDX-License-Identifier: Apache-2.0 */
/* Which generator random numbers come from, and in which type. */
#include "pipeline/sources.h"

#include "compute/noise.h"
#include "optest.h"

/* No multiple of 16: types then draw different numbers. */
#define SHAPE OS_SHAPE (5, 7)

typedef struct {
  OsDraw which;
  gboolean f32; /* whatever the type of the run */
} Draw;

/* References, and two loops. */
static const Draw draws[] = {
  { OS_DRAW_SPATIAL_POSTERIOR, FALSE },
  { OS_DRAW_TEMPORAL_POSTERIOR, TRUE },
  { OS_DRAW_LATENTS, FALSE },
  { OS_DRAW_STEP, FALSE },
  { OS_DRAW_STEP, TRUE },
  { OS_DRAW_STEP, TRUE },
  { OS_DRAW_SPATIAL_POSTERIOR, FALSE },
  { OS_DRAW_LATENTS, FALSE },
  { OS_DRAW_STEP, FALSE },
  { OS_DRAW_STEP, TRUE },
};

static void
check_draws (OpensoraNoise kind, OpensoraNoiseDtype type, OsDType dtype)
{
  const gboolean cuda = kind == OPENSORA_NOISE_CUDA;
  const OsParams params = { .seed = 42, .noise = kind, .noise_dtype = type };
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
  g_autoptr (OsSources) sources = os_sources_new (NULL, &params, NULL);
  g_autoptr (OsNoise) run =
      os_noise_new (cuda ? OS_NOISE_CUDA : OS_NOISE_CPU, 42, dtype);
  g_autoptr (OsNoise) host = os_noise_new (OS_NOISE_CPU, 42, OS_DTYPE_F32);

  for (gsize i = 0; i < G_N_ELEMENTS (draws); i++) {
    const Draw *draw = &draws[i];
    OsNoise *noise =
        cuda && draw->which == OS_DRAW_TEMPORAL_POSTERIOR ? host : run;
    g_autoptr (OsTensor) got =
        sources->draw (compute, draw->which, SHAPE, sources->data);
    g_autoptr (OsTensor) want =
        draw->f32 ? os_noise_tensor_f32 (noise, compute, SHAPE)
                  : os_noise_tensor (noise, compute, SHAPE);

    optest_assert_equal (compute, got, want);
  }
}

static void
test_draws (void)
{
  static const OsDType dtypes[] = { OS_DTYPE_F32, OS_DTYPE_BF16, OS_DTYPE_F16 };

  for (int type = 0; type < 3; type++) {
    check_draws (OPENSORA_NOISE_CPU, type, dtypes[type]);
    check_draws (OPENSORA_NOISE_CUDA, type, dtypes[type]);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pipeline/sources/draws", test_draws);
  return g_test_run ();
}
