/* SPDX-License-Identifier: Apache-2.0 */
/* OsNoise: torch.randn of PyTorch's CPU generator (MT19937 and Box-Muller):
 * the same seed gives the same values in the same order of calls. */
#pragma once

#include "compute/compute.h"

typedef struct _OsNoise OsNoise;

/* As torch.manual_seed (seed): only the low 32 bits count. */
OsNoise *os_noise_new (gint64 seed);
void os_noise_free (OsNoise *noise);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsNoise, os_noise_free)

/* The next 32 bits of the engine. */
guint32 os_noise_next_u32 (OsNoise *noise);

/* randn (n) with dtype F32, BF16 or F16 (rounded to that type and widened). */
void os_noise_normal_f32 (OsNoise *noise, OsDType dtype, gint64 n, float *out);
/* randn (n, dtype=float64). */
void os_noise_normal_f64 (OsNoise *noise, gint64 n, double *out);

/* randn (shape) on the compute device. */
OsTensor *os_noise_tensor (
    OsNoise *noise, OsCompute *compute, int n_dims, const gint64 *shape);
