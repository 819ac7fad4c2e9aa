/* SPDX-License-Identifier: Apache-2.0 */
/* CPU features, as the CPU itself reports them: a model number says nothing
 * about the next generation. */
#include "compute/cpu.h"

const OsKernels *
os_cpu_kernels (void)
{
#ifdef HAVE_X86_KERNELS
  __builtin_cpu_init ();
  if (__builtin_cpu_supports ("avx512f") && __builtin_cpu_supports ("avx512bw")
      && __builtin_cpu_supports ("avx512dq")
      && __builtin_cpu_supports ("avx512vl"))
    return &os_kernels_avx512;
  /* F16C came before AVX2; clang 14 has no name for it. */
  if (__builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("fma"))
    return &os_kernels_avx2;
#endif
  return &os_kernels_generic;
}

/* Those of the same instruction set. */
const OsWinogradKernels *
os_cpu_winograd_kernels (void)
{
#ifdef HAVE_X86_KERNELS
  const OsKernels *kernels = os_cpu_kernels ();

  if (kernels == &os_kernels_avx512)
    return &os_winograd_avx512;
  if (kernels == &os_kernels_avx2)
    return &os_winograd_avx2;
#endif
  return &os_winograd_generic;
}

const OsTileKernels *
os_cpu_tile_kernels (void)
{
#ifdef HAVE_X86_KERNELS
  const OsKernels *kernels = os_cpu_kernels ();

  if (kernels == &os_kernels_avx512)
    return &os_tile_avx512;
  if (kernels == &os_kernels_avx2)
    return &os_tile_avx2;
#endif
  return &os_tile_generic;
}

gboolean
os_cpu_has_fast_tiles (void)
{
#ifdef HAVE_X86_KERNELS
  return os_cpu_tile_kernels () == &os_tile_avx2;
#else
  return FALSE;
#endif
}

const char *
os_cpu_openblas_core (gboolean avx2, gboolean avx512, gboolean amd)
{
  if (avx512)
    return "SkylakeX";
  if (avx2)
    return amd ? "Zen" : "Haswell";
  return NULL;
}

const char *
os_cpu_openblas_core_here (void)
{
#ifdef HAVE_X86_KERNELS
  const OsKernels *kernels = os_cpu_kernels ();

  return os_cpu_openblas_core (kernels == &os_kernels_avx2,
      kernels == &os_kernels_avx512, __builtin_cpu_is ("amd"));
#else
  return NULL;
#endif
}
