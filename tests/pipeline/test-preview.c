/* SPDX-License-Identifier: Apache-2.0 */
/* Previews: the colours of latents, and when an application sees them. */
#include "pipeline/preview.h"

#include <math.h>
#include <opensora/opensora.h>

#include "bundletest.h"
#include "cliptest.h"
#include "oldtest.h"
#include "optest.h"

/* --- Colours --- */

/* Channel c adds a level of its own; the last channel is beyond what is known.
 */
static OsFamily
new_family (void)
{
  return (
      OsFamily){ .preview_map = { { 2 / 255.0f, 0, 0 }, { 0, 2 / 255.0f, 0 },
                     { 0, 0, 2 / 255.0f }, { 0, 0, 1 }, { -1, -1, -1 } } };
}

static void
test_colours (void)
{
  const float z[] = { 1, 2, 3, 4, 5, 6, /* red, of 2 frames of 3 x 1 */
    10, 20, 30, 40, 50, 60, 0, 0, 0, 300, -1, NAN, 0, 0.5f, 0, 0, 0, 0 };
  const guint8 expected[] = { 1, 10, 0, 2, 20, 64, 3, 30, 0, 4, 40, 255, 5, 50,
    0, 128, 128, 128 };
  const OsFamily family = new_family ();
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
  g_autoptr (OsTensor) latents =
      os_compute_upload (compute, z, OS_SHAPE (1, 4, 2, 1, 3));
  g_autoptr (GBytes) rgb = os_preview_render (&family, compute, latents);

  g_assert_cmpmem (g_bytes_get_data (rgb, NULL), g_bytes_get_size (rgb),
      expected, sizeof expected);
}

/* What the map does not know shows nothing. */
static void
test_other_channels (void)
{
  const float z[] = { 1, 2, 3, 0, 100 };
  const guint8 expected[] = { 1, 2, 3 };
  const OsFamily family = new_family ();
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);

  for (gint64 C = 3; C <= 5; C += 2) {
    g_autoptr (OsTensor) latents =
        os_compute_upload (compute, z, OS_SHAPE (1, C, 1, 1, 1));
    g_autoptr (GBytes) rgb = os_preview_render (&family, compute, latents);

    g_assert_cmpmem (g_bytes_get_data (rgb, NULL), 3, expected, 3);
  }
}

/* A model's own map, and that of its release. */
static void
test_map (void)
{
  g_autofree char *folder = bundletest_copy ();
  g_autoptr (OsBundle) own = NULL;
  const OsFamily *release = os_family_find ("1.2", NULL);

  bundletest_edit (folder, "opensora.json", "\"fps\": 8",
      "\"fps\": 8, \"preview_map\": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, "
      "13, 14, -15]");
  own = os_bundle_open (&(OsParts){ folder }, NULL, NULL);
  bundletest_remove (folder);
  g_assert_cmpfloat (own->family.preview_map[0][2], ==, 3);
  g_assert_cmpfloat (own->family.preview_map[3][0], ==, 10);
  g_assert_cmpfloat (own->family.preview_map[4][2], ==, -15);
  g_assert_cmpfloat (release->preview_map[3][2], ==, -0.473f);
}

/* --- In the course of a clip --- */

typedef struct {
  GString *steps;
  GBytes *last;
  guint width, height, n_frames, loops;
  guint destroyed;
} Previews;

static void
on_preview (GBytes *rgb, guint width, guint height, guint n_frames, guint step,
    guint steps, gpointer user_data)
{
  Previews *self = user_data;

  g_assert_cmpuint (g_bytes_get_size (rgb), ==, 3 * width * height * n_frames);
  g_string_append_printf (self->steps, "%u/%u ", step, steps);
  g_clear_pointer (&self->last, g_bytes_unref);
  self->last = g_bytes_ref (rgb);
  self->width = width;
  self->height = height;
  self->n_frames = n_frames;
}

static void
on_destroy (gpointer user_data)
{
  ((Previews *) user_data)->destroyed++;
}

static gboolean
keep_frame (GBytes *rgb, guint width, guint height, guint index, gpointer data)
{
  g_byte_array_append (
      data, g_bytes_get_data (rgb, NULL), g_bytes_get_size (rgb));
  return TRUE;
}

