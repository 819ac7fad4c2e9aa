/* SPDX-License-Identifier: Apache-2.0 */
/* The grammars of prompts. That of Open-Sora 1.2 and 1.3:
 *
 *   prompt   = text [ settings ]
 *   text     = anything | "|0|" part { "|" loop "|" part }
 *   settings = a JSON object with "reference_path" and "mask_strategy"
 *
 * The parts are the texts of the loops that begin with theirs. */
#pragma once

#include <glib.h>

typedef enum {
  /* 1.0: all of it is text. */
  OS_PROMPT_TEXT,
  /* 1.1: settings may be an array as well; but for the two members nothing in
   * them counts. No part begins behind the last loop, or before another. */
  OS_PROMPT_1_1,
  OS_PROMPT_1_2,
} OsPromptGrammar;

typedef struct {
  gint64 loop; /* the first that has this text; the first segment's is 0 */
  char *text;
} OsPromptSegment;

typedef struct {
  OsPromptGrammar grammar;
  char *reference_path, *mask_strategy; /* of the settings; NULL if absent */
  GArray *segments;                     /* of OsPromptSegment, at least one */
} OsPrompt;

/* OPENSORA_ERROR_SETTINGS if the text is no prompt, or too long for one. */
OsPrompt *os_prompt_parse (
    const char *text, OsPromptGrammar grammar, GError **error);
void os_prompt_free (OsPrompt *prompt);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsPrompt, os_prompt_free)

/* OPENSORA_ERROR_SETTINGS if its texts are not those of a clip of so many
 * loops. */
gboolean os_prompt_check_loops (
    const OsPrompt *prompt, guint n_loops, GError **error);

/* What training put behind every caption. */
typedef struct {
  double aesthetic_score, motion_score; /* < 0: none */
  const char *camera_motion;            /* NULL: none */
} OsPromptScores;

/* What the tokenizer gets for a loop: the text of its segment, with the scores
 * that it does not name itself, cleaned. */
char *os_prompt_text (
    const OsPrompt *prompt, guint loop, const OsPromptScores *scores);
