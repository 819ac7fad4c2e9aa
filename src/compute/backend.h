/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix backends: whose single-threaded matrix product the ops are built on.
 * The ops cut their work into tiles and spread them over OsThreads themselves,
 * which bounds the time until a cancellation is seen. */
#pragma once

#include <glib.h>

typedef struct {
  const char *name;
  /* TRUE: the library brings threads that cannot be switched off without
   * disturbing the host program; tiles are then computed one by one. */
  gboolean own_threads;
  /* TRUE: linear layers are products of this library's tiles (product.h), and
   * sgemm is for the rest. */
  gboolean tiles;
  /* C = alpha A B + beta C, row-major: A [m, k], B [k, n], or [n, k] if
   * trans_b, C [m, n]; ld* are the row strides. m, n, k > 0. */
  void (*sgemm) (gboolean trans_b, int m, int n, int k, float alpha,
      const float *a, gint64 lda, const float *b, gint64 ldb, float beta,
      float *c, gint64 ldc);
} OsBackend;

/* By name; NULL: $OPENSORA_BACKEND, else the fastest that is there. Errors:
 * OPENSORA_ERROR_BACKEND. */
const OsBackend *os_backend_find (const char *name, GError **error);

/* For os_backend_find(): each NULL and an error if it cannot be had. */
const OsBackend *os_backend_builtin (GError **error);
const OsBackend *os_backend_openblas (GError **error);
const OsBackend *os_backend_onednn (GError **error);
const OsBackend *os_backend_ref (GError **error);
