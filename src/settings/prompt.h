/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of prompts of Open-Sora 1.2 and 1.3:
 *
 *   prompt   = text [ settings ]
 *   text     = anything | "|0|" part { "|" loop "|" part }
 *   settings = a JSON object with "reference_path" and "mask_strategy"
 *
 * The parts are the texts of the loops that begin with theirs. */
#pragma once

#include <glib.h>

typedef struct {
  gint64 loop; /* the first that has this text; the first segment's is 0 */
  char *text;
} OsPromptSegment;

typedef struct {
  char *reference_path, *mask_strategy; /* of the settings; NULL if absent */
  GArray *segments;                     /* of OsPromptSegment, at least one */
} OsPrompt;

/* OPENSORA_ERROR_SETTINGS if the text is no prompt, or too long for one. */
OsPrompt *os_prompt_parse (const char *text, GError **error);
void os_prompt_free (OsPrompt *prompt);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsPrompt, os_prompt_free)

/* What training put behind every caption. */
typedef struct {
  double aesthetic_score, motion_score; /* < 0: none */
  const char *camera_motion;            /* NULL: none */
} OsPromptScores;

/* What the tokenizer gets for a loop: the text of its segment, with the scores
 * that it does not name itself, cleaned. */
char *os_prompt_text (
    const OsPrompt *prompt, guint loop, const OsPromptScores *scores);
