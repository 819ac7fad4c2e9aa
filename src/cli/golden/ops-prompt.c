/* SPDX-License-Identifier: Apache-2.0 */
/* Prompts: clean_caption, prompt_assembly, prompts. */
#include "cli/golden/golden.h"

#include <string.h>

#include "settings/prompt.h"
#include "text/clean-steps.h"
#include "text/clean.h"

/* --- clean_caption --- */

static GArray *
read_chars (JsonObject *entry, const char *member)
{
  g_autoptr (GByteArray) bytes = golden_read_text (entry, member);
  GArray *chars = os_chars_new ("");

  os_chars_append_utf8 (chars, (const char *) bytes->data, bytes->len);
  return chars;
}

static void
check_chars (GoldenRun *run, JsonObject *entry, const char *what,
    const GArray *chars, const GArray *want)
{
  g_autofree char *is = os_chars_to_utf8 (chars, NULL);
  g_autofree char *should = os_chars_to_utf8 (want, NULL);

  golden_check (run, os_chars_equal (chars, want),
      "%s, %s: \"%s\", want \"%s\"",
      json_object_get_string_member (entry, "id"), what, is, should);
}

/* A caption that the reference cannot clean has no result. */
static void
check_caption (GoldenRun *run, JsonObject *entry)
{
  g_autoptr (GArray) clean = read_chars (entry, "text");
  g_autoptr (GArray) small = read_chars (entry, "text");
  g_autoptr (GArray) want_small = read_chars (entry, "lower_strip");
  g_autoptr (GArray) want = read_chars (entry, "clean");

  os_prompt_clean_chars (clean);
  if (!json_object_has_member (entry, "raises"))
    check_chars (run, entry, "clean", clean, want);
  os_chars_lower (small);
  os_chars_strip (small);
  check_chars (run, entry, "lower_strip", small, want_small);
}

/* The text after every step of the first pass, from step 4 on; some rows of the
 * table do several steps. Step 32 is not always in the list. */
static void
check_trace (GoldenRun *run, JsonObject *trace)
{
  const gboolean has_32 =
      json_object_get_boolean_member (trace, "hyphen_step_ran");
  JsonArray *texts = json_object_get_array_member (trace, "steps");
  g_autoptr (GArray) chars = read_chars (trace, "text");

  for (guint i = 0; i < os_clean_n_steps; i++) {
    const guint number = os_clean_steps[i].number;
    g_autofree char *what = g_strdup_printf ("step %u", number);
    g_autoptr (GArray) want = NULL;

    os_clean_step (&os_clean_steps[i], chars);
    if (number < 4 || (number == 32 && !has_32))
      continue;
    want = os_chars_new (json_array_get_string_element (
        texts, number - 4 - (number > 32 && !has_32)));
    check_chars (run, trace, what, chars, want);
  }
}

gboolean
golden_clean_caption (GoldenRun *run, GError **error)
{
  g_autoptr (JsonParser) cases_parser = json_parser_new ();
  g_autoptr (JsonParser) traces_parser = json_parser_new ();
  JsonArray *cases =
      golden_read_list (run, "cases.json", "cases", cases_parser, error);
  JsonArray *traces = cases != NULL ? golden_read_list (
                          run, "traces.json", "traces", traces_parser, error)
                                    : NULL;

  if (traces == NULL)
    return FALSE;
  for (guint i = 0; i < json_array_get_length (cases); i++)
    check_caption (run, json_array_get_object_element (cases, i));
  for (guint i = 0; i < json_array_get_length (traces); i++)
    check_trace (run, json_array_get_object_element (traces, i));
  return TRUE;
}

/* --- prompt_assembly --- */

static OsPrompt *
parse (GoldenRun *run, JsonObject *entry)
{
  const char *text = json_object_get_string_member (entry, "prompt");
  gboolean refused = json_object_has_member (entry, "raises");
  g_autoptr (GError) error = NULL;
  OsPrompt *prompt = os_prompt_parse (text, OS_PROMPT_1_2, &error);

  golden_check (run, (prompt == NULL) == refused, "\"%s\": %s", text,
      error != NULL ? error->message : "not refused");
  return prompt;
}

static void
check_text (GoldenRun *run, const OsPrompt *prompt, guint loop,
    const OsPromptScores *scores, const char *want)
{
  g_autofree char *text = os_prompt_text (prompt, loop, scores);
  g_autofree char *clean = os_prompt_clean (want);

  golden_check (run, g_str_equal (text, clean), "loop %u: \"%s\", want \"%s\"",
      loop, text, clean);
}

static double
read_score (JsonObject *entry, const char *member)
{
  return json_object_get_null_member (entry, member)
             ? -1
             : json_object_get_double_member (entry, member);
}

/* Its "v1_3" is the wording of a model that is not here, which also has scores
 * in words. */
