/* SPDX-License-Identifier: Apache-2.0 */
/* PyTorch's generators.
 *
 * CPU: MT19937 (Matsumoto and Nishimura 1998) and the Box-Muller transform, in
 * the order in which torch.randn draws
 * (aten/src/ATen/native/cpu/DistributionTemplates.h, normal_fill).
 *
 * CUDA: Philox and cuRAND's Box-Muller transform, numbered as PyTorch's kernels
 * number threads (aten/src/ATen/native/cuda/DistributionTemplates.h,
 * distribution_elementwise_grid_stride_kernel). */
#include "compute/noise.h"

#include <math.h>
#include "base/half.h"
#include "base/size.h"
#include "compute/philox.h"

#define STATE_WORDS 624
#define SHIFT_WORDS 397
/* torch.randn transforms uniform numbers in blocks of this size. */
#define BLOCK 16

/* A launch of PyTorch's kernels: blocks of so many threads, and at most as many
 * threads as an A100 runs at once (108 multiprocessors of 2048). A thread makes
 * as many values of one step as Philox gives words. */
#define CUDA_BLOCK 256
#define CUDA_THREADS (108 * 2048)
#define CUDA_LANES 4

struct _OsNoise {
  OsNoiseKind kind;
  OsDType dtype;

  /* CPU */
  guint32 state[STATE_WORDS];
  int next;
  gboolean has_cached; /* the second value of the last scalar transform */
  double cached;

  /* CUDA */
  guint32 key[2];
  guint64 counter; /* a quarter of PyTorch's "offset" */
  gint64 max_threads;
};

static void
seed_engine (OsNoise *noise, guint32 seed)
{
  guint32 *s = noise->state;

  s[0] = seed;
  for (guint32 j = 1; j < STATE_WORDS; j++)
    s[j] = 1812433253u * (s[j - 1] ^ (s[j - 1] >> 30)) + j;
  noise->next = STATE_WORDS;
}

OsNoise *
os_noise_new (OsNoiseKind kind, guint64 seed, OsDType dtype)
{
  OsNoise *noise = g_new0 (OsNoise, 1);

  noise->kind = kind;
  noise->dtype = dtype;
  seed_engine (noise, (guint32) seed);
  noise->key[0] = (guint32) seed;
  noise->key[1] = (guint32) (seed >> 32);
  noise->max_threads = CUDA_THREADS;
  return noise;
}

void
os_noise_free (OsNoise *noise)
{
  g_free (noise);
}

void
os_noise_set_cuda_threads (OsNoise *noise, gint64 threads)
{
  g_return_if_fail (threads > 0 && threads % CUDA_BLOCK == 0);

  noise->max_threads = threads;
}

/* --- the CPU's generator --- */

static void
twist (guint32 *s)
{
  for (int k = 0; k < STATE_WORDS; k++) {
    const guint32 y =
        (s[k] & 0x80000000u) | (s[(k + 1) % STATE_WORDS] & 0x7fffffffu);
    s[k] = s[(k + SHIFT_WORDS) % STATE_WORDS] ^ (y >> 1)
           ^ (y & 1 ? 0x9908b0dfu : 0);
  }
}

