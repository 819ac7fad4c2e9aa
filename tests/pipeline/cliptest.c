/* SPDX-License-Identifier: Apache-2.0 */
#include "cliptest.h"

#include <math.h>

#include "bundletest.h"
#include "compute/noise.h"
#include "pipeline/resolve.h"

void
cliptest_init (ClipTest *test)
{
  g_autofree char *folder = bundletest_demo ();

  cliptest_init_with (test, folder);
}

void
cliptest_init_with (ClipTest *test, const char *folder)
{
  const OsPartNames names = { .model = folder, .local_files_only = TRUE };
  g_auto (OsParts) parts = { NULL };
  g_autoptr (GError) error = NULL;

  os_parts_locate (&parts, &names, NULL, &error);
  g_assert_no_error (error);
  *test = (ClipTest){
    .bundle = os_bundle_open (&parts, NULL, NULL),
    .compute = os_compute_new (NULL, 2, NULL),
    .log = g_string_new (NULL),
    .bytes = g_byte_array_new (),
    .latents =
        g_ptr_array_new_with_free_func ((GDestroyNotify) os_tensor_unref),
    .decoded =
        g_ptr_array_new_with_free_func ((GDestroyNotify) os_tensor_unref),
  };
}

void
cliptest_clear (ClipTest *test)
{
  if (!test->bundle) /* the test was skipped */
    return;
  g_ptr_array_unref (test->latents);
  g_ptr_array_unref (test->decoded);
  g_byte_array_unref (test->bytes);
  g_string_free (test->log, TRUE);
  os_tail_clear (&test->tail);
  os_bundle_free (test->bundle);
  os_compute_free (test->compute);
}

static OsTensor *
draw (OsCompute *compute, OsDraw which, int n_dims, const gint64 *shape,
    gpointer data)
{
  ClipTest *test = data;

  switch (which) {
    case OS_DRAW_SPATIAL_POSTERIOR:
      g_assert_cmpint (n_dims, ==, 4);
      g_string_append_printf (test->log, "s%d ", (int) shape[0]);
      break;
    case OS_DRAW_TEMPORAL_POSTERIOR:
      g_string_append_printf (test->log, "t%d ", (int) shape[2]);
      break;
    case OS_DRAW_LATENTS:
      g_string_append_printf (test->log, "z%d ", (int) shape[2]);
      break;
    case OS_DRAW_STEP:
      g_string_append (test->log, "e ");
      break;
  }
  if (test->no_posterior_noise
      && (which == OS_DRAW_SPATIAL_POSTERIOR
          || which == OS_DRAW_TEMPORAL_POSTERIOR))
    return os_compute_zeros (compute, n_dims, shape);
  if (test->same_noise && (which == OS_DRAW_LATENTS || which == OS_DRAW_STEP)) {
    g_autoptr (OsNoise) noise = os_noise_new (OS_NOISE_CPU, 1, OS_DTYPE_F32);

    return os_noise_tensor_f32 (noise, compute, n_dims, shape);
  }
  return test->product->draw (
      compute, which, n_dims, shape, test->product->data);
}

static OsTensor *
encode_text (OsCompute *compute, const char *text, gpointer data)
{
  ClipTest *test = data;

  g_string_append_printf (test->log, "\"%s\" ", text);
  return test->product->encode_text (compute, text, test->product->data);
}

static gboolean
read_reference (const char *path, guint width, guint height, OsPictureSink sink,
    gpointer sink_data, GError **error, gpointer data)
{
  ClipTest *test = data;
  const gint64 n = g_ascii_strtoll (path, NULL, 10);
  g_autofree float *rgb = g_new (float, 3 * width * height);

  if (n == 0) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND,
        "There is no %s", path);
    return FALSE;
  }
  g_string_append_printf (test->log, "%ux%u ", width, height);
  for (gint64 t = 0; t < n; t++) {
    for (guint i = 0; i < 3 * width * height; i++)
      rgb[i] = test->picture ? test->picture[i] : sinf (0.01 * i + t);
    if (!sink (rgb, sink_data))
      break;
  }
  return TRUE;
}

static gboolean
on_frame (GBytes *rgb, guint width, guint height, guint index, gpointer data)
{
  ClipTest *test = data;

  g_assert_cmpuint (index, ==, test->n_frames++);
  g_byte_array_append (
      test->bytes, g_bytes_get_data (rgb, NULL), g_bytes_get_size (rgb));
  return TRUE;
}

static void
on_probe (const char *name, const OsTensor *tensor, gpointer data)
{
  ClipTest *test = data;

  if (g_str_equal (name, "latents"))
    g_ptr_array_add (test->latents, os_tensor_ref (tensor));
  else if (g_str_equal (name, "frame"))
    g_ptr_array_add (test->decoded, os_tensor_ref (tensor));
}

gboolean
cliptest_try (ClipTest *test, OpensoraParams *params, GError **error)
{
  const OsSources sources = { draw, encode_text, read_reference, test };
  g_autoptr (OpensoraParams) resolved =
      os_resolve (test->bundle, params, error);
  g_autoptr (OsClip) clip = NULL;
  gboolean done = FALSE;

  g_assert_nonnull (resolved);
  g_string_truncate (test->log, 0);
  g_byte_array_set_size (test->bytes, 0);
  g_ptr_array_set_size (test->latents, 0);
  g_ptr_array_set_size (test->decoded, 0);
  test->n_frames = 0;
  test->product =
      os_sources_new (test->bundle, os_params_peek (resolved), NULL);
  os_compute_set_task (test->compute, test->task);
  os_compute_set_probe (test->compute, on_probe, test);
  if (!os_tail_fits (&test->tail, os_params_peek (resolved)))
    g_object_set (resolved, "continue-previous", FALSE, NULL);
  clip = os_clip_new (
      test->bundle, test->compute, resolved, &sources, &test->tail, error);
  if (clip)
    done = os_clip_generate (clip, on_frame, test, error);
  os_compute_set_probe (test->compute, NULL, NULL);
  os_compute_set_task (test->compute, NULL);
  os_sources_free (test->product);
  if (done)
    g_assert_cmpuint (test->n_frames, ==,
        os_resolve_count_frames (
            &test->bundle->family, os_params_peek (resolved)));
  return done;
}

void
cliptest_run (ClipTest *test, OpensoraParams *params)
{
  g_autoptr (GError) error = NULL;

  cliptest_try (test, params, &error);
  g_assert_no_error (error);
}

GBytes *
cliptest_run_to_bytes (ClipTest *test, OpensoraParams *params)
{
  cliptest_run (test, params);
  return g_bytes_new (test->bytes->data, test->bytes->len);
}

OpensoraParams *
cliptest_params (void)
{
  return g_object_new (OPENSORA_TYPE_PARAMS, "prompt", "a red circle", "width",
      CLIPTEST_SIZE, "height", CLIPTEST_SIZE, "num-frames", 18, "steps", 2,
      NULL);
}
