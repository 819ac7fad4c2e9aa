/* SPDX-License-Identifier: Apache-2.0 */
/* opensora-golden DIR...: runs golden cases and prints a line each,
 *
 *   PASS|FAIL|SKIP case max_abs max_rel (reason)
 *
 * with the largest difference of any output, absolute and relative to the
 * output's peak. Exit status: 0 if all passed whole, 1 if one failed, 77 (which
 * test harnesses read as "skipped") if none failed but something could not be
 * computed, 2 for wrong usage. */
#include "cli/golden/golden.h"

#include <locale.h>
#include <string.h>

enum {
  EXIT_PASS = 0,
  EXIT_FAIL = 1,
  EXIT_USAGE = 2,
  EXIT_SKIP = 77
};

/* An op of a family of goldens, which give the same op different inputs and
 * layouts; the inputs it cannot do without; and its handler. */
static const struct {
  const char *family, *op, *inputs;
  GoldenOp run;
} ops[] = {
  { "opensora-1.0", "attention", "x", golden_attention_1x },
  { "opensora-1.0", "caption_embedder", "y", golden_caption_embedder },
  { "opensora-1.0", "checkpoint_rules", "", golden_checkpoint_rules },
  { "opensora-1.0", "cross_attention", "x cond", golden_cross_attention },
  { "opensora-1.0", "final_layer", "x t", golden_final_layer_1x },
  { "opensora-1.0", "patch_embed", "", golden_patch_embed },
  { "opensora-1.0", "pos_embed", "", golden_pos_embed_1x },
  { "opensora-1.0", "timestep_embedder", "t", golden_timestep_embedder },
  { "opensora-1.0", "unpatchify", "x", golden_unpatchify },
  { "opensora-1.0", "stdit_block", "x y t tpe", golden_stdit_block },
  { "opensora-1.0", "stdit", "x timestep y", golden_stdit },
  { "opensora-1.0", "iddpm_tables", "", golden_iddpm_tables },
  { "opensora-1.0", "iddpm_step", "x model_output noise", golden_iddpm_step },
  { "opensora-1.0", "iddpm_sample", "z y noise", golden_iddpm_sample },
  { "opensora-1.0", "dpm_sample", "z y schedule_t", golden_dpm_sample },
  { "opensora-1.0", "vae2d", "x z noise", golden_vae2d },
  { "opensora-1.0", "save_sample", "x", golden_save_sample },
  { "opensora-1.0", "pipeline", "z y noise", golden_pipeline },
  { "opensora-1.1", "attention", "x", golden_attention_1x },
  { "opensora-1.1", "checkpoint_adapt", "", golden_checkpoint_adapt },
  { "opensora-1.1", "final_layer", "x t t0 x_mask", golden_final_layer_1x },
  { "opensora-1.1", "pos_embed_2d", "", golden_pos_embed_1x },
  { "opensora-1.1", "reference_input", "", golden_reference_input },
  { "opensora-1.1", "rmsnorm", "x", golden_rmsnorm },
  { "opensora-1.1", "rope", "x other_freqs", golden_rope_1x },
  { "opensora-1.1", "size_embedder", "hw ar", golden_size_embedder },
  { "opensora-1.1", "stdit", "x timestep y", golden_stdit },
  { "opensora-1.1", "stdit2_block", "x y t t0 t_tmp t0_tmp x_mask",
      golden_stdit2_block },
  { "opensora-1.1", "stdit2", "x timestep y num_frames fps height width",
      golden_stdit },
  { "opensora-1.1", "iddpm_tables", "", golden_iddpm_tables },
  { "opensora-1.1", "iddpm_step", "x model_output noise mask mask_noise",
      golden_iddpm_step },
  { "opensora-1.1", "iddpm_sample_masked", "z y noise", golden_iddpm_sample },
  { "opensora-1.1", "cfg_forward", "model_output x x_mask",
      golden_cfg_forward },
  { "opensora-1.1", "mask_time", "ratio", golden_mask_time },
  { "opensora-1.1", "prompts", "", golden_prompts },
  { "opensora-1.1", "mask_strategy", "", golden_mask_strategy },
  { "opensora-1.1", "apply_mask", "z", golden_apply_mask },
  { "opensora-1.1", "long_video", "", golden_long_video },
  { "opensora-1.2", "attention", "x xc cond", golden_attention },
  { "opensora-1.2", "embeddings", "t fps1 fps3 y", golden_embeddings },
  { "opensora-1.2", "final_layer", "x t t0 x_mask", golden_final_layer },
  { "opensora-1.2", "patch_embed", "", golden_patch_embed },
  { "opensora-1.2", "pos_embed", "", golden_pos_embed },
  { "opensora-1.2", "rope", "", golden_rope },
  { "opensora-1.2", "stdit3_block", "x y t t0 x_mask", golden_stdit3_block },
  { "opensora-1.2", "stdit3", "x timestep y mask fps height width",
      golden_stdit },
  { "opensora-1.2", "vae_spatial", "image odd_image latent",
      golden_vae_spatial },
  { "opensora-1.2", "vae_temporal", "", golden_vae_temporal },
  { "opensora-1.2", "vae_encode_decode", "", golden_vae_encode_decode },
  { "opensora-1.2", "frames_u8", "video", golden_frames_u8 },
  { "opensora-1.2", "reference_resize", "", golden_reference_resize },
  { "opensora-1.2", "rflow_sample", "z y mask", golden_rflow_sample },
  { "opensora-1.2", "rng_torch_cpu", "", golden_rng_torch_cpu },
  { "opensora-1.2", "rng_philox", "", golden_rng_philox },
  { "opensora-1.2", "inference_script", "", golden_inference_script },
  { "text", "t5_encode", "input_ids", golden_t5_encode },
  { "text", "t5_prompt_encode", "input_ids attention_mask",
      golden_t5_prompt_encode },
  { "text", "t5_position_buckets", "", golden_t5_position_buckets },
  { "text", "t5_tokenize", "", golden_t5_tokenize },
  { "text", "clean_caption", "", golden_clean_caption },
  { "text", "prompt_assembly", "", golden_prompt_assembly },
  { "demo", "inference_with_states", "input_ids attention_mask noise",
      golden_inference_with_states },
};

