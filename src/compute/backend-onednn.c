/* SPDX-License-Identifier: Apache-2.0 */
/* oneDNN's matrix product, called single-threaded. dnnl_sgemm() is the same in
 * oneDNN 2 (Debian 12) and 3. */
#include "compute/backend.h"

#include <dnnl.h>
#include <omp.h>

static void
onednn_sgemm (gboolean trans_b, int m, int n, int k, float alpha,
    const float *a, gint64 lda, const float *b, gint64 ldb, float beta,
    float *c, gint64 ldc)
{
  /* The setting belongs to the calling thread; it costs nothing to change. */
  int threads = omp_get_max_threads ();

  omp_set_num_threads (1);
  dnnl_sgemm (
      'N', trans_b ? 'T' : 'N', m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  omp_set_num_threads (threads);
}

const OsBackend *
os_backend_onednn (GError **error)
{
  static const OsBackend onednn = { "onednn", FALSE, FALSE, onednn_sgemm };

  return &onednn;
}