static GByteArray *
make_clip (OpensoraPipeline *pipeline, OpensoraParams *params)
{
  GByteArray *frames = g_byte_array_new ();
  g_autoptr (GError) error = NULL;

  opensora_pipeline_generate (
      pipeline, params, keep_frame, frames, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  return frames;
}

/* Every second of five steps, in both loops; the frames are the same. */
static void
test_steps (void)
{
  g_autoptr (OpensoraPipeline) pipeline = opensora_pipeline_new (NULL, NULL, 2);
  g_autoptr (OpensoraParams) params = cliptest_params ();
  g_autoptr (GByteArray) without = NULL, with = NULL, after = NULL;
  Previews previews = { g_string_new (NULL) }, other = { NULL };

  g_assert_true (opensora_pipeline_load (pipeline, NULL, NULL, NULL, NULL));
  g_object_set (params, "width", 48, "steps", 5, "loop", 2, NULL);
  without = make_clip (pipeline, params);
  opensora_pipeline_set_preview_func (
      pipeline, 2, on_preview, &previews, on_destroy);
  with = make_clip (pipeline, params);
  g_assert_cmpmem (with->data, with->len, without->data, without->len);
  g_assert_cmpstr (previews.steps->str, ==, "2/5 4/5 2/5 4/5 ");
  g_assert_cmpuint (previews.width, ==, 6);
  g_assert_cmpuint (previews.height, ==, 4);
  g_assert_cmpuint (previews.n_frames, ==, 6);

  opensora_pipeline_set_preview_func (
      pipeline, 0, on_preview, &other, on_destroy);
  g_assert_cmpuint (previews.destroyed, ==, 1);
  after = make_clip (pipeline, params);
  g_assert_cmpmem (after->data, after->len, without->data, without->len);
  g_clear_object (&pipeline);
  g_assert_cmpuint (previews.destroyed, ==, 1);
  g_assert_cmpuint (other.destroyed, ==, 1);
  g_string_free (previews.steps, TRUE);
  g_bytes_unref (previews.last);
}

/* After the last step what was predicted is what was made: with rectified flow
 * exactly, with IDDPM but for the last noise. */
static void
test_last_step (gconstpointer version)
{
  g_autofree char *folder =
      version ? oldtest_make (version) : bundletest_demo ();
  g_auto (ClipTest) test = { NULL };
  g_autoptr (OsTask) task = os_task_new (NULL, NULL, NULL);
  g_autoptr (OpensoraParams) params = cliptest_params ();
  g_autoptr (GBytes) expected = NULL;
  Previews previews = { g_string_new (NULL) };

  cliptest_init_with (&test, folder);
  test.task = task;
  os_task_set_preview (task, 1, on_preview, &previews);
  cliptest_run (&test, params);
  expected = os_preview_render (
      &test.bundle->family, test.compute, g_ptr_array_index (test.latents, 0));
  g_assert_cmpstr (previews.steps->str, ==, "1/2 2/2 ");
  g_assert_cmpuint (
      g_bytes_get_size (expected), ==, g_bytes_get_size (previews.last));
  for (gsize i = 0; i < g_bytes_get_size (expected); i++)
    g_assert_cmpint (
        ABS (((guint8 *) g_bytes_get_data (expected, NULL))[i]
             - ((guint8 *) g_bytes_get_data (previews.last, NULL))[i]),
        <=, 2);
  g_string_free (previews.steps, TRUE);
  g_bytes_unref (previews.last);
  if (version)
    oldtest_remove (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pipeline/preview/colours", test_colours);
  g_test_add_func ("/pipeline/preview/other-channels", test_other_channels);
  g_test_add_func ("/pipeline/preview/map", test_map);
  g_test_add_func ("/pipeline/preview/steps", test_steps);
  g_test_add_data_func (
      "/pipeline/preview/last-step/1.0", "1.0", test_last_step);
  g_test_add_data_func (
      "/pipeline/preview/last-step/1.1", "1.1", test_last_step);
  g_test_add_data_func (
      "/pipeline/preview/last-step/1.2", NULL, test_last_step);
  return g_test_run ();
}
