/* SPDX-License-Identifier: Apache-2.0 */
/* Opening: what is recognised, found in folders, joined by an index, refused.
 */
#include <glib/gstdio.h>
#include <opensora/opensora.h>
#include <string.h>

#include "weights/checkpoint.h"
#include "weights/json.h"

static char *
data_path (const char *name)
{
  return g_build_filename (
      g_getenv ("OPENSORA_TEST_DATA"), "weights", name, NULL);
}

static JsonArray *
load_expected (const char *path)
{
  g_autoptr (JsonObject) root = NULL;
  g_autofree char *text = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (path, &text, &length, NULL));
  root = os_json_parse (text, length, path, NULL);
  g_assert_nonnull (root);
  return json_array_ref (json_object_get_array_member (root, "tensors"));
}

static void
assert_tensor (const OsCheckpoint *checkpoint, JsonObject *want)
{
  const char *name = json_array_get_string_element (
      json_object_get_array_member (want, "path"), 0);
  JsonArray *shape = json_object_get_array_member (want, "shape");
  OsTensor *tensor = os_checkpoint_get (checkpoint, name);
  g_autofree char *hash = NULL;

  g_test_message ("%s", name);
  g_assert_nonnull (tensor);
  g_assert_cmpstr (os_dtype_name (tensor->dtype), ==,
      json_object_get_string_member (want, "dtype"));
  g_assert_cmpint (tensor->n_dims, ==, json_array_get_length (shape));
  for (int i = 0; i < tensor->n_dims; i++)
    g_assert_cmpint (
        tensor->shape[i], ==, json_array_get_int_element (shape, i));
  hash =
      g_compute_checksum_for_data (G_CHECKSUM_SHA256, os_tensor_data (tensor),
          os_tensor_count (tensor) * os_dtype_size (tensor->dtype));
  g_assert_cmpstr (hash, ==, json_object_get_string_member (want, "sha256"));
}

static OsCheckpoint *
assert_reads (const char *path, const char *expected)
{
  g_autoptr (GError) error = NULL;
  OsCheckpoint *checkpoint = os_checkpoint_open (path, &error);
  g_autoptr (JsonArray) tensors = load_expected (expected);

  g_test_message ("%s", path);
  g_assert_no_error (error);
  g_assert_cmpuint (os_checkpoint_get_n_tensors (checkpoint), ==,
      json_array_get_length (tensors));
  g_assert_cmpuint (
      g_strv_length ((char **) os_checkpoint_get_names (checkpoint)), ==,
      json_array_get_length (tensors));
  for (guint i = 0; i < json_array_get_length (tensors); i++)
    assert_tensor (checkpoint, json_array_get_object_element (tensors, i));
  return checkpoint;
}

#define EXPECTED ".expected.json"

