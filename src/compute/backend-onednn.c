/* SPDX-License-Identifier: Apache-2.0 */
/* oneDNN's matrix product, called single-threaded. dnnl_sgemm() is the same in
 * oneDNN 2 (Debian 12) and 3.
 *
 * Loaded and not linked: without it there are other backends, and a plugin that
 * lacks a library is not found at all. */
#include "compute/backend.h"

#include <dlfcn.h>
#include <dnnl.h>
#include <opensora/opensora.h>

#define ONEDNN_SONAME "libdnnl.so." G_STRINGIFY (DNNL_VERSION_MAJOR)

static dnnl_status_t (*sgemm_loaded) (char transa, char transb, dnnl_dim_t M,
    dnnl_dim_t N, dnnl_dim_t K, float alpha, const float *A, dnnl_dim_t lda,
    const float *B, dnnl_dim_t ldb, float beta, float *C, dnnl_dim_t ldc);

/* Of the OpenMP that oneDNN was built with. */
static int (*get_max_threads) (void);
static void (*set_num_threads) (int n_threads);

static void
onednn_sgemm (gboolean trans_b, int m, int n, int k, float alpha,
    const float *a, gint64 lda, const float *b, gint64 ldb, float beta,
    float *c, gint64 ldc)
{
  /* The setting belongs to the calling thread; it costs nothing to change. */
  int threads = get_max_threads ();

  set_num_threads (1);
  sgemm_loaded (
      'N', trans_b ? 'T' : 'N', m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  set_num_threads (threads);
}

static gboolean
load (void)
{
  gpointer handle = dlopen (ONEDNN_SONAME, RTLD_NOW | RTLD_LOCAL);

  if (!handle)
    return FALSE;
  *(gpointer *) &sgemm_loaded = dlsym (handle, "dnnl_sgemm");
  *(gpointer *) &get_max_threads = dlsym (handle, "omp_get_max_threads");
  *(gpointer *) &set_num_threads = dlsym (handle, "omp_set_num_threads");
  return sgemm_loaded && get_max_threads && set_num_threads;
}

const OsBackend *
os_backend_onednn (GError **error)
{
  static const OsBackend onednn = { "onednn", FALSE, FALSE, onednn_sgemm };
  static gsize once = 0;
  static gboolean loaded;

  if (g_once_init_enter (&once)) {
    loaded = load ();
    g_once_init_leave (&once, 1);
  }
  if (loaded)
    return &onednn;
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_BACKEND,
      "oneDNN (%s, with OpenMP) cannot be loaded; install it (libdnnl)",
      ONEDNN_SONAME);
  return NULL;
}
