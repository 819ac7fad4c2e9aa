/* SPDX-License-Identifier: Apache-2.0 */
/* The rotary embedding (arXiv 2104.09864). */
#include "base/size.h"
#include "compute/compute-private.h"

typedef struct {
  const OsKernels *kernels;
  OsTensor *x;
  const float *table;
  gint64 n_rows, grain, N, n_pairs;
} Rope;

/* Rows are tokens: all dimensions before the heads. */
static void
rotate_rows (gint64 index, guint worker, gpointer data)
{
  const Rope *r = data;
  const OsTensor *x = r->x;
  const gint64 L = x->shape[x->n_dims - 3];
  const gint64 end = MIN (r->n_rows, (index + 1) * r->grain);

  for (gint64 row = index * r->grain; row < end; row++) {
    float *heads = os_tensor_f32 (x) + os_tensor_row_offset (x, 2, row);

    for (gint64 n = 0; n < r->N; n++)
      r->kernels->rope (heads + n * x->stride[x->n_dims - 2],
          r->table + row % L * r->n_pairs * 2, r->n_pairs);
  }
}

void
os_rope (OsCompute *compute, OsTensor *x, const OsTensor *table)
{
  OS_PROFILE_OP (compute, OS_OP_ROPE);
  const gint64 N = x->shape[x->n_dims - 2], D = x->shape[x->n_dims - 1];
  Rope r = { compute->kernels, x, NULL, 0, os_compute_grain (N * D), N, D / 2 };

  if (!os_compute_ok (compute) || os_tensor_count (x) == 0)
    return;
  r.table = os_tensor_f32 (table);
  r.n_rows = os_tensor_count (x) / (N * D);
  os_compute_for (compute, os_div_up (r.n_rows, r.grain), rotate_rows, &r);
}
