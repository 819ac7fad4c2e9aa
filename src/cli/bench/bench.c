/* SPDX-License-Identifier: Apache-2.0 */
/* Command line and report of opensora-bench. */
#include "cli/bench/bench.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
  EXIT_OK = 0,
  EXIT_FAILED = 1,
  EXIT_USAGE = 2
};

static const struct {
  const char *name;
  BenchStage run;
} stages[] = {
  { "text", bench_text },
  { "denoise", bench_denoise },
  { "encode", bench_encode },
  { "decode", bench_decode },
  { "load", bench_load },
  { "pipeline", bench_pipeline },
};

static BenchStage
find_stage (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (stages); i++)
    if (g_strcmp0 (stages[i].name, name) == 0)
      return stages[i].run;
  return NULL;
}

/* --- the machine --- */

static gint64
peak_rss (void)
{
  struct rusage usage;

  /* The kernel counts KiB. */
  return getrusage (RUSAGE_SELF, &usage) == 0 ? usage.ru_maxrss * 1024LL : 0;
}

/* "model name" of /proc/cpuinfo. */
static char *
cpu_model (void)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents ("/proc/cpuinfo", &text, NULL, NULL))
    return g_strdup ("unknown");
  lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line != NULL; line++) {
    const char *colon = strchr (*line, ':');

    if (g_str_has_prefix (*line, "model name") && colon != NULL)
      return g_strstrip (g_strdup (colon + 1));
  }
  return g_strdup ("unknown");
}

/* --- the report --- */

static void
add_string (JsonBuilder *json, const char *key, const char *value)
{
  json_builder_set_member_name (json, key);
  json_builder_add_string_value (json, value);
}

static void
add_double (JsonBuilder *json, const char *key, double value)
{
  json_builder_set_member_name (json, key);
  json_builder_add_double_value (json, value);
}

