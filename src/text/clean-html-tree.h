/* SPDX-License-Identifier: Apache-2.0 */
/* What of a document's text counts: the tags that are open decide it. */
#pragma once

#include <glib.h>

typedef struct _OsHtmlTree OsHtmlTree;

OsHtmlTree *os_html_tree_new (void);
void os_html_tree_free (OsHtmlTree *tree);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsHtmlTree, os_html_tree_free)

/* name: in lower case. self_closing: written <name/>. */
void os_html_tree_open (
    OsHtmlTree *tree, const char *name, gboolean self_closing);
void os_html_tree_close (OsHtmlTree *tree, const char *name);
void os_html_tree_add (OsHtmlTree *tree, const gunichar *chars, gsize n);
/* The text so far is a piece of its own. */
void os_html_tree_cut (OsHtmlTree *tree);
/* A piece of text that counts inside of any tag. */
void os_html_tree_add_cdata (OsHtmlTree *tree, const gunichar *chars, gsize n);
/* All text that counts. */
const GArray *os_html_tree_finish (OsHtmlTree *tree);
