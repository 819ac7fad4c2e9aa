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

/* Part `name` of the model folder `path`; NULL: `path` is the part itself, a
 * folder, or a checkpoint with or without config.json beside it. */
gboolean part_open (
    Part *part, const char *path, const char *name, GError **error);
void part_clear (Part *part);
