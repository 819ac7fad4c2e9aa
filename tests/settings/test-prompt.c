/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of prompts against what scripts/inference.py of Open-Sora 1.2
 * makes of them, errors included: tests/data/settings/prompts.json; and where
 * 1.1 and 1.0 read them differently. */
#include "settings/prompt.h"

#include <json-glib/json-glib.h>
#include <opensora/opensora.h>
#include <string.h>

#include "text/clean.h"

/* --- the reference's results --- */

typedef void (*CheckCase) (JsonObject *entry);

static void
for_each_case (const char *member, CheckCase check)
{
  g_autofree char *path = g_build_filename (
      g_getenv ("OPENSORA_TEST_DATA"), "settings", "prompts.json", NULL);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  JsonArray *cases;

  json_parser_load_from_file (parser, path, &error);
  g_assert_no_error (error);
  cases = json_object_get_array_member (
      json_node_get_object (json_parser_get_root (parser)), member);
  g_assert_cmpuint (json_array_get_length (cases), >, 0);
  for (guint i = 0; i < json_array_get_length (cases); i++)
    check (json_array_get_object_element (cases, i));
}

/* NULL where the reference refuses the prompt, and so does the parser. */
static OsPrompt *
parse_case (JsonObject *entry)
{
  g_autoptr (GError) error = NULL;
  const char *text = json_object_get_string_member (entry, "prompt");
  OsPrompt *prompt = os_prompt_parse (text, OS_PROMPT_1_2, &error);

  g_test_message ("%s", text);
  if (json_object_has_member (entry, "error")) {
    g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
    g_assert_null (prompt);
  } else {
    g_assert_no_error (error);
  }
  return prompt;
}

static const OsPromptSegment *
get_segment (const OsPrompt *prompt, guint i)
{
  g_assert_cmpuint (i, <, prompt->segments->len);
  return &g_array_index (prompt->segments, OsPromptSegment, i);
}

/* "result": the text, the reference path and the mask strategy, "" if none;
 * each in a list, as for a batch. */
static void
check_settings (JsonObject *entry)
{
  g_autoptr (OsPrompt) prompt = parse_case (entry);
  const char *want[3];
  JsonArray *result;

  if (prompt == NULL)
    return;
  result = json_object_get_array_member (entry, "result");
  for (guint i = 0; i < G_N_ELEMENTS (want); i++)
    want[i] = json_array_get_string_element (
        json_array_get_array_element (result, i), 0);
  if (!g_str_has_prefix (want[0], "|0|"))
    g_assert_cmpstr (get_segment (prompt, 0)->text, ==, want[0]);
  g_assert_cmpstr (prompt->reference_path != NULL ? prompt->reference_path : "",
      ==, want[1]);
  g_assert_cmpstr (
      prompt->mask_strategy != NULL ? prompt->mask_strategy : "", ==, want[2]);
}

static void
test_settings (void)
{
  for_each_case ("extract_json", check_settings);
}

/* "result": the texts and their loops, or null. */
static void
check_segments (JsonObject *entry)
{
  g_autoptr (OsPrompt) prompt = parse_case (entry);
  JsonArray *result, *texts;

  if (prompt == NULL)
    return;
  result = json_object_get_array_member (entry, "result");
  texts = json_array_get_array_element (result, 0);
  g_assert_cmpuint (prompt->segments->len, ==, json_array_get_length (texts));
  for (guint i = 0; i < prompt->segments->len; i++) {
    const OsPromptSegment *segment = get_segment (prompt, i);

    g_assert_cmpstr (
        segment->text, ==, json_array_get_string_element (texts, i));
    if (json_array_get_null_element (result, 1))
      g_assert_cmpint (segment->loop, ==, 0);
    else
      g_assert_cmpint (segment->loop, ==,
          json_array_get_int_element (
              json_array_get_array_element (result, 1), i));
  }
}

static void
test_segments (void)
{
  for_each_case ("split_prompt", check_segments);
}

static const OsPromptScores no_scores = { -1, -1, NULL };

/* "result": the segment of a loop. */
static void
check_loop (JsonObject *entry)
{
  g_autoptr (OsPrompt) prompt = parse_case (entry);
  g_autofree char *text = os_prompt_text (
      prompt, json_object_get_int_member (entry, "loop"), &no_scores);
  g_autofree char *want =
      os_prompt_clean (json_object_get_string_member (entry, "result"));

  g_assert_cmpstr (text, ==, want);
}

static void
test_loops (void)
{
  for_each_case ("prompt_of_loop", check_loop);
}

static double
get_score (JsonObject *entry, const char *member)
{
  return json_object_has_member (entry, member)
                 && !json_object_get_null_member (entry, member)
             ? json_object_get_double_member (entry, member)
             : -1;
}

