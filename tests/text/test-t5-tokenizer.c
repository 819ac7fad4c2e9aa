/* SPDX-License-Identifier: Apache-2.0 */
/* The T5 tokenizer against the ids of transformers' T5Tokenizer. */
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <opensora/opensora.h>
#include <string.h>

#include "text/t5-tokenizer.h"

static char *
data_path (const char *name)
{
  return g_build_filename (g_getenv ("OPENSORA_TEST_DATA"), "t5", name, NULL);
}

static OsT5Tokenizer *
new_tokenizer (guint extra_ids)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = data_path ("spiece.model");
  OsT5Tokenizer *tokenizer = os_t5_tokenizer_new (path, extra_ids, &error);

  g_assert_no_error (error);
  return tokenizer;
}

static JsonArray *
load_list (const char *file, const char *member)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *path = data_path (file);

  json_parser_load_from_file (parser, path, &error);
  g_assert_no_error (error);
  return json_array_ref (json_object_get_array_member (
      json_node_get_object (json_parser_get_root (parser)), member));
}

/* The text of a case, which may hold NUL bytes. */
static GByteArray *
case_text (JsonObject *object)
{
  GByteArray *bytes = g_byte_array_new ();
  const char *text;

  if (json_object_has_member (object, "text")) {
    text = json_object_get_string_member (object, "text");
    return g_byte_array_append (bytes, (const guint8 *) text, strlen (text));
  }
  text = json_object_get_string_member (object, "text_hex");
  for (; *text != '\0'; text += 2) {
    guint8 byte = (guint8) (g_ascii_xdigit_value (text[0]) << 4
                            | g_ascii_xdigit_value (text[1]));
    g_byte_array_append (bytes, &byte, 1);
  }
  return bytes;
}

static void
assert_ids (const char *id, JsonArray *want, const GArray *got)
{
  g_test_message ("%s", id);
  g_assert_cmpuint (got->len, ==, json_array_get_length (want));
  for (guint i = 0; i < got->len; i++)
    g_assert_cmpint (g_array_index (got, gint32, i), ==,
        json_array_get_int_element (want, i));
}

static void
test_cases (void)
{
  g_autoptr (OsT5Tokenizer) tokenizer = new_tokenizer (100);
  g_autoptr (JsonArray) cases = load_list ("cases.json", "cases");

  g_assert_cmpuint (json_array_get_length (cases), ==, 360);
  for (guint i = 0; i < json_array_get_length (cases); i++) {
    JsonObject *object = json_array_get_object_element (cases, i);
    g_autoptr (GByteArray) text = case_text (object);
    g_autoptr (GArray) ids = os_t5_tokenizer_encode (
        tokenizer, (const char *) text->data, text->len, 0);

    assert_ids (json_object_get_string_member (object, "id"),
        json_object_get_array_member (object, "ids"), ids);
  }
}

static void
test_padded (void)
{
  const gint32 pad = 0;
  g_autoptr (OsT5Tokenizer) tokenizer = new_tokenizer (100);
  g_autoptr (JsonArray) cases = load_list ("cases.json", "cases");
  g_autoptr (JsonArray) rows = load_list ("padded.json", "rows");
  g_autoptr (GHashTable) by_id = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < json_array_get_length (cases); i++) {
    JsonObject *object = json_array_get_object_element (cases, i);
    g_hash_table_insert (
        by_id, (gpointer) json_object_get_string_member (object, "id"), object);
  }
  for (guint i = 0; i < json_array_get_length (rows); i++) {
    JsonObject *row = json_array_get_object_element (rows, i);
    const char *id = json_object_get_string_member (row, "id");
    guint max_length = json_object_get_int_member (row, "max_length");
    g_autoptr (GByteArray) text = case_text (g_hash_table_lookup (by_id, id));
    g_autoptr (GArray) ids = os_t5_tokenizer_encode (
        tokenizer, (const char *) text->data, text->len, max_length);

    g_assert_cmpuint (ids->len, ==, json_object_get_int_member (row, "n_mask"));
    while (ids->len < max_length)
      g_array_append_val (ids, pad);
    assert_ids (id, json_object_get_array_member (row, "ids"), ids);
  }
}

