/* SPDX-License-Identifier: Apache-2.0 */
/* What this CPU can do. */
#pragma once

#include "compute/kernels.h"
#include "compute/tile.h"
#include "compute/winograd.h"

/* The fastest kernels for this CPU. */
const OsKernels *os_cpu_kernels (void);
const OsTileKernels *os_cpu_tile_kernels (void);
const OsWinogradKernels *os_cpu_winograd_kernels (void);

/* The tiles are known to be faster than libraries: measured with AVX2; nobody
 * has measured others yet. */
gboolean os_cpu_has_fast_tiles (void);

/* OpenBLAS's name for a core with these features, for OPENBLAS_CORETYPE; NULL
 * where its own detection is as good. */
const char *os_cpu_openblas_core (gboolean avx2, gboolean avx512, gboolean amd);

/* The same for this CPU. */
const char *os_cpu_openblas_core_here (void);
