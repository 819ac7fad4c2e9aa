/* SPDX-License-Identifier: Apache-2.0 */
/* T5 tokenizer, as transformers' T5Tokenizer (legacy) does it over
 * SentencePiece: the text is cut at the special tokens, which have ids of their
 * own, and every part between them is encoded alone. */
#include "text/t5-tokenizer.h"

#include <opensora/opensora.h>
#include <string.h>

#include "base/mapped-file.h"
#include "text/sentencepiece-shim.h"
#include "weights/config.h"

#define EXTRA_ID "<extra_id_"
#define MAX_EXTRA_IDS 100000

enum {
  ID_PAD,
  ID_END,
  ID_UNKNOWN,
};

static const char *const special_tokens[] = {
  [ID_PAD] = "<pad>", [ID_END] = "</s>", [ID_UNKNOWN] = "<unk>"
};

struct _OsT5Tokenizer {
  OsSentencePiece *model;
  guint extra_ids;
};

/* The ids of the special tokens are those of T5 in every vocabulary. */
static gboolean
check_special_tokens (
    const OsSentencePiece *model, const char *path, GError **error)
{
  for (int id = 0; id < (int) G_N_ELEMENTS (special_tokens); id++) {
    int found = os_sentence_piece_find (model, special_tokens[id]);
    if (found != id) {
      g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
          "%s: not a T5 vocabulary: %s has id %d, %d expected", path,
          special_tokens[id], found, id);
      return FALSE;
    }
  }
  return TRUE;
}

OsT5Tokenizer *
os_t5_tokenizer_new (const char *path, guint extra_ids, GError **error)
{
  g_autoptr (OsSentencePiece) model = NULL;
  g_autoptr (OsMappedFile) file = os_mapped_file_open (path, error);
  g_autofree char *message = NULL;
  OsT5Tokenizer *tokenizer;

  if (file == NULL)
    return NULL;
  model = os_sentence_piece_new (os_mapped_file_get_contents (file),
      os_mapped_file_get_length (file), &message);
  if (model == NULL) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
        "%s: not a SentencePiece model: %s", path, message);
    return NULL;
  }
  if (!check_special_tokens (model, path, error))
    return NULL;
  tokenizer = g_new0 (OsT5Tokenizer, 1);
  tokenizer->model = g_steal_pointer (&model);
  tokenizer->extra_ids = extra_ids;
  return tokenizer;
}

OsT5Tokenizer *
os_t5_tokenizer_open (const char *folder, GError **error)
{
  g_autofree char *model = g_build_filename (folder, "spiece.model", NULL);
  g_autofree char *path =
      g_build_filename (folder, "tokenizer_config.json", NULL);
  g_autoptr (OsConfig) config = NULL;
  guint extra_ids;

  if (g_file_test (path, G_FILE_TEST_EXISTS))
    config = os_config_load (path, error);
  else
    config = os_config_parse ("{}", -1, path, error);
  if (config == NULL)
    return NULL;
  extra_ids = os_config_int (config, "extra_ids", 100, 0, MAX_EXTRA_IDS);
  if (!os_config_check (config, error))
    return NULL;
  return os_t5_tokenizer_new (model, extra_ids, error);
}

void
os_t5_tokenizer_free (OsT5Tokenizer *tokenizer)
{
  if (tokenizer == NULL)
    return;
  os_sentence_piece_free (tokenizer->model);
  g_free (tokenizer);
}

guint
os_t5_tokenizer_size (const OsT5Tokenizer *tokenizer)
{
  return os_sentence_piece_size (tokenizer->model) + tokenizer->extra_ids;
}

static gboolean
begins (const char *text, const char *end, const char *token)
{
  gsize length = strlen (token);

  return (gsize) (end - text) >= length && memcmp (text, token, length) == 0;
}

/* Length of the <extra_id_N> at `text`, or 0. They fill the vocabulary from its
 * end: 0 is the last id. */
static gsize
match_extra_id (const OsT5Tokenizer *tokenizer, const char *text,
    const char *end, gint32 *id)
{
  const char *digits = text + strlen (EXTRA_ID);
  const char *at = digits;
  guint n = 0;

  if (!begins (text, end, EXTRA_ID))
    return 0;
  while (at < end && g_ascii_isdigit (*at) && n < tokenizer->extra_ids)
    n = 10 * n + g_ascii_digit_value (*at++);
  if (at == digits || (*digits == '0' && at > digits + 1)
      || n >= tokenizer->extra_ids || at == end || *at != '>')
    return 0;
  *id = os_t5_tokenizer_size (tokenizer) - 1 - n;
  return at + 1 - text;
}

/* Length of the special token at `text`, or 0. */
static gsize
match_special (const OsT5Tokenizer *tokenizer, const char *text,
    const char *end, gint32 *id)
{
  if (*text != '<')
    return 0;
  for (int i = 0; i < (int) G_N_ELEMENTS (special_tokens); i++) {
    if (begins (text, end, special_tokens[i])) {
      *id = i;
      return strlen (special_tokens[i]);
    }
  }
  return match_extra_id (tokenizer, text, end, id);
}

/* A part that the library fails on, out of memory, counts as one unknown. */
static void
encode_part (const OsT5Tokenizer *tokenizer, const char *text, const char *end,
    GArray *ids)
{
  const gint32 unknown = ID_UNKNOWN;

  if (text < end
      && !os_sentence_piece_encode (tokenizer->model, text, end - text, ids))
    g_array_append_val (ids, unknown);
}

/* The end token, after cutting to make room for it. A text that already ended
 * in a typed "</s>" is cut as if another were to come, and gets none if what
 * is left still ends in one: so does the reference. */
static void
finish_ids (GArray *ids, guint max_length)
{
  const gint32 end = ID_END;

  if (max_length > 0 && ids->len >= max_length)
    g_array_set_size (ids, max_length - 1);
  if (ids->len == 0 || g_array_index (ids, gint32, ids->len - 1) != ID_END)
    g_array_append_val (ids, end);
}

GArray *
os_t5_tokenizer_encode (const OsT5Tokenizer *tokenizer, const char *text,
    gssize length, guint max_length)
{
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  const char *end = text + (length < 0 ? strlen (text) : (gsize) length);
  const char *part = text;

  for (const char *at = text; at < end;) {
    gint32 id;
    gsize matched = match_special (tokenizer, at, end, &id);

    if (matched == 0) {
      at++;
      continue;
    }
    encode_part (tokenizer, part, at, ids);
    g_array_append_val (ids, id);
    at += matched;
    part = at;
  }
  encode_part (tokenizer, part, end, ids);
  finish_ids (ids, max_length);
  return ids;
}
