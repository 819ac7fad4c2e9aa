/* SPDX-License-Identifier: Apache-2.0 */
/* The samplers of 1.0 and 1.1: iddpm_tables, iddpm_step, iddpm_sample,
 * iddpm_sample_masked, cfg_forward, mask_time, dpm_sample. */
#include "cli/golden/golden.h"

#include <math.h>
#include <string.h>

#include "sampling/dpm-solver.h"
#include "sampling/guidance.h"
#include "sampling/iddpm.h"

/* Of 1.0, where it is no setting. */
#define GUIDED_CHANNELS 3

static JsonObject *
get_args (GoldenRun *run)
{
  return json_object_get_object_member (run->json, "args");
}

/* 1.1 computes its tables in float32. */
static OsDType
get_precision (GoldenRun *run)
{
  return g_str_equal (golden_case_get_family (run->of), "opensora-1.0")
             ? OS_DTYPE_F64
             : OS_DTYPE_F32;
}

static GArray *
read_schedule (GoldenRun *run, GError **error)
{
  g_autofree char *spacing = g_strdup_printf ("%" G_GINT64_FORMAT,
      json_object_get_int_member (get_args (run), "num_sampling_steps"));

  return os_iddpm_schedule (spacing, get_precision (run), error);
}

/* --- iddpm_tables --- */

static const struct {
  const char *name;
  gsize offset;
} tables[] = {
  { "betas", G_STRUCT_OFFSET (OsIddpmStep, beta) },
  { "alphas_cumprod", G_STRUCT_OFFSET (OsIddpmStep, alpha_bar) },
  { "sqrt_alphas_cumprod", G_STRUCT_OFFSET (OsIddpmStep, sqrt_alpha_bar) },
  { "sqrt_one_minus_alphas_cumprod",
      G_STRUCT_OFFSET (OsIddpmStep, sqrt_one_minus_alpha_bar) },
  { "sqrt_recip_alphas_cumprod",
      G_STRUCT_OFFSET (OsIddpmStep, sqrt_recip_alpha_bar) },
  { "sqrt_recipm1_alphas_cumprod",
      G_STRUCT_OFFSET (OsIddpmStep, sqrt_recipm1_alpha_bar) },
  { "posterior_log_variance_clipped",
      G_STRUCT_OFFSET (OsIddpmStep, log_variance) },
  { "posterior_mean_coef1", G_STRUCT_OFFSET (OsIddpmStep, coef_x0) },
  { "posterior_mean_coef2", G_STRUCT_OFFSET (OsIddpmStep, coef_x) },
};

/* "map_10_15_20": the timesteps of the spacing "10,15,20". */
static gboolean
output_timesteps (GoldenRun *run, const char *name, GError **error)
{
  g_autofree char *spacing = g_strdup (name + strlen ("map_"));
  g_autoptr (GArray) timesteps = NULL;
  g_autofree double *values = NULL;

  timesteps = os_iddpm_space (g_strdelimit (spacing, "_", ','), error);
  if (timesteps == NULL)
    return FALSE;
  values = g_new (double, timesteps->len);
  for (guint i = 0; i < timesteps->len; i++)
    values[i] = g_array_index (timesteps, guint, i);
  golden_output_doubles (run, name, timesteps->len, values);
  return TRUE;
}

/* "betas_10_f64": a table for 10 steps. */
static gboolean
output_table (GoldenRun *run, const char *name, GError **error)
{
  g_autofree char *table = g_strdup (name);
  char *spacing;
  g_autoptr (GArray) steps = NULL;
  g_autofree double *values = NULL;

  if (g_str_has_suffix (table, "_f64"))
    table[strlen (table) - strlen ("_f64")] = '\0';
  spacing = strrchr (table, '_');
  *spacing++ = '\0';
  steps = os_iddpm_schedule (spacing, get_precision (run), error);
  if (steps == NULL)
    return FALSE;
  values = g_new (double, steps->len);
  for (guint k = 0; k < G_N_ELEMENTS (tables); k++) {
    if (!g_str_equal (tables[k].name, table))
      continue;
    for (guint i = 0; i < steps->len; i++)
      values[i] = G_STRUCT_MEMBER (
          double, &g_array_index (steps, OsIddpmStep, i), tables[k].offset);
    golden_output_doubles (run, name, steps->len, values);
  }
  return TRUE;
}

