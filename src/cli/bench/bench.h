/* SPDX-License-Identifier: Apache-2.0 */
/* opensora-bench: times one stage of the pipeline and prints one JSON object.
 * The networks run as the pipeline runs them, with weights of a model folder or
 * random ones, and random input from a seed. */
#pragma once

#include <json-glib/json-glib.h>

#include "compute/noise.h"
#include "compute/ops.h"
#include "compute/profile.h"

/* What the command line says. */
typedef struct {
  char *stage, *model, *random_weights, *transformer, *output, *backend;
  int width, height, num_frames, text_length, runs, threads;
  gboolean profile;
  gint64 seed;
  double fps;
} BenchOptions;

typedef struct {
  BenchOptions options;
  OsCompute *compute;
  OsNoise *noise;

  /* Filled in by the stage. */
  JsonObject *shape;
  GArray *seconds;        /* of double: every run */
  double prepare_seconds; /* done once before the runs; negative: nothing */
  guint64 flops;          /* of one run */
  OsProfile *profile;     /* of the fastest run; NULL: nobody asked */
} Bench;

typedef gboolean (*BenchStage) (Bench *bench, GError **error);

/* The stages: each measures options.runs calls. */
gboolean bench_text (Bench *bench, GError **error);
gboolean bench_denoise (Bench *bench, GError **error);
gboolean bench_encode (Bench *bench, GError **error);
gboolean bench_decode (Bench *bench, GError **error);
gboolean bench_load (Bench *bench, GError **error);
gboolean bench_pipeline (Bench *bench, GError **error);

/* --- profile.c --- */

/* GFLOP of a large square product that all threads compute at once, in a second
 * and in a second of processor time. The latter is what a core does, also while
 * other programs use it. */
typedef struct {
  double per_second, per_busy_second;
} BenchRate;

gboolean bench_measure_sgemm (
    const Bench *bench, BenchRate *rate, GError **error);
/* The members for the report. */
void bench_profile_report (
    const Bench *bench, const BenchRate *sgemm, JsonBuilder *json);
/* The same as a table on stderr. */
void bench_profile_print (const Bench *bench, const BenchRate *sgemm);

/* --- stages.c --- */

/* The stage that a configuration's network belongs to, or NULL and an error. */
const char *bench_stage_of (const char *config_path, GError **error);
