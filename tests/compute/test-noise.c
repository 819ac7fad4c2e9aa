/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers: the generator's known outputs, and torch.randn's, recorded in
 * data/compute/noise.json. */
#include "compute/noise.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "base/half.h"
#include "compute/philox.h"
#include "optest.h"

static OsNoise *
cpu_noise (gint64 seed)
{
  return os_noise_new (OS_NOISE_CPU, seed, OS_DTYPE_F32);
}

static OsNoise *
cuda_noise (gint64 seed)
{
  return os_noise_new (OS_NOISE_CUDA, seed, OS_DTYPE_F32);
}

/* Outputs 1 and 10000 for the seed 5489, as in the C++ standard. */
static void
test_engine (void)
{
  g_autoptr (OsNoise) noise = cpu_noise (5489);

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
    g_autoptr (OsNoise) a = cpu_noise (pairs[i][0]);
    g_autoptr (OsNoise) b = cpu_noise (pairs[i][1]);
    g_autoptr (OsNoise) c = cpu_noise (pairs[i][1] + 1);
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
        cpu_noise (json_object_get_int_member (one, "seed"));

    for (guint j = 0; j < json_array_get_length (calls); j++)
      check_call (noise, json_array_get_object_element (calls, j));
  }
}

/* Half types hold the numbers of float32, rounded; from the CPU only as long
 * as there are whole blocks of 16. */
static void
test_half (gconstpointer data)
{
  const OsNoiseKind kind = GPOINTER_TO_INT (data);
  static const OsDType dtypes[] = { OS_DTYPE_BF16, OS_DTYPE_F16 };

  for (guint d = 0; d < G_N_ELEMENTS (dtypes); d++) {
    g_autoptr (OsNoise) f32 = os_noise_new (kind, 3, OS_DTYPE_F32);
    g_autoptr (OsNoise) half = os_noise_new (kind, 3, dtypes[d]);
    float values[40], rounded[40];

    os_noise_normal_f32 (f32, OS_DTYPE_F32, 40, values);
    os_noise_normal_f32 (half, dtypes[d], 40, rounded);
    for (int i = 0; i < (kind == OS_NOISE_CPU ? 24 : 40); i++)
      g_assert_cmpfloat (rounded[i], ==,
          dtypes[d] == OS_DTYPE_BF16
              ? os_round_bf16 (values[i])
              : os_f16_to_f32 (os_f32_to_f16 (values[i])));
  }
}

