/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of cleaning, as a table. */
#pragma once

#include "text/clean-chars.h"

/* Either changes the text, or replaces what matches. */
typedef struct {
  guint number; /* of 1 to 51; a row can do several, then of the last */
  void (*change) (GArray *chars);
  OsMatch match;
  const char *what, *with;
} OsCleanStep;

extern const OsCleanStep os_clean_steps[];
extern const guint os_clean_n_steps;

/* Does a step's work; `step` is a row of the table. */
void os_clean_step (const OsCleanStep *step, GArray *chars);
