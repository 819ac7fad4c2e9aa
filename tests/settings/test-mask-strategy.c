/* SPDX-License-Identifier: Apache-2.0 */
/* Mask strategies. mask-strategy.json is what Open-Sora 1.2 makes of them. */
#include "settings/mask-strategy.h"

#include <json-glib/json-glib.h>
#include <opensora/opensora.h>
#include <string.h>

#define MAX_T 64
#define MAX_REFERENCES 8

/* Member `list` of the file, which the parser owns. */
static JsonArray *
load_cases (JsonParser *parser, const char *list)
{
  g_autofree char *path = g_build_filename (
      g_getenv ("OPENSORA_TEST_DATA"), "settings", "mask-strategy.json", NULL);
  g_autoptr (GError) error = NULL;

  json_parser_load_from_file (parser, path, &error);
  g_assert_no_error (error);
  return json_object_get_array_member (
      json_node_get_object (json_parser_get_root (parser)), list);
}

/* Of a string or null. */
static const char *
get_text (JsonNode *node)
{
  return JSON_NODE_HOLDS_NULL (node) ? NULL : json_node_get_string (node);
}

static void
assert_groups (const GArray *groups, JsonArray *want)
{
  g_assert_cmpuint (groups->len, ==, json_array_get_length (want));
  for (guint i = 0; i < groups->len; i++) {
    const OsMaskGroup *group = &g_array_index (groups, OsMaskGroup, i);
    const gint64 numbers[] = { group->loop, group->reference,
      group->reference_start, group->target_start, group->length };
    JsonArray *values = json_array_get_array_element (want, i);

    for (guint k = 0; k < G_N_ELEMENTS (numbers); k++)
      g_assert_cmpint (numbers[k], ==, json_array_get_int_element (values, k));
    g_assert_cmpfloat (
        group->edit, ==, json_array_get_double_element (values, 5));
  }
}

static void
test_parse (void)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonArray *cases = load_cases (parser, "parse");

  g_assert_cmpuint (json_array_get_length (cases), >, 5);
  for (guint i = 0; i < json_array_get_length (cases); i++) {
    JsonObject *object = json_array_get_object_element (cases, i);
    const char *text = get_text (json_object_get_member (object, "text"));
    g_autoptr (GError) error = NULL;
    g_autoptr (GArray) groups = os_mask_strategy_parse (text, &error);

    g_test_message ("%s", text ? text : "none");
    if (json_object_has_member (object, "error")) {
      g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
    } else {
      g_assert_no_error (error);
      assert_groups (groups, json_object_get_array_member (object, "result"));
    }
  }
}

static void
assert_outcome (JsonObject *result, guint sample, gint64 T,
    const OsMaskSource *source, const float *mask)
{
  JsonArray *masks = json_array_get_array_element (
      json_object_get_array_member (result, "mask"), sample);
  JsonArray *sources = json_array_get_array_element (
      json_object_get_array_member (result, "source"), sample);

  for (gint64 t = 0; t < T; t++) {
    JsonNode *want = json_array_get_element (sources, t);

    g_assert_cmpfloat (
        mask[t], ==, (float) json_array_get_double_element (masks, t));
    if (JSON_NODE_HOLDS_ARRAY (want)) {
      JsonArray *pair = json_node_get_array (want);

      g_assert_cmpint (
          source[t].reference, ==, json_array_get_int_element (pair, 0));
      g_assert_cmpint (
          source[t].frame, ==, json_array_get_int_element (pair, 1));
    } else {
      g_assert_cmpint (source[t].reference, ==, -1);
    }
  }
}

/* Sample `sample` of a case; FALSE if it is refused. */
static gboolean
check_sample (JsonObject *object, guint sample)
{
  JsonArray *frames = json_array_get_array_element (
      json_object_get_array_member (object, "refs"), sample);
  const char *text = get_text (json_array_get_element (
      json_object_get_array_member (object, "strategy"), sample));
  gint64 T = json_object_get_int_member (object, "T");
  guint n = json_array_get_length (frames);
  gint64 reference_frames[MAX_REFERENCES];
  OsMaskSource source[MAX_T];
  float mask[MAX_T];
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) groups = os_mask_strategy_parse (text, &error);

  g_assert_cmpint (T, <=, MAX_T);
  g_assert_cmpuint (n, <=, MAX_REFERENCES);
  for (guint i = 0; i < n; i++)
    reference_frames[i] = json_array_get_int_element (frames, i);
  if (!groups
      || !os_mask_strategy_apply (groups,
          json_object_get_int_member (object, "loop"),
          json_object_get_int_member_with_default (object, "align", 0), TRUE, T,
          reference_frames, n, source, mask, &error)) {
    g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
    return FALSE;
  }
  g_assert_no_error (error);
  if (json_object_has_member (object, "result"))
    assert_outcome (json_object_get_object_member (object, "result"), sample, T,
        source, mask);
  return TRUE;
}

static void
test_apply (void)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonArray *cases = load_cases (parser, "cases");

  g_assert_cmpuint (json_array_get_length (cases), >, 40);
  for (guint i = 0; i < json_array_get_length (cases); i++) {
    JsonObject *object = json_array_get_object_element (cases, i);
    guint n_samples = json_array_get_length (
        json_object_get_array_member (object, "strategy"));
    gboolean ok = TRUE;

    g_test_message ("case %u", i);
    for (guint sample = 0; sample < n_samples; sample++)
      ok = check_sample (object, sample) && ok;
    g_assert_true (ok != json_object_has_member (object, "error"));
  }
}

