/* SPDX-License-Identifier: Apache-2.0 */
/* References and mask strategies in loops. loops.json is what Open-Sora 1.2
 * appends in each. */
#include "pipeline/condition.h"

#include <json-glib/json-glib.h>
#include <opensora/opensora.h>
#include <string.h>

#include "optest.h"

#define T 15
#define C 2
#define H 3
#define W 2

/* Latents of t frames in which every value tells the reference, the channel and
 * the frame; frames of noise (reference 0) are negative. */
static OsTensor *
new_latents (OsCompute *compute, guint reference, gint64 t)
{
  g_autofree float *values = g_new (float, C *t *H *W);

  for (gint64 c = 0; c < C; c++)
    for (gint64 f = 0; f < t; f++)
      for (gint64 i = 0; i < H * W; i++)
        values[(c * t + f) * H * W + i] = 1000.0 * reference + 100 * c + f;
  return os_compute_upload (compute, values, OS_SHAPE (1, C, t, H, W));
}

static void
add (OsConditions *conditions, OsCompute *compute, guint reference, gint64 t)
{
  g_autoptr (OsTensor) latents = new_latents (compute, reference, t);

  os_conditions_add (conditions, latents);
}

static void
go_on (OsConditions *conditions, OsCompute *compute, guint loop,
    guint reference, gint64 length, double edit)
{
  g_autoptr (OsTensor) latents = new_latents (compute, reference, T);

  os_conditions_continue (conditions, loop, latents, length, edit);
}

static OsConditions *
new_conditions (const char *strategy, guint align)
{
  g_autoptr (GError) error = NULL;
  OsConditions *conditions = os_conditions_new (strategy, align, TRUE, &error);

  g_assert_no_error (error);
  return conditions;
}

static OsTensor *
apply (OsConditions *conditions, OsCompute *compute, guint loop, float *mask,
    gboolean *given)
{
  g_autoptr (OsTensor) z = new_latents (compute, 0, T);
  g_autoptr (GError) error = NULL;
  OsTensor *result =
      os_conditions_apply (conditions, compute, loop, z, mask, given, &error);

  g_assert_no_error (error);
  g_assert_true (os_tensor_has_shape (result, OS_SHAPE (1, C, T, H, W)));
  return result;
}

/* Frames from where and the mask are as described: "0:14" is frame 14 of the
 * noise, which has number 0. */
static void
assert_frames (OsConditions *conditions, OsCompute *compute, guint loop,
    const char *frames, const char *mask)
{
  g_auto (GStrv) froms = g_strsplit (frames, " ", -1);
  g_auto (GStrv) edits = g_strsplit (mask, " ", -1);
  float edit[T];
  gboolean given;
  g_autoptr (OsTensor) z = apply (conditions, compute, loop, edit, &given);

  g_assert_cmpuint (g_strv_length (froms), ==, T);
  g_assert_true (given == (strchr (mask, '0') != NULL));
  g_assert_cmpuint (g_strv_length (edits), ==, T);
  for (gint64 t = 0; t < T; t++) {
    g_auto (GStrv) from = g_strsplit (froms[t], ":", 2);
    const double number = g_ascii_strtod (from[0], NULL);
    const double frame = g_ascii_strtod (from[1], NULL);

    g_assert_cmpfloat (edit[t], ==, (float) g_ascii_strtod (edits[t], NULL));
    for (gint64 c = 0; c < C; c++)
      for (gint64 h = 0; h < H; h++)
        for (gint64 w = 0; w < W; w++)
          g_assert_cmpfloat (
              AT (z, 0, c, t, h, w), ==, 1000 * number + 100 * c + frame);
  }
}

static void
test_apply (void)
{
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
  g_autoptr (OsConditions) conditions =
      new_conditions ("0,0,0,0,2,0.25;0,1,-1,-3,1;1", 0);

  add (conditions, compute, 1, 4);
  add (conditions, compute, 2, 3);
  assert_frames (conditions, compute, 0,
      "1:0 1:1 0:2 0:3 0:4 0:5 0:6 0:7 0:8 0:9 0:10 0:11 2:2 0:13 0:14",
      "0.25 0.25 1 1 1 1 1 1 1 1 1 1 0 1 1");
  assert_frames (conditions, compute, 1,
      "1:0 0:1 0:2 0:3 0:4 0:5 0:6 0:7 0:8 0:9 0:10 0:11 0:12 0:13 0:14",
      "0 1 1 1 1 1 1 1 1 1 1 1 1 1 1");
  assert_frames (conditions, compute, 2,
      "0:0 0:1 0:2 0:3 0:4 0:5 0:6 0:7 0:8 0:9 0:10 0:11 0:12 0:13 0:14",
      "1 1 1 1 1 1 1 1 1 1 1 1 1 1 1");
}

/* Starts are moved to multiples of `align`. */
static void
test_align (void)
{
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
  g_autoptr (OsConditions) conditions = new_conditions ("0,0,0,-1,1", 5);

  add (conditions, compute, 1, 1);
  assert_frames (conditions, compute, 0,
      "0:0 0:1 0:2 0:3 0:4 0:5 0:6 0:7 0:8 0:9 1:0 0:11 0:12 0:13 0:14",
      "1 1 1 1 1 1 1 1 1 1 0 1 1 1 1");
}