typedef struct {
  GoldenSetup setup;
  guint n_passed, n_failed, n_skipped, n_missing;
} Tally;

static gboolean
run_op (GoldenCase *golden, guint index)
{
  const char *op = golden_case_get_op (golden, index);

  for (guint i = 0; i < G_N_ELEMENTS (ops); i++) {
    if (g_str_equal (ops[i].op, op)
        && g_str_equal (ops[i].family, golden_case_get_family (golden))) {
      golden_case_run (golden, index, ops[i].run, ops[i].inputs);
      return TRUE;
    }
  }
  return FALSE;
}

static void
print_outcome (Tally *tally, const GoldenCase *golden, const char *unknown_op)
{
  const char *name = golden_case_get_name (golden);
  guint n_missing = golden->missing->len;

  tally->n_missing += n_missing;
  if (golden->failure != NULL) {
    tally->n_failed++;
    g_print ("FAIL %s %.3g %.3g %s\n", name, golden->max_abs, golden->max_rel,
        golden->failure);
  } else if (unknown_op != NULL) {
    tally->n_skipped++;
    g_print ("SKIP %s 0 0 no handler for the op \"%s\" of %s\n", name,
        unknown_op, golden_case_get_family (golden));
  } else if (golden->n_compared == 0) {
    tally->n_skipped++;
    g_print ("SKIP %s 0 0 needs %s\n", name,
        golden->feature != NULL ? golden->feature : "outputs to compare");
  } else {
    tally->n_passed++;
    g_print ("PASS %s %.3g %.3g", name, golden->max_abs, golden->max_rel);
    if (n_missing > 0)
      g_print (" (%u outputs need %s)", n_missing, golden->feature);
    g_print ("\n");
  }
}

static void
run_case (Tally *tally, const char *folder)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GoldenCase) golden =
      golden_case_open (&tally->setup, folder, &error);
  const char *unknown_op = NULL;

  if (golden == NULL) {
    g_autofree char *name = g_path_get_basename (folder);

    tally->n_failed++;
    g_print ("FAIL %s 0 0 %s\n", name, error->message);
    return;
  }
  for (guint i = 0; i < golden_case_get_n_runs (golden); i++)
    if (!run_op (golden, i))
      unknown_op = golden_case_get_op (golden, i);
  print_outcome (tally, golden, unknown_op);
}