/* Where a start lands, shown by the one frame that is given. */
static void
test_align (void)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonArray *cases = load_cases (parser, "find_nearest_point");

  for (guint i = 0; i < json_array_get_length (cases); i++) {
    JsonObject *object = json_array_get_object_element (cases, i);
    gint64 T = json_object_get_int_member (object, "max_value");
    gint64 want = json_object_get_int_member (object, "result");
    OsMaskGroup group = { .length = 1,
      .target_start = json_object_get_int_member (object, "value") };
    g_autoptr (GArray) groups = g_array_new (FALSE, FALSE, sizeof group);
    OsMaskSource source[MAX_T];
    float mask[MAX_T];

    g_array_append_val (groups, group);
    g_assert_true (os_mask_strategy_apply (groups, 0,
        json_object_get_int_member (object, "point"), TRUE, T, &(gint64){ 1 },
        1, source, mask, NULL));
    for (gint64 t = 0; t < T; t++)
      g_assert_cmpfloat (mask[t], ==, t == want ? 0.0f : 1.0f);
  }
}

/* A start before the beginning of a reference leaves one frame of it, which
 * fills all the places; and none of it, which fills none. */
static void
test_single (void)
{
  g_autoptr (GArray) one = os_mask_strategy_parse ("0,0,-2,3,2,0.5", NULL);
  g_autoptr (GArray) none = os_mask_strategy_parse ("0,0,1,0,1", NULL);
  OsMaskSource source[15];
  float mask[15];

  g_assert_true (os_mask_strategy_apply (
      one, 0, 0, TRUE, 15, &(gint64){ 1 }, 1, source, mask, NULL));
  for (guint t = 0; t < 15; t++) {
    g_assert_cmpint (source[t].reference, ==, t == 3 || t == 4 ? 0 : -1);
    g_assert_cmpint (source[t].frame, ==, 0);
  }
  g_assert_true (os_mask_strategy_apply (
      none, 0, 0, TRUE, 15, &(gint64){ 1 }, 1, source, mask, NULL));
  for (guint t = 0; t < 15; t++)
    g_assert_cmpfloat (mask[t], ==, 1.0f);
}

/* As Open-Sora 1.1 has it. */
static void
test_whole (void)
{
  static const struct {
    const char *strategy;
    gint64 n, frames[4]; /* of the reference, in the clip of 4; -1: noise */
  } cases[] = {
    { "0,0,0,1,2", 1, { -1, 0, 0, -1 } },
    { "0,0,2,0,3", 3, { 2, 2, 2, -1 } },
    { "0,0,-2,2,5", 3, { -1, -1, 1, 2 } },
  };
  static const char *const refused[] = { "0,0,0,0,4", "0,0,0,3,2",
    "0,0,3,0,1" };
  OsMaskSource source[4];
  float mask[4];

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GArray) groups =
        os_mask_strategy_parse (cases[i].strategy, NULL);

    g_assert_true (os_mask_strategy_apply (
        groups, 0, 0, FALSE, 4, &cases[i].n, 1, source, mask, NULL));
    for (guint t = 0; t < 4; t++)
      g_assert_cmpint (source[t].reference < 0 ? -1 : source[t].frame, ==,
          cases[i].frames[t]);
  }
  for (guint i = 0; i < G_N_ELEMENTS (refused); i++) {
    g_autoptr (GArray) groups = os_mask_strategy_parse (refused[i], NULL);
    g_autoptr (GError) error = NULL;

    g_assert_false (os_mask_strategy_apply (
        groups, 0, 0, FALSE, 4, &(gint64){ 3 }, 1, source, mask, &error));
    g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
  }
}

/* Texts that are no strategy, one that is too long, and enormous numbers. */
static void
test_hostile (void)
{
  static const char *const refused[] = { ";", ",", " ", "0,0,0,0,1,nan",
    "0,0,0,0,1,inf", "0,0,0,0,1,1e999", "0,0,0,0,1,0x1p3", "0,0,0,0,1,",
    "0,0,0,0,1,1.2.3", "--1", "0x10", "1e3", "0 0", "+", "0,0,0,0,1,0,",
    "\xff\xfe" };
  static const char *const numbers[] = { "99999999999999999999999999",
    "-99999999999999999999999999", "9223372036854775807",
    "-9223372036854775808", "0", "-1", "7" };
  g_autofree char *many = g_strnfill (100000, ';');
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (refused); i++) {
    g_autoptr (GError) why = NULL;

    g_assert_null (os_mask_strategy_parse (refused[i], &why));
    g_assert_error (why, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
    g_assert_true (g_utf8_validate (why->message, -1, NULL));
  }
  g_assert_null (os_mask_strategy_parse (many, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);

  for (guint i = 0; i < 7 * 7 * 7 * 2; i++) {
    g_autofree char *text = g_strdup_printf ("0,0,%s,%s,%s", numbers[i % 7],
        numbers[i / 7 % 7], numbers[i / 49 % 7]);
    g_autoptr (GArray) groups = os_mask_strategy_parse (text, NULL);
    OsMaskSource source[15];
    float mask[15];

    g_assert_nonnull (groups);
    if (!os_mask_strategy_apply (groups, 0, i < 343 ? 0 : 5, i % 2, 15,
            &(gint64){ 9 }, 1, source, mask, NULL))
      continue;
    for (guint t = 0; t < 15; t++)
      g_assert_true (source[t].reference == -1
                     || (source[t].frame >= 0 && source[t].frame < 9));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/settings/mask-strategy/parse", test_parse);
  g_test_add_func ("/settings/mask-strategy/apply", test_apply);
  g_test_add_func ("/settings/mask-strategy/align", test_align);
  g_test_add_func ("/settings/mask-strategy/single", test_single);
  g_test_add_func ("/settings/mask-strategy/whole", test_whole);
  g_test_add_func ("/settings/mask-strategy/hostile", test_hostile);
  return g_test_run ();
}
