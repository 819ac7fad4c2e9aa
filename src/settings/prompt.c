/* SPDX-License-Identifier: Apache-2.0 */
/* Prompts, as scripts/inference.py of Open-Sora 1.2 and 1.3 takes them apart,
 * and inference-long.py of 1.1: the settings first, then the loops; scores go
 * to the text of each loop, which is then cleaned. */
#include "settings/prompt.h"

#include <opensora/opensora.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "text/clean.h"

/* Far beyond what any tokenizer keeps; bounds the memory that cleaning takes.
 */
#define MAX_BYTES (1 << 20)
#define LOOPS "|0|"

/* The characters that settings begin with, and no text has. */
static const char *const openers[] = {
  [OS_PROMPT_TEXT] = "",
  [OS_PROMPT_1_1] = "{[",
  [OS_PROMPT_1_2] = "{",
};

G_GNUC_PRINTF (2, 3)
static gboolean
refuse (GError **error, const char *format, ...)
{
  g_autofree char *problem = NULL;
  va_list args;

  va_start (args, format);
  problem = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (
      error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS, "prompt: %s", problem);
  return FALSE;
}

/* Where `at` is, as users count. */
static long
position (const char *text, const char *at)
{
  return g_utf8_strlen (text, at - text) + 1;
}

/* --- the settings at the end --- */

static gboolean
read_member (OsPrompt *prompt, const char *key, JsonNode *value, GError **error)
{
  char **member = NULL;

  if (g_str_equal (key, "reference_path"))
    member = &prompt->reference_path;
  else if (g_str_equal (key, "mask_strategy"))
    member = &prompt->mask_strategy;

  if (member == NULL && prompt->grammar == OS_PROMPT_1_1)
    return TRUE;
  if (member == NULL) {
    g_autofree char *excerpt = os_text_excerpt (key, strlen (key));

    return refuse (error,
        "unknown setting \"%s\": reference_path and mask_strategy can stand "
        "in the braces",
        excerpt);
  }
  if (!os_json_holds (value, G_TYPE_STRING))
    return refuse (error, "%s in the braces has to be a string", key);
  *member = g_strdup (json_node_get_string (value));
  return TRUE;
}

static gboolean
read_members (OsPrompt *prompt, JsonObject *object, GError **error)
{
  JsonObjectIter iter;
  const char *key;
  JsonNode *value;

  json_object_iter_init (&iter, object);
  while (json_object_iter_next (&iter, &key, &value))
    if (!read_member (prompt, key, value, error))
      return FALSE;
  return TRUE;
}

static gboolean
read_settings (
    OsPrompt *prompt, const char *text, const char *opener, GError **error)
{
  const char *second = strpbrk (opener + 1, openers[prompt->grammar]);
  g_autoptr (GError) json_error = NULL;
  g_autoptr (JsonNode) settings = NULL;

  if (second != NULL)
    return refuse (error,
        "a second \"%c\" at character %ld: it can hold one object with "
        "settings, at the end",
        *second, position (text, second));
  settings =
      os_json_parse_node (opener, strlen (opener), "settings", &json_error);
  if (settings == NULL)
    return refuse (error,
        "an object with settings was expected at the \"%c\" at character %ld: "
        "%s",
        *opener, position (text, opener), json_error->message);
  return !JSON_NODE_HOLDS_OBJECT (settings)
         || read_members (prompt, json_node_get_object (settings), error);
}

/* --- segments --- */

static void
clear_segment (gpointer segment)
{
  g_free (((OsPromptSegment *) segment)->text);
}

static void
add_segment (OsPrompt *prompt, gint64 loop, char *text)
{
  OsPromptSegment segment = { loop, text };

  g_array_append_val (prompt->segments, segment);
}

/* "|0|a|3|b" */
static gboolean
read_segments (OsPrompt *prompt, const char *text, GError **error)
{
  const char *at = text;

  while (*at != '\0') {
    const char *number = at + 1;
    const char *end = strchrnul (number, '|');
    g_autofree char *digits = os_text_strip (number, end - number);
    gint64 loop;

    if (!g_ascii_string_to_signed (digits, 10, 0, G_MAXINT32, &loop, NULL)) {
      g_autofree char *excerpt = os_text_excerpt (digits, strlen (digits));

      return refuse (error,
          "\"%s\" at character %ld is no number of a loop: the form is "
          "|0|text|2|text",
          excerpt, position (text, number));
    }
    if (*end == '\0')
      return refuse (error,
          "loop %" G_GINT64_FORMAT " at character %ld has no text: the form is "
          "|0|text|2|text",
          loop, position (text, number));
    at = strchrnul (end + 1, '|');
    add_segment (prompt, loop, os_text_strip (end + 1, at - end - 1));
  }
  return TRUE;
}

