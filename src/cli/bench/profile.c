/* SPDX-License-Identifier: Apache-2.0 */
/* opensora-bench --profile: time by part of the network and op, and how near
 * the matrix products come to what the machine can do. */
#include "cli/bench/bench.h"

#include <time.h>

#include "base/size.h"
#include "compute/backend.h"

/* --- the machine's matrix product --- */

#define SIDE 2048
#define REPEATS 3

typedef struct {
  const OsBackend *backend;
  float *a, *b, *c; /* [SIDE, SIDE] */
  gint64 rows;      /* of an item */
} Square;

static void
multiply_rows (gint64 index, guint worker, gpointer data)
{
  const Square *s = data;
  const gint64 first = index * s->rows;
  const gint64 n = MIN (s->rows, SIDE - first);

  s->backend->sgemm (TRUE, n, SIDE, SIDE, 1, s->a + first * SIDE, SIDE, s->b,
      SIDE, 0, s->c + first * SIDE, SIDE);
}

gboolean
bench_measure_sgemm (const Bench *bench, BenchRate *rate, GError **error)
{
  const double gflop = 2e-9 * SIDE * SIDE * SIDE;
  OsCompute *compute = bench->compute;
  const guint n_threads = os_compute_get_n_threads (compute);
  g_autoptr (OsThreads) threads = os_threads_new (n_threads);
  g_autoptr (OsTensor) a =
      os_noise_tensor (bench->noise, compute, OS_SHAPE (SIDE, SIDE));
  g_autoptr (OsTensor) b =
      os_noise_tensor (bench->noise, compute, OS_SHAPE (SIDE, SIDE));
  g_autoptr (OsTensor) c = os_compute_zeros (compute, OS_SHAPE (SIDE, SIDE));
  Square square = { .rows = os_div_up (SIDE, n_threads) };

  square.backend = os_backend_find (os_compute_get_backend (compute), error);
  if (square.backend == NULL || !os_compute_check (compute, error))
    return FALSE;
  square.a = os_tensor_f32 (a);
  square.b = os_tensor_f32 (b);
  square.c = os_tensor_f32 (c);
  *rate = (BenchRate){ 0, 0 };
  for (int i = 0; i < REPEATS; i++) {
    const gint64 start = g_get_monotonic_time ();
    const clock_t busy = clock ();

    os_threads_run (
        threads, os_div_up (SIDE, square.rows), multiply_rows, &square);
    rate->per_busy_second =
        MAX (rate->per_busy_second, gflop * CLOCKS_PER_SEC / (clock () - busy));
    rate->per_second =
        MAX (rate->per_second, gflop * 1e6 / (g_get_monotonic_time () - start));
  }
  return TRUE;
}

/* --- the report --- */

static void
add_double (JsonBuilder *json, const char *key, double value)
{
  json_builder_set_member_name (json, key);
  json_builder_add_double_value (json, value);
}

static void
add_string (JsonBuilder *json, const char *key, const char *value)
{
  json_builder_set_member_name (json, key);
  json_builder_add_string_value (json, value);
}

static void
add_entry (const OsProfileEntry *e, const BenchRate *sgemm, JsonBuilder *json)
{
  const double gflop = e->flops / 1e9;

  json_builder_begin_object (json);
  add_string (json, "part", e->part ? e->part : "");
  add_string (json, "op", os_op_name (e->op));
  json_builder_set_member_name (json, "calls");
  json_builder_add_int_value (json, e->calls);
  add_double (json, "seconds", e->seconds);
  add_double (json, "busy_seconds", e->busy_seconds);
  if (e->flops > 0) {
    add_double (json, "gflop", gflop);
    add_double (json, "gflop_per_second", gflop / e->seconds);
    add_double (json, "of_sgemm", gflop / e->seconds / sgemm->per_second);
  }
  json_builder_end_object (json);
}

void
bench_profile_report (
    const Bench *bench, const BenchRate *sgemm, JsonBuilder *json)
{
  guint n;
  const OsProfileEntry *entries = os_profile_get_entries (bench->profile, &n);

  add_double (json, "sgemm_gflop_per_second", sgemm->per_second);
  add_double (json, "sgemm_gflop_per_busy_second", sgemm->per_busy_second);
  json_builder_set_member_name (json, "profile");
  json_builder_begin_array (json);
  for (guint i = 0; i < n; i++)
    add_entry (&entries[i], sgemm, json);
  json_builder_end_array (json);
}

static void
print_entry (const OsProfileEntry *e, const char *op, double total_seconds,
    const BenchRate *sgemm)
{
  const double gflop = e->flops / 1e9;

  g_printerr ("%-19s %-12s %6" G_GUINT64_FORMAT " %9.3f %5.1f",
      e->part ? e->part : "", op, e->calls, e->seconds,
      100 * e->seconds / total_seconds);
  if (e->flops > 0)
    g_printerr (" %8.1f %4.0f", gflop / e->seconds,
        100 * gflop / e->seconds / sgemm->per_second);
  else
    g_printerr (" %8s %4s", "", "");
  g_printerr (" %9.3f", e->busy_seconds);
  if (e->flops > 0)
    g_printerr (" %8.1f %4.0f", gflop / e->busy_seconds,
        100 * gflop / e->busy_seconds / sgemm->per_busy_second);
  g_printerr ("\n");
}

void
bench_profile_print (const Bench *bench, const BenchRate *sgemm)
{
  OsProfileEntry total = { .part = "total" };
  guint n;
  const OsProfileEntry *entries = os_profile_get_entries (bench->profile, &n);

  for (guint i = 0; i < n; i++) {
    total.calls += entries[i].calls;
    total.flops += entries[i].flops;
    total.seconds += entries[i].seconds;
    total.busy_seconds += entries[i].busy_seconds;
  }
  g_printerr ("%-19s %-12s %6s %9s %5s %8s %4s %9s %8s %4s\n", "part", "op",
      "calls", "seconds", "%", "GFLOP/s", "% p", "busy", "GFLOP/b", "% p");
  for (guint i = 0; i < n; i++)
    print_entry (&entries[i], os_op_name (entries[i].op), total.seconds, sgemm);
  print_entry (&total, "", total.seconds, sgemm);
  g_printerr ("p: a product of %d x %d, %.1f GFLOP/s, %.1f a busy second\n",
      SIDE, SIDE, sgemm->per_second, sgemm->per_busy_second);
}