guint32
os_noise_next_u32 (OsNoise *noise)
{
  guint32 y;

  if (noise->next == STATE_WORDS) {
    twist (noise->state);
    noise->next = 0;
  }
  y = noise->state[noise->next++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  return y ^ (y >> 18);
}

/* In [0, 1): 24 and 53 random bits. */
static float
uniform_f32 (OsNoise *noise)
{
  return (os_noise_next_u32 (noise) & 0xffffff) * 0x1p-24f;
}

static double
uniform_f64 (OsNoise *noise)
{
  const guint64 high = os_noise_next_u32 (noise);
  const guint64 bits = high << 32 | os_noise_next_u32 (noise);

  return (bits & ((G_GUINT64_CONSTANT (1) << 53) - 1)) * 0x1p-53;
}

/* Fewer than BLOCK values: one at a time, in double, two from two draws. */
static double
normal_scalar (OsNoise *noise)
{
  double u1, u2, r;

  if (noise->has_cached) {
    noise->has_cached = FALSE;
    return noise->cached;
  }
  u1 = uniform_f64 (noise);
  u2 = uniform_f64 (noise);
  r = sqrt (-2 * log1p (-u2));
  noise->cached = r * sin (2 * G_PI * u1);
  noise->has_cached = TRUE;
  return r * cos (2 * G_PI * u1);
}

/* BLOCK uniform numbers to normal ones, in place. */
static void
transform_block_f32 (float *d)
{
  for (int j = 0; j < BLOCK / 2; j++) {
    const float r = sqrtf (-2.0f * logf (1.0f - d[j]));
    const float theta = 6.2831855f * d[j + BLOCK / 2];

    d[j] = r * cosf (theta);
    d[j + BLOCK / 2] = r * sinf (theta);
  }
}

static void
transform_block_f64 (double *d)
{
  for (int j = 0; j < BLOCK / 2; j++) {
    const double r = sqrt (-2 * log (1 - d[j]));
    const double theta = 2 * G_PI * d[j + BLOCK / 2];

    d[j] = r * cos (theta);
    d[j + BLOCK / 2] = r * sin (theta);
  }
}

static void
fill_block_f32 (OsNoise *noise, float *d)
{
  for (int j = 0; j < BLOCK; j++)
    d[j] = uniform_f32 (noise);
  transform_block_f32 (d);
}

/* All uniform numbers first, then whole blocks; a rest is covered by a fresh
 * block over the last BLOCK positions. */
static void
fill_f32 (OsNoise *noise, gint64 n, float *out)
{
  for (gint64 i = 0; i < n; i++)
    out[i] = uniform_f32 (noise);
  for (gint64 i = 0; i + BLOCK <= n; i += BLOCK)
    transform_block_f32 (out + i);
  if (n % BLOCK)
    fill_block_f32 (noise, out + n - BLOCK);
}

/* The half types draw block by block, so that a rest's draws differ. */
static void
fill_half (OsNoise *noise, gint64 n, float *out)
{
  for (gint64 i = 0; i + BLOCK <= n; i += BLOCK)
    fill_block_f32 (noise, out + i);
  if (n % BLOCK)
    fill_block_f32 (noise, out + n - BLOCK);
}

static void
fill_cpu (OsNoise *noise, OsDType dtype, gint64 n, float *out)
{
  if (n < BLOCK) {
    for (gint64 i = 0; i < n; i++)
      out[i] = normal_scalar (noise);
  } else if (dtype == OS_DTYPE_F32) {
    fill_f32 (noise, n, out);
  } else {
    fill_half (noise, n, out);
  }
}

void
os_noise_normal_f64 (OsNoise *noise, gint64 n, double *out)
{
  if (n < BLOCK) {
    for (gint64 i = 0; i < n; i++)
      out[i] = normal_scalar (noise);
    return;
  }
  for (gint64 i = 0; i < n; i++)
    out[i] = uniform_f64 (noise);
  for (gint64 i = 0; i + BLOCK <= n; i += BLOCK)
    transform_block_f64 (out + i);
  if (n % BLOCK) {
    double *last = out + n - BLOCK;
    for (int j = 0; j < BLOCK; j++)
      last[j] = uniform_f64 (noise);
    transform_block_f64 (last);
  }
}

/* --- CUDA's generator --- */

/* Two normal numbers from two words: s sin v, s cos v. */
static float
cuda_box_muller (const guint32 word[2], int index)
{
  const float unit = 2.3283064e-10f, turn = unit * 6.2831855f;
  const float u = word[0] * unit + unit / 2;
  const float v = word[1] * turn + turn / 2;
  const float s = sqrtf (-2.0f * logf (u));

  return index == 0 ? s * sinf (v) : s * cosf (v);
}

/* Thread after thread makes a value, and all of them again, with the next lane
 * of their words. */
static void
fill_cuda (OsNoise *noise, gint64 n, float *out)
{
  const gint64 threads =
      MIN (os_div_up (n, CUDA_BLOCK) * CUDA_BLOCK, noise->max_threads);

  for (gint64 i = 0; i < n; i++) {
    const gint64 thread = i % threads, lane = i / threads % CUDA_LANES;
    const guint64 at = noise->counter + i / (threads * CUDA_LANES);
    const guint32 counter[] = { (guint32) at, (guint32) (at >> 32),
      (guint32) thread, 0 };
    guint32 word[CUDA_LANES];

    os_philox (counter, noise->key, word);
    out[i] = cuda_box_muller (word + (lane & 2), lane & 1);
  }
  if (n > 0)
    noise->counter += os_div_up (n, threads * CUDA_LANES);
}

/* --- either --- */

static float
round_to (OsDType dtype, float value)
{
  return dtype == OS_DTYPE_BF16 ? os_round_bf16 (value)
                                : os_f16_to_f32 (os_f32_to_f16 (value));
}

void
os_noise_normal_f32 (OsNoise *noise, OsDType dtype, gint64 n, float *out)
{
  if (noise->kind == OS_NOISE_CPU)
    fill_cpu (noise, dtype, n, out);
  else
    fill_cuda (noise, n, out);
  if (dtype != OS_DTYPE_F32) {
    for (gint64 i = 0; i < n; i++)
      out[i] = round_to (dtype, out[i]);
  }
}

static OsTensor *
new_tensor (OsNoise *noise, OsCompute *compute, OsDType dtype, int n_dims,
    const gint64 *shape)
{
  OsTensor *out = os_compute_tensor (compute, n_dims, shape);

  if (os_compute_ok (compute))
    os_noise_normal_f32 (
        noise, dtype, os_tensor_count (out), os_tensor_f32 (out));
  return out;
}

OsTensor *
os_noise_tensor (
    OsNoise *noise, OsCompute *compute, int n_dims, const gint64 *shape)
{
  return new_tensor (noise, compute, noise->dtype, n_dims, shape);
}

OsTensor *
os_noise_tensor_f32 (
    OsNoise *noise, OsCompute *compute, int n_dims, const gint64 *shape)
{
  return new_tensor (noise, compute, OS_DTYPE_F32, n_dims, shape);
}