static int
compare_paths (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

static gboolean
is_case (const char *folder)
{
  g_autofree char *path = g_build_filename (folder, "case.json", NULL);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

/* The case in `folder`, or those in its subfolders, sorted. */
static GPtrArray *
find_cases (const char *folder, GError **error)
{
  g_autoptr (GPtrArray) cases = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, error);
  const char *name;

  if (dir == NULL)
    return NULL;
  if (is_case (folder)) {
    g_ptr_array_add (cases, g_strdup (folder));
    return g_steal_pointer (&cases);
  }
  while ((name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *path = g_build_filename (folder, name, NULL);

    if (is_case (path))
      g_ptr_array_add (cases, g_steal_pointer (&path));
  }
  if (cases->len == 0) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND,
        "%s: neither it nor a folder in it has a case.json", folder);
    return NULL;
  }
  g_ptr_array_sort (cases, compare_paths);
  return g_steal_pointer (&cases);
}

static gboolean
run_folders (Tally *tally, char **folders, GError **error)
{
  for (char **folder = folders; *folder != NULL; folder++) {
    g_autoptr (GPtrArray) cases = find_cases (*folder, error);

    if (cases == NULL)
      return FALSE;
    for (guint i = 0; i < cases->len; i++)
      run_case (tally, g_ptr_array_index (cases, i));
  }
  return TRUE;
}

/* `file` in the folder that the environment variable names, or NULL. */
static char *
find_in_environment (const char *variable, const char *file)
{
  const char *folder = g_getenv (variable);

  return folder != NULL ? g_build_filename (folder, file, NULL) : NULL;
}

static int
print_summary (const Tally *tally)
{
  g_print ("%u passed, %u failed, %u skipped, %u outputs not computed\n",
      tally->n_passed, tally->n_failed, tally->n_skipped, tally->n_missing);
  if (tally->n_failed > 0)
    return EXIT_FAIL;
  return tally->n_skipped + tally->n_missing > 0 ? EXIT_SKIP : EXIT_PASS;
}

int
main (int argc, char **argv)
{
  g_autofree char *demo_model = NULL, *t5_tokenizer = NULL, *backend = NULL;
  int threads = 0;
  gboolean verbose = FALSE;
  const GOptionEntry entries[] = {
    { "demo-model", 0, 0, G_OPTION_ARG_FILENAME, &demo_model,
        "Model of cases that have the one they name not above them", "DIR" },
    { "t5-tokenizer", 0, 0, G_OPTION_ARG_FILENAME, &t5_tokenizer,
        "Vocabulary of T5 (default: $OPENSORA_TEST_DATA/t5/spiece.model)",
        "FILE" },
    { "backend", 0, 0, G_OPTION_ARG_STRING, &backend,
        "builtin, openblas, onednn or ref", "NAME" },
    { "threads", 0, 0, G_OPTION_ARG_INT, &threads, "Threads (0: all cores)",
        "N" },
    { "verbose", 'v', 0, G_OPTION_ARG_NONE, &verbose,
        "Print the difference of every output", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) options =
      g_option_context_new ("DIR... - run golden cases");
  g_autoptr (OsCompute) compute = NULL;
  g_autoptr (GError) error = NULL;
  Tally tally = { 0 };

  setlocale (LC_ALL, "");
  g_option_context_add_main_entries (options, entries, NULL);
  if (!g_option_context_parse (options, &argc, &argv, &error) || argc < 2
      || threads < 0) {
    g_printerr ("%s\n",
        error != NULL ? error->message : "Usage: opensora-golden DIR...");
    return EXIT_USAGE;
  }
  if (t5_tokenizer == NULL)
    t5_tokenizer =
        find_in_environment ("OPENSORA_TEST_DATA", "t5/spiece.model");

  compute = os_compute_new (backend, threads, &error);
  tally.setup = (GoldenSetup){ compute, demo_model, t5_tokenizer, verbose };
  if (compute == NULL || !run_folders (&tally, argv + 1, &error)) {
    g_printerr ("opensora-golden: %s\n", error->message);
    return EXIT_USAGE;
  }
  return print_summary (&tally);
}
