/* SPDX-License-Identifier: Apache-2.0 */
/* One clip of the demo model: references, prompts of several parts, the order
 * of random numbers, and that every setting counts. */
#include <string.h>

#include "cliptest.h"
#include "optest.h"
#include "paramstest.h"

/* Mean difference in levels of n frames. */
static double
difference (const guint8 *a, const guint8 *b, guint n)
{
  double sum = 0;

  for (guint i = 0; i < n * CLIPTEST_FRAME; i++)
    sum += ABS (a[i] - b[i]);
  return sum / (n * CLIPTEST_FRAME);
}

static void
test_draws (void)
{
  g_auto (ClipTest) test = { NULL };
  g_autoptr (OpensoraParams) params = cliptest_params ();

  cliptest_init (&test);
  /* No condition, and a family that takes no mask then. */
  cliptest_run (&test, params);
  g_assert_cmpstr (test.log->str, ==, "\"a red circle\" z6 ");
  test.bundle->family.frame_mask = TRUE;
  cliptest_run (&test, params);
  g_assert_cmpstr (test.log->str, ==, "\"a red circle\" z6 e e ");
  test.bundle->family.frame_mask = FALSE;

  g_object_set (params, "reference-path", "1;21", "loop", 2, NULL);
  cliptest_run (&test, params);
  g_assert_cmpstr (test.log->str, ==,
      "32x32 s1 t1 32x32 s4 s4 s4 s4 s4 s1 t5 t1 "
      "\"a red circle\" z6 e e "
      "s4 s4 s4 s4 s2 t5 t1 \"a red circle\" z6 e e ");
  /* Without a group it is of no use, and drawn for all the same. */
  g_object_set (params, "mask-strategy", "", "loop", 1, NULL);
  cliptest_run (&test, params);
  g_assert_cmpstr (test.log->str, ==,
      "32x32 s1 t1 32x32 s4 s4 s4 s4 s4 s1 t5 t1 \"a red circle\" z6 ");
}

static void
test_texts (void)
{
  g_auto (ClipTest) test = { NULL };
  g_autoptr (OpensoraParams) params = cliptest_params ();

  cliptest_init (&test);
  g_object_set (params, "prompt", "|0| A |1| B ", "loop", 3, "aesthetic-score",
      6.5, "motion-score", 4.0, "camera-motion", "pan left", NULL);
  cliptest_run (&test, params);
  /* The third loop has the text of the second, whose states are remembered. */
  g_assert_cmpstr (test.log->str, ==,
      "\"a aesthetic score: 6.5. motion score: 4.0. camera motion: pan left.\" "
      "z6 s4 s4 s4 s4 s2 t5 t1 "
      "\"b aesthetic score: 6.5. motion score: 4.0. camera motion: pan left.\" "
      "z6 e e s4 s4 s4 s4 s2 t5 t1 "
      "\"b aesthetic score: 6.5. motion score: 4.0. camera motion: pan left.\" "
      "z6 e e ");
  g_object_set (params, "prompt", "A", "loop", 1, "aesthetic-score", 0.0,
      "motion-score", -1.0, "camera-motion", NULL, NULL);
  cliptest_run (&test, params);
  g_assert_cmpstr (test.log->str, ==, "\"a\" z6 ");
  test.bundle->family.aesthetic_score = 5;
  g_object_set (params, "aesthetic-score", -1.0, NULL);
  cliptest_run (&test, params);
  g_assert_cmpstr (test.log->str, ==, "\"a aesthetic score: 5.0.\" z6 ");
}

/* One and the same clip, with one setting changed: other frames. */
static void
test_settings_count (void)
{
  static const struct {
    const char *property, *value;
  } changes[] = {
    { "prompt", "a blue square" },
    { "prompt", "|0|a red circle|1|a blue square" },
    { "seed", "7" },
    { "steps", "2" },
    { "guidance-scale", "2" },
    { "fps", "24" },
    { "aesthetic-score", "6.5" },
    { "motion-score", "4" },
    { "camera-motion", "zoom in" },
    { "num-frames", "19" },
    { "width", "40" },
    { "height", "40" },
    { "reference-path", "2" },
    { "mask-strategy", "0,0,0,0,1,0.5" },
    { "mask-strategy", "0;1" },
    { "align", "5" },
    { "loop", "1" },
    { "condition-frame-length", "0" },
    { "condition-frame-edit", "0.5" },
    { "noise", "cuda" },
    { "noise-dtype", "bf16" },
    { "step-cache", "1e9" },
  };
  g_auto (ClipTest) test = { NULL };
  g_autoptr (OpensoraParams) params = cliptest_params ();
  g_autoptr (GBytes) base = NULL;

  if (optest_on_valgrind ()) {
    g_test_skip ("under valgrind: twenty clips");
    return;
  }
  cliptest_init (&test);
  g_object_set (params, "reference-path", "1", "mask-strategy", "0,0,0,3",
      "loop", 2, "align", 0, "steps", 4, NULL);
  base = cliptest_run_to_bytes (&test, params);
  for (gsize i = 0; i < G_N_ELEMENTS (changes); i++) {
    g_autoptr (OpensoraParams) changed = opensora_params_copy (params);
    g_autoptr (GBytes) other = NULL;

    paramstest_set (changed, changes[i].property, changes[i].value);
    other = cliptest_run_to_bytes (&test, changed);
    if (g_bytes_equal (base, other))
      g_error ("%s %s changes nothing", changes[i].property, changes[i].value);
  }
}