/* --- parsing --- */

static gboolean
check_text (const char *text, GError **error)
{
  gsize length = strlen (text);
  const char *invalid;

  if (length > MAX_BYTES)
    return refuse (error,
        "%" G_GSIZE_FORMAT " bytes are more than the %d of "
        "the longest",
        length, MAX_BYTES);
  if (!g_utf8_validate (text, length, &invalid))
    return refuse (error, "byte %ld is not UTF-8", (long) (invalid - text) + 1);
  return TRUE;
}

OsPrompt *
os_prompt_parse (const char *text, OsPromptGrammar grammar, GError **error)
{
  g_autoptr (OsPrompt) prompt = NULL;
  g_autofree char *spoken = NULL;
  const char *opener;

  if (!check_text (text, error))
    return NULL;
  prompt = g_new0 (OsPrompt, 1);
  prompt->grammar = grammar;
  prompt->segments = g_array_new (FALSE, FALSE, sizeof (OsPromptSegment));
  g_array_set_clear_func (prompt->segments, clear_segment);

  opener = text + strcspn (text, openers[grammar]);
  spoken = g_strndup (text, opener - text);
  if (*opener != '\0' && !read_settings (prompt, text, opener, error))
    return NULL;
  if (grammar == OS_PROMPT_TEXT || !g_str_has_prefix (spoken, LOOPS))
    add_segment (prompt, 0, g_steal_pointer (&spoken));
  else if (!read_segments (prompt, spoken, error))
    return NULL;
  return g_steal_pointer (&prompt);
}

void
os_prompt_free (OsPrompt *prompt)
{
  g_free (prompt->reference_path);
  g_free (prompt->mask_strategy);
  g_array_unref (prompt->segments);
  g_free (prompt);
}

/* 1.1 counts the loops of all texts, those of the last up to the end of the
 * clip, and wants as many as are made. */
gboolean
os_prompt_check_loops (const OsPrompt *prompt, guint n_loops, GError **error)
{
  const GArray *segments = prompt->segments;
  gint64 before = 0;

  if (prompt->grammar != OS_PROMPT_1_1)
    return TRUE;
  for (guint i = 0; i < segments->len; i++) {
    const gint64 loop = g_array_index (segments, OsPromptSegment, i).loop;

    if (loop < before)
      return refuse (error,
          "the text of loop %" G_GINT64_FORMAT
          " stands behind that of loop %" G_GINT64_FORMAT
          "; Open-Sora 1.1 takes texts in the order of their loops",
          loop, before);
    if (loop > n_loops)
      return refuse (error,
          "loop %" G_GINT64_FORMAT
          " has a text, and %u loops are made; set loop to %" G_GINT64_FORMAT
          " or more, or take the text out",
          loop, n_loops, loop);
    before = loop;
  }
  return TRUE;
}

/* --- the text of a loop --- */

/* Every segment has the loops from its own up to the next one's, the last all
 * that come. Numbers that do not grow leave a segment without loops, and the
 * others move up, as in the reference. */
static const char *
find_segment (const GArray *segments, gint64 loop)
{
  const OsPromptSegment *segment = (const OsPromptSegment *) segments->data;
  const OsPromptSegment *last = segment + segments->len - 1;
  gint64 first = 0;

  for (; segment < last; segment++) {
    first += MAX (segment[1].loop - segment->loop, 0);
    if (loop < first)
      break;
  }
  return segment->text;
}

static void
append_score (
    GString *text, const char *spoken, const char *marker, double score)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];

  if (score < 0 || strstr (spoken, marker) != NULL)
    return;
  /* Halves go to the even digit, as the value in binary says: 6.25 is 6.2. */
  g_ascii_formatd (digits, sizeof digits, "%.1f", score);
  g_string_append_printf (text, " %s %s.", marker, digits);
}

char *
os_prompt_text (
    const OsPrompt *prompt, guint loop, const OsPromptScores *scores)
{
  const char *spoken = find_segment (prompt->segments, loop);
  g_autoptr (GString) text = g_string_new (spoken);

  append_score (text, spoken, "aesthetic score:", scores->aesthetic_score);
  append_score (text, spoken, "motion score:", scores->motion_score);
  if (scores->camera_motion != NULL
      && strstr (spoken, "camera motion:") == NULL)
    g_string_append_printf (text, " camera motion: %s.", scores->camera_motion);
  return os_prompt_clean (text->str);
}
