/* SPDX-License-Identifier: Apache-2.0 */
/* Row-major pieces of strided tensors, against an element-wise walk. */
#include <string.h>

#include "weights/gather.h"

static guint64 numbers[24];

static OsTensor *
make (OsDType dtype, int n_dims, const gint64 *shape)
{
  guint8 *bytes = (guint8 *) numbers;

  for (guint i = 0; i < sizeof numbers; i++)
    bytes[i] = (guint8) i;
  return os_tensor_new_wrapped (dtype, n_dims, shape, numbers, NULL, NULL);
}

/* Address of element `number` in row-major order. */
static const guint8 *
element (const OsTensor *tensor, gint64 number)
{
  const guint8 *data = os_tensor_data (tensor);

  for (int i = tensor->n_dims; i-- > 0;) {
    data += number % tensor->shape[i] * tensor->stride[i]
            * (gint64) os_dtype_size (tensor->dtype);
    number /= tensor->shape[i];
  }
  return data;
}

/* Every piece of the tensor. */
static void
check (const OsTensor *tensor)
{
  gint64 count = os_tensor_count (tensor);
  gsize size = os_dtype_size (tensor->dtype);
  guint8 out[sizeof numbers + 1];

  for (gint64 first = 0; first < count; first++) {
    for (gint64 n = 0; first + n <= count; n++) {
      memset (out, 0xee, sizeof out);
      os_gather (tensor, first, n, out);
      for (gint64 i = 0; i < n; i++)
        g_assert_cmpmem (
            out + i * (gint64) size, size, element (tensor, first + i), size);
      g_assert_cmpuint (out[n * size], ==, 0xee);
    }
  }
}

static void
test_contiguous (void)
{
  g_autoptr (OsTensor) tensor = make (OS_DTYPE_F64, OS_SHAPE (2, 3, 4));
  g_autoptr (OsTensor) scalar = make (OS_DTYPE_F32, 0, tensor->shape);

  check (tensor);
  check (scalar);
}

static void
test_strided (void)
{
  static const OsDType dtypes[] = { OS_DTYPE_U8, OS_DTYPE_BF16, OS_DTYPE_F32,
    OS_DTYPE_I64 };
  static const int orders[][3] = { { 2, 1, 0 }, { 0, 2, 1 }, { 1, 0, 2 } };

  for (guint i = 0; i < G_N_ELEMENTS (dtypes); i++) {
    g_autoptr (OsTensor) tensor = make (dtypes[i], OS_SHAPE (2, 3, 4));
    g_autoptr (OsTensor) part = os_tensor_slice (tensor, 2, 1, 2);

    check (part);
    for (guint j = 0; j < G_N_ELEMENTS (orders); j++) {
      g_autoptr (OsTensor) turned = os_tensor_permute (part, orders[j]);
      check (turned);
    }
  }
}

static void
test_expanded (void)
{
  g_autoptr (OsTensor) tensor = make (OS_DTYPE_I16, OS_SHAPE (2, 3));
  g_autoptr (OsTensor) rows = os_tensor_as_strided (
      tensor, 1, OS_SHAPE (4, 3), (const gint64[]){ 0, 1 });
  g_autoptr (OsTensor) one =
      os_tensor_as_strided (tensor, 2, OS_SHAPE (5), (const gint64[]){ 0 });
  g_autoptr (OsTensor) empty = os_tensor_as_strided (
      tensor, 0, OS_SHAPE (3, 0, 2), (const gint64[]){ 1, 7, 9 });

  check (rows);
  check (one);
  os_gather (empty, 0, 0, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/weights/gather/contiguous", test_contiguous);
  g_test_add_func ("/weights/gather/strided", test_strided);
  g_test_add_func ("/weights/gather/expanded", test_expanded);
  return g_test_run ();
}