static void
add_int (JsonBuilder *json, const char *key, gint64 value)
{
  json_builder_set_member_name (json, key);
  json_builder_add_int_value (json, value);
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

/* Seconds of the runs: the first, which prepares weights on their first use,
 * the fastest, and the median. */
static void
add_times (JsonBuilder *json, const Bench *bench)
{
  g_autoptr (GArray) sorted = g_array_copy (bench->seconds);
  guint n = sorted->len;
  double fastest, median;

  g_array_sort (sorted, compare_doubles);
  fastest = g_array_index (sorted, double, 0);
  median = (g_array_index (sorted, double, (n - 1) / 2)
               + g_array_index (sorted, double, n / 2))
           / 2.0;

  json_builder_set_member_name (json, "seconds");
  json_builder_begin_object (json);
  add_double (json, "min", fastest);
  add_double (json, "median", median);
  add_double (json, "first", g_array_index (bench->seconds, double, 0));
  json_builder_end_object (json);
  if (bench->prepare_seconds >= 0.0)
    add_double (json, "prepare_seconds", bench->prepare_seconds);
  if (bench->flops > 0) {
    add_double (json, "gflop", bench->flops / 1e9);
    add_double (json, "gflop_per_second", bench->flops / 1e9 / fastest);
  }
}

/* sgemm: for the profile, if there is one. */
static char *
report (const Bench *bench, gint64 rss, const BenchRate *sgemm)
{
  const BenchOptions *options = &bench->options;
  g_autoptr (JsonBuilder) json = json_builder_new ();
  g_autoptr (JsonNode) root = NULL, shape = NULL;
  g_autofree char *cpu = cpu_model ();

  json_builder_begin_object (json);
  add_string (json, "model",
      options->random_weights ? options->random_weights
      : options->transformer  ? options->transformer
                              : options->model);
  add_string (json, "weights", options->random_weights ? "random" : "file");
  add_string (json, "stage", options->stage);
  json_builder_set_member_name (json, "shape");
  shape = json_node_init_object (json_node_alloc (), bench->shape);
  json_builder_add_value (json, g_steal_pointer (&shape));
  add_string (json, "precision", "f32");
  add_string (json, "backend", os_compute_get_backend (bench->compute));
  add_string (json, "kernels", os_compute_get_kernels (bench->compute));
  add_int (json, "threads", os_compute_get_n_threads (bench->compute));
  add_int (json, "runs", bench->seconds->len);
  add_times (json, bench);
  add_int (json, "peak_rss_bytes", rss);
  add_string (json, "cpu", cpu);
  if (bench->profile != NULL)
    bench_profile_report (bench, sgemm, json);
  json_builder_end_object (json);
  root = json_builder_get_root (json);
  return json_to_string (root, TRUE);
}

/* --- the command line --- */

static GOptionContext *
describe_options (BenchOptions *options)
{
  const GOptionEntry entries[] = {
    { "stage", 0, 0, G_OPTION_ARG_STRING, &options->stage,
        "text, denoise, encode, decode, load or pipeline", "NAME" },
    { "model", 0, 0, G_OPTION_ARG_FILENAME, &options->model,
        "Model folder with text_encoder, transformer and vae", "DIR" },
    { "transformer", 0, 0, G_OPTION_ARG_FILENAME, &options->transformer,
        "Transformer alone: its folder, or a file with config.json beside it",
        "PATH" },
    { "random-weights", 0, 0, G_OPTION_ARG_FILENAME, &options->random_weights,
        "Random weights for the network that a config.json describes", "FILE" },
    { "height", 0, 0, G_OPTION_ARG_INT, &options->height, "Pixels (144)", "N" },
    { "width", 0, 0, G_OPTION_ARG_INT, &options->width, "Pixels (256)", "N" },
    { "num-frames", 0, 0, G_OPTION_ARG_INT, &options->num_frames, "Frames (51)",
        "N" },
    { "text-length", 0, 0, G_OPTION_ARG_INT, &options->text_length,
        "Tokens (what the model is made for, at most 300)", "N" },
    { "fps", 0, 0, G_OPTION_ARG_DOUBLE, &options->fps, "Frame rate (24)", "X" },
    { "runs", 0, 0, G_OPTION_ARG_INT, &options->runs, "Calls timed (3)", "N" },
    { "threads", 0, 0, G_OPTION_ARG_INT, &options->threads,
        "Threads (0: all cores)", "N" },
    { "backend", 0, 0, G_OPTION_ARG_STRING, &options->backend,
        "builtin, openblas, onednn or ref", "NAME" },
    { "profile", 0, 0, G_OPTION_ARG_NONE, &options->profile,
        "Report time by op, against the machine's matrix product", NULL },
    { "seed", 0, 0, G_OPTION_ARG_INT64, &options->seed,
        "Of random weights and input (0)", "N" },
    { "output", 0, 0, G_OPTION_ARG_FILENAME, &options->output,
        "Write input and result of denoise as safetensors", "FILE" },
    { NULL },
  };
  GOptionContext *context =
      g_option_context_new ("- time one stage of the pipeline");

  g_option_context_add_main_entries (context, entries, NULL);
  return context;
}

/* Fills in the stage that random weights imply; FALSE says what is wrong. */
static gboolean
check_options (BenchOptions *options, GError **error)
{
  guint n_sources = (options->model != NULL) + (options->transformer != NULL)
                    + (options->random_weights != NULL);
  const char *problem = NULL;

  if (options->random_weights != NULL && options->stage == NULL) {
    options->stage = g_strdup (bench_stage_of (options->random_weights, error));
    if (options->stage == NULL)
      return FALSE;
  }
  if (options->transformer != NULL && options->stage == NULL)
    options->stage = g_strdup ("denoise");
  if (n_sources != 1)
    problem = "give one of --model, --transformer and --random-weights";
  else if (find_stage (options->stage) == NULL)
    problem =
        "--stage is one of text, denoise, encode, decode, load and pipeline";
  else if (options->output != NULL && !g_str_equal (options->stage, "denoise"))
    problem = "--output belongs to --stage denoise";
  else if (options->profile
           && (g_str_equal (options->stage, "load")
               || g_str_equal (options->stage, "pipeline")))
    problem = "--profile belongs to text, denoise, encode and decode";
  else if (options->height < 16 || options->width < 16
           || options->num_frames < 1 || options->runs < 1
           || options->threads < 0 || options->text_length < 0)
    problem = "sizes are at least 16 x 16, counts at least 1";
  if (problem != NULL)
    g_set_error_literal (
        error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS, problem);
  return problem == NULL;
}

static int
run (Bench *bench, GError **error)
{
  BenchOptions *options = &bench->options;
  g_autofree char *text = NULL;
  BenchRate sgemm = { 0 };
  gint64 rss;

  if (!check_options (options, error))
    return EXIT_USAGE;
  bench->compute = os_compute_new (options->backend, options->threads, error);
  if (bench->compute == NULL)
    return EXIT_FAILED;
  bench->noise = os_noise_new (OS_NOISE_CPU, options->seed, OS_DTYPE_F32);
  bench->shape = json_object_new ();
  bench->seconds = g_array_new (FALSE, FALSE, sizeof (double));
  bench->prepare_seconds = -1.0;
  if (!find_stage (options->stage) (bench, error))
    return EXIT_FAILED;
  rss = peak_rss ();
  if (options->profile) {
    if (!bench_measure_sgemm (bench, &sgemm, error))
      return EXIT_FAILED;
    bench_profile_print (bench, &sgemm);
  }
  text = report (bench, rss, &sgemm);
  g_print ("%s\n", text);
  return EXIT_OK;
}

static void
bench_clear (Bench *bench)
{
  BenchOptions *options = &bench->options;

  g_clear_pointer (&bench->shape, json_object_unref);
  g_clear_pointer (&bench->seconds, g_array_unref);
  g_clear_pointer (&bench->profile, os_profile_free);
  g_clear_pointer (&bench->noise, os_noise_free);
  g_clear_pointer (&bench->compute, os_compute_free);
  g_free (options->stage);
  g_free (options->model);
  g_free (options->random_weights);
  g_free (options->transformer);
  g_free (options->output);
  g_free (options->backend);
}

int
main (int argc, char **argv)
{
  Bench bench = { .options = {
                      .height = 144,
                      .width = 256,
                      .num_frames = 51,
                      .fps = 24.0,
                      .runs = 3,
                  } };
  g_autoptr (GOptionContext) context = describe_options (&bench.options);
  g_autoptr (GError) error = NULL;
  int status = EXIT_USAGE;

  setlocale (LC_ALL, "");
  if (g_option_context_parse (context, &argc, &argv, &error)) {
    if (argc > 1)
      g_set_error (&error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
          "unexpected argument \"%s\"", argv[1]);
    else
      status = run (&bench, &error);
  }
  if (error != NULL)
    g_printerr ("opensora-bench: %s\n", error->message);
  bench_clear (&bench);
  return status;
}
