/* SPDX-License-Identifier: Apache-2.0 */
/* Clips of the demo model: repeatable, cancellable, without leftovers. */
#include <opensora/opensora.h>
#include <string.h>

#include "compute/compute.h"
#include "optest.h"
#include "bundletest.h"
#include "paramstest.h"
#include "pipeline/generate.h"
#include "pipeline/resolve.h"

/* What a receiver of frames saw. */
typedef struct {
  GByteArray *bytes;
  guint width, height, n_frames;
  guint stop_after; /* 0: never */
} Clip;

static void
clip_clear (Clip *clip)
{
  g_byte_array_unref (clip->bytes);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Clip, clip_clear)

static gboolean
on_frame (
    GBytes *rgb, guint width, guint height, guint index, gpointer user_data)
{
  Clip *clip = user_data;

  g_assert_cmpuint (index, ==, clip->n_frames);
  clip->n_frames++;
  clip->width = width;
  clip->height = height;
  g_assert_cmpuint (g_bytes_get_size (rgb), ==, 3 * width * height);
  g_byte_array_append (
      clip->bytes, g_bytes_get_data (rgb, NULL), g_bytes_get_size (rgb));
  return clip->n_frames != clip->stop_after;
}

/* Two steps of the smallest picture, if nothing else is said. */
static OpensoraParams *
new_params (guint width, guint height, guint num_frames, gint64 seed)
{
  return g_object_new (OPENSORA_TYPE_PARAMS, "prompt", "a red circle", "width",
      width, "height", height, "num-frames", num_frames, "seed", seed, "steps",
      2, NULL);
}