/* Random123's known answers. */
static void
test_philox (void)
{
  static const struct {
    guint32 counter[4], key[2], out[4];
  } known[] = {
    { { 0 }, { 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
    { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
        { 0xa4093822, 0x299f31d0 },
        { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (known); i++) {
    guint32 out[4];

    os_philox (known[i].counter, known[i].key, out);
    g_assert_cmpmem (out, sizeof out, known[i].out, sizeof out);
  }
}

/* The first values that torch.randn gives on CUDA for the seed 0. */
static void
test_cuda (void)
{
  static const float known[] = { -0.9246624f, -0.4253439f, -2.6438458f,
    0.1451839f };
  g_autoptr (OsNoise) noise = cuda_noise (0);
  float values[4];

  os_noise_normal_f32 (noise, OS_DTYPE_F32, 4, values);
  for (int i = 0; i < 4; i++)
    g_assert_cmpfloat_with_epsilon (values[i], known[i], 4e-6);
}

/* The key has 64 bits. */
static void
test_cuda_seeds (void)
{
  static const gint64 pairs[][2] = { { 7, (G_GINT64_CONSTANT (1) << 40) + 7 },
    { -1, G_MAXUINT32 } };

  for (guint i = 0; i < G_N_ELEMENTS (pairs); i++) {
    g_autoptr (OsNoise) a = cuda_noise (pairs[i][0]);
    g_autoptr (OsNoise) b = cuda_noise (pairs[i][1]);
    float values[2];

    os_noise_normal_f32 (a, OS_DTYPE_F32, 1, values);
    os_noise_normal_f32 (b, OS_DTYPE_F32, 1, values + 1);
    g_assert_cmpfloat (values[0], !=, values[1]);
  }
}

/* 1300 values of 256 threads: four lanes of one counter value, of which each
 * pair has one radius, then the next counter value. The call has used two. */
static void
test_cuda_numbering (void)
{
  enum {
    G = 256,
    N = 5 * G + 20
  };
  g_autoptr (OsNoise) few = cuda_noise (42);
  g_autoptr (OsNoise) many = cuda_noise (42);
  float values[N], calls[3][G], next[G];

  os_noise_set_cuda_threads (few, G);
  os_noise_normal_f32 (few, OS_DTYPE_F32, N, values);
  os_noise_normal_f32 (few, OS_DTYPE_F32, G, next);
  for (int i = 0; i < 3; i++)
    os_noise_normal_f32 (many, OS_DTYPE_F32, G, calls[i]);

  g_assert_cmpmem (values, sizeof calls[0], calls[0], sizeof calls[0]);
  g_assert_cmpmem (values + 4 * G, sizeof calls[1], calls[1], sizeof calls[1]);
  g_assert_cmpmem (next, sizeof next, calls[2], sizeof calls[2]);
  for (int i = 0; i < G; i++) {
    g_assert_cmpfloat (values[i], !=, values[G + i]);
    g_assert_cmpfloat (values[G + i], !=, values[3 * G + i]);
  }
}

static void
test_moments (gconstpointer data)
{
  enum {
    N = 500000
  };
  g_autoptr (OsNoise) noise =
      os_noise_new (GPOINTER_TO_INT (data), 1, OS_DTYPE_F32);
  g_autofree float *values = g_new (float, N);
  double mean = 0, square = 0, neighbours = 0;

  os_noise_normal_f32 (noise, OS_DTYPE_F32, N, values);
  for (int i = 0; i < N; i++) {
    mean += values[i] / N;
    square += values[i] * values[i] / N;
    neighbours += values[i] * values[(i + 1) % N] / N;
  }
  g_assert_cmpfloat_with_epsilon (mean, 0, 0.007);
  g_assert_cmpfloat_with_epsilon (square, 1, 0.01);
  g_assert_cmpfloat_with_epsilon (neighbours, 0, 0.007);
}

static void
test_tensor (OsCompute *compute)
{
  g_autoptr (OsNoise) noise = cpu_noise (42);
  g_autoptr (OsNoise) again = cpu_noise (42);
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

/* A tensor has the dtype of its noise, or float32 when asked for. */
static void
test_tensor_dtype (OsCompute *compute)
{
  g_autoptr (OsNoise) noise = os_noise_new (OS_NOISE_CPU, 42, OS_DTYPE_BF16);
  g_autoptr (OsNoise) same = cpu_noise (42);
  g_autoptr (OsTensor) half = os_noise_tensor (noise, compute, OS_SHAPE (32));
  g_autoptr (OsTensor) full =
      os_noise_tensor_f32 (noise, compute, OS_SHAPE (17));
  float values[32];

  os_noise_normal_f32 (same, OS_DTYPE_F32, 32, values);
  for (int i = 0; i < 32; i++)
    g_assert_cmpfloat (os_tensor_f32 (half)[i], ==, os_round_bf16 (values[i]));
  os_noise_normal_f32 (same, OS_DTYPE_F32, 17, values);
  g_assert_cmpmem (
      os_tensor_f32 (full), 17 * sizeof (float), values, 17 * sizeof (float));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/compute/noise/engine", test_engine);
  g_test_add_func ("/compute/noise/seed-is-32-bits", test_seed_is_32_bits);
  g_test_add_func ("/compute/noise/torch", test_torch);
  g_test_add_data_func (
      "/compute/noise/half/cpu", GINT_TO_POINTER (OS_NOISE_CPU), test_half);
  g_test_add_data_func (
      "/compute/noise/half/cuda", GINT_TO_POINTER (OS_NOISE_CUDA), test_half);
  g_test_add_func ("/compute/noise/philox", test_philox);
  g_test_add_func ("/compute/noise/cuda", test_cuda);
  g_test_add_func ("/compute/noise/cuda-seeds", test_cuda_seeds);
  g_test_add_func ("/compute/noise/cuda-numbering", test_cuda_numbering);
  g_test_add_data_func ("/compute/noise/moments/cpu",
      GINT_TO_POINTER (OS_NOISE_CPU), test_moments);
  g_test_add_data_func ("/compute/noise/moments/cuda",
      GINT_TO_POINTER (OS_NOISE_CUDA), test_moments);
  optest_add ("/compute/noise/tensor", test_tensor);
  optest_add ("/compute/noise/tensor-dtype", test_tensor_dtype);
  return g_test_run ();
}
