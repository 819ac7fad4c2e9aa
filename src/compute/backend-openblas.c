/* SPDX-License-Identifier: Apache-2.0 */
/* OpenBLAS, loaded at run time.
 *
 * Loaded and not linked, since what matters is decided in its constructor:
 *
 * - The core type. Releases older than the CPU do not know its model number
 *   and fall back to SSE kernels, five times slower (0.3.21 of Debian 12 on
 *   Sapphire Rapids). OPENBLAS_CORETYPE, derived from CPU features, prevents
 *   that.
 * - The number of threads. It starts as many as there are cores; ours are
 *   enough. OPENBLAS_NUM_THREADS=1 prevents that.
 *
 * The two variables are set only while the library is loaded, and only if the
 * user has not set them. If the host program has loaded OpenBLAS before, its
 * state is left alone and its own threads are used. */
#include "compute/backend.h"

#include <cblas.h>
#include <dlfcn.h>
#include <opensora/opensora.h>

#include "compute/cpu.h"

#define OPENBLAS_SONAME "libopenblas.so.0"

static void (*cblas_sgemm_loaded) (OPENBLAS_CONST enum CBLAS_ORDER,
    OPENBLAS_CONST enum CBLAS_TRANSPOSE, OPENBLAS_CONST enum CBLAS_TRANSPOSE,
    OPENBLAS_CONST blasint, OPENBLAS_CONST blasint, OPENBLAS_CONST blasint,
    OPENBLAS_CONST float, OPENBLAS_CONST float *, OPENBLAS_CONST blasint,
    OPENBLAS_CONST float *, OPENBLAS_CONST blasint, OPENBLAS_CONST float,
    float *, OPENBLAS_CONST blasint);

static void
openblas_sgemm (gboolean trans_b, int m, int n, int k, float alpha,
    const float *a, gint64 lda, const float *b, gint64 ldb, float beta,
    float *c, gint64 ldc)
{
  cblas_sgemm_loaded (CblasRowMajor, CblasNoTrans,
      trans_b ? CblasTrans : CblasNoTrans, m, n, k, alpha, a, lda, b, ldb, beta,
      c, ldc);
}

static OsBackend openblas = { "openblas", FALSE, FALSE, openblas_sgemm };

/* Sets a variable for the loader; TRUE if it has to be unset again. */
static gboolean
preset (const char *name, const char *value)
{
  return value && !g_getenv (name) && g_setenv (name, value, FALSE);
}

static gpointer
load (void)
{
  gboolean core, threads;
  gpointer handle;

  handle = dlopen (OPENBLAS_SONAME, RTLD_NOW | RTLD_NOLOAD);
  if (handle) {
    int (*get_num_threads) (void) =
        (int (*) (void)) dlsym (handle, "openblas_get_num_threads");
    openblas.own_threads = get_num_threads && get_num_threads () > 1;
    return handle;
  }

  core = preset ("OPENBLAS_CORETYPE", os_cpu_openblas_core_here ());
  threads = preset ("OPENBLAS_NUM_THREADS", "1");
  handle = dlopen (OPENBLAS_SONAME, RTLD_NOW | RTLD_LOCAL);
  if (core)
    g_unsetenv ("OPENBLAS_CORETYPE");
  if (threads)
    g_unsetenv ("OPENBLAS_NUM_THREADS");
  return handle;
}

const OsBackend *
os_backend_openblas (GError **error)
{
  static gsize once = 0;

  if (g_once_init_enter (&once)) {
    gpointer handle = load ();

    if (handle)
      *(gpointer *) &cblas_sgemm_loaded = dlsym (handle, "cblas_sgemm");
    if (cblas_sgemm_loaded) {
      char *(*get_corename) (void) =
          (char *(*) (void) ) dlsym (handle, "openblas_get_corename");
      g_debug ("OpenBLAS: %s kernels%s",
          get_corename ? get_corename () : "unknown",
          openblas.own_threads ? ", loaded by the program before" : "");
    }
    g_once_init_leave (&once, 1);
  }

  if (cblas_sgemm_loaded)
    return &openblas;
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_BACKEND,
      "OpenBLAS (%s) cannot be loaded; install it (libopenblas0)",
      OPENBLAS_SONAME);
  return NULL;
}
