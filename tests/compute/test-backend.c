/* SPDX-License-Identifier: Apache-2.0 */
/* Which matrix library is used, how it is loaded, and that all of them mean
 * the same by sgemm. */
#include "compute/backend.h"

#include <dlfcn.h>
#include <opensora/opensora.h>
#include <string.h>

#include "compute/cpu.h"
#include "optest.h"

#define OPENBLAS "libopenblas.so.0"

static void
test_unknown (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (os_backend_find ("cuda", &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_BACKEND);
  g_assert_nonnull (strstr (error->message, "\"cuda\""));
  g_assert_nonnull (strstr (error->message, "openblas"));
  g_assert_nonnull (strstr (error->message, "ref"));
  g_clear_error (&error);
  g_assert_null (os_compute_new ("openBLAS", 1, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_BACKEND);
}

static void
test_environment (void)
{
  const char *before = g_getenv ("OPENSORA_BACKEND");
  g_autofree char *kept = g_strdup (before);
  const char *library =
      os_backend_find ("onednn", NULL) ? "onednn" : "openblas";
  const char *best = os_cpu_has_fast_tiles () ? "builtin" : library;
  g_autoptr (GError) error = NULL;

  g_setenv ("OPENSORA_BACKEND", "ref", TRUE);
  g_assert_cmpstr (os_backend_find (NULL, NULL)->name, ==, "ref");
  /* A name in the program counts more. */
  g_assert_cmpstr (os_backend_find ("openblas", NULL)->name, ==, "openblas");
  g_setenv ("OPENSORA_BACKEND", "nonsense", TRUE);
  g_assert_null (os_backend_find (NULL, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_BACKEND);
  g_assert_nonnull (strstr (error->message, "nonsense"));
  /* The library's own; else oneDNN where this build has it, else OpenBLAS. */
  g_setenv ("OPENSORA_BACKEND", "", TRUE);
  g_assert_cmpstr (os_backend_find (NULL, NULL)->name, ==, best);
  g_unsetenv ("OPENSORA_BACKEND");
  g_assert_cmpstr (os_backend_find (NULL, NULL)->name, ==, best);
  if (kept)
    g_setenv ("OPENSORA_BACKEND", kept, TRUE);
}

/* OpenBLAS has a constructor that reads the environment, so each of these
 * wants a process without it. */

static const char *
core_name (void)
{
  gpointer handle = dlopen (OPENBLAS, RTLD_NOW | RTLD_NOLOAD);
  char *(*get_corename) (void) =
      handle ? (char *(*) (void) ) dlsym (handle, "openblas_get_corename")
             : NULL;

  return get_corename ? get_corename () : NULL;
}

static int
n_blas_threads (void)
{
  gpointer handle = dlopen (OPENBLAS, RTLD_NOW | RTLD_NOLOAD);
  int (*get) (void) =
      handle ? (int (*) (void)) dlsym (handle, "openblas_get_num_threads")
             : NULL;

  return get ? get () : 0;
}

/* Cores whose kernels know nothing wider than SSE. */
static const char *const old_cores[] = { "Prescott", "Core2", "Penryn",
  "Dunnington", "Nehalem", "Northwood", "Katmai", "Coppermine", "Banias",
  "Atom", "Athlon", "Opteron", "Opteron_SSE3", "Barcelona", "Bobcat", "Nano",
  NULL };

static void
load_plain (void)
{
  g_unsetenv ("OPENBLAS_CORETYPE");
  g_unsetenv ("OPENBLAS_NUM_THREADS");
  g_assert_null (core_name ());
  g_assert_nonnull (os_backend_openblas (NULL));
  g_assert_null (g_getenv ("OPENBLAS_CORETYPE"));
  g_assert_null (g_getenv ("OPENBLAS_NUM_THREADS"));
  g_assert_cmpint (n_blas_threads (), ==, 1);
  g_assert_false (os_backend_openblas (NULL)->own_threads);
  if (os_cpu_kernels () != &os_kernels_generic) {
    g_assert_nonnull (core_name ());
    for (guint i = 0; old_cores[i]; i++)
      g_assert_cmpstr (core_name (), !=, old_cores[i]);
  }
}

static void
load_with_users_core (void)
{
  g_setenv ("OPENBLAS_CORETYPE", "Nehalem", TRUE);
  g_assert_nonnull (os_backend_openblas (NULL));
  g_assert_cmpstr (core_name (), ==, "Nehalem");
  g_assert_cmpstr (g_getenv ("OPENBLAS_CORETYPE"), ==, "Nehalem");
}

/* A library that was there before keeps its threads. */
static void
load_after_host (void)
{
  int threads;

  g_setenv ("OPENBLAS_NUM_THREADS", "2", TRUE);
  g_assert_nonnull (dlopen (OPENBLAS, RTLD_NOW));
  threads = n_blas_threads ();
  g_assert_nonnull (os_backend_openblas (NULL));
  g_assert_cmpint (n_blas_threads (), ==, threads);
  g_assert_cmpint (os_backend_openblas (NULL)->own_threads, ==, threads > 1);
}

static void
run_in_new_process (gconstpointer data)
{
  void (*const func) (void) = (void (*) (void)) data;

  if (g_test_subprocess ()) {
    func ();
    return;
  }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
}

/* Padding between rows, alpha, beta, both orders of B; what lies between C's
 * rows stays. */
static void
check_sgemm (const OsBackend *backend, gboolean trans_b, int m, int n, int k,
    float alpha, float beta)
{
  const gint64 lda = k + 3, ldb = (trans_b ? k : n) + 2, ldc = n + 1;
  g_autofree float *a = g_new (float, m *lda);
  g_autofree float *b = g_new (float, (trans_b ? n : k) * ldb);
  g_autofree float *c = g_new (float, m *ldc);
  g_autofree float *before = g_new (float, m *ldc);

  for (gint64 i = 0; i < m * lda; i++)
    a[i] = optest_random ();
  for (gint64 i = 0; i < (trans_b ? n : k) * ldb; i++)
    b[i] = optest_random ();
  for (gint64 i = 0; i < m * ldc; i++)
    c[i] = before[i] = optest_random ();
  backend->sgemm (trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  for (gint64 i = 0; i < m * ldc; i++) {
    const gint64 row = i / ldc, column = i % ldc;
    double sum = 0;

    if (column == n) {
      g_assert_cmpfloat (c[i], ==, before[i]);
      continue;
    }
    for (int l = 0; l < k; l++)
      sum += (double) a[row * lda + l]
             * (trans_b ? b[column * ldb + l] : b[l * ldb + column]);
    optest_assert_near (c[i], alpha * sum + beta * before[i], 1e-5, i);
  }
}

static void
test_sgemm (gconstpointer name)
{
  static const int sizes[] = { 1, 3, 17, 65 };
  const OsBackend *backend = os_backend_find (name, NULL);

  if (!backend) {
    g_test_skip ("not in this build");
    return;
  }
  for (int i = 0; i < 64; i++) {
    const int m = sizes[i % 4], n = sizes[i / 4 % 4], k = sizes[i / 16];

    check_sgemm (backend, TRUE, m, n, k, 1, 0);
    check_sgemm (backend, FALSE, m, n, k, 0.5f, 0);
    check_sgemm (backend, TRUE, m, n, k, 2, 1);
    check_sgemm (backend, FALSE, m, n, k, 1, -0.25f);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  /* Before this process loads OpenBLAS. */
  g_test_add_data_func (
      "/compute/backend/load/plain", load_plain, run_in_new_process);
  g_test_add_data_func ("/compute/backend/load/users-core",
      load_with_users_core, run_in_new_process);
  g_test_add_data_func (
      "/compute/backend/load/after-host", load_after_host, run_in_new_process);
  g_test_add_func ("/compute/backend/unknown", test_unknown);
  g_test_add_func ("/compute/backend/environment", test_environment);
  g_test_add_data_func ("/compute/backend/sgemm/ref", "ref", test_sgemm);
  g_test_add_data_func (
      "/compute/backend/sgemm/openblas", "openblas", test_sgemm);
  g_test_add_data_func ("/compute/backend/sgemm/onednn", "onednn", test_sgemm);
  return g_test_run ();
}
