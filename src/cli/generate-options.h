/* SPDX-License-Identifier: Apache-2.0 */
/* The options of `opensora generate`. */
#pragma once

#include <gst/gst.h>

typedef struct {
  char *output; /* NULL: no file */
  int width, height;
  double fps;
  gboolean quiet;
  gboolean preview;
  GHashTable *properties; /* of the element: name -> text, those given */
} GenerateOptions;

/* Every property of `source` is an option of the same name, with the same range
 * and description. */
gboolean generate_options_parse (
    GenerateOptions *self, GstElement *source, char **args, GError **error);
/* Sets the properties that were given. */
gboolean generate_options_apply (
    const GenerateOptions *self, GstElement *source, GError **error);
gboolean generate_options_has (
    const GenerateOptions *self, const char *property);
void generate_options_clear (GenerateOptions *self);
