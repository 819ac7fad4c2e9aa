/* SPDX-License-Identifier: Apache-2.0 */
/* Clips that go on from the clip before: they are what a further loop would be,
 * and start afresh where there is nothing to go on from. */
#include "pipeline/tail.h"

#include "cliptest.h"
#include "oldtest.h"
#include "optest.h"
#include "pipeline/resolve.h"

/* --- As a loop --- */

static void
run (ClipTest *test, OpensoraParams *params, guint loop, const char *prompt,
    gboolean previous, GByteArray *frames)
{
  g_object_set (params, "loop", loop, "prompt", prompt, "continue-previous",
      previous, NULL);
  cliptest_run (test, params);
  g_byte_array_append (frames, test->bytes->data, test->bytes->len);
}

/* Two loops, and a clip and another that goes on from it: the same frames, if
 * the same numbers are drawn. Then the same with more loops. */
static void
assert_as_loops (ClipTest *test, OpensoraParams *params)
{
  g_autoptr (GByteArray) loops = g_byte_array_new ();
  g_autoptr (GByteArray) clips = g_byte_array_new ();
  g_autoptr (GByteArray) more = g_byte_array_new ();

  test->no_posterior_noise = test->same_noise = TRUE;
  run (test, params, 3, "|0|a red circle|1|a blue square", FALSE, loops);
  run (test, params, 1, "a red circle", FALSE, clips);
  run (test, params, 1, "a blue square", TRUE, clips);
  run (test, params, 1, "a blue square", TRUE, clips);
  g_assert_cmpmem (loops->data, loops->len, clips->data, clips->len);

  run (test, params, 1, "a red circle", FALSE, more);
  run (test, params, 2, "a blue square", TRUE, more);
  g_assert_cmpmem (loops->data, loops->len, more->data, more->len);
}

/* Whatever is left out of what is encoded again, and however starts are
 * aligned: with 52 frames the last chunk has one, with 40 they are no whole
 * latents. */
static void
test_as_loops (void)
{
  static const struct {
    guint num_frames;
    gint length, align;
  } cases[] = {
    { 34, -1, -1 },
    { 18, -1, -1 },
    { 40, -1, 0 },
    { 52, -1, 5 },
    { 52, 5, 3 },
    { 52, 10, 0 },
    { 34, 0, -1 },
  };
  g_auto (ClipTest) test = { NULL };

  cliptest_init (&test);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (OpensoraParams) params = cliptest_params ();

    if (i > 0 && optest_on_valgrind ())
      break;
    g_object_set (params, "num-frames", cases[i].num_frames, "align",
        cases[i].align, "condition-frame-length", cases[i].length, NULL);
    assert_as_loops (&test, params);
  }
}

static void
test_as_loops_1_1 (void)
{
  g_autofree char *folder = oldtest_make ("1.1");
  g_auto (ClipTest) test = { NULL };
  g_autoptr (OpensoraParams) params = cliptest_params ();

  cliptest_init_with (&test, folder);
  g_object_set (params, "num-frames", 4, "condition-frame-length", 3, NULL);
  assert_as_loops (&test, params);
  oldtest_remove (folder);
}

/* With references: the clip before is the last of them, so that negative
 * numbers count from it, in later loops too. */
static void
test_with_references (void)
{
  g_auto (ClipTest) test = { NULL };
  g_autoptr (OpensoraParams) params = cliptest_params ();
  g_autoptr (GByteArray) loops = g_byte_array_new ();
  g_autoptr (GByteArray) clips = g_byte_array_new ();

  cliptest_init (&test);
  test.no_posterior_noise = test.same_noise = TRUE;
  g_object_set (params, "num-frames", 34, "align", 0, "reference-path", "3",
      "mask-strategy", "1,-2,0,9,1;2,-2,-2,7,2", NULL);
  run (&test, params, 3, "a red circle", FALSE, loops);
  g_object_set (params, "mask-strategy", "", NULL);
  run (&test, params, 1, "a red circle", FALSE, clips);
  g_object_set (params, "mask-strategy", "0,-2,0,9,1;1,-2,-2,7,2", NULL);
  run (&test, params, 2, "a red circle", TRUE, clips);
  g_assert_cmpmem (loops->data, loops->len, clips->data, clips->len);
}

