/* SPDX-License-Identifier: Apache-2.0 */
/* Links in prompts. */
#pragma once

#include "text/clean-chars.h"

/* "+" to spaces and %hh to the UTF-8 it spells, as Python's
 * urllib.parse.unquote_plus(): what is not UTF-8 becomes U+FFFD. */
void os_url_unquote (GArray *chars);

/* The beginning of a link of the schemes `what`, or a host name of the usual
 * domains with its path. */
const gunichar *os_match_link (
    OsSubject *subject, const gunichar *at, const char *what);
