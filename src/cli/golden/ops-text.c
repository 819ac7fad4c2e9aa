/* SPDX-License-Identifier: Apache-2.0 */
/* T5: t5_encode, t5_prompt_encode, t5_position_buckets, t5_tokenize. */
#include "cli/golden/golden.h"

#include <string.h>

#include "text/t5-tokenizer.h"
#include "text/t5.h"

/* <extra_id_0> .. <extra_id_99> follow the published vocabulary. */
#define T5_EXTRA_IDS 100

/* --- t5_encode --- */

static OsT5 *
open_t5 (GoldenRun *run, GError **error)
{
  g_autoptr (OsConfig) config = golden_config (run, "config", error);
  g_autoptr (OsBinder) binder = golden_binder (run, error);

  return config != NULL && binder != NULL ? os_t5_new (config, binder, error)
                                          : NULL;
}

gboolean
golden_t5_encode (GoldenRun *run, GError **error)
{
  g_autoptr (OsT5) t5 = open_t5 (run, error);
  g_autoptr (OsTensor) shape = NULL, out = NULL;
  g_autofree gint32 *ids = NULL;
  g_autofree guint8 *mask = NULL;
  gint64 n;

  if (t5 == NULL)
    return FALSE;
  shape = golden_input (run, "input_ids"); /* [B, L] */
  ids = golden_input_ints (run, "input_ids", &n);
  if (golden_has_input (run, "attention_mask"))
    mask = golden_input_mask (run, "attention_mask", &n);

  golden_watch (run, NULL, "");
  out = os_t5_encode (
      t5, run->compute, ids, mask, shape->shape[0], shape->shape[1]);
  golden_output (run, "last_hidden_state", out);
  golden_needs (
      run, "last_hidden_state_bf16_compute", "arithmetic in bfloat16");
  return TRUE;
}

/* --- tokenizer --- */

static OsT5Tokenizer *
open_tokenizer (GoldenRun *run, GError **error)
{
  const char *path = run->of->setup->t5_tokenizer;

  if (path == NULL) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
        "%s needs the vocabulary of T5: give --t5-tokenizer a spiece.model",
        run->of->folder);
    return NULL;
  }
  return os_t5_tokenizer_new (path, T5_EXTRA_IDS, error);
}

static char *
describe_ids (const gint32 *ids, guint n)
{
  GString *text = g_string_new ("[");

  for (guint i = 0; i < n; i++)
    g_string_append_printf (text, i > 0 ? ", %d" : "%d", ids[i]);
  g_string_append_c (text, ']');
  return g_string_free (text, FALSE);
}

/* ids, padded with 0 to at least `length`, are those of the golden. */
static void
check_ids (GoldenRun *run, const char *what, GArray *ids, guint length,
    JsonArray *want)
{
  guint n = json_array_get_length (want);
  g_autofree gint32 *expected = g_new (gint32, n);
  g_autofree char *is = NULL, *should = NULL;
  gint32 pad = 0;
  gboolean same;

  while (ids->len < length)
    g_array_append_val (ids, pad);
  for (guint i = 0; i < n; i++)
    expected[i] = json_array_get_int_element (want, i);
  same = ids->len == n
         && (n == 0 || memcmp (ids->data, expected, n * sizeof *expected) == 0);
  is = describe_ids ((const gint32 *) ids->data, ids->len);
  should = describe_ids (expected, n);
  golden_check (run, same, "%s: ids %s, want %s", what, is, should);
}

GByteArray *
golden_read_text (JsonObject *entry, const char *member)
{
  g_autofree char *hex_member = g_strconcat (member, "_hex", NULL);
  GByteArray *bytes = g_byte_array_new ();
  const char *hex =
      json_object_get_string_member_with_default (entry, hex_member, NULL);
  const char *text =
      json_object_get_string_member_with_default (entry, member, "");

  if (hex == NULL) {
    g_byte_array_append (bytes, (const guint8 *) text, strlen (text));
    return bytes;
  }
  for (; hex[0] != '\0' && hex[1] != '\0'; hex += 2) {
    guint8 byte =
        g_ascii_xdigit_value (hex[0]) * 16 + g_ascii_xdigit_value (hex[1]);

    g_byte_array_append (bytes, &byte, 1);
  }
  return bytes;
}

static GArray *
encode (const OsT5Tokenizer *tokenizer, JsonObject *entry, guint max_length)
{
  g_autoptr (GByteArray) text = golden_read_text (entry, "text");

  return os_t5_tokenizer_encode (
      tokenizer, (const char *) text->data, text->len, max_length);
}

/* --- t5_tokenize --- */

JsonArray *
golden_read_list (GoldenRun *run, const char *file, const char *member,
    JsonParser *parser, GError **error)
{
  g_autofree char *path = g_build_filename (run->of->folder, file, NULL);

  if (!json_parser_load_from_file (parser, path, error))
    return NULL;
  return json_object_get_array_member (
      json_node_get_object (json_parser_get_root (parser)), member);
}

/* What truncation to a length gives where no rule describes it: "ids@120". */
static void
check_exceptions (
    GoldenRun *run, const OsT5Tokenizer *tokenizer, JsonObject *entry)
{
  JsonObjectIter iter;
  const char *key;
  JsonNode *node;

  if (!json_object_has_member (entry, "exceptions"))
    return;
  json_object_iter_init (
      &iter, json_object_get_object_member (entry, "exceptions"));
  while (json_object_iter_next (&iter, &key, &node)) {
    guint length = g_str_has_prefix (key, "ids@")
                       ? g_ascii_strtoull (key + 4, NULL, 10)
                       : 0;
    g_autoptr (GArray) ids = encode (tokenizer, entry, length);

    if (length > 0)
      check_ids (run, key, ids, length, json_node_get_array (node));
  }
}

