/* SPDX-License-Identifier: Apache-2.0 */
/* Text of strangers: in messages, and between white space. */
#pragma once

#include <glib.h>

/* The beginning of `length` bytes, valid UTF-8 whatever they are. */
char *os_text_excerpt (const char *text, gsize length);

/* White space as Python's str.isspace() and str.strip() have it, which is more
 * than GLib's. */
gboolean os_text_is_space (gunichar c);
/* `length` bytes of UTF-8 without the white space at both ends. */
char *os_text_strip (const char *text, gsize length);
