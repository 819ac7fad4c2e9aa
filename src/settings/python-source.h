/* SPDX-License-Identifier: Apache-2.0 */
/* OsPythonSource: the text of a Python file while it is read, and the words of
 * Python that a config file needs: names, numbers, strings. Python's own rules
 * are those of "Lexical analysis" in The Python Language Reference. */
#pragma once

#include <json-glib/json-glib.h>

typedef struct {
  const char *origin; /* names the file in messages */
  const char *text;   /* UTF-8, ends with NUL, lines with \n */
  const char *at;     /* what is read next */
  guint brackets;     /* open ones: within them lines have no meaning */
} OsPythonSource;

/* Sets OPENSORA_ERROR_FORMAT, "origin:line:column: message", for the place
 * `at`; returns FALSE. */
gboolean os_python_fail (const OsPythonSource *source, const char *at,
    GError **error, const char *format, ...) G_GNUC_PRINTF (4, 5);
/* The same for what has no place in a config, with all that has. */
gboolean os_python_fail_unexpected (
    const OsPythonSource *source, const char *at, GError **error);

/* Over blanks and comments; within brackets over line ends as well. */
void os_python_skip (OsPythonSource *source);
/* The name that begins here, or NULL. */
char *os_python_name (OsPythonSource *source);
/* Does a string begin here, with or without a prefix? */
gboolean os_python_at_string (const OsPythonSource *source);
/* A number: int64 or double. */
JsonNode *os_python_number (OsPythonSource *source, GError **error);
/* A string, or several beside each other, which Python joins. */
char *os_python_string (OsPythonSource *source, GError **error);
