/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers: the generator's known outputs, and torch.randn's, recorded in
 * data/compute/noise.json. */
#include "compute/noise.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "optest.h"

/* Outputs 1 and 10000 for the seed 5489, as in the C++ standard. */
static void
test_engine (void)
{
  g_autoptr (OsNoise) noise = os_noise_new (5489);

  g_assert_cmpuint (os_noise_next_u32 (noise), ==, 3499211612u);
  for (int i = 2; i < 10000; i++)
    os_noise_next_u32 (noise);
  g_assert_cmpuint (os_noise_next_u32 (noise), ==, 4123659995u);
}

static void
test_seed_is_32_bits (void)
{
  static const gint64 pairs[][2] = { { G_GINT64_CONSTANT (1) << 40, 0 },
    { (G_GINT64_CONSTANT (5) << 32) + 42, 42 }, { -1, G_MAXUINT32 } };

  for (guint i = 0; i < G_N_ELEMENTS (pairs); i++) {
    g_autoptr (OsNoise) a = os_noise_new (pairs[i][0]);
    g_autoptr (OsNoise) b = os_noise_new (pairs[i][1]);
    g_autoptr (OsNoise) c = os_noise_new (pairs[i][1] + 1);
    const guint32 value = os_noise_next_u32 (a);

    g_assert_cmpuint (value, ==, os_noise_next_u32 (b));
    g_assert_cmpuint (value, !=, os_noise_next_u32 (c));
  }
}

static OsDType
dtype_from_name (const char *name)
{
  for (int i = 0; i < OS_N_DTYPES; i++) {
    if (g_str_equal (name, os_dtype_name (i)))
      return i;
  }
  g_assert_not_reached ();
}

/* How far from torch's values, which come from vectorised functions. */
static double
tolerance (OsDType dtype)
{
  switch (dtype) {
    case OS_DTYPE_F64:
      return 1e-14;
    case OS_DTYPE_F16:
      return 0x1p-10;
    case OS_DTYPE_BF16:
      return 0x1p-7;
    default:
      return 5e-7;
  }
}

static void
check_call (OsNoise *noise, JsonObject *call)
{
  const OsDType dtype =
      dtype_from_name (json_object_get_string_member (call, "dtype"));
  const gint64 n = json_object_get_int_member (call, "n");
  JsonArray *at = json_object_get_array_member (call, "at");
  JsonArray *values = json_object_get_array_member (call, "values");
  g_autofree float *f32 = g_new (float, n);
  g_autofree double *f64 = g_new (double, n);

  if (dtype == OS_DTYPE_F64) {
    os_noise_normal_f64 (noise, n, f64);
  } else {
    os_noise_normal_f32 (noise, dtype, n, f32);
    for (gint64 i = 0; i < n; i++)
      f64[i] = f32[i];
  }
  for (guint i = 0; i < json_array_get_length (at); i++) {
    const gint64 place = json_array_get_int_element (at, i);
    const double value = json_array_get_double_element (values, i);

    g_assert_cmpfloat_with_epsilon (
        f64[place], value, tolerance (dtype) * (1 + fabs (value)));
  }
}

static void
test_torch (void)
{
  g_autofree char *path = g_build_filename (
      g_getenv ("OPENSORA_TEST_DATA"), "compute", "noise.json", NULL);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  JsonArray *cases;

  json_parser_load_from_file (parser, path, &error);
  g_assert_no_error (error);
  cases = json_object_get_array_member (
      json_node_get_object (json_parser_get_root (parser)), "cases");
  g_assert_cmpuint (json_array_get_length (cases), ==, 41);
  for (guint i = 0; i < json_array_get_length (cases); i++) {
    JsonObject *one = json_array_get_object_element (cases, i);
    JsonArray *calls = json_object_get_array_member (one, "calls");
    g_autoptr (OsNoise) noise =
        os_noise_new (json_object_get_int_member (one, "seed"));

    for (guint j = 0; j < json_array_get_length (calls); j++)
      check_call (noise, json_array_get_object_element (calls, j));
  }
}

/* Half types hold nothing that they cannot hold. */
static void
test_rounded (void)
{
  g_autoptr (OsNoise) noise = os_noise_new (3);
  float values[40];

  os_noise_normal_f32 (noise, OS_DTYPE_BF16, 40, values);
  for (int i = 0; i < 40; i++) {
    guint32 bits;

    memcpy (&bits, &values[i], sizeof bits);
    g_assert_cmphex (bits & 0xffff, ==, 0);
  }
}

static void
test_moments (void)
{
  enum {
    N = 100000
  };
  g_autoptr (OsNoise) noise = os_noise_new (1);
  g_autofree float *values = g_new (float, N);
  double mean = 0, square = 0;

  os_noise_normal_f32 (noise, OS_DTYPE_F32, N, values);
  for (int i = 0; i < N; i++) {
    mean += values[i] / N;
    square += values[i] * values[i] / N;
  }
  g_assert_cmpfloat_with_epsilon (mean, 0, 0.015);
  g_assert_cmpfloat_with_epsilon (square, 1, 0.02);
}

static void
test_tensor (OsCompute *compute)
{
  g_autoptr (OsNoise) noise = os_noise_new (42);
  g_autoptr (OsNoise) again = os_noise_new (42);
  g_autoptr (OsTensor) x =
      os_noise_tensor (noise, compute, OS_SHAPE (1, 4, 5, 3, 7));
  g_autoptr (OsTensor) next = os_noise_tensor (noise, compute, OS_SHAPE (3));
  float values[423];

  g_assert_true (os_tensor_has_shape (x, OS_SHAPE (1, 4, 5, 3, 7)));
  os_noise_normal_f32 (again, OS_DTYPE_F32, 420, values);
  os_noise_normal_f32 (again, OS_DTYPE_F32, 3, values + 420);
  g_assert_cmpmem (os_tensor_f32 (x), 1680, values, 1680);
  g_assert_cmpmem (os_tensor_f32 (next), 12, values + 420, 12);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/compute/noise/engine", test_engine);
  g_test_add_func ("/compute/noise/seed-is-32-bits", test_seed_is_32_bits);
  g_test_add_func ("/compute/noise/torch", test_torch);
  g_test_add_func ("/compute/noise/rounded", test_rounded);
  g_test_add_func ("/compute/noise/moments", test_moments);
  optest_add ("/compute/noise/tensor", test_tensor);
  return g_test_run ();
}
