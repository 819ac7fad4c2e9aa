/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes, views and storage. */
#include "tensor/tensor.h"

#include <opensora/opensora.h>
#include <string.h>
#include <unistd.h>

#include "base/mapped-file.h"

/* [2, 3, 4] with the values 0 .. 23. */
static OsTensor *
new_counting (OsMemPool *pool)
{
  OsTensor *tensor =
      os_tensor_new (pool, OS_DTYPE_F32, OS_SHAPE (2, 3, 4), NULL);

  for (int i = 0; i < 24; i++)
    os_tensor_f32 (tensor)[i] = i;
  return tensor;
}

static float
at (const OsTensor *tensor, const gint64 *index)
{
  gint64 offset = 0;

  for (int i = 0; i < tensor->n_dims; i++) {
    g_assert_cmpint (index[i], <, tensor->shape[i]);
    offset += index[i] * tensor->stride[i];
  }
  return os_tensor_f32 (tensor)[offset];
}

#define AT(tensor, ...) at (tensor, (const gint64[]){ __VA_ARGS__ })

static void
assert_shape (const OsTensor *tensor, const char *expected)
{
  g_autofree char *shape = os_shape_to_string (tensor->n_dims, tensor->shape);

  g_assert_cmpstr (shape, ==, expected);
}

static void
test_new (void)
{
  g_autoptr (OsMemPool) pool = os_mem_pool_new ();
  g_autoptr (OsTensor) scalar = NULL;
  g_autoptr (OsTensor) empty = NULL;
  OsTensor *x = new_counting (pool);

  g_assert_cmpint (os_tensor_count (x), ==, 24);
  g_assert_true (os_tensor_is_contiguous (x));
  g_assert_true (os_tensor_has_shape (x, OS_SHAPE (2, 3, 4)));
  g_assert_false (os_tensor_has_shape (x, OS_SHAPE (2, 3)));
  g_assert_false (os_tensor_has_shape (x, OS_SHAPE (2, 3, 5)));
  g_assert_cmpfloat (AT (x, 1, 2, 3), ==, 23);
  g_assert_cmpuint (os_mem_pool_get_in_use (pool), >=, 24 * 4);
  os_tensor_unref (x);
  g_assert_cmpuint (os_mem_pool_get_in_use (pool), ==, 0);

  scalar = os_tensor_new (pool, OS_DTYPE_F64, 0, (const gint64[]){ 0 }, NULL);
  g_assert_cmpint (os_tensor_count (scalar), ==, 1);
  empty = os_tensor_new (pool, OS_DTYPE_F32, OS_SHAPE (3, 0, 2), NULL);
  g_assert_cmpint (os_tensor_count (empty), ==, 0);
}

/* Views share the values, and keep them alive. */
static void
test_references (void)
{
  g_autoptr (OsMemPool) pool = os_mem_pool_new ();
  OsTensor *x = new_counting (pool);
  OsTensor *view = os_tensor_slice (x, 0, 1, 1);
  OsTensor *again = os_tensor_ref (view);

  os_tensor_f32 (view)[0] = -1;
  g_assert_cmpfloat (AT (x, 1, 0, 0), ==, -1);
  os_tensor_unref (x);
  os_tensor_unref (view);
  g_assert_cmpfloat (AT (again, 0, 2, 3), ==, 23);
  g_assert_cmpuint (os_mem_pool_get_in_use (pool), >, 0);
  os_tensor_unref (again);
  g_assert_cmpuint (os_mem_pool_get_in_use (pool), ==, 0);
}