static void
assert_encodes (const OsT5Tokenizer *tokenizer, const char *text,
    guint max_length, guint n, const gint32 *want)
{
  g_autoptr (GArray) ids =
      os_t5_tokenizer_encode (tokenizer, text, -1, max_length);

  g_test_message ("\"%s\"", text);
  g_assert_cmpmem (
      ids->data, ids->len * sizeof (gint32), want, n * sizeof (gint32));
}

#define IDS(...)                                                               \
  sizeof ((gint32[]){ __VA_ARGS__ }) / sizeof (gint32), (const gint32[])       \
  {                                                                            \
    __VA_ARGS__                                                                \
  }

static void
test_special_tokens (void)
{
  g_autoptr (OsT5Tokenizer) tokenizer = new_tokenizer (100);

  assert_encodes (tokenizer, "", 0, IDS (1));
  assert_encodes (tokenizer, " \t\n", 0, IDS (1));
  assert_encodes (tokenizer, "<pad></s><unk>", 0, IDS (0, 1, 2, 1));
  assert_encodes (
      tokenizer, "<extra_id_0><extra_id_99>", 0, IDS (32099, 32000, 1));
  assert_encodes (tokenizer, "</s>", 0, IDS (1));
}

/* What looks like a special token and is none is text. */
static void
test_near_special_tokens (void)
{
  static const char *const texts[] = { "<extra_id_100>", "<extra_id_07>",
    "<extra_id_>", "<extra_id_5", "<extra_id_99999999999999999999>", "<PAD>",
    "</S>", "<", "<extra_id_-1>" };
  g_autoptr (OsT5Tokenizer) tokenizer = new_tokenizer (100);

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (GArray) ids =
        os_t5_tokenizer_encode (tokenizer, texts[i], -1, 0);
    g_test_message ("%s", texts[i]);
    for (guint k = 0; k + 1 < ids->len; k++) {
      g_assert_cmpint (g_array_index (ids, gint32, k), >=, 2);
      g_assert_cmpint (g_array_index (ids, gint32, k), <, 32000);
    }
  }
}

static void
test_truncation (void)
{
  g_autoptr (OsT5Tokenizer) tokenizer = new_tokenizer (100);

  assert_encodes (tokenizer, "Dog.", 3, IDS (6751, 5, 1));
  assert_encodes (tokenizer, "Dog.", 2, IDS (6751, 1));
  assert_encodes (tokenizer, "Dog.", 1, IDS (1));
  /* A typed end token leaves no room for itself: cut, and not given again. */
  assert_encodes (tokenizer, "Dog.</s>", 3, IDS (6751, 5, 1));
  assert_encodes (tokenizer, "</s></s></s>", 3, IDS (1, 1));
}

static void
test_extra_ids (void)
{
  g_autoptr (OsT5Tokenizer) published = new_tokenizer (100);
  g_autoptr (OsT5Tokenizer) bare = new_tokenizer (0);
  g_autoptr (GArray) ids = os_t5_tokenizer_encode (bare, "<extra_id_0>", -1, 0);

  g_assert_cmpuint (os_t5_tokenizer_size (published), ==, 32100);
  g_assert_cmpuint (os_t5_tokenizer_size (bare), ==, 32000);
  g_assert_cmpuint (ids->len, >, 2);
}

/* A text far longer than any prompt, and bytes that are no text. */
static void
test_hard_texts (void)
{
  g_autoptr (OsT5Tokenizer) tokenizer = new_tokenizer (100);
  g_autofree char *text = g_strnfill (100000, 'a');
  g_autoptr (GArray) ids = os_t5_tokenizer_encode (tokenizer, text, -1, 300);
  g_autoptr (GArray) broken =
      os_t5_tokenizer_encode (tokenizer, "\xff\xc3 \x80", 4, 0);

  g_assert_cmpuint (ids->len, ==, 300);
  g_assert_cmpint (g_array_index (ids, gint32, 299), ==, 1);
  g_assert_cmpint (g_array_index (broken, gint32, broken->len - 1), ==, 1);
}