gboolean
golden_iddpm_tables (GoldenRun *run, GError **error)
{
  JsonObjectIter iter;
  const char *name;

  json_object_iter_init (&iter, run->bounds);
  while (json_object_iter_next (&iter, &name, NULL)) {
    const char *output = name + strlen (run->prefix);

    if (!(g_str_has_prefix (output, "map_")
                ? output_timesteps (run, output, error)
                : output_table (run, output, error)))
      return FALSE;
  }
  return TRUE;
}

/* --- networks and noise of the inputs --- */

typedef struct {
  GoldenRun *run;
  OsStditClip *clip;            /* the network, or */
  const OsTensor *model_output; /* what it would have returned */
  guint step, n_draws;          /* of this step */
  gboolean per_step;            /* noise has a step as its first dimension */
  gboolean masked;
  char *suffix;          /* of outputs that say what the network saw, or NULL */
  GArray *times, *masks; /* of float, guint8: what it saw */
} Sampler;

static void
output_seen (Sampler *sampler, const OsTensor *x, float t, const guint8 *x_mask)
{
  const gint64 B = x->shape[0], n = B * x->shape[2];
  g_autofree char *x_name = g_strconcat ("model_x", sampler->suffix, NULL);
  g_autofree char *t_name = g_strconcat ("model_t", sampler->suffix, NULL);
  g_autofree char *mask_name = g_strconcat ("x_mask", sampler->suffix, NULL);
  g_autofree float *times = g_new (float, B);
  g_autofree double *mask = g_new (double, n);

  for (gint64 b = 0; b < B; b++)
    times[b] = t;
  for (gint64 i = 0; i < n; i++)
    mask[i] = x_mask == NULL || x_mask[i];
  golden_output (sampler->run, x_name, x);
  golden_output_floats (sampler->run, t_name, B, times);
  golden_output_doubles (sampler->run, mask_name, n, mask);
}

static OsTensor *
predict (OsCompute *compute, const OsTensor *x, float t, const guint8 *x_mask,
    gpointer data)
{
  Sampler *sampler = data;

  g_array_append_val (sampler->times, t);
  if (x_mask != NULL)
    g_array_append_vals (sampler->masks, x_mask, x->shape[0] * x->shape[2]);
  if (sampler->suffix != NULL)
    output_seen (sampler, x, t, x_mask);
  if (sampler->clip != NULL)
    return os_stdit_forward_guided (sampler->clip, compute, x, t, x_mask);
  return os_concat (compute,
      (const OsTensor *const[]){ sampler->model_output, sampler->model_output },
      2);
}

/* The golden has the noise of the first half. */
static OsTensor *
draw (OsCompute *compute, int n_dims, const gint64 *shape, gpointer data)
{
  Sampler *sampler = data;
  const guint n_per_step = sampler->masked ? 2 : 1;
  const gboolean first = sampler->n_draws++ % n_per_step == 0;
  g_autoptr (OsTensor) all = golden_input (
      sampler->run, sampler->masked && first ? "mask_noise" : "noise");
  g_autoptr (OsTensor) half = sampler->per_step ? os_tensor_select (
                                  all, 0, (sampler->n_draws - 1) / n_per_step)
                                                : os_tensor_ref (all);

  return os_concat (compute, (const OsTensor *const[]){ half, half }, 2);
}

static OsSamplerCallbacks
sampler_begin (Sampler *sampler)
{
  sampler->n_draws = 0;
  sampler->times = g_array_new (FALSE, FALSE, sizeof (float));
  sampler->masks = g_array_new (FALSE, FALSE, sizeof (guint8));
  return (OsSamplerCallbacks){ predict, draw, sampler };
}

static void
sampler_end (Sampler *sampler)
{
  g_clear_pointer (&sampler->times, g_array_unref);
  g_clear_pointer (&sampler->masks, g_array_unref);
}

