/* SPDX-License-Identifier: Apache-2.0 */
/* opensora-calibrate MODEL PROMPTS: the coefficients of the step cache
 * (models/step-cache.h) for a model.
 *
 * Makes a clip of every line of a file with all its steps, and notes from one
 * step to the next by how much what the first block sees and the blocks'
 * residual change. The polynomial that tells the one from the other with the
 * least squared error is what a model's opensora.json has in step_cache, after
 * the threshold. */
#include <locale.h>
#include <math.h>
#include <stdlib.h>

#include "pipeline/generate.h"
#include "pipeline/resolve.h"

#define N OS_STEP_CACHE_COEFFICIENTS

typedef struct {
  double seen, residual;
} Change;

typedef struct {
  OsCompute *compute;
  OsTensor *seen, *residual; /* in the step before */
  double seen_change;
  GArray *changes; /* of Change */
} Calibration;

/* --- Changes --- */

/* By how much a tensor differs from the one before, whose place it takes; -1
 * for the first. */
static double
replace (OsCompute *compute, OsTensor **before, const OsTensor *now)
{
  g_autoptr (OsTensor) old = g_steal_pointer (before);

  *before = os_tensor_ref (now);
  return old ? os_relative_change (compute, old, now) : -1;
}

static void
on_value (const char *name, const OsTensor *tensor, gpointer data)
{
  Calibration *self = data;

  if (g_str_has_suffix (name, "step_cache.seen")) {
    self->seen_change = replace (self->compute, &self->seen, tensor);
  } else if (g_str_has_suffix (name, "step_cache.residual")) {
    const Change change = { self->seen_change,
      replace (self->compute, &self->residual, tensor) };

    if (change.seen >= 0 && change.residual >= 0)
      g_array_append_val (self->changes, change);
  }
}

static gboolean
drop_frame (
    GBytes *rgb, guint width, guint height, guint index, gpointer user_data)
{
  return TRUE;
}

/* A clip begins: there is nothing before. */
static gboolean
watch_clip (Calibration *self, OsBundle *bundle, const char *prompt,
    gint64 seed, GError **error)
{
  g_autoptr (OpensoraParams) params = opensora_params_new ();
  g_autoptr (OpensoraParams) resolved = NULL;

  g_clear_pointer (&self->seen, os_tensor_unref);
  g_clear_pointer (&self->residual, os_tensor_unref);
  g_object_set (
      params, "prompt", prompt, "seed", seed, "step-cache", "on", NULL);
  resolved = os_resolve (bundle, params, error);
  return resolved
         && os_generate_clip (
             bundle, self->compute, resolved, NULL, drop_frame, NULL, error);
}

/* --- The polynomial --- */

/* Solves a x = b by elimination, the largest pivots first; FALSE: too few
 * different equations. */
static gboolean
solve (double a[N][N], double b[N], double x[N])
{
  for (int k = 0; k < N; k++) {
    int pivot = k;

    for (int i = k + 1; i < N; i++)
      if (fabs (a[i][k]) > fabs (a[pivot][k]))
        pivot = i;
    if (fabs (a[pivot][k]) < 1e-14)
      return FALSE;
    for (int j = 0; j < N; j++) {
      const double swapped = a[k][j];

      a[k][j] = a[pivot][j];
      a[pivot][j] = swapped;
    }
    x[0] = b[k];
    b[k] = b[pivot];
    b[pivot] = x[0];
    for (int i = k + 1; i < N; i++) {
      const double factor = a[i][k] / a[k][k];

      for (int j = k; j < N; j++)
        a[i][j] -= factor * a[k][j];
      b[i] -= factor * b[k];
    }
  }
  for (int k = N - 1; k >= 0; k--) {
    x[k] = b[k];
    for (int j = k + 1; j < N; j++)
      x[k] -= a[k][j] * x[j];
    x[k] /= a[k][k];
  }
  return TRUE;
}

