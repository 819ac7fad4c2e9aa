/* SPDX-License-Identifier: Apache-2.0 */
/* Conversions, read back: values, shards, and that nothing half-done stays. */
#include <glib/gstdio.h>
#include <opensora/opensora.h>
#include <string.h>

#include "base/half.h"
#include "weights/convert.h"
#include "weights/gather.h"

#define N_LONG 300000

typedef struct {
  char *folder;
  char *path;
  OsCheckpoint *checkpoint;
  float values[6];
  guint8 bytes[4];
  float *numbers; /* N_LONG */
} Fixture;

static void
add (Fixture *fixture, const char *name, OsTensor *tensor)
{
  g_assert_true (os_checkpoint_add (fixture->checkpoint, name, tensor, NULL));
}

/* "plain" [2, 3], "turned" [3, 2], "scalar", "none" [0, 3], all F32; "small"
 * [2] F8_E4M3, "count" [2] I16, "long" [3, 100000] F32 transposed. */
static void
set_up (Fixture *fixture, gconstpointer data)
{
  static const int order[] = { 1, 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (OsTensor) plain = NULL;
  g_autoptr (OsTensor) numbers = NULL;

  fixture->folder = g_dir_make_tmp ("opensora-XXXXXX", &error);
  g_assert_no_error (error);
  fixture->path = g_build_filename (fixture->folder, "out.safetensors", NULL);
  for (guint i = 0; i < 6; i++)
    fixture->values[i] = 1.0f + (float) i / 3;
  memcpy (fixture->bytes, (guint8[]){ 0x38, 0x7e, 0xff, 0xff }, 4);
  fixture->numbers = g_new (float, N_LONG);
  for (guint i = 0; i < N_LONG; i++)
    fixture->numbers[i] = (float) i;

  fixture->checkpoint = os_checkpoint_new ("in", "safetensors");
  plain = os_tensor_new_wrapped (
      OS_DTYPE_F32, OS_SHAPE (2, 3), fixture->values, NULL, NULL);
  numbers = os_tensor_new_wrapped (
      OS_DTYPE_F32, OS_SHAPE (N_LONG / 3, 3), fixture->numbers, NULL, NULL);
  add (fixture, "small",
      os_tensor_new_wrapped (
          OS_DTYPE_F8_E4M3, OS_SHAPE (2), fixture->bytes, NULL, NULL));
  add (fixture, "count",
      os_tensor_new_wrapped (
          OS_DTYPE_I16, OS_SHAPE (2), fixture->bytes, NULL, NULL));
  add (fixture, "plain", os_tensor_ref (plain));
  add (fixture, "turned", os_tensor_permute (plain, order));
  add (fixture, "scalar",
      os_tensor_new_wrapped (
          OS_DTYPE_F32, 0, plain->shape, fixture->values, NULL, NULL));
  add (fixture, "none",
      os_tensor_new_wrapped (
          OS_DTYPE_F32, OS_SHAPE (0, 3), fixture->values, NULL, NULL));
  add (fixture, "long", os_tensor_permute (numbers, order));
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

/* Files of the folder, sorted and joined by spaces. */
static char *
list_folder (const Fixture *fixture)
{
  g_autoptr (GDir) dir = g_dir_open (fixture->folder, 0, NULL);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);
  return g_strjoinv (" ", (char **) names->pdata);
}

static void
assert_folder (const Fixture *fixture, const char *want)
{
  g_autofree char *files = list_folder (fixture);

  g_assert_cmpstr (files, ==, want);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_autofree char *files = list_folder (fixture);
  g_auto (GStrv) names = g_strsplit (files, " ", -1);

  for (guint i = 0; names[i] != NULL; i++) {
    g_autofree char *path = g_build_filename (fixture->folder, names[i], NULL);
    g_unlink (path);
  }
  g_assert_cmpint (g_rmdir (fixture->folder), ==, 0);
  os_checkpoint_unref (fixture->checkpoint);
  g_free (fixture->numbers);
  g_free (fixture->folder);
  g_free (fixture->path);
}

static void
convert (const Fixture *fixture, const OsConvertOptions *options)
{
  g_autoptr (GError) error = NULL;

  os_convert (fixture->checkpoint, fixture->path, options, NULL, &error);
  g_assert_no_error (error);
}

static OsCheckpoint *
open_output (const Fixture *fixture, const char *suffix)
{
  g_autofree char *path = g_strconcat (fixture->path, suffix, NULL);
  g_autoptr (GError) error = NULL;
  OsCheckpoint *checkpoint = os_checkpoint_open (path, &error);

  g_assert_no_error (error);
  return checkpoint;
}

/* The same dtype, shape and row-major bytes. */
static void
assert_equal (const OsTensor *a, const OsTensor *b)
{
  gsize size = os_tensor_count (a) * os_dtype_size (a->dtype);
  g_autofree guint8 *x = g_malloc (size + 1);
  g_autofree guint8 *y = g_malloc (size + 1);

  g_assert_nonnull (b);
  g_assert_cmpint (a->dtype, ==, b->dtype);
  g_assert_true (os_tensor_has_shape (a, b->n_dims, b->shape));
  os_gather (a, 0, os_tensor_count (a), x);
  os_gather (b, 0, os_tensor_count (b), y);
  g_assert_true (memcmp (x, y, size) == 0);
}

static void
assert_same_tensors (const OsCheckpoint *a, const OsCheckpoint *b)
{
  const char *const *names = os_checkpoint_get_names (a);

  g_assert_cmpuint (
      os_checkpoint_get_n_tensors (a), ==, os_checkpoint_get_n_tensors (b));
  for (guint i = 0; names[i] != NULL; i++) {
    g_assert_cmpstr (os_checkpoint_get_names (b)[i], ==, names[i]);
    assert_equal (
        os_checkpoint_get (a, names[i]), os_checkpoint_get (b, names[i]));
  }
}

static void
test_copy (Fixture *fixture, gconstpointer data)
{
  const OsConvertOptions options = { FALSE };
  GHashTable *metadata = os_checkpoint_get_metadata (fixture->checkpoint);
  g_autoptr (OsCheckpoint) output = NULL;

  g_hash_table_insert (metadata, g_strdup ("title"), g_strdup ("a \"b\" \n"));
  convert (fixture, &options);
  assert_folder (fixture, "out.safetensors");
  output = open_output (fixture, "");
  assert_same_tensors (fixture->checkpoint, output);
  metadata = os_checkpoint_get_metadata (output);
  g_assert_cmpuint (g_hash_table_size (metadata), ==, 1);
  g_assert_cmpstr (g_hash_table_lookup (metadata, "title"), ==, "a \"b\" \n");
}

/* Every tensor begins at a multiple of its element size, narrow ones that come
 * first in the header too. */
static void
test_alignment (Fixture *fixture, gconstpointer data)
{
  const OsConvertOptions options = { FALSE };
  const char *const *names;
  g_autoptr (OsCheckpoint) output = NULL;

  convert (fixture, &options);
  output = open_output (fixture, "");
  names = os_checkpoint_get_names (output);
  for (guint i = 0; names[i] != NULL; i++) {
    OsTensor *tensor = os_checkpoint_get (output, names[i]);
    g_assert_cmpuint (
        (gsize) os_tensor_data (tensor) % os_dtype_size (tensor->dtype), ==, 0);
  }
}

static void
test_cast (Fixture *fixture, gconstpointer data)
{
  OsDType dtype = GPOINTER_TO_INT (data);
  const OsConvertOptions options = { TRUE, dtype };
  g_autoptr (OsCheckpoint) output = NULL;
  const char *const *names;
  OsTensor *turned;

  convert (fixture, &options);
  output = open_output (fixture, "");
  assert_equal (os_checkpoint_get (fixture->checkpoint, "count"),
      os_checkpoint_get (output, "count"));
  names = os_checkpoint_get_names (output);
  for (guint i = 0; names[i] != NULL; i++) {
    if (!g_str_equal (names[i], "count"))
      g_assert_cmpint (os_checkpoint_get (output, names[i])->dtype, ==, dtype);
  }
  turned = os_checkpoint_get (output, "turned");
  for (guint i = 0; i < 6; i++) {
    float value = fixture->values[i % 2 * 3 + i / 2];
    const guint16 *halves = os_tensor_data (turned);

    if (dtype == OS_DTYPE_F32)
      g_assert_cmpfloat (os_tensor_f32 (turned)[i], ==, value);
    else if (dtype == OS_DTYPE_F16)
      g_assert_cmphex (halves[i], ==, os_f32_to_f16 (value));
    else
      g_assert_cmphex (halves[i], ==, os_f32_to_bf16 (value));
  }
}

/* Chunks of a tensor that is cast and gathered at once. */
static void
test_cast_long (Fixture *fixture, gconstpointer data)
{
  const OsConvertOptions options = { TRUE, OS_DTYPE_BF16 };
  g_autoptr (OsCheckpoint) output = NULL;
  const guint16 *halves;

  convert (fixture, &options);
  output = open_output (fixture, "");
  halves = os_tensor_data (os_checkpoint_get (output, "long"));
  for (guint i = 0; i < N_LONG; i++) {
    guint column = i % (N_LONG / 3), row = i / (N_LONG / 3);
    g_assert_cmphex (
        halves[i], ==, os_f32_to_bf16 ((float) (column * 3 + row)));
  }
}

static void
test_shards (Fixture *fixture, gconstpointer data)
{
  const OsConvertOptions options = { .max_shard_size = 30 };
  g_autoptr (OsCheckpoint) output = NULL;

  /* small 2 + count 4 + plain 24 | turned 24 + scalar 4 + none 0 | long */
  convert (fixture, &options);
  assert_folder (fixture, "out-00001-of-00003.safetensors "
                          "out-00002-of-00003.safetensors "
                          "out-00003-of-00003.safetensors "
                          "out.safetensors.index.json");
  output = open_output (fixture, ".index.json");
  assert_same_tensors (fixture->checkpoint, output);
  g_assert_true (g_str_has_suffix (os_checkpoint_find (output, "scalar")->file,
      "-00002-of-00003.safetensors"));
}

static void
test_one_shard (Fixture *fixture, gconstpointer data)
{
  const OsConvertOptions options = { .max_shard_size = 4 * N_LONG + 58 };

  convert (fixture, &options);
  assert_folder (fixture, "out.safetensors");
}

static void
test_empty (Fixture *fixture, gconstpointer data)
{
  const OsConvertOptions options = { .max_shard_size = 1 };
  g_autoptr (OsCheckpoint) output = NULL;

  os_checkpoint_unref (fixture->checkpoint);
  fixture->checkpoint = os_checkpoint_new ("in", "safetensors");
  convert (fixture, &options);
  output = open_output (fixture, "");
  g_assert_cmpuint (os_checkpoint_get_n_tensors (output), ==, 0);
  g_assert_cmpuint (
      g_hash_table_size (os_checkpoint_get_metadata (output)), ==, 0);
}

/* What PyTorch wrote says so afterwards. */
static void
test_torch_metadata (Fixture *fixture, gconstpointer data)
{
  const OsConvertOptions options = { FALSE };
  g_autoptr (OsCheckpoint) output = NULL;

  os_checkpoint_unref (fixture->checkpoint);
  fixture->checkpoint = os_checkpoint_new ("in", "torch-zip");
  convert (fixture, &options);
  output = open_output (fixture, "");
  g_assert_cmpstr (
      g_hash_table_lookup (os_checkpoint_get_metadata (output), "format"), ==,
      "pt");
}

typedef struct {
  GCancellable *cancellable; /* cancelled at the first report */
  guint n;
  guint64 done;
  guint64 total;
} Watch;

static void
on_progress (OpensoraStage stage, guint64 done, guint64 total, gpointer data)
{
  Watch *watch = data;

  g_assert_cmpint (stage, ==, OPENSORA_STAGE_CONVERT);
  g_assert_cmpuint (done, >, watch->done);
  g_assert_cmpuint (done, <=, total);
  watch->n++;
  watch->done = done;
  watch->total = total;
  if (watch->cancellable != NULL)
    g_cancellable_cancel (watch->cancellable);
}

static void
test_progress (Fixture *fixture, gconstpointer data)
{
  const OsConvertOptions options = { .max_shard_size = 30 };
  Watch watch = { NULL };
  g_autoptr (OsTask) task = os_task_new (NULL, on_progress, &watch);

  g_assert_true (
      os_convert (fixture->checkpoint, fixture->path, &options, task, NULL));
  g_assert_cmpuint (watch.done, ==, 4 * N_LONG + 58);
  g_assert_cmpuint (watch.total, ==, 4 * N_LONG + 58);
  /* Five small tensors, and the long one in pieces. */
  g_assert_cmpuint (watch.n, >, 6);
}

static void
test_cancel (Fixture *fixture, gconstpointer data)
{
  const OsConvertOptions options = { .max_shard_size =
                                         GPOINTER_TO_UINT (data) };
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Watch watch = { cancellable };
  g_autoptr (OsTask) task = os_task_new (cancellable, on_progress, &watch);
  g_autoptr (GError) error = NULL;
  g_autofree char *contents = NULL;

  g_assert_true (g_file_set_contents (fixture->path, "before", -1, NULL));
  g_assert_false (
      os_convert (fixture->checkpoint, fixture->path, &options, task, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (watch.n, ==, 1);
  assert_folder (fixture, "out.safetensors");
  g_assert_true (g_file_get_contents (fixture->path, &contents, NULL, NULL));
  g_assert_cmpstr (contents, ==, "before");
}

static void
assert_refused (Fixture *fixture, const char *path, int code, const char *words)
{
  const OsConvertOptions options = { FALSE };
  g_autoptr (GError) error = NULL;

  g_assert_false (
      os_convert (fixture->checkpoint, path, &options, NULL, &error));
  g_assert_error (error, OPENSORA_ERROR, code);
  g_assert_nonnull (strstr (error->message, words));
  assert_folder (fixture, "");
}

/* An expanded tensor is as large as one likes. */
static void
test_space (Fixture *fixture, gconstpointer data)
{
  OsTensor *plain = os_checkpoint_get (fixture->checkpoint, "plain");

  add (fixture, "huge",
      os_tensor_as_strided (plain, 0, OS_SHAPE (G_GINT64_CONSTANT (1) << 58),
          (const gint64[]){ 0 }));
  assert_refused (fixture, fixture->path, OPENSORA_ERROR_WRITE, "free");
}

static void
test_overflow (Fixture *fixture, gconstpointer data)
{
  OsTensor *plain = os_checkpoint_get (fixture->checkpoint, "plain");

  for (guint i = 0; i < 2; i++) {
    const char *const names[] = { "huge 1", "huge 2" };
    add (fixture, names[i],
        os_tensor_as_strided (plain, 0, OS_SHAPE (G_GINT64_CONSTANT (1) << 60),
            (const gint64[]){ 0 }));
  }
  assert_refused (fixture, fixture->path, OPENSORA_ERROR_UNSUPPORTED, "huge 2");
}

static void
test_refused (Fixture *fixture, gconstpointer data)
{
  g_autofree char *other = g_build_filename (fixture->folder, "out.pth", NULL);
  g_autofree char *absent =
      g_build_filename (fixture->folder, "absent", "x.safetensors", NULL);

  assert_refused (fixture, other, OPENSORA_ERROR_SETTINGS, "must end in");
  assert_refused (fixture, absent, OPENSORA_ERROR_WRITE, absent);
  add (fixture, "__metadata__",
      os_tensor_ref (os_checkpoint_get (fixture->checkpoint, "plain")));
  assert_refused (
      fixture, fixture->path, OPENSORA_ERROR_UNSUPPORTED, "__metadata__");
}

#define ADD(name, data, function)                                              \
  g_test_add (                                                                 \
      "/weights/convert/" name, Fixture, data, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("copy", NULL, test_copy);
  ADD ("alignment", NULL, test_alignment);
  ADD ("cast/f32", GINT_TO_POINTER (OS_DTYPE_F32), test_cast);
  ADD ("cast/f16", GINT_TO_POINTER (OS_DTYPE_F16), test_cast);
  ADD ("cast/bf16", GINT_TO_POINTER (OS_DTYPE_BF16), test_cast);
  ADD ("cast/long", NULL, test_cast_long);
  ADD ("shards", NULL, test_shards);
  ADD ("one-shard", NULL, test_one_shard);
  ADD ("empty", NULL, test_empty);
  ADD ("torch-metadata", NULL, test_torch_metadata);
  ADD ("progress", NULL, test_progress);
  ADD ("cancel/one", NULL, test_cancel);
  ADD ("cancel/shards", GUINT_TO_POINTER (30), test_cancel);
  ADD ("space", NULL, test_space);
  ADD ("overflow", NULL, test_overflow);
  ADD ("refused", NULL, test_refused);
  return g_test_run ();
}
