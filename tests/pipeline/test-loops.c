/* SPDX-License-Identifier: Apache-2.0 */
/* Clips of the demo model that go on in loops: what they go on from, what is
 * shown, what they cost, and that they can be cancelled. */
#include "cliptest.h"
#include "optest.h"
#include "pipeline/resolve.h"

static OsTensor *
draw_zeros (OsCompute *compute, OsVaeDraw which, int n_dims,
    const gint64 *shape, gpointer data)
{
  return os_compute_zeros (compute, n_dims, shape);
}

/* The latents of the clip that loop `loop` decoded to, without noise. */
static OsTensor *
encode_decoded (ClipTest *test, guint loop, guint n_frames)
{
  g_autoptr (OsVae12Encoder) encoder =
      os_vae12_encoder_new (test->bundle->vae, draw_zeros, NULL);

  for (guint i = 0; i < n_frames; i++) {
    g_autoptr (OsTensor) frame = os_tensor_select (
        g_ptr_array_index (test->decoded, loop * n_frames + i), 0, 0);

    os_vae12_encoder_push (encoder, test->compute, frame);
  }
  return os_vae12_encoder_finish (encoder, test->compute, 1);
}

/* Each loop begins with the end of the one before, exactly: what was decoded,
 * unclamped, encoded again. */
static void
test_loops_go_on (void)
{
  g_auto (ClipTest) test = { NULL };
  g_autoptr (OpensoraParams) params = cliptest_params ();

  cliptest_init (&test);
  test.no_posterior_noise = TRUE;
  g_object_set (params, "num-frames", 34, "loop", 3, NULL);
  cliptest_run (&test, params);
  g_assert_cmpuint (test.latents->len, ==, 3);
  for (guint loop = 1; loop < 3; loop++) {
    g_autoptr (OsTensor) clip = encode_decoded (&test, loop - 1, 34);
    g_autoptr (OsTensor) end = os_tensor_slice (clip, 2, 5, 5);
    g_autoptr (OsTensor) begin =
        os_tensor_slice (g_ptr_array_index (test.latents, loop), 2, 0, 5);

    optest_assert_equal (test.compute, begin, end);
  }
}

/* Frame [1, 1, H, W, 3] of the decoder is shown as frame `index`. */
static void
assert_shown (const ClipTest *test, guint index, guint decoded)
{
  g_autofree float *values = g_new (float, CLIPTEST_FRAME);

  os_compute_download (
      test->compute, g_ptr_array_index (test->decoded, decoded), values);
  for (guint i = 0; i < CLIPTEST_FRAME; i++)
    g_assert_cmpfloat_with_epsilon (
        test->bytes->data[index * CLIPTEST_FRAME + i],
        CLAMP ((values[i] + 1) * 127.5, 0, 255), 1);
}

/* The first loop is the clip without loops; of later ones the frames that they
 * begin with are left out. */
static void
test_loops_shown (void)
{
  g_auto (ClipTest) test = { NULL };
  g_autoptr (OpensoraParams) params = cliptest_params ();
  g_autoptr (GBytes) alone = NULL;

  cliptest_init (&test);
  alone = cliptest_run_to_bytes (&test, params);
  g_object_set (params, "loop", 3, NULL);
  cliptest_run (&test, params);
  g_assert_cmpuint (test.n_frames, ==, 18 + 1 + 1);
  g_assert_cmpuint (test.decoded->len, ==, 3 * 18);
  g_assert_cmpmem (g_bytes_get_data (alone, NULL), 18 * CLIPTEST_FRAME,
      test.bytes->data, 18 * CLIPTEST_FRAME);
  assert_shown (&test, 18, 18 + 17);
  assert_shown (&test, 19, 2 * 18 + 17);
}

static gboolean
drop_frame (GBytes *rgb, guint width, guint height, guint index, gpointer data)
{
  return TRUE;
}

/* Loops take no more memory than two. */
static void
test_loops_memory (void)
{
  guint64 peaks[2];

  for (int i = 0; i < 2; i++) {
    g_auto (ClipTest) test = { NULL };
    g_autoptr (OpensoraParams) params = cliptest_params ();
    OsMemPool *pool;

    cliptest_init (&test);
    pool = os_compute_get_pool (test.compute);
    g_object_set (params, "loop", i == 0 ? 2 : 8, "steps", 1, NULL);
    {
      g_autoptr (OpensoraParams) resolved =
          os_resolve (test.bundle, params, NULL);
      g_autoptr (GError) error = NULL;

      os_generate_clip (
          test.bundle, test.compute, resolved, NULL, drop_frame, NULL, &error);
      g_assert_no_error (error);
    }
    peaks[i] = os_mem_pool_get_peak (pool);
  }
  g_assert_cmpuint (peaks[1], <=, peaks[0]);
}

typedef struct {
  OpensoraStage stage;
  GCancellable *cancellable;
  GThread *thread;
  gint64 cancelled_at;
} Cancel;

static gpointer
cancel_soon (gpointer data)
{
  Cancel *cancel = data;

  g_usleep (100 * 1000);
  cancel->cancelled_at = g_get_monotonic_time ();
  g_cancellable_cancel (cancel->cancellable);
  return NULL;
}

static void
on_progress (OpensoraStage stage, guint64 done, guint64 total, gpointer data)
{
  Cancel *cancel = data;

  if (stage == cancel->stage && !cancel->thread)
    cancel->thread = g_thread_new ("cancel", cancel_soon, cancel);
}

/* Where the autoencoder encodes: a long reference, and what is being decoded.
 */
static void
test_cancel (gconstpointer data)
{
  const OpensoraStage stage = GPOINTER_TO_INT (data);
  Cancel cancel = { stage, .cancellable = g_cancellable_new () };
  g_autoptr (OsTask) task =
      os_task_new (cancel.cancellable, on_progress, &cancel);
  g_autoptr (OpensoraParams) params = cliptest_params ();
  g_auto (ClipTest) test = { NULL };
  g_autoptr (GError) error = NULL;
  gint64 late;

  if (optest_on_valgrind ()) {
    g_object_unref (cancel.cancellable);
    g_test_skip ("under valgrind");
    return;
  }
  cliptest_init (&test);
  test.task = task;
  g_object_set (params, "steps", 1, "loop", 2, "width", 512, "height", 512,
      "reference-path", stage == OPENSORA_STAGE_REFERENCE ? "40" : NULL, NULL);
  g_assert_false (cliptest_try (&test, params, &error));
  late = (g_get_monotonic_time () - cancel.cancelled_at) / 1000;
  g_thread_join (cancel.thread);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (late, <=, optest_cancel_limit ());
  g_object_unref (cancel.cancellable);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pipeline/loops/go-on", test_loops_go_on);
  g_test_add_func ("/pipeline/loops/shown", test_loops_shown);
  g_test_add_func ("/pipeline/loops/memory", test_loops_memory);
  g_test_add_data_func ("/pipeline/loops/cancel/reference",
      GINT_TO_POINTER (OPENSORA_STAGE_REFERENCE), test_cancel);
  g_test_add_data_func ("/pipeline/loops/cancel/decode",
      GINT_TO_POINTER (OPENSORA_STAGE_DECODE), test_cancel);
  return g_test_run ();
}