/* Coefficients of the powers N - 1 .. 0, by the normal equations. Changes are
 * measured in units of the largest, which keeps the powers of one size. */
static gboolean
fit (const GArray *changes, double coefficients[N])
{
  double a[N][N] = { 0 }, b[N] = { 0 }, unit = 0;

  for (guint i = 0; i < changes->len; i++)
    unit = MAX (unit, g_array_index (changes, Change, i).seen);
  for (guint i = 0; i < changes->len; i++) {
    const Change *change = &g_array_index (changes, Change, i);

    for (int j = 0; j < N; j++) {
      const double power = pow (change->seen / unit, N - 1 - j);

      b[j] += power * change->residual;
      for (int k = 0; k < N; k++)
        a[j][k] += power * pow (change->seen / unit, N - 1 - k);
    }
  }
  if (changes->len == 0 || unit == 0 || !solve (a, b, coefficients))
    return FALSE;
  for (int j = 0; j < N; j++)
    coefficients[j] /= pow (unit, N - 1 - j);
  return TRUE;
}

static double
evaluate (const double coefficients[N], double d)
{
  double p = 0;

  for (int j = 0; j < N; j++)
    p = p * d + coefficients[j];
  return p;
}

/* --- The report --- */

static void
report (const GArray *changes, const double coefficients[N])
{
  double error = 0, residual = 0;

  for (guint i = 0; i < changes->len; i++) {
    const Change *change = &g_array_index (changes, Change, i);

    error += fabs (evaluate (coefficients, change->seen) - change->residual);
    residual += change->residual;
  }
  g_printerr ("%u steps: the residual changes by %.4f in the mean, the "
              "polynomial is wrong by %.4f\n",
      changes->len, residual / changes->len, error / changes->len);
  g_print ("\"step_cache\": [THRESHOLD");
  for (int j = 0; j < N; j++) {
    char number[G_ASCII_DTOSTR_BUF_SIZE];

    g_print (", %s",
        g_ascii_formatd (number, sizeof number, "%.8g", coefficients[j]));
  }
  g_print ("]\n");
}

static gboolean
run (const char *model, const char *prompts_path, GError **error)
{
  const OsParts parts = { .folder = (char *) model };
  g_autoptr (OsBundle) bundle = NULL;
  g_autoptr (OsCompute) compute = NULL;
  g_autoptr (GArray) changes = g_array_new (FALSE, FALSE, sizeof (Change));
  g_autofree char *text = NULL;
  g_auto (GStrv) prompts = NULL;
  Calibration self = { .changes = changes };
  double coefficients[N];
  gboolean ok = TRUE;

  if (!g_file_get_contents (prompts_path, &text, NULL, error)
      || !(bundle = os_bundle_open (&parts, NULL, error))
      || !(compute = os_compute_new (NULL, 0, error)))
    return FALSE;
  self.compute = compute;
  /* So little that no step is left out. */
  bundle->family.step_cache = (OsStepCacheSettings){ .threshold = 1e-300 };
  os_compute_set_probe (compute, on_value, &self);
  prompts = g_strsplit (text, "\n", -1);
  for (guint i = 0; ok && prompts[i]; i++)
    if (*g_strstrip (prompts[i]) != '\0')
      ok = watch_clip (&self, bundle, prompts[i], 42 + i, error);
  g_clear_pointer (&self.seen, os_tensor_unref);
  g_clear_pointer (&self.residual, os_tensor_unref);
  if (!ok)
    return FALSE;
  if (!fit (changes, coefficients)) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
        "%u steps that change are too few; give more prompts", changes->len);
    return FALSE;
  }
  report (changes, coefficients);
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;

  setlocale (LC_ALL, "");
  if (argc != 3) {
    g_printerr ("usage: opensora-calibrate MODEL_FOLDER PROMPTS_FILE\n");
    return 2;
  }
  if (run (argv[1], argv[2], &error))
    return EXIT_SUCCESS;
  g_printerr ("opensora-calibrate: %s\n", error->message);
  return EXIT_FAILURE;
}
