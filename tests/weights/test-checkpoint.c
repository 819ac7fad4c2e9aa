/* SPDX-License-Identifier: Apache-2.0 */
/* Opening: what is recognised, found in folders, joined by an index, refused.
 */
#include <glib/gstdio.h>
#include <opensora/opensora.h>
#include <string.h>

#include "weights/checkpoint.h"
#include "weights/gather.h"
#include "base/json.h"

static char *
data_path (const char *name)
{
  return g_build_filename (
      g_getenv ("OPENSORA_TEST_DATA"), "weights", name, NULL);
}

static JsonObject *
load_expected (const char *path)
{
  JsonObject *root = NULL;
  g_autofree char *text = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (path, &text, &length, NULL));
  root = os_json_parse (text, length, path, NULL);
  g_assert_nonnull (root);
  return root;
}

static gboolean
has_path (const OsCheckpointEntry *entry, JsonArray *path)
{
  if (entry->path->len != json_array_get_length (path))
    return FALSE;
  for (guint i = 0; i < entry->path->len; i++) {
    OsCheckpointStep *step = &g_array_index (entry->path, OsCheckpointStep, i);
    JsonNode *want = json_array_get_element (path, i);
    gboolean fits =
        os_json_holds (want, G_TYPE_INT64)
            ? step->key == NULL && step->index == json_node_get_int (want)
            : g_strcmp0 (step->key, json_node_get_string (want)) == 0;
    if (!fits)
      return FALSE;
  }
  return TRUE;
}

static const OsCheckpointEntry *
find_path (const OsCheckpoint *checkpoint, JsonArray *path)
{
  const GPtrArray *entries = os_checkpoint_get_entries (checkpoint);

  for (guint i = 0; i < entries->len; i++) {
    if (has_path (g_ptr_array_index (entries, i), path))
      return g_ptr_array_index (entries, i);
  }
  return NULL;
}

static void
assert_tensor (const OsTensor *tensor, JsonObject *want)
{
  JsonArray *shape = json_object_get_array_member (want, "shape");
  gsize size = os_tensor_count (tensor) * os_dtype_size (tensor->dtype);
  g_autofree guint8 *bytes = g_malloc (size + 1);
  g_autofree char *hash = NULL;

  g_assert_cmpstr (os_dtype_name (tensor->dtype), ==,
      json_object_get_string_member (want, "dtype"));
  g_assert_cmpint (tensor->n_dims, ==, json_array_get_length (shape));
  for (int i = 0; i < tensor->n_dims; i++)
    g_assert_cmpint (
        tensor->shape[i], ==, json_array_get_int_element (shape, i));
  os_gather (tensor, 0, os_tensor_count (tensor), bytes);
  hash = g_compute_checksum_for_data (G_CHECKSUM_SHA256, bytes, size);
  g_assert_cmpstr (hash, ==, json_object_get_string_member (want, "sha256"));
}

/* Names are of the state dict alone: its keys lead to them. */
static void
assert_name (const OsCheckpoint *checkpoint, const OsCheckpointEntry *entry)
{
  const char *const *keys = os_checkpoint_get_state_dict (checkpoint);
  gboolean inside = TRUE;

  for (guint i = 0; keys[i] != NULL; i++)
    inside &= i < entry->path->len
              && g_strcmp0 (keys[i],
                     g_array_index (entry->path, OsCheckpointStep, i).key)
                     == 0;
  g_assert_cmpint (entry->name != NULL, ==, inside);
  if (inside)
    g_assert_true (os_checkpoint_find (checkpoint, entry->name) == entry);
}

static OsCheckpoint *
assert_reads (const char *path, const char *expected)
{
  g_autoptr (GError) error = NULL;
  OsCheckpoint *checkpoint = os_checkpoint_open (path, &error);
  g_autoptr (JsonObject) want = load_expected (expected);
  JsonArray *tensors = json_object_get_array_member (want, "tensors");
  JsonArray *keys = json_object_get_array_member (want, "state_dict_path");

  g_test_message ("%s", path);
  g_assert_no_error (error);
  g_assert_cmpstr (os_checkpoint_get_format (checkpoint), ==,
      json_object_get_string_member (want, "container"));
  g_assert_cmpuint (
      g_strv_length ((char **) os_checkpoint_get_state_dict (checkpoint)), ==,
      json_array_get_length (keys));
  g_assert_cmpuint (os_checkpoint_get_entries (checkpoint)->len, ==,
      json_array_get_length (tensors));
  g_assert_cmpuint (
      g_strv_length ((char **) os_checkpoint_get_names (checkpoint)), ==,
      os_checkpoint_get_n_tensors (checkpoint));
  for (guint i = 0; i < json_array_get_length (tensors); i++) {
    JsonObject *object = json_array_get_object_element (tensors, i);
    const OsCheckpointEntry *entry =
        find_path (checkpoint, json_object_get_array_member (object, "path"));

    g_assert_nonnull (entry);
    assert_tensor (entry->tensor, object);
    assert_name (checkpoint, entry);
  }
  g_assert_true (os_checkpoint_verify (checkpoint, NULL, NULL));
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
    g_assert_cmpstr (os_checkpoint_get_path (checkpoint), ==, path);
    n++;
  }
  g_assert_cmpuint (n, ==, 42);
}

