/* SPDX-License-Identifier: Apache-2.0 */
/* References before they are encoded: reference_resize of 1.2, reference_input
 * of 1.1. */
#include <math.h>
#include <string.h>

#include "cli/golden/golden.h"
#include "media/resize.h"

/* Frame `index` of bytes [H, W, 3] or [T, H, W, 3]. */
static OsPicture
frame_of (const OsTensor *bytes, gint64 index)
{
  gint64 height = bytes->shape[bytes->n_dims - 3];
  gint64 width = bytes->shape[bytes->n_dims - 2];
  const guint8 *data = os_tensor_data (bytes);

  return (
      OsPicture){ data + index * height * width * 3, width, height, 3 * width };
}

/* The values as the 8 bits that they were made of. */
static void
output_u8 (GoldenRun *run, const char *out, gint64 n, const float *values)
{
  g_autofree guint8 *bytes = g_new (guint8, n);

  for (gint64 i = 0; i < n; i++)
    bytes[i] = lrintf ((values[i] + 1.0f) * 127.5f);
  golden_output_u8 (run, out, n, bytes);
}

/* Input `name` to the size of the output of that name [3, T, H, W]. */
static gboolean
resize_reference (GoldenRun *run, const char *name, GError **error)
{
  gboolean is_video = g_str_has_prefix (name, "video.");
  const OsTensor *want = golden_wanted (run, name);
  const OsTensor *bytes = golden_find (run, run->of->inputs, name);
  g_autoptr (OsTensor) frames = NULL, view = NULL;
  g_autofree float *values = NULL;
  gint64 T, height, width, size;

  if (want == NULL)
    return TRUE;
  T = want->shape[1];
  height = want->shape[2];
  width = want->shape[3];
  size = 3 * height * width;
  values = g_new (float, T *size);
  for (gint64 t = 0; t < T; t++) {
    OsPicture picture = frame_of (bytes, t);

    if (!(is_video ? os_resize_frame : os_resize_picture) (
            &picture, width, height, NULL, values + t * size, error))
      return FALSE;
  }
  if (!is_video) {
    g_autofree char *out = g_strconcat (name, ".u8", NULL);

    output_u8 (run, out, size, values);
  }
  frames =
      os_compute_upload (run->compute, values, OS_SHAPE (T, height, width, 3));
  view = os_tensor_permute (frames, (const int[]){ 3, 0, 1, 2 });
  golden_output (run, name, view);
  return TRUE;
}

gboolean
golden_reference_resize (GoldenRun *run, GError **error)
{
  static const char *const kinds[] = { "image.", "video." };

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++) {
    g_autoptr (GPtrArray) names = golden_input_names (run, kinds[i]);

    for (guint k = 0; k < names->len; k++) {
      g_autofree char *name =
          g_strconcat (kinds[i], g_ptr_array_index (names, k), NULL);

      if (!resize_reference (run, name, error))
        return FALSE;
    }
  }
  return TRUE;
}

/* image_<k> [H, W, 3] to image_crop_<k>. */
static gboolean
crop_image (GoldenRun *run, const char *k, GError **error)
{
  g_autofree char *input = g_strconcat ("image_", k, NULL);
  g_autofree char *output = g_strconcat ("image_crop_", k, NULL);
  const OsTensor *want = golden_wanted (run, output);
  OsPicture picture = frame_of (golden_find (run, run->of->inputs, input), 0);
  g_autofree float *values = NULL;

  if (want == NULL)
    return TRUE; /* Reported as an output that was not computed. */
  values = g_new (float, os_tensor_count (want));
  if (!os_resize_picture (
          &picture, want->shape[1], want->shape[0], NULL, values, error))
    return FALSE;
  output_u8 (run, output, os_tensor_count (want), values);
  return TRUE;
}

/* clip_<k> [T, 3, H, W] to the output of that name, channels first too. */
static gboolean
crop_clip (GoldenRun *run, const char *k, GError **error)
{
  g_autofree char *name = g_strconcat ("clip_", k, NULL);
  const OsTensor *want = golden_wanted (run, name);
  const OsTensor *clip = golden_find (run, run->of->inputs, name);
  gint64 T = clip->shape[0], H = clip->shape[2], W = clip->shape[3];
  gint64 height, width, size;
  g_autofree guint8 *rgb = g_new (guint8, 3 * H * W);
  g_autofree float *values = NULL;
  g_autoptr (OsTensor) frames = NULL, view = NULL;

  if (want == NULL)
    return TRUE;
  height = want->shape[2];
  width = want->shape[3];
  size = 3 * height * width;
  values = g_new (float, T *size);
  for (gint64 t = 0; t < T; t++) {
    const guint8 *planes = (guint8 *) os_tensor_data (clip) + t * 3 * H * W;
    OsPicture picture = { rgb, W, H, 3 * W };

    for (gint64 i = 0; i < 3 * H * W; i++)
      rgb[i] = planes[i % 3 * H * W + i / 3];
    if (!os_resize_frame (
            &picture, width, height, NULL, values + t * size, error))
      return FALSE;
  }
  frames =
      os_compute_upload (run->compute, values, OS_SHAPE (T, height, width, 3));
  view = os_tensor_permute (frames, (const int[]){ 0, 3, 1, 2 });
  golden_output (run, name, view);
  return TRUE;
}

gboolean
golden_reference_input (GoldenRun *run, GError **error)
{
  g_autoptr (GPtrArray) images = golden_input_names (run, "image_");
  g_autoptr (GPtrArray) clips = golden_input_names (run, "clip_");

  for (guint i = 0; i < images->len; i++)
    if (!crop_image (run, g_ptr_array_index (images, i), error))
      return FALSE;
  for (guint i = 0; i < clips->len; i++)
    if (!crop_clip (run, g_ptr_array_index (clips, i), error))
      return FALSE;
  return TRUE;
}
