/* SPDX-License-Identifier: Apache-2.0 */
/* OsNoise: torch.randn. The same seed gives the same values in the same order
 * of calls as PyTorch's generators, of which there are two: that of the CPU
 * (MT19937 and Box-Muller) and that of CUDA (Philox). */
#pragma once

#include "compute/compute.h"

typedef struct _OsNoise OsNoise;

typedef enum {
  OS_NOISE_CPU,
  /* As an A100 draws. Another card numbers the values of a large tensor
   * otherwise; up to 125952 values (the threads of an RTX 3090) it does not. */
  OS_NOISE_CUDA,
} OsNoiseKind;

/* As torch.manual_seed (seed) on the CPU or on CUDA; a negative seed is 2^64
 * more. The CPU's generator looks at the low 32 bits alone. `dtype` is that of
 * os_noise_tensor(): F32, BF16 or F16. */
OsNoise *os_noise_new (OsNoiseKind kind, guint64 seed, OsDType dtype);
void os_noise_free (OsNoise *noise);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsNoise, os_noise_free)

/* Threads that the card runs at once, a multiple of 256: other launches than
 * the A100's. */
void os_noise_set_cuda_threads (OsNoise *noise, gint64 threads);

/* The next 32 bits of the CPU's engine. */
guint32 os_noise_next_u32 (OsNoise *noise);

/* randn (n) with dtype F32, BF16 or F16 (rounded to that type and widened). */
void os_noise_normal_f32 (OsNoise *noise, OsDType dtype, gint64 n, float *out);
/* randn (n, dtype=float64) of the CPU's generator. */
void os_noise_normal_f64 (OsNoise *noise, gint64 n, double *out);

/* randn (shape) in the dtype of the noise. */
OsTensor *os_noise_tensor (
    OsNoise *noise, OsCompute *compute, int n_dims, const gint64 *shape);
/* The same in float32, whatever that dtype is: the temporal posterior of
 * Open-Sora 1.2 is drawn so in a run in half precision. */
OsTensor *os_noise_tensor_f32 (
    OsNoise *noise, OsCompute *compute, int n_dims, const gint64 *shape);