static OpensoraPipeline *
new_loaded (void)
{
  OpensoraPipeline *pipeline = opensora_pipeline_new (NULL, NULL, 2);
  g_autoptr (GError) error = NULL;

  opensora_pipeline_load (pipeline, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  return pipeline;
}

static Clip
generate (OpensoraPipeline *pipeline, OpensoraParams *params)
{
  Clip clip = { g_byte_array_new () };
  g_autoptr (GError) error = NULL;

  opensora_pipeline_generate (
      pipeline, params, on_frame, &clip, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (
      clip.bytes->len, ==, 3 * clip.width * clip.height * clip.n_frames);
  return clip;
}

static gboolean
same (const Clip *a, const Clip *b)
{
  return a->bytes->len == b->bytes->len
         && memcmp (a->bytes->data, b->bytes->data, a->bytes->len) == 0;
}

static void
test_seeds (void)
{
  g_autoptr (OpensoraPipeline) pipeline = new_loaded ();
  g_autoptr (OpensoraPipeline) another = new_loaded ();
  g_autoptr (OpensoraParams) params = new_params (32, 32, 17, 42);
  g_autoptr (OpensoraParams) params43 = new_params (32, 32, 17, 43);
  g_auto (Clip) first = generate (pipeline, params);
  g_auto (Clip) other_seed = generate (pipeline, params43);
  g_auto (Clip) again = generate (pipeline, params);
  g_auto (Clip) elsewhere = generate (another, params);

  g_assert_cmpuint (first.n_frames, ==, 17);
  g_assert_true (same (&first, &again));
  g_assert_true (same (&first, &elsewhere));
  g_assert_false (same (&first, &other_seed));
}

static void
test_settings_count (void)
{
  static const struct {
    const char *property, *value;
  } changes[] = { { "prompt", "a blue square" }, { "steps", "3" },
    { "guidance-scale", "2" }, { "fps", "24" } };
  g_autoptr (OpensoraPipeline) pipeline = new_loaded ();
  g_autoptr (OpensoraParams) params = new_params (32, 32, 17, 42);
  g_auto (Clip) base = generate (pipeline, params);

  for (guint i = 0; i < G_N_ELEMENTS (changes); i++) {
    g_autoptr (OpensoraParams) changed = opensora_params_copy (params);

    paramstest_set (changed, changes[i].property, changes[i].value);
    {
      g_auto (Clip) other = generate (pipeline, changed);
      g_assert_false (same (&base, &other));
    }
  }
}

static void
test_sizes (void)
{
  static const guint sizes[][3] = { { 64, 32, 1 }, { 32, 64, 34 },
    { 16, 16, 18 } };
  g_autoptr (OpensoraPipeline) pipeline = new_loaded ();

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autoptr (OpensoraParams) params =
        new_params (sizes[i][0], sizes[i][1], sizes[i][2], 1);
    g_auto (Clip) clip = generate (pipeline, params);

    g_assert_cmpuint (clip.width, ==, sizes[i][0]);
    g_assert_cmpuint (clip.height, ==, sizes[i][1]);
    g_assert_cmpuint (clip.n_frames, ==, sizes[i][2]);
  }
}

static void
test_load (void)
{
  g_autoptr (OpensoraPipeline) pipeline =
      opensora_pipeline_new (NULL, "ref", 1);
  g_autoptr (OpensoraParams) params = new_params (16, 16, 1, 1);
  g_auto (Clip) clip = { g_byte_array_new () };
  g_autoptr (GError) error = NULL;

  g_assert_true (opensora_pipeline_is_demo (pipeline));
  g_assert_null (opensora_pipeline_get_version (pipeline));
  g_assert_cmpuint (opensora_pipeline_get_size_step (pipeline), ==, 0);
  g_assert_cmpuint (opensora_pipeline_count_frames (pipeline, params), ==, 0);
  g_assert_false (opensora_pipeline_generate (
      pipeline, params, on_frame, &clip, NULL, NULL, NULL, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_null (opensora_pipeline_resolve (pipeline, params, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND);
  g_clear_error (&error);

  for (int i = 0; i < 2; i++) {
    g_assert_true (opensora_pipeline_load (pipeline, NULL, NULL, NULL, &error));
    g_assert_no_error (error);
    g_assert_cmpstr (opensora_pipeline_get_version (pipeline), ==, "1.2");
    g_assert_cmpuint (opensora_pipeline_get_size_step (pipeline), ==, 8);
  }
  g_assert_cmpuint (clip.n_frames, ==, 0);
}

static void
test_load_errors (void)
{
  g_autoptr (OpensoraPipeline) nowhere =
      opensora_pipeline_new ("/no/such/model", NULL, 1);
  g_autoptr (OpensoraPipeline) no_backend =
      opensora_pipeline_new (NULL, "abacus", 1);
  g_autoptr (OpensoraPipeline) pipeline = opensora_pipeline_new (NULL, NULL, 1);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_assert_false (opensora_pipeline_is_demo (nowhere));
  g_assert_cmpstr (opensora_pipeline_get_model (nowhere), ==, "/no/such/model");
  g_assert_false (opensora_pipeline_load (nowhere, NULL, NULL, NULL, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_false (
      opensora_pipeline_load (no_backend, NULL, NULL, NULL, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_BACKEND);
  g_assert_nonnull (strstr (error->message, "abacus"));
  g_clear_error (&error);

  /* Cancelled, and loaded after all. */
  g_cancellable_cancel (cancellable);
  g_assert_false (
      opensora_pipeline_load (pipeline, cancellable, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_true (opensora_pipeline_load (pipeline, NULL, NULL, NULL, &error));
  g_assert_no_error (error);
}

static void
test_receiver_stops (void)
{
  g_autoptr (OpensoraPipeline) pipeline = new_loaded ();
  g_autoptr (OpensoraParams) params = new_params (16, 16, 17, 1);
  g_auto (Clip) clip = { g_byte_array_new (), .stop_after = 3 };
  g_autoptr (GError) error = NULL;

  g_assert_false (opensora_pipeline_generate (
      pipeline, params, on_frame, &clip, NULL, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (clip.n_frames, ==, 3);
  {
    g_auto (Clip) next = generate (pipeline, params);
    g_assert_cmpuint (next.n_frames, ==, 17);
  }
}

static void
test_refused (void)
{
  g_autoptr (OpensoraPipeline) pipeline = new_loaded ();
  g_autoptr (OpensoraParams) params = new_params (100, 32, 17, 1);
  g_auto (Clip) clip = { g_byte_array_new () };
  g_autoptr (GError) error = NULL;

  g_assert_false (opensora_pipeline_generate (
      pipeline, params, on_frame, &clip, NULL, NULL, NULL, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
  g_assert_cmpuint (clip.n_frames, ==, 0);
}

/* Frames and progress have one closure. */
typedef struct {
  Clip clip;
  OpensoraStage stage;
  guint64 done, total;
  guint64 totals[OPENSORA_STAGE_DECODE + 1];
  /* To cancel 20 ms into this stage, from another thread. */
  gint cancel_in; /* -1: never */
  GCancellable *cancellable;
  GThread *thread;
  gint64 cancelled_at;
} Watch;

static gboolean
on_watched_frame (
    GBytes *rgb, guint width, guint height, guint index, gpointer user_data)
{
  return on_frame (rgb, width, height, index, &((Watch *) user_data)->clip);
}

static gpointer
cancel_soon (gpointer data)
{
  Watch *watch = data;

  g_usleep (20 * 1000);
  watch->cancelled_at = g_get_monotonic_time ();
  g_cancellable_cancel (watch->cancellable);
  return NULL;
}

static void
on_progress (
    OpensoraStage stage, guint64 done, guint64 total, gpointer user_data)
{
  Watch *watch = user_data;

  /* Stages follow each other, and count up from 0. */
  g_assert_cmpint (stage, >=, watch->stage);
  g_assert_cmpuint (done, ==, stage == watch->stage ? watch->done + 1 : 0);
  g_assert_cmpuint (done, <=, total);
  watch->stage = stage;
  watch->done = done;
  watch->totals[stage] = total;
  if ((gint) stage == watch->cancel_in && !watch->thread)
    watch->thread = g_thread_new ("cancel", cancel_soon, watch);
}

static void
test_progress (void)
{
  g_autoptr (OpensoraPipeline) pipeline = new_loaded ();
  g_autoptr (OpensoraParams) params = new_params (16, 16, 17, 1);
  Watch watch = { { g_byte_array_new () }, .cancel_in = -1 };
  g_autoptr (GError) error = NULL;

  opensora_pipeline_generate (pipeline, params, on_watched_frame, &watch,
      on_progress, &watch, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (watch.stage, ==, OPENSORA_STAGE_DECODE);
  g_assert_cmpuint (watch.done, ==, 17);
  g_assert_cmpuint (watch.totals[OPENSORA_STAGE_ENCODE], ==, 2);
  g_assert_cmpuint (watch.totals[OPENSORA_STAGE_SAMPLE], ==, 2);
  g_assert_cmpuint (watch.totals[OPENSORA_STAGE_DECODE], ==, 17);
  clip_clear (&watch.clip);
}

/* A line for each stage that begins: "sample 2". */
static void
note_stage (
    OpensoraStage stage, guint64 done, guint64 total, gpointer user_data)
{
  if (done == 0)
    g_string_append_printf (
        user_data, "%s %d\n", opensora_stage_get_name (stage), (int) total);
}

/* Loops are one video; the stages of each begin again. */
static void
test_loops (void)
{
  g_autofree char *path = g_build_filename (
      g_getenv ("OPENSORA_TEST_DATA"), "pipeline", "gradient.png", NULL);
  g_autoptr (OpensoraPipeline) pipeline = new_loaded ();
  g_autoptr (OpensoraParams) params = new_params (16, 16, 34, 1);
  g_autoptr (OpensoraParams) resolved = NULL;
  g_autoptr (GString) stages = g_string_new (NULL);
  g_auto (Clip) clip = { g_byte_array_new () };
  g_autoptr (GError) error = NULL;

  g_object_set (params, "reference-path", path, "loop", 3, "prompt",
      "|0|a circle|2|a square", NULL);
  if (!opensora_pipeline_generate (
          pipeline, params, on_frame, &clip, note_stage, stages, NULL, &error)
      && g_error_matches (error, OPENSORA_ERROR, OPENSORA_ERROR_UNSUPPORTED)) {
    g_test_skip (error->message);
    return;
  }
  g_assert_no_error (error);
  g_assert_cmpstr (stages->str, ==,
      "reference 1\nencode 2\nsample 2\ndecode 34\n"
      "sample 2\ndecode 34\n"
      "encode 2\nsample 2\ndecode 34\n");
  resolved = opensora_pipeline_resolve (pipeline, params, NULL);
  g_assert_cmpuint (clip.n_frames, ==, 34 + 17 + 17);
  g_assert_cmpuint (
      opensora_pipeline_count_frames (pipeline, resolved), ==, clip.n_frames);
}

/* In the middle of a long clip, in each stage that takes long. */
static void
test_cancel (gconstpointer stage)
{
  g_autoptr (OpensoraPipeline) pipeline = new_loaded ();
  g_autoptr (OpensoraParams) params = new_params (256, 256, 34, 1);
  g_autoptr (OpensoraParams) small = new_params (16, 16, 1, 1);
  Watch watch = { { g_byte_array_new () }, .cancel_in = GPOINTER_TO_INT (stage),
    .cancellable = g_cancellable_new () };
  g_autoptr (GError) error = NULL;
  gint64 late;

  if (optest_on_valgrind ()) {
    g_object_unref (watch.cancellable);
    clip_clear (&watch.clip);
    g_test_skip ("under valgrind");
    return;
  }
  opensora_params_set_steps (
      params, watch.cancel_in == OPENSORA_STAGE_SAMPLE ? 1000 : 1);
  g_assert_false (
      opensora_pipeline_generate (pipeline, params, on_watched_frame, &watch,
          on_progress, &watch, watch.cancellable, &error));
  late = (g_get_monotonic_time () - watch.cancelled_at) / 1000;
  g_thread_join (watch.thread);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (watch.stage, ==, watch.cancel_in);
  g_assert_cmpint (late, <=, optest_cancel_limit ());
  g_object_unref (watch.cancellable);
  clip_clear (&watch.clip);
  {
    g_auto (Clip) next = generate (pipeline, small);
    g_assert_cmpuint (next.n_frames, ==, 1);
  }
}

/* All that a clip took is given back: only weights and scratch memory, which
 * the first clip prepared, stay. */
static void
test_memory (void)
{
  g_autofree char *folder = bundletest_demo ();
  g_autoptr (OsBundle) bundle =
      os_bundle_open (&(OsParts){ folder }, NULL, NULL);
  g_autoptr (OsCompute) compute = os_compute_new (NULL, 2, NULL);
  OsMemPool *pool = os_compute_get_pool (compute);
  g_autoptr (OpensoraParams) asked = new_params (32, 32, 17, 1);
  g_autoptr (OpensoraParams) params = os_resolve (bundle, asked, NULL);
  guint64 level = 0, peak = 0;

  for (int i = 0; i < 3; i++) {
    g_auto (Clip) clip = { g_byte_array_new () };
    g_autoptr (GError) error = NULL;

    os_generate_clip (bundle, compute, params, NULL, on_frame, &clip, &error);
    g_assert_no_error (error);
    if (i > 0) {
      g_assert_cmpuint (os_mem_pool_get_in_use (pool), ==, level);
      g_assert_cmpuint (os_mem_pool_get_peak (pool), <=, peak + level);
    }
    level = os_mem_pool_get_in_use (pool);
    peak = os_mem_pool_get_peak (pool);
  }
}

/* With too little memory a clip is an error; with enough it is a clip again. */
static void
test_memory_limit (void)
{
  g_autofree char *folder = bundletest_demo ();
  g_autoptr (OsBundle) bundle =
      os_bundle_open (&(OsParts){ folder }, NULL, NULL);
  g_autoptr (OsCompute) compute = os_compute_new (NULL, 2, NULL);
  OsMemPool *pool = os_compute_get_pool (compute);
  g_autoptr (OpensoraParams) asked = new_params (32, 32, 17, 1);
  g_autoptr (OpensoraParams) params = os_resolve (bundle, asked, NULL);
  guint failures = 0;
  gboolean done = FALSE;

  for (guint64 limit = 100 * 1000; !done; limit = limit * 6 / 5) {
    g_auto (Clip) clip = { g_byte_array_new () };
    g_autoptr (GError) error = NULL;

    os_mem_pool_set_limit (pool, limit);
    done = os_generate_clip (
        bundle, compute, params, NULL, on_frame, &clip, &error);
    if (!done) {
      g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MEMORY);
      failures++;
    }
    os_compute_check (compute, NULL);
    os_mem_pool_trim (pool);
  }
  g_assert_cmpuint (failures, >, 5);
}

static gpointer
generate_three (gpointer data)
{
  g_autoptr (OpensoraPipeline) pipeline = new_loaded ();
  Clip clip = { NULL };

  for (int i = 0; i < 3; i++) {
    if (clip.bytes)
      clip_clear (&clip);
    clip = generate (pipeline, data);
  }
  return g_byte_array_free_to_bytes (clip.bytes);
}

/* Two pipelines at once are what they are one by one. */
static void
test_side_by_side (void)
{
  g_autoptr (OpensoraPipeline) pipeline = new_loaded ();
  OpensoraParams *params[] = { new_params (32, 32, 17, 5),
    new_params (48, 32, 17, 6) };
  GThread *threads[2];

  for (int i = 0; i < 2; i++)
    threads[i] = g_thread_new ("generate", generate_three, params[i]);
  for (int i = 0; i < 2; i++) {
    g_autoptr (GBytes) bytes = g_thread_join (threads[i]);
    g_auto (Clip) alone = generate (pipeline, params[i]);

    g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
        alone.bytes->data, alone.bytes->len);
    g_object_unref (params[i]);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pipeline/pipeline/seeds", test_seeds);
  g_test_add_func ("/pipeline/pipeline/settings-count", test_settings_count);
  g_test_add_func ("/pipeline/pipeline/sizes", test_sizes);
  g_test_add_func ("/pipeline/pipeline/load", test_load);
  g_test_add_func ("/pipeline/pipeline/load-errors", test_load_errors);
  g_test_add_func ("/pipeline/pipeline/receiver-stops", test_receiver_stops);
  g_test_add_func ("/pipeline/pipeline/refused", test_refused);
  g_test_add_func ("/pipeline/pipeline/progress", test_progress);
  g_test_add_func ("/pipeline/pipeline/loops", test_loops);
  g_test_add_data_func ("/pipeline/pipeline/cancel/sample",
      GINT_TO_POINTER (OPENSORA_STAGE_SAMPLE), test_cancel);
  g_test_add_data_func ("/pipeline/pipeline/cancel/decode",
      GINT_TO_POINTER (OPENSORA_STAGE_DECODE), test_cancel);
  g_test_add_func ("/pipeline/pipeline/memory", test_memory);
  g_test_add_func ("/pipeline/pipeline/memory-limit", test_memory_limit);
  g_test_add_func ("/pipeline/pipeline/side-by-side", test_side_by_side);
  return g_test_run ();
}