static void
check_padded (GoldenRun *run, const OsT5Tokenizer *tokenizer, JsonObject *row,
    GHashTable *entries)
{
  const char *id = json_object_get_string_member (row, "id");
  guint length = json_object_get_int_member (row, "max_length");
  gint64 n_mask = json_object_get_int_member (row, "n_mask");
  JsonObject *entry = g_hash_table_lookup (entries, id);
  g_autoptr (GArray) ids = NULL;

  golden_check (run, entry != NULL, "padded row of an unknown case %s", id);
  if (entry == NULL)
    return;
  ids = encode (tokenizer, entry, length);
  golden_check (run, ids->len == n_mask,
      "%s at %u: %u ids, want %" G_GINT64_FORMAT, id, length, ids->len, n_mask);
  check_ids (run, id, ids, length, json_object_get_array_member (row, "ids"));
}

gboolean
golden_t5_tokenize (GoldenRun *run, GError **error)
{
  g_autoptr (OsT5Tokenizer) tokenizer = open_tokenizer (run, error);
  g_autoptr (JsonParser) cases_parser = json_parser_new ();
  g_autoptr (JsonParser) rows_parser = json_parser_new ();
  g_autoptr (GHashTable) entries = g_hash_table_new (g_str_hash, g_str_equal);
  const char *padded = json_object_get_string_member_with_default (
      run->json, "padded_file", NULL);
  JsonArray *cases, *rows;

  if (tokenizer == NULL
      || (cases = golden_read_list (
              run, "cases.json", "cases", cases_parser, error))
             == NULL)
    return FALSE;
  for (guint i = 0; i < json_array_get_length (cases); i++) {
    JsonObject *entry = json_array_get_object_element (cases, i);
    const char *id = json_object_get_string_member (entry, "id");
    g_autoptr (GArray) ids = encode (tokenizer, entry, 0);

    check_ids (run, id, ids, 0, json_object_get_array_member (entry, "ids"));
    check_exceptions (run, tokenizer, entry);
    g_hash_table_insert (entries, (gpointer) id, entry);
  }
  if (padded == NULL)
    return TRUE;
  if ((rows = golden_read_list (run, "padded.json", "rows", rows_parser, error))
      == NULL)
    return FALSE;
  for (guint i = 0; i < json_array_get_length (rows); i++)
    check_padded (
        run, tokenizer, json_array_get_object_element (rows, i), entries);
  return TRUE;
}

/* --- t5_prompt_encode --- */

/* The tokenizer's rows of all prompts, compared with the golden's inputs. */
static void
check_rows (GoldenRun *run, const OsT5Tokenizer *tokenizer, const gint32 *ids,
    const guint8 *mask, guint length)
{
  JsonArray *prompts = json_object_get_array_member (run->json, "prompts");

  for (guint b = 0; b < json_array_get_length (prompts); b++) {
    const char *prompt = json_array_get_string_element (prompts, b);
    g_autoptr (GArray) got =
        os_t5_tokenizer_encode (tokenizer, prompt, -1, length);

    for (guint i = 0; i < length; i++) {
      gboolean real = i < got->len;
      gint32 id = real ? g_array_index (got, gint32, i) : 0;

      golden_check (run,
          id == ids[b * length + i] && real == mask[b * length + i],
          "prompt %u, token %u: id %d, want %d", b, i, id, ids[b * length + i]);
    }
  }
}

gboolean
golden_t5_prompt_encode (GoldenRun *run, GError **error)
{
  g_autoptr (OsT5) t5 = open_t5 (run, error);
  g_autoptr (OsT5Tokenizer) tokenizer =
      t5 != NULL ? open_tokenizer (run, error) : NULL;
  guint L =
      json_object_get_int_member_with_default (run->json, "max_length", 0);
  g_autofree gint32 *ids = NULL;
  g_autofree guint8 *mask = NULL;
  g_autoptr (OsTensor) masked = NULL, unmasked = NULL;
  gint64 n;

  if (tokenizer == NULL)
    return FALSE;
  ids = golden_input_ints (run, "input_ids", &n);
  mask = golden_input_mask (run, "attention_mask", &n);
  check_rows (run, tokenizer, ids, mask, L);
  masked = os_t5_encode (t5, run->compute, ids, mask, n / L, L);
  unmasked = os_t5_encode (t5, run->compute, ids, NULL, n / L, L);
  golden_output (run, "masked", masked);
  golden_output (run, "unmasked", unmasked);
  return TRUE;
}

/* --- t5_position_buckets --- */

gboolean
golden_t5_position_buckets (GoldenRun *run, GError **error)
{
  JsonArray *buckets = json_object_get_array_member (run->json, "bucket");
  gint64 first = json_object_get_int_member (run->json, "first");

  for (guint i = 0; i < json_array_get_length (buckets); i++) {
    int got = os_t5_position_bucket (first + i);
    gint64 want = json_array_get_int_element (buckets, i);

    golden_check (run, got == want,
        "bucket of %" G_GINT64_FORMAT ": %d, want %" G_GINT64_FORMAT, first + i,
        got, want);
  }
  return TRUE;
}