static char *
make_folder (const char *config)
{
  g_autoptr (GError) error = NULL;
  char *folder = g_dir_make_tmp ("opensora-t5-XXXXXX", &error);
  g_autofree char *model = g_build_filename (folder, "spiece.model", NULL);
  g_autofree char *path =
      g_build_filename (folder, "tokenizer_config.json", NULL);
  g_autofree char *source = data_path ("spiece.model");
  g_autofree char *bytes = NULL;
  gsize length;

  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (source, &bytes, &length, NULL));
  g_assert_true (g_file_set_contents (model, bytes, length, NULL));
  if (config != NULL)
    g_assert_true (g_file_set_contents (path, config, -1, NULL));
  return folder;
}

static void
remove_folder (char *folder)
{
  static const char *const names[] = { "spiece.model", "tokenizer_config.json",
    "." };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *path = g_build_filename (folder, names[i], NULL);
    g_remove (i == 2 ? folder : path);
  }
  g_free (folder);
}

static void
test_open (void)
{
  static const struct {
    const char *config;
    guint size; /* 0: refused */
  } cases[] = { { NULL, 32100 }, { "{}", 32100 },
    { "{\"extra_ids\": 0}", 32000 }, { "{\"extra_ids\": -1}", 0 },
    { "{\"extra_ids\": \"7\"}", 0 }, { "[]", 0 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    char *folder = make_folder (cases[i].config);
    g_autoptr (GError) error = NULL;
    g_autoptr (OsT5Tokenizer) tokenizer = os_t5_tokenizer_open (folder, &error);

    if (cases[i].size > 0) {
      g_assert_no_error (error);
      g_assert_cmpuint (os_t5_tokenizer_size (tokenizer), ==, cases[i].size);
    } else {
      g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
      g_assert_null (tokenizer);
    }
    remove_folder (folder);
  }
}

static void
test_not_a_model (void)
{
  g_autoptr (GError) missing = NULL;
  g_autoptr (GError) format = NULL;
  g_autofree char *readme = data_path ("README.md");
  g_autofree char *folder = data_path (".");

  g_assert_null (os_t5_tokenizer_new ("/nonexistent/x", 0, &missing));
  g_assert_error (missing, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND);
  g_clear_error (&missing);
  g_assert_null (os_t5_tokenizer_new (folder, 0, &missing));
  g_assert_error (missing, OPENSORA_ERROR, OPENSORA_ERROR_READ);
  g_assert_null (os_t5_tokenizer_new (readme, 0, &format));
  g_assert_error (format, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
  g_assert_nonnull (strstr (format->message, "README.md"));
}

/* Every prefix of a model is refused or gives a vocabulary; none crashes. */
static void
test_truncated_model (void)
{
  g_autofree char *source = data_path ("spiece.model");
  g_autofree char *bytes = NULL;
  char *folder = make_folder (NULL);
  g_autofree char *path = g_build_filename (folder, "spiece.model", NULL);
  gsize length;

  g_assert_true (g_file_get_contents (source, &bytes, &length, NULL));
  for (gsize n = 0; n < length; n = 3 * n + 1) {
    g_autoptr (GError) error = NULL;
    g_autoptr (OsT5Tokenizer) tokenizer = NULL;

    g_assert_true (g_file_set_contents (path, bytes, n, NULL));
    tokenizer = os_t5_tokenizer_new (path, 0, &error);
    g_assert_null (tokenizer);
    g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
  }
  remove_folder (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/text/t5-tokenizer/cases", test_cases);
  g_test_add_func ("/text/t5-tokenizer/padded", test_padded);
  g_test_add_func ("/text/t5-tokenizer/special-tokens", test_special_tokens);
  g_test_add_func (
      "/text/t5-tokenizer/near-special-tokens", test_near_special_tokens);
  g_test_add_func ("/text/t5-tokenizer/truncation", test_truncation);
  g_test_add_func ("/text/t5-tokenizer/extra-ids", test_extra_ids);
  g_test_add_func ("/text/t5-tokenizer/hard-texts", test_hard_texts);
  g_test_add_func ("/text/t5-tokenizer/open", test_open);
  g_test_add_func ("/text/t5-tokenizer/not-a-model", test_not_a_model);
  g_test_add_func ("/text/t5-tokenizer/truncated-model", test_truncated_model);
  return g_test_run ();
}
