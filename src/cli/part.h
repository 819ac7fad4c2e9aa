/* SPDX-License-Identifier: Apache-2.0 */
/* One part of a model folder, for the measuring tools: config.json and the
 * checkpoint beside it, ready to make a network of. */
#pragma once

#include "weights/binder.h"
#include "weights/config.h"

typedef struct {
  OsConfig *config;
  OsBinder *binder;
} Part;

/* `name` NULL: `model` is the part's own folder. */
gboolean part_open (
    Part *part, const char *model, const char *name, GError **error);
void part_clear (Part *part);