static OsPromptScores
get_scores (JsonObject *entry)
{
  return (OsPromptScores){
    .aesthetic_score = get_score (entry, "aes"),
    .motion_score = get_score (entry, "flow"),
    .camera_motion = json_object_get_string_member_with_default (
        entry, "camera_motion", NULL),
  };
}

/* "result": "texts" with their scores. */
static void
check_scores (JsonObject *entry)
{
  OsPromptScores scores = get_scores (entry);
  JsonArray *texts = json_object_get_array_member (entry, "texts");
  JsonArray *result = json_object_get_array_member (entry, "result");

  for (guint i = 0; i < json_array_get_length (texts); i++) {
    g_autoptr (OsPrompt) prompt = os_prompt_parse (
        json_array_get_string_element (texts, i), OS_PROMPT_1_2, NULL);
    g_autofree char *text = os_prompt_text (prompt, 0, &scores);
    g_autofree char *want =
        os_prompt_clean (json_array_get_string_element (result, i));

    g_assert_cmpstr (text, ==, want);
  }
}

static void
test_scores (void)
{
  for_each_case ("append_score", check_scores);
}

/* "final": all segments, with scores and cleaned, joined again. Joined text
 * that is parsed and assembled again, as for a second sample, stays what it is.
 */
static char *
assemble (const char *text, const OsPromptScores *scores)
{
  g_autoptr (OsPrompt) prompt = os_prompt_parse (text, OS_PROMPT_1_2, NULL);
  GString *whole = g_string_new (NULL);

  for (guint i = 0; i < prompt->segments->len; i++) {
    gint64 loop = get_segment (prompt, i)->loop;
    g_autofree char *part = os_prompt_text (prompt, loop, scores);

    if (g_str_has_prefix (text, "|0|"))
      g_string_append_printf (whole, "|%" G_GINT64_FORMAT "|", loop);
    g_string_append (whole, part);
  }
  return g_string_free (whole, FALSE);
}

static void
check_whole (JsonObject *entry)
{
  OsPromptScores scores = get_scores (entry);
  g_autofree char *first =
      assemble (json_object_get_string_member (entry, "prompt"), &scores);
  g_autofree char *second = assemble (first, &scores);

  g_assert_cmpstr (first, ==, json_object_get_string_member (entry, "final"));
  g_assert_cmpstr (
      second, ==, json_object_get_string_member (entry, "final_second_sample"));
}

static void
test_whole (void)
{
  for_each_case ("whole", check_whole);
}

/* --- what the user is told --- */

static const struct {
  const char *prompt, *message;
} refusals[] = {
  { "two {\"reference_path\": \"a\"} and {}",
      "a second \"{\" at character 33" },
  { "\u00e9 { only", "at the \"{\" at character 3: settings:1: not valid" },
  { "x {\"foo\": \"1\"}", "unknown setting \"foo\": reference_path and" },
  { "x {\"mask_strategy\": 0}", "mask_strategy in the braces has to be a" },
  { "x {\"mask_strategy\": null}", "mask_strategy in the braces has to be a" },
  { "x {\"reference_path\": [\"a\"]}", "reference_path in the braces has to" },
  { "x [1] {", "at the \"{\" at character 7" },
  { "|0|\u00e9|b|c", "\"b\" at character 6 is no number of a loop" },
  { "|0|a|-1|b", "\"-1\" at character 6 is no number of a loop" },
  { "|0|a|99999999999|b", "\"99999999999\" at character 6 is no number" },
  { "|0|a|2", "loop 2 at character 6 has no text" },
  { "|0|a|", "\"\" at character 6 is no number" },
  { "ab\xff", "byte 3 is not UTF-8" },
};

static void
assert_refusal (const GError *error, const char *message)
{
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
  g_test_message ("%s", error->message);
  g_assert_true (g_str_has_prefix (error->message, "prompt: "));
  g_assert_nonnull (strstr (error->message, message));
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
}

static void
test_refusals (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (refusals); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_null (os_prompt_parse (refusals[i].prompt, OS_PROMPT_1_2, &error));
    assert_refusal (error, refusals[i].message);
  }
}

