/* SPDX-License-Identifier: Apache-2.0 */
/* What of libsentencepiece, which is C++, the tokenizer needs, as C. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _OsSentencePiece OsSentencePiece;

/* Reads a model from `length` bytes of a spiece.model; NULL if they are none,
 * and why in `message` (transfer full). */
OsSentencePiece *os_sentence_piece_new (
    const char *model, gsize length, char **message);
void os_sentence_piece_free (OsSentencePiece *model);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsSentencePiece, os_sentence_piece_free)

guint os_sentence_piece_size (const OsSentencePiece *model);
/* Id of exactly this piece; that of the unknown piece if there is none. */
int os_sentence_piece_find (const OsSentencePiece *model, const char *piece);
/* Appends the ids of a text to a GArray of gint32; FALSE if it failed (out of
 * memory). Bytes that are not UTF-8 are replaced by U+FFFD. */
gboolean os_sentence_piece_encode (
    const OsSentencePiece *model, const char *text, gsize length, GArray *ids);

G_END_DECLS
