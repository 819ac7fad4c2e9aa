/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix product in plain C: the measure of the others. */
#include "compute/backend.h"

static void
ref_sgemm (gboolean trans_b, int m, int n, int k, float alpha, const float *a,
    gint64 lda, const float *b, gint64 ldb, float beta, float *c, gint64 ldc)
{
  for (int i = 0; i < m; i++) {
    for (int j = 0; j < n; j++) {
      float sum = 0;

      for (int l = 0; l < k; l++)
        sum += a[i * lda + l] * (trans_b ? b[j * ldb + l] : b[l * ldb + j]);
      c[i * ldc + j] = alpha * sum + (beta ? beta * c[i * ldc + j] : 0);
    }
  }
}

const OsBackend *
os_backend_ref (GError **error)
{
  static const OsBackend ref = { "ref", FALSE, FALSE, ref_sgemm };

  return &ref;
}