static void
test_slice_and_select (void)
{
  g_autoptr (OsMemPool) pool = os_mem_pool_new ();
  g_autoptr (OsTensor) x = new_counting (pool);
  g_autoptr (OsTensor) middle = os_tensor_slice (x, 1, 1, 2);
  g_autoptr (OsTensor) corner = os_tensor_slice (middle, 2, 3, 1);
  g_autoptr (OsTensor) row = os_tensor_select (x, 1, 2);
  g_autoptr (OsTensor) last = os_tensor_select (row, 1, 3);
  g_autoptr (OsTensor) first = os_tensor_slice (x, 0, 0, 1);
  g_autoptr (OsTensor) none = os_tensor_slice (x, 2, 4, 0);

  assert_shape (middle, "[2, 2, 4]");
  g_assert_cmpfloat (AT (middle, 0, 0, 0), ==, 4);
  g_assert_cmpfloat (AT (middle, 1, 1, 3), ==, 23);
  g_assert_false (os_tensor_is_contiguous (middle));
  assert_shape (corner, "[2, 2, 1]");
  g_assert_cmpfloat (AT (corner, 1, 0, 0), ==, 19);
  assert_shape (row, "[2, 4]");
  g_assert_cmpfloat (AT (row, 1, 1), ==, 21);
  assert_shape (last, "[2]");
  g_assert_cmpfloat (AT (last, 0), ==, 11);
  g_assert_cmpfloat (AT (last, 1), ==, 23);
  g_assert_true (os_tensor_is_contiguous (first));
  g_assert_cmpint (os_tensor_count (none), ==, 0);
}

static void
test_permute (void)
{
  g_autoptr (OsMemPool) pool = os_mem_pool_new ();
  g_autoptr (OsTensor) x = new_counting (pool);
  g_autoptr (OsTensor) y = os_tensor_permute (x, (int[]){ 2, 0, 1 });
  g_autoptr (OsTensor) back = os_tensor_permute (y, (int[]){ 1, 2, 0 });

  assert_shape (y, "[4, 2, 3]");
  for (int i = 0; i < 24; i++)
    g_assert_cmpfloat (AT (y, i % 4, i / 12, i / 4 % 3), ==, i);
  g_assert_false (os_tensor_is_contiguous (y));
  g_assert_true (os_tensor_is_contiguous (back));
  assert_shape (back, "[2, 3, 4]");
}

static void
test_reshape_and_split (void)
{
  g_autoptr (OsMemPool) pool = os_mem_pool_new ();
  g_autoptr (OsTensor) x = new_counting (pool);
  g_autoptr (OsTensor) flat = os_tensor_reshape (x, OS_SHAPE (4, 6));
  g_autoptr (OsTensor) half = os_tensor_slice (x, 0, 1, 1);
  g_autoptr (OsTensor) lines = os_tensor_reshape (half, OS_SHAPE (6, 2));
  g_autoptr (OsTensor) turned = os_tensor_permute (x, (int[]){ 2, 1, 0 });
  g_autoptr (OsTensor) split = os_tensor_split (turned, 0, OS_SHAPE (2, 2));

  g_assert_cmpfloat (AT (flat, 3, 1), ==, 19);
  g_assert_cmpfloat (AT (lines, 5, 1), ==, 23);
  /* Views whose split dimension is not contiguous stay views. */
  assert_shape (split, "[2, 2, 3, 2]");
  for (int i = 0; i < 24; i++)
    g_assert_cmpfloat (AT (split, i % 4 / 2, i % 2, i / 4 % 3, i / 12), ==, i);
}

static void
test_as_strided (void)
{
  g_autoptr (OsMemPool) pool = os_mem_pool_new ();
  g_autoptr (OsTensor) x = new_counting (pool);
  g_autoptr (OsTensor) half = os_tensor_slice (x, 0, 1, 1);
  /* Backwards, repeated, and counted from the view's own start. */
  g_autoptr (OsTensor) y = os_tensor_as_strided (
      half, 11, OS_SHAPE (2, 3, 4), (gint64[]){ 0, -4, -1 });

  g_assert_cmpfloat (AT (y, 0, 0, 0), ==, 23);
  g_assert_cmpfloat (AT (y, 1, 0, 0), ==, 23);
  g_assert_cmpfloat (AT (y, 1, 2, 3), ==, 12);
  g_assert_false (os_tensor_is_contiguous (y));
}

