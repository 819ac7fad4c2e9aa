/* SPDX-License-Identifier: Apache-2.0 */
/* Every way to interrupt a pipeline, whose source is called "src". */
#pragma once

#include "gsttest.h"

typedef struct {
  const char *name;
  void (*interrupt) (GstElement *pipeline);
} Interruption;

#define N_INTERRUPTIONS 8
extern const Interruption interruptions[N_INTERRUPTIONS];

/* Neither the interruption nor the end of the pipeline takes a second. */
void interrupt_and_free (
    GstElement *pipeline, const Interruption *interruption);
