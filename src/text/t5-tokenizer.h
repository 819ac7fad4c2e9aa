/* SPDX-License-Identifier: Apache-2.0 */
/* T5 tokenizer: SentencePiece unigram pieces, as transformers' T5Tokenizer
 * (legacy) gives them. pad 0, end of sequence 1, unknown 2. */
#pragma once

#include <glib.h>

typedef struct _OsT5Tokenizer OsT5Tokenizer;

/* model: path of a spiece.model. extra_ids: how many <extra_id_N> tokens follow
 * the vocabulary (100 in the published models, 0 in the bundled one). */
OsT5Tokenizer *os_t5_tokenizer_new (
    const char *model, guint extra_ids, GError **error);
/* The folder's spiece.model, with extra_ids of its tokenizer_config.json. */
OsT5Tokenizer *os_t5_tokenizer_open (const char *folder, GError **error);
void os_t5_tokenizer_free (OsT5Tokenizer *tokenizer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsT5Tokenizer, os_t5_tokenizer_free)

/* Number of ids: pieces and extra ids. */
guint os_t5_tokenizer_size (const OsT5Tokenizer *tokenizer);

/* Ids of `length` bytes of UTF-8 (-1: up to NUL), ending in 1, at most
 * max_length of them (0: no limit), unpadded: GArray of gint32. */
GArray *os_t5_tokenizer_encode (const OsT5Tokenizer *tokenizer,
    const char *text, gssize length, guint max_length);
