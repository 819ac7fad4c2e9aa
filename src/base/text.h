/* SPDX-License-Identifier: Apache-2.0 */
/* Text of strangers in messages. */
#pragma once

#include <glib.h>

/* The beginning of `length` bytes, valid UTF-8 whatever they are. */
char *os_text_excerpt (const char *text, gsize length);
