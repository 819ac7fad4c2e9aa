/* SPDX-License-Identifier: Apache-2.0 */
/* The text of HTML, as Beautiful Soup has it over Python 3.11's html.parser. */
#pragma once

#include <glib.h>

/* Tags, comments and declarations go, character references become their text.
 * Text in which the parser meets a marked section that it does not know stays
 * as it is. */
void os_html_to_text (GArray *chars);