static void
check_scores (GoldenRun *run, JsonObject *entry)
{
  g_autoptr (OsPrompt) prompt = NULL;
  OsPromptScores scores;

  if (!json_object_has_member (entry, "v1_2"))
    return;
  scores = (OsPromptScores){
    .aesthetic_score = read_score (entry, "aes"),
    .motion_score = read_score (entry, "flow"),
    .camera_motion = json_object_get_string_member_with_default (
        entry, "camera_motion", NULL),
  };
  prompt = parse (run, entry);
  if (prompt != NULL)
    check_text (
        run, prompt, 0, &scores, json_object_get_string_member (entry, "v1_2"));
}

static void
check_loops (GoldenRun *run, JsonObject *entry)
{
  const OsPromptScores none = { -1, -1, NULL };
  g_autoptr (OsPrompt) prompt = parse (run, entry);
  JsonArray *texts;

  if (prompt == NULL)
    return;
  texts = json_object_get_array_member (entry, "per_loop");
  for (guint loop = 0; loop < json_array_get_length (texts); loop++)
    check_text (
        run, prompt, loop, &none, json_array_get_string_element (texts, loop));
}

static void
check_setting (
    GoldenRun *run, JsonObject *entry, const char *member, const char *setting)
{
  const char *want = json_object_get_string_member (entry, member);

  golden_check (run, g_str_equal (setting != NULL ? setting : "", want),
      "%s: \"%s\", want \"%s\"", member, setting, want);
}

static void
check_settings (GoldenRun *run, JsonObject *entry)
{
  g_autoptr (OsPrompt) prompt = parse (run, entry);

  if (prompt == NULL)
    return;
  check_setting (run, entry, "text",
      g_array_index (prompt->segments, OsPromptSegment, 0).text);
  check_setting (run, entry, "reference_path", prompt->reference_path);
  check_setting (run, entry, "mask_strategy", prompt->mask_strategy);
}

static void
for_each (GoldenRun *run, const char *member,
    void (*check) (GoldenRun *run, JsonObject *entry))
{
  JsonArray *cases = json_object_get_array_member (run->json, member);

  for (guint i = 0; i < json_array_get_length (cases); i++)
    check (run, json_array_get_object_element (cases, i));
}

gboolean
golden_prompt_assembly (GoldenRun *run, GError **error)
{
  for_each (run, "append_score_cases", check_scores);
  for_each (run, "loop_cases", check_loops);
  for_each (run, "json_cases", check_settings);
  return TRUE;
}

/* --- prompts --- */

/* Of a clip with so many loops; NULL where 1.1 refuses it. */
static OsPrompt *
parse_1_1 (GoldenRun *run, JsonObject *entry, guint n_loops)
{
  const char *text = json_object_get_string_member (entry, "prompt");
  g_autoptr (GError) error = NULL;
  g_autoptr (OsPrompt) prompt = os_prompt_parse (text, OS_PROMPT_1_1, &error);
  const gboolean taken =
      prompt != NULL && os_prompt_check_loops (prompt, n_loops, &error);

  golden_check (run, taken != json_object_has_member (entry, "error"),
      "\"%s\": %s", text, error != NULL ? error->message : "not refused");
  return taken ? g_steal_pointer (&prompt) : NULL;
}

static void
check_texts_1_1 (GoldenRun *run, JsonObject *entry)
{
  const OsPromptScores none = { -1, -1, NULL };
  g_autoptr (OsPrompt) prompt =
      parse_1_1 (run, entry, json_object_get_int_member (entry, "loops"));
  JsonArray *texts;

  if (prompt == NULL)
    return;
  texts = json_object_get_array_member (entry, "texts");
  for (guint i = 0; i < json_array_get_length (texts); i++)
    check_text (
        run, prompt, i, &none, json_array_get_string_element (texts, i));
}

/* "info" is the JSON value. */
static void
check_setting_1_1 (
    GoldenRun *run, JsonObject *entry, const char *member, const char *setting)
{
  JsonNode *info = json_object_get_member (entry, "info");
  const char *want = NULL;

  if (JSON_NODE_HOLDS_OBJECT (info))
    want = json_object_get_string_member_with_default (
        json_node_get_object (info), member, NULL);
  golden_check (run, g_strcmp0 (setting, want) == 0, "%s: \"%s\", want \"%s\"",
      member, setting, want);
}

static void
check_settings_1_1 (GoldenRun *run, JsonObject *entry)
{
  g_autoptr (OsPrompt) prompt = parse_1_1 (run, entry, G_MAXUINT);

  if (prompt == NULL)
    return;
  if (!g_str_has_prefix (json_object_get_string_member (entry, "text"), "|0|"))
    check_setting (run, entry, "text",
        g_array_index (prompt->segments, OsPromptSegment, 0).text);
  check_setting_1_1 (run, entry, "reference_path", prompt->reference_path);
  check_setting_1_1 (run, entry, "mask_strategy", prompt->mask_strategy);
}

gboolean
golden_prompts (GoldenRun *run, GError **error)
{
  for_each (run, "loops", check_texts_1_1);
  for_each (run, "json", check_settings_1_1);
  return TRUE;
}