/* --- iddpm_step --- */

static void
output_posterior (GoldenRun *run, const OsIddpmStep *step, gint64 index)
{
  gint64 n, n_output;
  g_autofree float *x = golden_input_floats (run, "x", &n);
  g_autofree float *output =
      golden_input_floats (run, "model_output", &n_output);
  g_autofree float *values = g_new (float, 3 * n);
  const char *const names[] = { "pred_xstart", "mean", "log_variance" };
  const OsTensor *shape = golden_find (run, run->of->inputs, "x");
  const gint64 row = n / shape->shape[0];

  for (gint64 i = 0; i < n; i++) {
    const float *eps = output + i / row * 2 * row + i % row;
    const OsIddpmPosterior p =
        os_iddpm_posterior (step, x[i], eps[0], eps[row]);

    values[i] = p.x0;
    values[n + i] = p.mean;
    values[2 * n + i] = p.log_variance;
  }
  for (guint k = 0; k < G_N_ELEMENTS (names); k++) {
    g_autofree char *name =
        g_strdup_printf ("%s_%" G_GINT64_FORMAT, names[k], index);

    golden_output_floats (run, name, n, values + k * n);
  }
}

static void
run_step (
    GoldenRun *run, const OsIddpm *iddpm, gint64 index, const float *frame_mask)
{
  g_autoptr (OsTensor) x = golden_input (run, "x");
  g_autoptr (OsTensor) model_output = golden_input (run, "model_output");
  g_autofree char *suffix = g_strdup_printf ("_%" G_GINT64_FORMAT, index);
  g_autofree char *name = g_strconcat ("sample", suffix, NULL);
  Sampler sampler = { .run = run,
    .model_output = model_output,
    .masked = frame_mask != NULL,
    .suffix = suffix };
  OsSamplerCallbacks callbacks = sampler_begin (&sampler);
  g_autoptr (OsTensor) sample =
      os_iddpm_step (iddpm, run->compute, index, x, frame_mask, &callbacks);

  golden_output (run, name, sample);
  sampler_end (&sampler);
}

gboolean
golden_iddpm_step (GoldenRun *run, GError **error)
{
  JsonArray *indices = json_object_get_array_member (get_args (run), "index");
  g_autoptr (GArray) schedule = read_schedule (run, error);
  OsIddpm iddpm = { .schedule = schedule, .guidance_scale = 1 };
  g_autofree float *frame_mask = NULL;
  gint64 n;

  if (schedule == NULL)
    return FALSE;
  if (golden_has_input (run, "mask"))
    frame_mask = golden_input_floats (run, "mask", &n);
  for (guint i = 0; i < json_array_get_length (indices); i++) {
    gint64 index = json_array_get_int_element (indices, i);

    output_posterior (
        run, &g_array_index (schedule, OsIddpmStep, index), index);
    run_step (run, &iddpm, index, frame_mask);
  }
  return TRUE;
}

/* --- iddpm_sample, iddpm_sample_masked --- */

/* The latents behind every step. */
static void
output_trace (GoldenRun *run, const OsIddpm *iddpm, Sampler *sampler,
    const OsTensor *z, const float *frame_mask)
{
  const guint n = iddpm->schedule->len;
  OsSamplerCallbacks callbacks = sampler_begin (sampler);
  g_autoptr (GPtrArray) latents =
      g_ptr_array_new_with_free_func ((GDestroyNotify) os_tensor_unref);
  g_autoptr (OsTensor) trace = NULL;
  g_autofree double *masks = NULL;

  g_ptr_array_add (latents, os_tensor_ref (z));
  for (guint k = 0; k < n; k++)
    g_ptr_array_add (latents, os_iddpm_step (iddpm, run->compute, n - 1 - k,
                                  latents->pdata[k], frame_mask, &callbacks));
  trace =
      os_concat (run->compute, (const OsTensor *const *) latents->pdata + 1, n);
  golden_output (run, "trace", trace);
  masks = g_new (double, sampler->masks->len);
  for (guint i = 0; i < sampler->masks->len; i++)
    masks[i] = g_array_index (sampler->masks, guint8, i);
  golden_output_doubles (run, "x_mask", sampler->masks->len, masks);
  sampler_end (sampler);
}