/* A loop goes on from the end of the one before, over what the user says. */
static void
test_continue (void)
{
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
  g_autoptr (OsConditions) conditions = new_conditions ("0;1,0,0,4", 0);

  add (conditions, compute, 1, 1);
  go_on (conditions, compute, 1, 2, 5, 0.5);
  assert_frames (conditions, compute, 1,
      "2:10 2:11 2:12 2:13 2:14 0:5 0:6 0:7 0:8 0:9 0:10 0:11 0:12 0:13 0:14",
      "0.5 0.5 0.5 0.5 0.5 1 1 1 1 1 1 1 1 1 1");
  go_on (conditions, compute, 2, 3, 10, 0);
  assert_frames (conditions, compute, 2,
      "3:5 3:6 3:7 3:8 3:9 3:10 3:11 3:12 3:13 3:14 0:10 0:11 0:12 0:13 0:14",
      "0 0 0 0 0 0 0 0 0 0 1 1 1 1 1");
}

/* The mask strategy that the reference has in this loop does the same. */
static void
assert_as_reference (
    OsConditions *conditions, OsCompute *compute, JsonObject *step)
{
  const char *strategy = json_object_get_string_member (step, "mask_strategy");
  const guint n = json_object_get_int_member (step, "references");
  const guint loop = json_object_get_int_member (step, "loop");
  g_autoptr (OsConditions) reference = new_conditions (strategy, 5);
  float mask[T], reference_mask[T];
  gboolean given;
  g_autoptr (OsTensor) z = apply (conditions, compute, loop, mask, &given);
  g_autoptr (OsTensor) reference_z = NULL;

  for (guint i = 0; i < n; i++)
    add (reference, compute, i + 1, T);
  reference_z = apply (reference, compute, loop, reference_mask, &given);
  g_assert_true (given);
  g_assert_cmpmem (mask, sizeof mask, reference_mask, sizeof reference_mask);
  optest_assert_equal (compute, z, reference_z);
}

static void
check_case (JsonObject *one)
{
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
  JsonArray *steps = json_object_get_array_member (one, "steps");
  JsonObject *first = json_array_get_object_element (steps, 0);
  const char *start =
      json_object_get_string_member_with_default (one, "start", NULL);
  const gint64 length =
      json_object_get_int_member (one, "condition_frame_length");
  const double edit =
      json_object_get_double_member (one, "condition_frame_edit");
  guint n = json_object_get_int_member (first, "references") - 1;
  g_autoptr (OsConditions) conditions = new_conditions (start, 5);

  for (guint i = 0; i < n; i++)
    add (conditions, compute, i + 1, T);
  for (guint i = 0; i < json_array_get_length (steps); i++) {
    go_on (conditions, compute, i + 1, ++n, length, edit);
    assert_as_reference (
        conditions, compute, json_array_get_object_element (steps, i));
  }
}

static void
test_recorded (void)
{
  g_autofree char *path = g_build_filename (
      g_getenv ("OPENSORA_TEST_DATA"), "pipeline", "loops.json", NULL);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  JsonArray *cases;

  json_parser_load_from_file (parser, path, &error);
  g_assert_no_error (error);
  cases = json_object_get_array_member (
      json_node_get_object (json_parser_get_root (parser)), "append_generated");
  g_assert_cmpuint (json_array_get_length (cases), ==, 3);
  for (guint i = 0; i < json_array_get_length (cases); i++)
    check_case (json_array_get_object_element (cases, i));
}

/* Clips of earlier loops are there for as long as a group needs them, counted
 * from the start or from the end, and no longer. */
static void
test_kept_clips (void)
{
  static const char *const strategies[] = { "9,2,3,0,1", "9,-8,3,0,1" };

  for (guint i = 0; i < G_N_ELEMENTS (strategies); i++) {
    g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
    OsMemPool *pool = os_compute_get_pool (compute);
    g_autoptr (OsConditions) conditions = new_conditions (strategies[i], 0);
    guint64 level = 0;

    /* Numbers of references: 0 is the user's, 1 and on are the loops'. */
    add (conditions, compute, 1, 1);
    for (guint loop = 1; loop < 9; loop++) {
      go_on (conditions, compute, loop, 1 + loop, 5, 0);
      if (loop == 3)
        level = os_mem_pool_get_in_use (pool);
      if (loop > 3)
        g_assert_cmpuint (os_mem_pool_get_in_use (pool), ==, level);
    }
    go_on (conditions, compute, 9, 10, 0, 0);
    assert_frames (conditions, compute, 9,
        "3:3 0:1 0:2 0:3 0:4 0:5 0:6 0:7 0:8 0:9 0:10 0:11 0:12 0:13 0:14",
        "0 1 1 1 1 1 1 1 1 1 1 1 1 1 1");
    go_on (conditions, compute, 10, 11, 5, 0);
    g_assert_cmpuint (os_mem_pool_get_in_use (pool), <, level);
  }
}

/* What a later loop cannot follow is known before the first. */
static void
test_check (void)
{
  g_autoptr (OsCompute) compute = os_compute_new ("ref", 1, NULL);
  g_autoptr (OsConditions) conditions = new_conditions ("0;3,4", 0);
  g_autoptr (OsConditions) nothing = new_conditions ("0", 0);
  g_autoptr (GError) error = NULL;

  add (conditions, compute, 1, 1);
  g_assert_true (os_conditions_check (conditions, 3, T, &error));
  g_assert_no_error (error);
  /* In loop 3 there are references 0 to 3. */
  g_assert_false (os_conditions_check (conditions, 4, T, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
  g_clear_error (&error);
  g_assert_false (os_conditions_check (nothing, 1, T, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
  g_clear_error (&error);
  g_assert_null (os_conditions_new ("0,x", 0, TRUE, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pipeline/condition/apply", test_apply);
  g_test_add_func ("/pipeline/condition/align", test_align);
  g_test_add_func ("/pipeline/condition/continue", test_continue);
  g_test_add_func ("/pipeline/condition/recorded", test_recorded);
  g_test_add_func ("/pipeline/condition/kept-clips", test_kept_clips);
  g_test_add_func ("/pipeline/condition/check", test_check);
  return g_test_run ();
}