static void
test_shards (void)
{
  static const char *const folders[] = { "sharded-safetensors",
    "sharded-diffusers", "sharded-bin", "sharded-colossalai" };

  for (guint i = 0; i < G_N_ELEMENTS (folders); i++) {
    g_autofree char *folder = data_path (folders[i]);
    g_autofree char *expected =
        g_build_filename (folder, "expected.json", NULL);
    g_autoptr (OsCheckpoint) whole = assert_reads (folder, expected);
    g_autoptr (OsCheckpoint) index =
        assert_reads (os_checkpoint_get_path (whole), expected);

    g_assert_true (
        g_str_has_suffix (os_checkpoint_get_path (whole), ".index.json"));
    g_assert_cmpuint (os_checkpoint_get_n_tensors (index), ==, 9);
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

static int
expected_code (const char *name)
{
  static const char *const unsupported[] = { "zip-torchscript.pt",
    "zip-sparse.pth", "zip-quantized.pth", "zip-negative-bit.pth", NULL };

  if (g_str_equal (name, "shards-missing-file"))
    return OPENSORA_ERROR_NOT_FOUND;
  return g_strv_contains (unsupported, name) ? OPENSORA_ERROR_UNSUPPORTED
                                             : OPENSORA_ERROR_FORMAT;
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
    gint64 start = g_get_monotonic_time ();

    if (g_str_equal (name, "hostile-outside.safetensors"))
      continue;
    g_test_message ("%s", name);
    g_assert_null (os_checkpoint_open (path, &error));
    g_assert_error (error, OPENSORA_ERROR, expected_code (name));
    g_assert_nonnull (strstr (error->message, name));
    g_assert_cmpint (g_get_monotonic_time () - start, <, 2 * G_USEC_PER_SEC);
    n++;
  }
  g_assert_cmpuint (n, ==, 138);
  g_assert_false (g_file_test ("hostile-pickle-ran", G_FILE_TEST_EXISTS));
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
  assert_refused ("hostile/pickle-os-system.pth", OPENSORA_ERROR_FORMAT,
      "tensor x: it asks Python for posix.system");
  assert_refused ("hostile/tensor-past-end.pth", OPENSORA_ERROR_FORMAT,
      "tensor w: [3, 2] F32 reaches out of its storage");
  assert_refused ("hostile/pickle-self-list.pth", OPENSORA_ERROR_FORMAT,
      "nested too deep, or contains itself");
  assert_refused ("hostile/zip-truncated.pth", OPENSORA_ERROR_FORMAT,
      "it is incomplete; download");
  assert_refused ("hostile/zip-sparse.pth", OPENSORA_ERROR_UNSUPPORTED,
      "tensor w: it is of a kind that is not supported");
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
  assert_found (NAMES ("pytorch_model.bin", "a.safetensors"), "a.safetensors");
  assert_found (NAMES ("pytorch_model.bin", "a.bin"), "pytorch_model.bin");
  assert_found (NAMES ("a.pth", "pytorch_model-00001.bin"), "a.pth");
}

/* What training leaves: the weights, sharded, in model/, beside ema.pt. */
static void
test_training_folder (void)
{
  g_autofree char *folder = g_dir_make_tmp ("opensora-XXXXXX", NULL);
  g_autofree char *model = g_build_filename (folder, "model", NULL);
  g_autofree char *index =
      g_build_filename (model, "pytorch_model.bin.index.json", NULL);
  g_autofree char *shard =
      g_build_filename (model, "pytorch_model-00001.bin", NULL);
  g_autofree char *ema = g_build_filename (folder, "ema.pt", NULL);
  g_autoptr (OsCheckpoint) weights = NULL;
  g_autoptr (OsCheckpoint) average = NULL;

  g_mkdir (model, 0700);
  copy ("zip-plain.pth", folder, "ema.pt");
  copy ("zip-plain.pth", model, "pytorch_model-00001.bin");
  g_assert_true (g_file_set_contents (index,
      "{\"weight_map\": {\"w\": \"pytorch_model-00001.bin\"}}", -1, NULL));
  weights = os_checkpoint_open (folder, NULL);
  g_assert_cmpstr (os_checkpoint_get_path (weights), ==, index);
  g_assert_cmpstr (os_checkpoint_get_format (weights), ==, "sharded-torch");
  g_assert_cmpstr (os_checkpoint_find (weights, "w")->file, ==, shard);
  g_unlink (index);
  g_unlink (shard);
  g_rmdir (model);
  average = os_checkpoint_open (folder, NULL);
  g_assert_cmpstr (os_checkpoint_get_path (average), ==, ema);
  g_unlink (ema);
  g_rmdir (folder);
}

static void
assert_state_dict (const char *name, const char *choice, guint n_named)
{
  g_autofree char *path = data_path (name);
  g_autoptr (GError) error = NULL;
  g_autoptr (OsCheckpoint) checkpoint =
      os_checkpoint_open_at (path, choice, &error);

  if (n_named > 0) {
    g_assert_no_error (error);
    g_assert_cmpuint (os_checkpoint_get_n_tensors (checkpoint), ==, n_named);
  } else {
    g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
    g_assert_nonnull (strstr (error->message, choice));
  }
}

static void
test_state_dict (void)
{
  g_autofree char *path = data_path ("zip-ema.pth");
  g_autoptr (OsCheckpoint) root = os_checkpoint_open_at (path, "", NULL);

  assert_state_dict ("zip-ema.pth", NULL, 3);
  assert_state_dict ("zip-ema.pth", "model", 3);
  assert_state_dict ("zip-ema.pth", "opt/state", 1);
  assert_state_dict ("zip-ema.pth", "", 7);
  assert_state_dict ("zip-ema.pth", "opt/absent", 0);
  assert_state_dict ("st-whitespace.safetensors", "", 2);
  assert_state_dict ("st-whitespace.safetensors", "ema", 0);
  assert_state_dict ("zip-ema.pth", "ema/blocks.0.w/x", 0);
  g_assert_nonnull (os_checkpoint_get (root, "opt.state.0.exp_avg"));
  g_assert_nonnull (os_checkpoint_get (root, "ema.blocks.1.w"));
}

/* Names that DataParallel wrote; one without the prefix keeps all. */
static void
test_strip_module (void)
{
  g_autoptr (OsCheckpoint) all = os_checkpoint_new ("x", "test");
  g_autoptr (OsCheckpoint) some = os_checkpoint_new ("x", "test");
  OsTensor *tensor = os_tensor_new_hollow (OS_DTYPE_F32, OS_SHAPE (2));

  os_checkpoint_add (all, "module.a", os_tensor_ref (tensor), NULL);
  os_checkpoint_add (all, "module.b", os_tensor_ref (tensor), NULL);
  os_checkpoint_add (some, "module.a", os_tensor_ref (tensor), NULL);
  os_checkpoint_add (some, "b", tensor, NULL);
  os_checkpoint_strip_module (all);
  os_checkpoint_strip_module (some);
  g_assert_nonnull (os_checkpoint_get (all, "a"));
  g_assert_null (os_checkpoint_get (all, "module.a"));
  g_assert_cmpstr (os_checkpoint_get_names (all)[1], ==, "b");
  g_assert_nonnull (os_checkpoint_get (some, "module.a"));
}

/* Checksums of large records are compared when asked for. */
static void
test_verify (void)
{
  g_autofree char *path = data_path ("zip-plain.pth");
  g_autoptr (OsMappedFile) file = os_mapped_file_open (path, NULL);
  g_autoptr (OsCheckpoint) checkpoint = os_checkpoint_new (path, "test");
  g_autoptr (GError) error = NULL;

  /* CRC-32 of "PK". */
  os_checkpoint_add_check (checkpoint, file, 0, 2, 0x1a6cd7b3, "a");
  os_checkpoint_verify (checkpoint, NULL, &error);
  g_assert_no_error (error);
  os_checkpoint_add_check (checkpoint, file, 0, 2, 1, "data/7");
  g_assert_false (os_checkpoint_verify (checkpoint, NULL, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
  g_assert_nonnull (strstr (error->message, "data/7"));
  g_assert_nonnull (strstr (error->message, path));
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
  g_test_add_func ("/weights/checkpoint/training-folder", test_training_folder);
  g_test_add_func ("/weights/checkpoint/state-dict", test_state_dict);
  g_test_add_func ("/weights/checkpoint/strip-module", test_strip_module);
  g_test_add_func ("/weights/checkpoint/verify", test_verify);
  g_test_add_func ("/weights/checkpoint/index-disagrees", test_index_disagrees);
  g_test_add_func ("/weights/checkpoint/lifetime", test_lifetime);
  g_test_add_func ("/weights/checkpoint/duplicate", test_duplicate);
  return g_test_run ();
}
