/* SPDX-License-Identifier: Apache-2.0 */
/* The sources of the product: which generator random numbers come from, and in
 * which type; files. */
#include "pipeline/sources.h"

#include <string.h>

#include "compute/noise.h"
#include "media/resize.h"
#include "optest.h"

/* No multiple of 16: types then draw different numbers. */
#define SHAPE OS_SHAPE (5, 7)

typedef struct {
  OsDraw which;
  gboolean f32; /* whatever the type of the run */
} Draw;

/* References, and two loops, of 1.1 and later. */
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

/* 1.0, whose latents have no half precision. */
static const Draw draws_1_0[] = {
  { OS_DRAW_LATENTS, TRUE },
  { OS_DRAW_STEP, TRUE },
  { OS_DRAW_STEP, TRUE },
};

static void
check_draws (const char *version, const Draw *draw, gsize n, OpensoraNoise kind,
    OpensoraNoiseDtype type, OsDType dtype)
{
  OsBundle bundle = { .family = *os_family_find (version, NULL) };
  const gboolean cuda = kind == OPENSORA_NOISE_CUDA;
  const OsParams params = { .seed = 42, .noise = kind, .noise_dtype = type };
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
  g_autoptr (OsSources) sources = os_sources_new (&bundle, &params, NULL);
  g_autoptr (OsNoise) run =
      os_noise_new (cuda ? OS_NOISE_CUDA : OS_NOISE_CPU, 42, dtype);
  g_autoptr (OsNoise) host = os_noise_new (OS_NOISE_CPU, 42, OS_DTYPE_F32);

  for (gsize i = 0; i < n; i++, draw++) {
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
    for (int kind = OPENSORA_NOISE_CPU; kind <= OPENSORA_NOISE_CUDA; kind++) {
      check_draws (
          "1.1", draws, G_N_ELEMENTS (draws), kind, type, dtypes[type]);
      check_draws (
          "1.2", draws, G_N_ELEMENTS (draws), kind, type, dtypes[type]);
      check_draws (
          "1.0", draws_1_0, G_N_ELEMENTS (draws_1_0), kind, type, dtypes[type]);
    }
  }
}

/* Of gradient.png: the values that one callback gets. */
#define WIDTH 40
#define HEIGHT 24
#define N_VALUES (3 * WIDTH * HEIGHT)

typedef struct {
  guint n;
  float rgb[N_VALUES];
} Picture;

static gboolean
take_picture (const float *rgb, gpointer data)
{
  Picture *picture = data;

  picture->n++;
  memcpy (picture->rgb, rgb, sizeof picture->rgb);
  return TRUE;
}

static gboolean
read_reference (const char *name, Picture *picture, GError **error)
{
  const OsParams params = { .seed = 42 };
  g_autoptr (OsSources) sources = os_sources_new (NULL, &params, NULL);
  g_autofree char *path = g_build_filename (
      g_getenv ("OPENSORA_TEST_DATA"), "pipeline", name, NULL);

  return sources->read_reference (
      path, WIDTH, HEIGHT, take_picture, picture, error, sources->data);
}

static void
test_reference (void)
{
  guint8 pixels[32][48][3];
  const OsPicture original = { pixels[0][0], 48, 32, sizeof pixels[0] };
  g_autofree Picture *picture = g_new0 (Picture, 1);
  g_autofree float *expected = g_new (float, N_VALUES);
  g_autoptr (GError) error = NULL;

  if (!read_reference ("gradient.png", picture, &error)
      && g_error_matches (error, OPENSORA_ERROR, OPENSORA_ERROR_UNSUPPORTED)) {
    g_test_skip (error->message);
    return;
  }
  g_assert_no_error (error);
  g_assert_cmpuint (picture->n, ==, 1);
  for (int y = 0; y < 32; y++) {
    for (int x = 0; x < 48; x++) {
      pixels[y][x][0] = 5 * x;
      pixels[y][x][1] = 7 * y;
      pixels[y][x][2] = 128;
    }
  }
  os_resize_picture (&original, WIDTH, HEIGHT, NULL, expected, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (
      picture->rgb, sizeof picture->rgb, expected, sizeof picture->rgb);

  g_assert_false (read_reference ("none.png", picture, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "none.png"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pipeline/sources/draws", test_draws);
  g_test_add_func ("/pipeline/sources/reference", test_reference);
  return g_test_run ();
}