/* References first, then the end of the clip before, and of that no more than
 * is needed; all from the numbers of the new clip. */
static void
test_draws (void)
{
  g_auto (ClipTest) test = { NULL };
  g_autoptr (OpensoraParams) params = cliptest_params ();

  cliptest_init (&test);
  g_object_set (params, "num-frames", 34, NULL);
  cliptest_run (&test, params);
  g_object_set (params, "continue-previous", TRUE, "reference-path", "1",
      "mask-strategy", "", NULL);
  cliptest_run (&test, params);
  g_assert_cmpstr (test.log->str, ==,
      "32x32 s1 t1 s4 s4 s4 s4 s1 t5 \"a red circle\" z10 e e ");
  g_assert_cmpuint (test.n_frames, ==, 17);
}

/* No more than the latents of one clip is kept. */
static void
test_memory (void)
{
  g_auto (ClipTest) test = { NULL };
  g_autoptr (OpensoraParams) params = cliptest_params ();
  guint64 level = 0;

  cliptest_init (&test);
  g_object_set (params, "continue-previous", TRUE, "steps", 1, NULL);
  for (guint i = 0; i < 4; i++) {
    OsMemPool *pool = os_compute_get_pool (test.compute);

    cliptest_run (&test, params);
    g_ptr_array_set_size (test.latents, 0);
    g_ptr_array_set_size (test.decoded, 0);
    if (i > 1)
      g_assert_cmpuint (os_mem_pool_get_in_use (pool), ==, level);
    level = os_mem_pool_get_in_use (pool);
  }
}

/* --- OpensoraPipeline --- */

static gboolean
count_frame (GBytes *rgb, guint width, guint height, guint index, gpointer data)
{
  guint *left = data;

  return --*left > 0;
}

/* Stops after `stop` frames. */
static void
make_clip (OpensoraPipeline *pipeline, OpensoraParams *params, guint n_frames,
    guint stop)
{
  guint left = stop;
  g_autoptr (GError) error = NULL;
  g_autoptr (OpensoraParams) resolved =
      opensora_pipeline_resolve (pipeline, params, NULL);

  g_assert_cmpuint (
      opensora_pipeline_count_frames (pipeline, resolved), ==, n_frames);
  opensora_pipeline_generate (
      pipeline, params, count_frame, &left, NULL, NULL, NULL, &error);
  if (stop > n_frames)
    g_assert_no_error (error);
  else
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (left, ==, stop > n_frames ? stop - n_frames : 0);
}

/* What is before is the last clip that is complete and of this size. */
static void
test_afresh (void)
{
  g_autoptr (OpensoraPipeline) pipeline = opensora_pipeline_new (NULL, NULL, 2);
  g_autoptr (OpensoraParams) params = cliptest_params ();
  g_autoptr (OpensoraParams) wide = NULL;

  g_assert_true (opensora_pipeline_load (pipeline, NULL, NULL, NULL, NULL));
  g_object_set (params, "continue-previous", TRUE, "steps", 1, NULL);
  wide = opensora_params_copy (params);
  g_object_set (wide, "width", 48, NULL);

  make_clip (pipeline, params, 18, 5);
  make_clip (pipeline, params, 18, 100);
  make_clip (pipeline, params, 1, 100);
  make_clip (pipeline, params, 1, 1);
  make_clip (pipeline, wide, 18, 5);
  make_clip (pipeline, params, 1, 100);
  make_clip (pipeline, wide, 18, 100);
  make_clip (pipeline, params, 18, 100);
  opensora_pipeline_forget_previous (pipeline);
  make_clip (pipeline, params, 18, 100);
  /* It is too short for that. */
  g_object_set (params, "num-frames", 52, "condition-frame-length", 10, NULL);
  make_clip (pipeline, params, 52, 100);
  make_clip (pipeline, params, 18, 100);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pipeline/tail/as-loops", test_as_loops);
  g_test_add_func ("/pipeline/tail/as-loops-1.1", test_as_loops_1_1);
  g_test_add_func ("/pipeline/tail/with-references", test_with_references);
  g_test_add_func ("/pipeline/tail/draws", test_draws);
  g_test_add_func ("/pipeline/tail/memory", test_memory);
  g_test_add_func ("/pipeline/tail/afresh", test_afresh);
  return g_test_run ();
}