/* "cfg_channel": null is half of the network's channels. */
static gint64
read_n_guided (GoldenRun *run, const OsTensor *z)
{
  JsonObject *args = get_args (run);

  if (!json_object_has_member (args, "cfg_channel"))
    return GUIDED_CHANNELS;
  return json_object_get_null_member (args, "cfg_channel")
             ? z->shape[1]
             : json_object_get_int_member (args, "cfg_channel");
}

/* A clip for both halves of guidance. */
static OsStditClip *
new_clip (GoldenRun *run, OsStdit *stdit, const OsTensor *z)
{
  g_autoptr (GPtrArray) captions = golden_captions (run, stdit);
  g_autoptr (GArray) formats = golden_formats (run, z);

  return os_stdit_clip_new (stdit, run->compute,
      &(OsStditClipInfo){ .B = 2 * z->shape[0],
          .T = z->shape[2],
          .H = z->shape[3],
          .W = z->shape[4],
          .captions = (const OsTensor *const *) captions->pdata,
          .formats = (const OsStditFormat *) formats->data,
          .n_formats = formats->len });
}

static OsStdit *
open_network (GoldenRun *run, GError **error)
{
  g_autoptr (OsConfig) config = golden_config (run, "config", error);
  g_autoptr (OsBinder) binder = golden_binder (run, error);

  return config != NULL && binder != NULL ? os_stdit_new (config, binder, error)
                                          : NULL;
}

OsTensor *
golden_iddpm (GoldenRun *run, OsStdit *stdit, GError **error)
{
  g_autoptr (GArray) schedule = read_schedule (run, error);
  g_autoptr (OsTensor) z = golden_input (run, "z");
  g_autoptr (OsStditClip) clip = NULL;
  g_autofree float *frame_mask = NULL;
  OsIddpm iddpm = { .schedule = schedule };
  Sampler sampler = { .run = run, .per_step = TRUE };
  OsSamplerCallbacks callbacks;
  OsTensor *sample;
  gint64 n;

  if (schedule == NULL)
    return NULL;
  if (golden_has_input (run, "frame_mask"))
    frame_mask = golden_input_floats (run, "frame_mask", &n);
  iddpm.guidance_scale =
      json_object_get_double_member (get_args (run), "cfg_scale");
  iddpm.n_guided = read_n_guided (run, z);
  sampler.clip = clip = new_clip (run, stdit, z);
  sampler.masked = frame_mask != NULL;
  output_trace (run, &iddpm, &sampler, z, frame_mask);
  callbacks = sampler_begin (&sampler);
  sample = os_iddpm_sample (&iddpm, run->compute, z, frame_mask, &callbacks);
  sampler_end (&sampler);
  return sample;
}

gboolean
golden_iddpm_sample (GoldenRun *run, GError **error)
{
  g_autoptr (OsStdit) stdit = open_network (run, error);
  g_autoptr (OsTensor) sample =
      stdit != NULL ? golden_iddpm (run, stdit, error) : NULL;

  if (sample == NULL)
    return FALSE;
  golden_output (run, "out", sample);
  return TRUE;
}

/* --- cfg_forward --- */

/* The golden has both halves: guided channels alike, the others their own. */
static void
output_guided (GoldenRun *run, const OsTensor *model_output, const char *name,
    gint64 n_guided, float scale)
{
  const gint64 B = model_output->shape[0] / 2, C = model_output->shape[1];
  g_autoptr (OsTensor) guided =
      os_guide (run->compute, model_output, n_guided, scale);
  g_autoptr (OsTensor) rest = os_tensor_slice (model_output, 0, B, B);
  gint64 count = os_tensor_count (guided), plane = count / (B * C);
  g_autofree float *values = g_new (float, 2 * count);

  os_compute_download (run->compute, guided, values);
  os_compute_download (run->compute, rest, values + count);
  for (gint64 b = 0; b < B; b++)
    memcpy (values + count + b * C * plane, values + b * C * plane,
        n_guided * plane * sizeof *values);
  golden_output_floats (run, name, 2 * count, values);
}