/* Strides of dimensions with one element do not matter. */
static void
test_contiguity (void)
{
  g_autoptr (OsMemPool) pool = os_mem_pool_new ();
  g_autoptr (OsTensor) x = new_counting (pool);
  g_autoptr (OsTensor) a = os_tensor_as_strided (
      x, 0, OS_SHAPE (1, 3, 1, 4), (gint64[]){ 99, 4, 77, 1 });
  g_autoptr (OsTensor) b =
      os_tensor_as_strided (x, 0, OS_SHAPE (2, 3), (gint64[]){ 4, 1 });
  g_autoptr (OsTensor) c =
      os_tensor_as_strided (x, 0, OS_SHAPE (4), (gint64[]){ 2 });

  g_assert_true (os_tensor_is_contiguous (a));
  g_assert_false (os_tensor_is_contiguous (b));
  g_assert_false (os_tensor_is_contiguous (c));
}

static void
test_overflow (void)
{
  static const gint64 shapes[][3] = {
    { G_MAXINT64, 2, 2 },
    { (gint64) 1 << 31, (gint64) 1 << 31, 1 },
    { (gint64) 1 << 32, (gint64) 1 << 32, 4 },
    { -1, 4, 4 },
    { 4, -1, -1 },
  };
  g_autoptr (OsMemPool) pool = os_mem_pool_new ();

  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++) {
    g_autoptr (GError) error = NULL;
    g_autofree char *shape = os_shape_to_string (3, shapes[i]);

    g_assert_null (os_tensor_new (pool, OS_DTYPE_F32, 3, shapes[i], &error));
    g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MEMORY);
    g_assert_nonnull (strstr (error->message, shape));
  }
  g_assert_cmpuint (os_mem_pool_get_in_use (pool), ==, 0);
}

