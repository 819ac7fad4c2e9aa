/* SPDX-License-Identifier: Apache-2.0 */
/* The estimate of what a clip takes of memory, against what the pool counted,
 * and the limit. */
#include <string.h>

#include "pipeline/pipeline-private.h"

static OpensoraPipeline *
load (guint64 limit)
{
  OpensoraPipeline *pipeline = opensora_pipeline_new (NULL, NULL, 2);
  g_autoptr (GError) error = NULL;

  g_object_set (pipeline, "memory-limit", limit, NULL);
  opensora_pipeline_load (pipeline, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  return pipeline;
}

static OpensoraParams *
resolve (OpensoraPipeline *pipeline, guint side, guint num_frames)
{
  g_autoptr (OpensoraParams) params = opensora_params_new ();
  g_autoptr (GError) error = NULL;
  OpensoraParams *resolved;

  g_object_set (params, "prompt", "a red circle", "steps", 1, "width", side,
      "height", side, "num-frames", num_frames, NULL);
  resolved = opensora_pipeline_resolve (pipeline, params, &error);
  g_assert_no_error (error);
  return resolved;
}

/* The bytes of the clip. */
static gboolean
append (GBytes *rgb, guint width, guint height, guint index, gpointer data)
{
  g_byte_array_append (
      data, g_bytes_get_data (rgb, NULL), g_bytes_get_size (rgb));
  return TRUE;
}

static GBytes *
generate (OpensoraPipeline *pipeline, OpensoraParams *resolved, GError **error)
{
  g_autoptr (GByteArray) frames = g_byte_array_new ();

  return opensora_pipeline_generate (
             pipeline, resolved, append, frames, NULL, NULL, NULL, error)
             ? g_byte_array_free_to_bytes (g_steal_pointer (&frames))
             : NULL;
}

static guint64
get_peak (OpensoraPipeline *pipeline)
{
  return os_mem_pool_get_peak (os_compute_get_pool (pipeline->compute));
}

static gboolean
stop (GBytes *rgb, guint width, guint height, guint index, gpointer data)
{
  return FALSE;
}

/* What is taken until the first frame is there is between half of the estimate,
 * which is returned, and a fifth more. */
static guint64
check_estimate (guint side, guint num_frames, const char *step_cache)
{
  g_autoptr (OpensoraPipeline) pipeline = load (0);
  g_autoptr (OpensoraParams) resolved = resolve (pipeline, side, num_frames);
  guint64 estimate, peak;

  g_object_set (resolved, "steps", 2, "step-cache", step_cache, NULL);
  estimate = opensora_pipeline_estimate_memory (pipeline, resolved);
  opensora_pipeline_generate (
      pipeline, resolved, stop, NULL, NULL, NULL, NULL, NULL);
  peak = get_peak (pipeline);
  g_test_message ("%u x %u x %u: %.1f MB estimated, %.1f MB taken", side, side,
      num_frames, estimate * 1e-6, peak * 1e-6);
  g_assert_cmpuint (peak, >, estimate / 2);
  g_assert_cmpuint (peak, <, estimate * 6 / 5);
  return estimate;
}

/* Weights above all, pixels, and tokens, of which a step cache has more. */
static void
test_estimate (void)
{
  guint64 tokens;

  check_estimate (32, 1, "off");
  check_estimate (256, 1, "off");
  tokens = check_estimate (64, 170, "off");
  g_assert_cmpuint (check_estimate (64, 170, "0.1"), >, tokens);
}

static void
test_unloaded (void)
{
  g_autoptr (OpensoraPipeline) pipeline = opensora_pipeline_new (NULL, NULL, 2);
  g_autoptr (OpensoraParams) params = opensora_params_new ();

  g_assert_cmpuint (
      opensora_pipeline_estimate_memory (pipeline, params), ==, 0);
}

/* Nothing is computed of a clip that is too large, and the error has the
 * numbers. A smaller one of the same pipeline is the one that it always is. */
static void
test_limit (void)
{
  g_autoptr (OpensoraPipeline) free_pipeline = load (0);
  g_autoptr (OpensoraParams) small = resolve (free_pipeline, 32, 1);
  g_autoptr (OpensoraParams) large = resolve (free_pipeline, 256, 51);
  const guint64 need = opensora_pipeline_estimate_memory (free_pipeline, large);
  const guint64 limit =
      opensora_pipeline_estimate_memory (free_pipeline, small);
  g_autoptr (OpensoraPipeline) pipeline = load (limit);
  g_autofree char *needed = g_strdup_printf ("%" G_GUINT64_FORMAT, need);
  g_autofree char *limited = g_strdup_printf ("%" G_GUINT64_FORMAT, limit);
  g_autoptr (GBytes) expected = generate (free_pipeline, small, NULL);
  g_autoptr (GBytes) frames = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_null (generate (pipeline, large, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MEMORY);
  g_assert_nonnull (strstr (error->message, "51 frames of 256x256"));
  g_assert_nonnull (strstr (error->message, needed));
  g_assert_nonnull (strstr (error->message, limited));
  g_assert_nonnull (strstr (error->message, "set memory-limit higher"));
  g_assert_cmpuint (get_peak (pipeline), ==, 0);
  g_clear_error (&error);

  frames = generate (pipeline, small, &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (frames, expected));
  g_assert_cmpuint (get_peak (pipeline), <=, limit);
}

/* A limit that was set since counts for the next clip, also a lower one. */
static void
test_change (void)
{
  g_autoptr (OpensoraPipeline) pipeline = load (1);
  g_autoptr (OpensoraParams) resolved = resolve (pipeline, 32, 1);
  static const guint64 limits[] = { 0, 1, G_MAXUINT64 };

  for (guint i = 0; i < G_N_ELEMENTS (limits); i++) {
    g_autoptr (GBytes) frames = NULL;
    guint64 limit;

    g_object_set (pipeline, "memory-limit", limits[i], NULL);
    g_object_get (pipeline, "memory-limit", &limit, NULL);
    g_assert_cmpuint (limit, ==, limits[i]);
    frames = generate (pipeline, resolved, NULL);
    g_assert_cmpint (frames != NULL, ==, limits[i] != 1);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/budget/estimate", test_estimate);
  g_test_add_func ("/budget/unloaded", test_unloaded);
  g_test_add_func ("/budget/limit", test_limit);
  g_test_add_func ("/budget/change", test_change);
  return g_test_run ();
}