static void
assert_same (ClipTest *test, OpensoraParams *a, OpensoraParams *b)
{
  g_autoptr (GBytes) frames_a = cliptest_run_to_bytes (test, a);
  g_autoptr (GBytes) frames_b = cliptest_run_to_bytes (test, b);

  g_assert_true (g_bytes_equal (frames_a, frames_b));
}

/* Two ways to say the same. */
static void
test_same (void)
{
  g_auto (ClipTest) test = { NULL };
  g_autoptr (OpensoraParams) a = cliptest_params ();
  g_autoptr (OpensoraParams) b = cliptest_params ();

  cliptest_init (&test);
  /* The prompt's settings win. */
  g_object_set (a, "reference-path", "3", "mask-strategy", "0,0,1,2", NULL);
  g_object_set (b, "reference-path", "1", "mask-strategy", "0,0,0,5", "prompt",
      "a red circle{\"reference_path\": \"3\", \"mask_strategy\": \"0,0,1,2\"}",
      NULL);
  assert_same (&test, a, b);
  /* The model's defaults. */
  g_object_set (a, "align", 5, "loop", 2, "condition-frame-length", 5,
      "mask-strategy", "0", NULL);
  g_object_set (b, "loop", 2, "prompt", "a red circle", "reference-path", "3",
      "mask-strategy", NULL, NULL);
  assert_same (&test, a, b);
}

/* The model is told the nominal size, which references are made to fit, and for
 * pictures a frame rate of their own. */
static void
test_told (void)
{
  g_auto (ClipTest) test = { NULL };
  g_autoptr (OpensoraParams) a = cliptest_params ();
  g_autoptr (OpensoraParams) b = cliptest_params ();
  g_autoptr (GBytes) plain = NULL, larger = NULL;

  cliptest_init (&test);
  g_object_set (b, "width", 0, "height", 0, "resolution", "34x34", NULL);
  plain = cliptest_run_to_bytes (&test, a);
  larger = cliptest_run_to_bytes (&test, b);
  g_assert_cmpuint (g_bytes_get_size (plain), ==, g_bytes_get_size (larger));
  g_assert_false (g_bytes_equal (plain, larger));
  g_object_set (b, "resolution", "32x32", NULL);
  assert_same (&test, a, b);
  g_object_set (b, "resolution", "39x35", "reference-path", "1", NULL);
  cliptest_run (&test, b);
  g_assert_true (g_str_has_prefix (test.log->str, "39x35 s1 t1 "));
  g_object_set (b, "resolution", "32x32", "reference-path", NULL, NULL);

  g_object_set (a, "num-frames", 1, "fps", 8.0, NULL);
  g_object_set (b, "num-frames", 1, "fps", 24.0, NULL);
  assert_same (&test, a, b);
}

/* A mask of ones changes nothing, but where the first timestep rounds to above
 * 1000. */
static void
test_frame_mask (void)
{
  static const struct {
    guint width, height, num_frames;
    gboolean same;
  } cases[] = { { 40, 32, 17, TRUE }, { 32, 32, 17, FALSE } };
  g_auto (ClipTest) test = { NULL };

  cliptest_init (&test);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (OpensoraParams) params = cliptest_params ();
    g_autoptr (GBytes) without = NULL, with = NULL;

    g_object_set (params, "width", cases[i].width, "height", cases[i].height,
        "num-frames", cases[i].num_frames, NULL);
    test.bundle->family.frame_mask = FALSE;
    without = cliptest_run_to_bytes (&test, params);
    test.bundle->family.frame_mask = TRUE;
    with = cliptest_run_to_bytes (&test, params);
    g_assert_cmpint (g_bytes_equal (with, without), ==, cases[i].same);
  }
}