static void
test_limit (void)
{
  g_autoptr (OsMemPool) pool = os_mem_pool_new ();
  g_autoptr (GError) error = NULL;

  os_mem_pool_set_limit (pool, 1 << 20);
  g_assert_null (
      os_tensor_new (pool, OS_DTYPE_F32, OS_SHAPE (1024, 1024), &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MEMORY);
  g_assert_nonnull (strstr (error->message, "4194304"));
}

/* A hollow tensor and its views have shapes and no memory. */
static void
test_hollow (void)
{
  g_autoptr (OsTensor) x =
      os_tensor_new_hollow (OS_DTYPE_F32, OS_SHAPE (6, 1 << 20, 1 << 20));
  g_autoptr (OsTensor) part = os_tensor_slice (x, 0, 2, 3);
  g_autoptr (OsTensor) one = os_tensor_select (part, 0, 1);
  g_autoptr (OsTensor) flat =
      os_tensor_reshape (x, OS_SHAPE ((gint64) 6 << 40));

  g_assert_null (os_tensor_data (x));
  g_assert_null (os_tensor_f32 (part));
  g_assert_null (os_tensor_data (one));
  g_assert_cmpint (os_tensor_count (flat), ==, (gint64) 6 << 40);
  assert_shape (one, "[1048576, 1048576]");
}

/* The shape of a computation that failed since it is too large. */
static void
test_hollow_overflow (void)
{
  g_autoptr (OsTensor) x =
      os_tensor_new_hollow (OS_DTYPE_F32, OS_SHAPE (1 << 30, 1 << 30, 1 << 30));
  g_autoptr (OsTensor) y = os_tensor_permute (x, (int[]){ 1, 0, 2 });

  assert_shape (y, "[1073741824, 1073741824, 1073741824]");
  g_assert_true (os_tensor_is_contiguous (x));
  g_assert_cmpint (os_tensor_count (x), ==, os_tensor_count (y));
}

static void
count_release (gpointer owner)
{
  ++*(guint *) owner;
}

static void
test_wrapped (void)
{
  static const char bytes[] = "\0\0\0\0\x80\x3f\0\0\0\x40";
  guint released = 0;
  OsTensor *x = os_tensor_new_wrapped (OS_DTYPE_F32, OS_SHAPE (2),
      (gpointer) (bytes + 2), &released, count_release);
  OsTensor *view = os_tensor_slice (x, 0, 1, 1);
  float value;

  os_tensor_unref (x);
  g_assert_cmpuint (released, ==, 0);
  memcpy (&value, os_tensor_data (view), sizeof value);
  g_assert_cmpfloat (value, ==, 2);
  os_tensor_unref (view);
  g_assert_cmpuint (released, ==, 1);
}

/* The values stay, of a mapped file and of other memory. */
static void
test_release (void)
{
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (OsTensor) mapped = NULL;
  g_autoptr (OsTensor) split = NULL;
  g_autoptr (OsTensor) turned = NULL;
  g_autoptr (OsTensor) other = NULL;
  g_autofree char *bytes = g_strnfill (20000, 'x');
  OsMappedFile *file;
  int fd = g_file_open_tmp ("opensora-XXXXXX", &path, &error);

  g_assert_no_error (error);
  g_assert_cmpint (write (fd, bytes, 20000), ==, 20000);
  close (fd);
  file = os_mapped_file_open (path, &error);
  g_assert_no_error (error);
  mapped = os_tensor_new_wrapped (OS_DTYPE_U8, OS_SHAPE (19990),
      os_mapped_file_get_contents (file) + 5, file,
      (GDestroyNotify) os_mapped_file_unref);
  other =
      os_tensor_new_wrapped (OS_DTYPE_U8, OS_SHAPE (20000), bytes, NULL, NULL);

  split = os_tensor_split (mapped, 0, OS_SHAPE (10, 1999));
  turned = os_tensor_permute (split, (int[]){ 1, 0 });
  os_tensor_release (mapped);
  os_tensor_release (turned);
  os_tensor_release (other);
  g_assert_cmpmem (os_tensor_data (mapped), 19990, bytes, 19990);
  g_assert_true (bytes[0] == 'x' && bytes[19999] == 'x');
  g_assert_cmpint (unlink (path), ==, 0);
}

static void
test_describe (void)
{
  g_autoptr (OsTensor) x =
      os_tensor_new_hollow (OS_DTYPE_BF16, OS_SHAPE (2, 30, 1152));
  g_autoptr (OsTensor) scalar =
      os_tensor_new_hollow (OS_DTYPE_F8_E4M3, 0, (const gint64[]){ 0 });
  g_autofree char *text = os_tensor_describe (x);
  g_autofree char *scalar_text = os_tensor_describe (scalar);

  g_assert_cmpstr (text, ==, "[2, 30, 1152] BF16");
  g_assert_cmpstr (scalar_text, ==, "[] F8_E4M3");
}

static void
test_dtypes (void)
{
  static const struct {
    const char *name;
    gsize size;
  } expected[OS_N_DTYPES] = { { "F32", 4 }, { "F16", 2 }, { "BF16", 2 },
    { "F64", 8 }, { "I64", 8 }, { "I32", 4 }, { "I16", 2 }, { "I8", 1 },
    { "U8", 1 }, { "BOOL", 1 }, { "F8_E4M3", 1 }, { "F8_E5M2", 1 },
    { "U16", 2 }, { "U32", 4 }, { "U64", 8 } };

  for (int i = 0; i < OS_N_DTYPES; i++) {
    g_assert_cmpstr (os_dtype_name (i), ==, expected[i].name);
    g_assert_cmpuint (os_dtype_size (i), ==, expected[i].size);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tensor/new", test_new);
  g_test_add_func ("/tensor/references", test_references);
  g_test_add_func ("/tensor/slice-and-select", test_slice_and_select);
  g_test_add_func ("/tensor/permute", test_permute);
  g_test_add_func ("/tensor/reshape-and-split", test_reshape_and_split);
  g_test_add_func ("/tensor/as-strided", test_as_strided);
  g_test_add_func ("/tensor/contiguity", test_contiguity);
  g_test_add_func ("/tensor/overflow", test_overflow);
  g_test_add_func ("/tensor/limit", test_limit);
  g_test_add_func ("/tensor/hollow", test_hollow);
  g_test_add_func ("/tensor/hollow-overflow", test_hollow_overflow);
  g_test_add_func ("/tensor/wrapped", test_wrapped);
  g_test_add_func ("/tensor/release", test_release);
  g_test_add_func ("/tensor/describe", test_describe);
  g_test_add_func ("/tensor/dtypes", test_dtypes);
  return g_test_run ();
}
