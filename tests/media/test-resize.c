/* SPDX-License-Identifier: Apache-2.0 */
/* Resizing and cropping; the golden op-reference-resize has the values. */
#include "media/resize.h"

#include <math.h>
#include <opensora/opensora.h>

typedef gboolean (*Resize) (const OsPicture *picture, guint width, guint height,
    const OsTask *task, float *rgb, GError **error);

static const Resize both[] = { os_resize_picture, os_resize_frame };

/* Value v of 8 bits, as the networks take it. */
static float
value_of (guint8 v)
{
  return (v / 255.0f - 0.5f) / 0.5f;
}

/* Where the crop begins, when nothing needs to be resized: a picture whose
 * pixels tell their own place. */
static void
test_offsets (void)
{
  static const struct {
    guint from, picture, frame;
  } cases[] = {
    { 10, 0, 0 },
    { 11, 0, 0 }, /* half to even, and down */
    { 12, 1, 1 },
    { 13, 2, 1 },
    { 15, 2, 2 },
    { 17, 4, 3 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    guint n = cases[i].from;
    g_autofree guint8 *wide = g_new (guint8, 10 * n * 3);
    g_autofree guint8 *tall = g_new (guint8, 10 * n * 3);

    for (guint k = 0; k < 10 * n * 3; k++) {
      wide[k] = k / 3 % n;
      tall[k] = k / 3 / 10;
    }
    for (guint k = 0; k < 2; k++) {
      guint want = k == 0 ? cases[i].picture : cases[i].frame;
      float rgb[10 * 10 * 3];

      g_assert_true (
          both[k](&(OsPicture){ wide, n, 10, 3 * n }, 10, 10, NULL, rgb, NULL));
      g_assert_cmpfloat (rgb[0], ==, value_of (want));
      g_assert_cmpfloat (rgb[3 * 9], ==, value_of (want + 9));
      g_assert_true (
          both[k](&(OsPicture){ tall, 10, n, 30 }, 10, 10, NULL, rgb, NULL));
      g_assert_cmpfloat (rgb[0], ==, value_of (want));
      g_assert_cmpfloat (rgb[3 * 99], ==, value_of (want + 9));
    }
  }
}

/* One colour stays that colour, whatever the sizes; weights sum to 1. The
 * padding at the ends of rows is never seen. */
static void
test_plain (void)
{
  static const guint sizes[][4] = { { 1, 1, 1, 1 }, { 1, 1, 64, 48 },
    { 300, 2, 3, 200 }, { 2, 300, 200, 3 }, { 640, 480, 1, 1 },
    { 37, 91, 92, 38 } };
  static const guint8 colour[] = { 255, 1, 130 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    guint w = sizes[i][0], h = sizes[i][1];
    guint width = sizes[i][2], height = sizes[i][3], stride = 3 * w + 5;
    g_autofree guint8 *picture = g_new0 (guint8, stride * h);
    g_autofree float *rgb = g_new (float, 3 * width * height);

    for (guint k = 0; k < 3 * w * h; k++)
      picture[k / (3 * w) * stride + k % (3 * w)] = colour[k % 3];
    for (guint k = 0; k < 2; k++) {
      g_assert_true (both[k](&(OsPicture){ picture, w, h, stride }, width,
          height, NULL, rgb, NULL));
      for (guint n = 0; n < 3 * width * height; n++)
        g_assert_cmpfloat (fabsf (rgb[n] - value_of (colour[n % 3])), <, 1e-6);
    }
  }
}

/* Two pixels made eight: bicubic overshoots and is clipped, bilinear is
 * straight between the centres. */
static void
test_edge (void)
{
  static const guint8 step[] = { 0, 0, 0, 255, 255, 255 };
  static const guint8 cubic[] = { 0, 0, 22, 89, 166, 233, 255, 255 };
  static const float linear[] = { 0, 0, 0.125f, 0.375f, 0.625f, 0.875f, 1, 1 };
  OsPicture picture = { step, 2, 1, sizeof step };
  float rgb[8 * 4 * 3];

  g_assert_true (os_resize_picture (&picture, 8, 4, NULL, rgb, NULL));
  for (guint i = 0; i < 8; i++)
    g_assert_cmpfloat (rgb[3 * i], ==, value_of (cubic[i]));
  g_assert_true (os_resize_frame (&picture, 8, 4, NULL, rgb, NULL));
  for (guint i = 0; i < 8; i++)
    g_assert_cmpfloat (fabsf (rgb[3 * i] - (2 * linear[i] - 1)), <, 1e-6);
}

static void
test_cancelled (void)
{
  static const guint8 pixel[3];
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (OsTask) task = os_task_new (cancellable, NULL, NULL);
  float rgb[3];

  g_cancellable_cancel (cancellable);
  for (guint k = 0; k < 2; k++) {
    g_autoptr (GError) error = NULL;

    g_assert_false (
        both[k](&(OsPicture){ pixel, 1, 1, 3 }, 1, 1, task, rgb, &error));
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/media/resize/offsets", test_offsets);
  g_test_add_func ("/media/resize/plain", test_plain);
  g_test_add_func ("/media/resize/edge", test_edge);
  g_test_add_func ("/media/resize/cancelled", test_cancelled);
  return g_test_run ();
}