/* Given latents stay what they are, whatever is generated beside them. */
static void
test_kept (void)
{
  static const char *const prompts[] = { "a red circle", "a blue square" };
  g_auto (ClipTest) test = { NULL };
  g_autoptr (OpensoraParams) params = cliptest_params ();
  OsTensor *given[2], *made[2];

  cliptest_init (&test);
  g_object_set (params, "reference-path", "18", "mask-strategy", "0,0,0,1,3",
      "align", 0, NULL);
  for (int i = 0; i < 2; i++) {
    g_autoptr (OsTensor) latents = NULL;

    opensora_params_set_prompt (params, prompts[i]);
    cliptest_run (&test, params);
    latents = os_tensor_ref (g_ptr_array_index (test.latents, 0));
    given[i] = os_tensor_slice (latents, 2, 1, 3);
    made[i] = os_tensor_slice (latents, 2, 4, 1);
  }
  optest_assert_equal (test.compute, given[0], given[1]);
  g_assert_cmpfloat (
      AT (made[0], 0, 0, 0, 1, 1), !=, AT (made[1], 0, 0, 0, 1, 1));
  for (int i = 0; i < 2; i++) {
    os_tensor_unref (given[i]);
    os_tensor_unref (made[i]);
  }
}

/* The first frame is the picture that was given, as far as the autoencoder
 * keeps it. */
static void
test_first_frame (void)
{
  g_auto (ClipTest) test = { NULL };
  g_autoptr (OpensoraParams) params = cliptest_params ();
  g_autofree guint8 *picture = NULL;
  g_autofree float *values = g_new (float, CLIPTEST_FRAME);
  double free_difference, given_difference;

  cliptest_init (&test);
  g_object_set (params, "prompt", "a blue square", "num-frames", 1, "steps", 10,
      "seed", (gint64) 3, NULL);
  cliptest_run (&test, params);
  picture = g_memdup2 (test.bytes->data, CLIPTEST_FRAME);
  for (guint i = 0; i < CLIPTEST_FRAME; i++)
    values[i] = picture[i] / 127.5f - 1;
  test.picture = values;

  g_object_set (params, "prompt", "a red circle", "num-frames", 17, NULL);
  cliptest_run (&test, params);
  free_difference = difference (test.bytes->data, picture, 1);
  g_object_set (params, "reference-path", "1", NULL);
  cliptest_run (&test, params);
  given_difference = difference (test.bytes->data, picture, 1);
  g_test_message (
      "levels: %g free, %g given", free_difference, given_difference);
  g_assert_cmpfloat (given_difference, <, 20);
  g_assert_cmpfloat (free_difference, >, 3 * given_difference);
}

static void
test_errors (void)
{
  static const struct {
    const char *references, *strategy;
    OpensoraError code;
    const char *word;
  } cases[] = {
    { "1;none.png", "0", OPENSORA_ERROR_NOT_FOUND, "none.png" },
    { NULL, "0", OPENSORA_ERROR_SETTINGS, "reference" },
    /* Found before the first loop, not after it. */
    { "1", "0;1,7", OPENSORA_ERROR_SETTINGS, "7" },
  };
  g_auto (ClipTest) test = { NULL };

  cliptest_init (&test);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (OpensoraParams) params = cliptest_params ();
    g_autoptr (GError) error = NULL;

    g_object_set (params, "loop", 2, "reference-path", cases[i].references,
        "mask-strategy", cases[i].strategy, NULL);
    g_assert_false (cliptest_try (&test, params, &error));
    g_assert_error (error, OPENSORA_ERROR, (int) cases[i].code);
    g_assert_nonnull (strstr (error->message, cases[i].word));
    g_assert_cmpuint (test.n_frames, ==, 0);
    g_assert_null (strchr (test.log->str, 'z'));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pipeline/generate/draws", test_draws);
  g_test_add_func ("/pipeline/generate/texts", test_texts);
  g_test_add_func ("/pipeline/generate/settings-count", test_settings_count);
  g_test_add_func ("/pipeline/generate/same", test_same);
  g_test_add_func ("/pipeline/generate/told", test_told);
  g_test_add_func ("/pipeline/generate/frame-mask", test_frame_mask);
  g_test_add_func ("/pipeline/generate/kept", test_kept);
  g_test_add_func ("/pipeline/generate/first-frame", test_first_frame);
  g_test_add_func ("/pipeline/generate/errors", test_errors);
  return g_test_run ();
}