static void
test_too_long (void)
{
  g_autofree char *text = g_strnfill ((1 << 20) + 1, 'x');
  g_autoptr (GError) error = NULL;
  g_autoptr (OsPrompt) prompt = NULL;

  g_assert_null (os_prompt_parse (text, OS_PROMPT_1_2, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
  g_assert_nonnull (strstr (error->message, "1048577 bytes"));
  text[1 << 20] = '\0';
  prompt = os_prompt_parse (text, OS_PROMPT_1_2, NULL);
  g_assert_nonnull (prompt);
}

static void
test_many_segments (void)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (OsPrompt) prompt = NULL;

  for (guint i = 0; i < 50000; i++)
    g_string_append_printf (text, "|%u|loop no. %u", i, i);
  prompt = os_prompt_parse (text->str, OS_PROMPT_1_2, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (prompt->segments->len, ==, 50000);
  for (guint i = 0; i < 60000; i += 59999) {
    g_autofree char *got = os_prompt_text (prompt, i, &no_scores);
    g_autofree char *want = g_strdup_printf ("loop no. %u", MIN (i, 49999));

    g_assert_cmpstr (got, ==, want);
  }
}

/* --- the other versions --- */

static void
test_plain_text (void)
{
  static const char *const prompts[] = { "", "a {b} [c]", "|0|a|1|b", "|0|a|x",
    "x {\"reference_path\": \"a.png\"}" };

  for (guint i = 0; i < G_N_ELEMENTS (prompts); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (OsPrompt) prompt =
        os_prompt_parse (prompts[i], OS_PROMPT_TEXT, &error);

    g_assert_no_error (error);
    g_assert_cmpuint (prompt->segments->len, ==, 1);
    g_assert_cmpstr (get_segment (prompt, 0)->text, ==, prompts[i]);
    g_assert_null (prompt->reference_path);
    g_assert_null (prompt->mask_strategy);
    g_assert_true (os_prompt_check_loops (prompt, 1, &error));
  }
  g_assert_null (os_prompt_parse ("ab\xff", OS_PROMPT_TEXT, NULL));
}

static const struct {
  const char *prompt;
  const char *text, *reference_path, *mask_strategy;
  const char *message; /* of the refusal */
} of_1_1[] = {
  { "x[1, 2]", "x" },
  { "x[]", "x" },
  { "x{\"a\": 1}", "x" },
  { "x{\"a\": 1, \"mask_strategy\": \"0\"}", "x", NULL, "0" },
  { "x{\"reference_path\": \"a;b\"}", "x", "a;b" },
  { "a [hat] b", .message = "at the \"[\" at character 3: settings:1: not" },
  { "x[1] tail", .message = "text after the end" },
  { "x{\"a\": [1]}", .message = "a second \"[\" at character 8" },
  { "x[{}]", .message = "a second \"{\" at character 3" },
  { "x{\"mask_strategy\": 0}", .message = "has to be a string" },
};

static void
test_1_1 (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (of_1_1); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (OsPrompt) prompt =
        os_prompt_parse (of_1_1[i].prompt, OS_PROMPT_1_1, &error);

    if (of_1_1[i].message != NULL) {
      g_assert_null (prompt);
      assert_refusal (error, of_1_1[i].message);
      continue;
    }
    g_assert_no_error (error);
    g_assert_cmpstr (get_segment (prompt, 0)->text, ==, of_1_1[i].text);
    g_assert_cmpstr (prompt->reference_path, ==, of_1_1[i].reference_path);
    g_assert_cmpstr (prompt->mask_strategy, ==, of_1_1[i].mask_strategy);
  }
}

static const struct {
  const char *prompt;
  guint n_loops;
  const char *message; /* NULL: as many texts as loops */
} loops_of_1_1[] = {
  { "a", 3, NULL },
  { "|0|a|3|b", 3, NULL },
  { "|0|a|1|b|1|c", 2, NULL },
  { "|0|a|4|b", 3, "loop 4 has a text, and 3 loops are made; set loop to 4" },
  { "|0|a|2|b|1|c", 3, "loop 1 stands behind that of loop 2" },
};

/* 1.2 takes all of them. */
static void
test_loops_of_1_1 (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (loops_of_1_1); i++) {
    const char *text = loops_of_1_1[i].prompt;
    const guint n_loops = loops_of_1_1[i].n_loops;
    g_autoptr (GError) error = NULL;
    g_autoptr (OsPrompt) prompt = os_prompt_parse (text, OS_PROMPT_1_1, NULL);
    g_autoptr (OsPrompt) newer = os_prompt_parse (text, OS_PROMPT_1_2, NULL);
    const gboolean taken = os_prompt_check_loops (prompt, n_loops, &error);

    g_assert_true (taken == (loops_of_1_1[i].message == NULL));
    if (!taken)
      assert_refusal (error, loops_of_1_1[i].message);
    g_assert_true (os_prompt_check_loops (newer, n_loops, NULL));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/settings/prompt/settings", test_settings);
  g_test_add_func ("/settings/prompt/segments", test_segments);
  g_test_add_func ("/settings/prompt/loops", test_loops);
  g_test_add_func ("/settings/prompt/scores", test_scores);
  g_test_add_func ("/settings/prompt/whole", test_whole);
  g_test_add_func ("/settings/prompt/refusals", test_refusals);
  g_test_add_func ("/settings/prompt/too-long", test_too_long);
  g_test_add_func ("/settings/prompt/many-segments", test_many_segments);
  g_test_add_func ("/settings/prompt/plain-text", test_plain_text);
  g_test_add_func ("/settings/prompt/1.1", test_1_1);
  g_test_add_func ("/settings/prompt/loops-of-1.1", test_loops_of_1_1);
  return g_test_run ();
}
