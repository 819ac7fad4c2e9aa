/* SPDX-License-Identifier: Apache-2.0 */
/* Character references of HTML. */
#pragma once

#include "text/clean-chars.h"

/* The table of names, made by make-clean-tables.py. */
#define OS_N_ENTITIES 2231
extern const char os_entity_texts[];
extern const guint16 os_entity_offsets[OS_N_ENTITIES];

/* The text of a name, without "&", with the ";" unless the name is one of the
 * few that do without; NULL if there is none. */
const char *os_entity_find (const char *name, gsize length);
/* What a C1 control was meant to be: its byte in windows-1252. Others stay. */
gunichar os_c1_to_windows_1252 (gunichar c);

/* "#" and digits, or "#x" and hexadecimal digits, at `at`: what is behind them,
 * or NULL if it is something else. A code beyond Unicode is OS_HTML_NO_CODE. */
#define OS_HTML_NO_CODE 0x110000
const gunichar *os_html_read_code (
    const OsSubject *s, const gunichar *at, gunichar *code);
/* What it stands for; U+FFFD if it is no character. */
gunichar os_html_code_to_char (gunichar code);

/* References with and without ";" become their text, as in Python's
 * html.unescape(). */
void os_html_unescape (GArray *chars);