/* The network sees the first half twice. */
static void
output_twice (
    GoldenRun *run, const char *input, const char *output, gint64 n_rows)
{
  g_autoptr (OsTensor) all = golden_input (run, input);
  g_autoptr (OsTensor) half = os_tensor_slice (all, 0, 0, n_rows);
  g_autoptr (OsTensor) twice =
      os_concat (run->compute, (const OsTensor *const[]){ half, half }, 2);

  golden_output (run, output, twice);
}

gboolean
golden_cfg_forward (GoldenRun *run, GError **error)
{
  g_autoptr (OsTensor) output = golden_input (run, "model_output");
  const float scale =
      json_object_get_double_member (get_args (run), "cfg_scale");
  JsonObjectIter iter;
  const char *name;

  json_object_iter_init (&iter, run->bounds);
  while (json_object_iter_next (&iter, &name, NULL)) {
    const char *channels = name + strlen (run->prefix);

    if (!g_str_has_prefix (channels, "channel_"))
      continue;
    channels += strlen ("channel_");
    output_guided (run, output, name + strlen (run->prefix),
        g_str_equal (channels, "None") ? output->shape[1] / 2
                                       : g_ascii_strtoll (channels, NULL, 10),
        scale);
  }
  output_twice (run, "x", "model_x", output->shape[0] / 2);
  output_twice (run, "x_mask", "model_x_mask", output->shape[0] / 2);
  return TRUE;
}

/* --- mask_time --- */

gboolean
golden_mask_time (GoldenRun *run, GError **error)
{
  gint64 n;
  g_autofree float *ratios = golden_input_floats (run, "ratio", &n);
  g_autofree double *values = g_new (double, n);
  JsonObjectIter iter;
  const char *name;

  json_object_iter_init (&iter, run->bounds);
  while (json_object_iter_next (&iter, &name, NULL)) {
    const char *output = name + strlen (run->prefix);
    guint steps = g_ascii_strtoull (output + strlen ("steps_"), NULL, 10);

    for (gint64 i = 0; i < n; i++)
      values[i] = os_iddpm_first_index (ratios[i], steps);
    golden_output_doubles (run, output, n, values);
  }
  return TRUE;
}

/* --- dpm_sample --- */

static void
output_process (GoldenRun *run)
{
  g_autoptr (OsDpmProcess) process = os_dpm_process_new ();
  gint64 n;
  g_autofree float *t = golden_input_floats (run, "schedule_t", &n);
  g_autofree double *log_alpha = g_new (double, n);
  g_autofree double *lambda = g_new (double, n);

  for (gint64 i = 0; i < n; i++) {
    log_alpha[i] = os_dpm_process_log_alpha (process, t[i]);
    lambda[i] = os_dpm_process_lambda (process, t[i]);
  }
  golden_output_doubles (run, "log_alpha", n, log_alpha);
  golden_output_doubles (run, "lambda", n, lambda);
}

gboolean
golden_dpm_sample (GoldenRun *run, GError **error)
{
  JsonObject *args = get_args (run);
  g_autoptr (OsStdit) stdit = open_network (run, error);
  g_autoptr (OsTensor) z = golden_input (run, "z");
  g_autoptr (OsStditClip) clip = NULL;
  g_autoptr (OsTensor) sample = NULL;
  OsDpmSolver solver = {
    .steps = json_object_get_int_member (args, "num_sampling_steps"),
    .guidance_scale = json_object_get_double_member (args, "cfg_scale"),
  };
  Sampler sampler = { .run = run };
  OsSamplerCallbacks callbacks;

  if (stdit == NULL)
    return FALSE;
  output_process (run);
  sampler.clip = clip = new_clip (run, stdit, z);
  callbacks = sampler_begin (&sampler);
  sample = os_dpm_solver_sample (&solver, run->compute, z, &callbacks);
  golden_output (run, "out", sample);
  golden_output_floats (run, "model_times", sampler.times->len,
      (const float *) sampler.times->data);
  sampler_end (&sampler);
  return TRUE;
}
