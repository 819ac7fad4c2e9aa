/* SPDX-License-Identifier: Apache-2.0 */
/* The tree that Beautiful Soup builds, as far as its text depends on it: no tag
 * is closed but by its own end, or the end of one that it is in. Names are
 * counted, so that an end without a beginning costs no search. */
#include "text/clean-html-tree.h"

#include "text/clean-chars.h"

struct _OsHtmlTree {
  GPtrArray *stack;   /* names of open tags, outermost first */
  GHashTable *open;   /* name -> how often it is on the stack */
  GHashTable *closed; /* void tags whose end, should it come, means nothing */
  GArray *pending;    /* text since the last tag */
  GArray *text;
};

static GHashTable *
new_counts (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
}

static int
get_count (GHashTable *counts, const char *name)
{
  return GPOINTER_TO_INT (g_hash_table_lookup (counts, name));
}

static void
count (GHashTable *counts, const char *name, int change)
{
  int n = get_count (counts, name) + change;

  g_hash_table_replace (counts, g_strdup (name), GINT_TO_POINTER (n));
}

static gboolean
is_any_open (const OsHtmlTree *tree, const char *const *names)
{
  for (; *names != NULL; names++)
    if (get_count (tree->open, *names) > 0)
      return TRUE;
  return FALSE;
}

OsHtmlTree *
os_html_tree_new (void)
{
  OsHtmlTree *tree = g_new0 (OsHtmlTree, 1);

  tree->stack = g_ptr_array_new_with_free_func (g_free);
  tree->open = new_counts ();
  tree->closed = new_counts ();
  tree->pending = os_chars_new ("");
  tree->text = os_chars_new ("");
  return tree;
}

void
os_html_tree_free (OsHtmlTree *tree)
{
  g_ptr_array_unref (tree->stack);
  g_hash_table_unref (tree->open);
  g_hash_table_unref (tree->closed);
  g_array_unref (tree->pending);
  g_array_unref (tree->text);
  g_free (tree);
}

/* --- text --- */

/* Nothing but white space is worth one character; 0 if there is more. */
static gunichar
collapse (const GArray *pending)
{
  gunichar space = ' ';

  for (const gunichar *c = os_chars_begin (pending); c < os_chars_end (pending);
       c++) {
    if (!os_char_is_of (*c, " \t\n\f\r"))
      return 0;
    if (*c == '\n')
      space = '\n';
  }
  return space;
}

static void
flush (OsHtmlTree *tree, gboolean counts)
{
  static const char *const keep_space[] = { "pre", "textarea", NULL };
  gunichar space = collapse (tree->pending);

  if (counts && space != 0 && !is_any_open (tree, keep_space))
    g_array_append_val (tree->text, space);
  else if (counts)
    g_array_append_vals (tree->text, tree->pending->data, tree->pending->len);
  g_array_set_size (tree->pending, 0);
}

void
os_html_tree_cut (OsHtmlTree *tree)
{
  static const char *const hidden[] = { "rt", "rp", "style", "script",
    "template", NULL };

  if (tree->pending->len > 0)
    flush (tree, !is_any_open (tree, hidden));
}

void
os_html_tree_add (OsHtmlTree *tree, const gunichar *chars, gsize n)
{
  g_array_append_vals (tree->pending, chars, n);
}

void
os_html_tree_add_cdata (OsHtmlTree *tree, const gunichar *chars, gsize n)
{
  os_html_tree_cut (tree);
  os_html_tree_add (tree, chars, n);
  flush (tree, TRUE);
}

const GArray *
os_html_tree_finish (OsHtmlTree *tree)
{
  os_html_tree_cut (tree);
  return tree->text;
}

/* --- tags --- */

static gboolean
is_void (const char *name)
{
  static const char *const names[] = { "area", "base", "basefont", "bgsound",
    "br", "col", "command", "embed", "frame", "hr", "image", "img", "input",
    "isindex", "keygen", "link", "menuitem", "meta", "nextid", "param",
    "source", "spacer", "track", "wbr", NULL };

  return g_strv_contains (names, name);
}

static void
pop (OsHtmlTree *tree)
{
  guint last = tree->stack->len - 1;

  count (tree->open, g_ptr_array_index (tree->stack, last), -1);
  g_ptr_array_remove_index (tree->stack, last);
}

static void
close_open (OsHtmlTree *tree, const char *name)
{
  const int n = get_count (tree->open, name);

  os_html_tree_cut (tree);
  while (n > 0 && get_count (tree->open, name) == n)
    pop (tree);
}

void
os_html_tree_close (OsHtmlTree *tree, const char *name)
{
  if (get_count (tree->closed, name) > 0)
    count (tree->closed, name, -1);
  else
    close_open (tree, name);
}

void
os_html_tree_open (OsHtmlTree *tree, const char *name, gboolean self_closing)
{
  os_html_tree_cut (tree);
  g_ptr_array_add (tree->stack, g_strdup (name));
  count (tree->open, name, 1);
  if (self_closing) {
    os_html_tree_close (tree, name);
  } else if (is_void (name)) {
    close_open (tree, name);
    count (tree->closed, name, 1);
  }
}