static void
test_good_files (void)
{
  g_autofree char *folder = data_path (".");
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;
  guint n = 0;

  while ((name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *expected = g_build_filename (folder, name, NULL);
    g_autofree char *path = g_strdup (expected);
    g_autoptr (OsCheckpoint) checkpoint = NULL;

    if (!g_str_has_suffix (name, EXPECTED))
      continue;
    path[strlen (path) - strlen (EXPECTED)] = '\0';
    checkpoint = assert_reads (path, expected);
    g_assert_cmpstr (os_checkpoint_get_format (checkpoint), ==, "safetensors");
    g_assert_cmpstr (os_checkpoint_get_path (checkpoint), ==, path);
    n++;
  }
  g_assert_cmpuint (n, ==, 11);
}

static void
test_shards (void)
{
  static const char *const folders[] = { "sharded-safetensors",
    "sharded-diffusers" };

  for (guint i = 0; i < G_N_ELEMENTS (folders); i++) {
    g_autofree char *folder = data_path (folders[i]);
    g_autofree char *expected =
        g_build_filename (folder, "expected.json", NULL);
    g_autoptr (OsCheckpoint) whole = assert_reads (folder, expected);
    g_autoptr (OsCheckpoint) index =
        assert_reads (os_checkpoint_get_path (whole), expected);

    g_assert_true (g_str_has_suffix (
        os_checkpoint_get_path (whole), ".safetensors.index.json"));
    g_assert_cmpstr (
        os_checkpoint_get_format (whole), ==, "sharded safetensors");
  }
}

static void
test_metadata (void)
{
  g_autofree char *path = data_path ("st-only-metadata.safetensors");
  g_autofree char *none = data_path ("st-none.safetensors");
  g_autoptr (OsCheckpoint) checkpoint = os_checkpoint_open (path, NULL);
  g_autoptr (OsCheckpoint) empty = os_checkpoint_open (none, NULL);

  g_assert_cmpstr (
      g_hash_table_lookup (os_checkpoint_get_metadata (checkpoint), "k"), ==,
      "v");
  g_assert_cmpuint (
      g_hash_table_size (os_checkpoint_get_metadata (empty)), ==, 0);
  g_assert_null (os_checkpoint_get (empty, "w"));
}

static void
test_hostile (void)
{
  g_autofree char *folder = data_path ("hostile");
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;
  guint n = 0;

  while ((name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *path = g_build_filename (folder, name, NULL);
    g_autoptr (GError) error = NULL;
    int code = g_str_equal (name, "shards-missing-file")
                   ? OPENSORA_ERROR_NOT_FOUND
                   : OPENSORA_ERROR_FORMAT;

    if (g_str_equal (name, "hostile-outside.safetensors"))
      continue;
    g_test_message ("%s", name);
    g_assert_null (os_checkpoint_open (path, &error));
    g_assert_error (error, OPENSORA_ERROR, code);
    g_assert_nonnull (strstr (error->message, name));
    n++;
  }
  g_assert_cmpuint (n, ==, 46);
}

static void
assert_refused (const char *name, int code, const char *hint)
{
  g_autofree char *path = data_path (name);
  g_autoptr (GError) error = NULL;

  g_assert_null (os_checkpoint_open (path, &error));
  g_assert_error (error, OPENSORA_ERROR, code);
  g_assert_nonnull (strstr (error->message, hint));
}

static void
test_messages (void)
{
  assert_refused (
      "zip-plain.pth", OPENSORA_ERROR_UNSUPPORTED, "convert it to safetensors");
  assert_refused ("legacy-storage-view.pth", OPENSORA_ERROR_UNSUPPORTED,
      "convert it to safetensors");
  assert_refused (
      "hostile/lfs-pointer.safetensors", OPENSORA_ERROR_FORMAT, "git lfs pull");
  assert_refused ("hostile/html.pth", OPENSORA_ERROR_FORMAT, "web page");
  assert_refused ("hostile/st-offsets-outside.safetensors",
      OPENSORA_ERROR_FORMAT, "are not in the file");
  assert_refused ("absent", OPENSORA_ERROR_NOT_FOUND, "absent");
}

static void
copy (const char *source, const char *folder, const char *name)
{
  g_autofree char *from = data_path (source);
  g_autofree char *to = g_build_filename (folder, name, NULL);
  g_autofree char *bytes = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (from, &bytes, &length, NULL));
  g_assert_true (g_file_set_contents (to, bytes, length, NULL));
}

/* The file that a folder with these files stands for; NULL: none. */
static void
assert_found (const char *const *names, const char *want)
{
  g_autofree char *folder = g_dir_make_tmp ("opensora-XXXXXX", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (OsCheckpoint) checkpoint = NULL;

  for (guint i = 0; names[i] != NULL; i++)
    copy ("st-none.safetensors", folder, names[i]);
  checkpoint = os_checkpoint_open (folder, &error);
  if (want != NULL) {
    g_autofree char *base = NULL;
    g_assert_no_error (error);
    base = g_path_get_basename (os_checkpoint_get_path (checkpoint));
    g_assert_cmpstr (base, ==, want);
  } else {
    g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND);
    g_assert_nonnull (strstr (error->message, folder));
  }
  for (guint i = 0; names[i] != NULL; i++) {
    g_autofree char *path = g_build_filename (folder, names[i], NULL);
    g_assert_cmpint (g_unlink (path), ==, 0);
  }
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

#define NAMES(...)                                                             \
  (const char *const[])                                                        \
  {                                                                            \
    __VA_ARGS__, NULL                                                          \
  }

static void
test_folders (void)
{
  assert_found (
      NAMES ("a.safetensors", "model.safetensors"), "model.safetensors");
  assert_found (NAMES ("diffusion_pytorch_model.safetensors", "b.safetensors"),
      "diffusion_pytorch_model.safetensors");
  assert_found (NAMES ("a.safetensors", "config.json"), "a.safetensors");
  assert_found (NAMES ("a.safetensors", "b.safetensors"), NULL);
  assert_found (NAMES ("config.json"), NULL);
}

/* A shard that holds a tensor the index does not know, or maps elsewhere. */
static void
test_index_disagrees (void)
{
  static const char *const indices[] = {
    "{\"weight_map\": {\"v\": \"a.safetensors\"}}",
    "{\"weight_map\": {\"v\": \"a.safetensors\","
    " \"w\": \"b.safetensors\"}}",
    "{\"weight_map\": {\"w\": \"..\"}}", "{\"weight_map\": []}"
  };
  g_autofree char *folder = g_dir_make_tmp ("opensora-XXXXXX", NULL);
  g_autofree char *index =
      g_build_filename (folder, "model.safetensors.index.json", NULL);
  g_autofree char *shard = g_build_filename (folder, "a.safetensors", NULL);

  copy ("hostile/hostile-outside.safetensors", folder, "a.safetensors");
  for (guint i = 0; i < G_N_ELEMENTS (indices); i++) {
    g_autoptr (GError) error = NULL;
    g_assert_true (g_file_set_contents (index, indices[i], -1, NULL));
    g_assert_null (os_checkpoint_open (index, &error));
    g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
  }
  g_unlink (index);
  g_unlink (shard);
  g_rmdir (folder);
}

/* A tensor keeps its mapping when checkpoint and file are gone. */
static void
test_lifetime (void)
{
  g_autofree char *path = data_path ("st-whitespace.safetensors");
  OsCheckpoint *checkpoint = os_checkpoint_open (path, NULL);
  const char *name = os_checkpoint_get_names (checkpoint)[0];
  g_autoptr (OsTensor) tensor =
      os_tensor_ref (os_checkpoint_get (checkpoint, name));
  g_autofree guint8 *before = g_memdup2 (os_tensor_data (tensor), 4);

  os_checkpoint_unref (os_checkpoint_ref (checkpoint));
  os_checkpoint_unref (checkpoint);
  g_assert_cmpmem (os_tensor_data (tensor), 4, before, 4);
}

static void
test_duplicate (void)
{
  static const gint64 shape[] = { 2 };
  g_autoptr (OsCheckpoint) checkpoint = os_checkpoint_new ("x", "test");
  g_autoptr (GError) error = NULL;

  g_assert_true (os_checkpoint_add (
      checkpoint, "w", os_tensor_new_hollow (OS_DTYPE_F32, 1, shape), NULL));
  g_assert_false (os_checkpoint_add (
      checkpoint, "w", os_tensor_new_hollow (OS_DTYPE_F32, 1, shape), &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
  g_assert_cmpuint (os_checkpoint_get_n_tensors (checkpoint), ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/weights/checkpoint/good-files", test_good_files);
  g_test_add_func ("/weights/checkpoint/shards", test_shards);
  g_test_add_func ("/weights/checkpoint/metadata", test_metadata);
  g_test_add_func ("/weights/checkpoint/hostile", test_hostile);
  g_test_add_func ("/weights/checkpoint/messages", test_messages);
  g_test_add_func ("/weights/checkpoint/folders", test_folders);
  g_test_add_func ("/weights/checkpoint/index-disagrees", test_index_disagrees);
  g_test_add_func ("/weights/checkpoint/lifetime", test_lifetime);
  g_test_add_func ("/weights/checkpoint/duplicate", test_duplicate);
  return g_test_run ();
}
