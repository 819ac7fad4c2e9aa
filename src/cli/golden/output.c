/* SPDX-License-Identifier: Apache-2.0 */
/* What handlers give back: taken to the comparison, or known to be missing. */
#include "cli/golden/golden.h"

#include <string.h>

void
golden_fail (GoldenCase *golden, const char *format, ...)
{
  va_list args;

  if (golden->failure != NULL)
    return;
  va_start (args, format);
  golden->failure = g_strdup_vprintf (format, args);
  va_end (args);
}

/* The bounds of an output, or NULL if the golden does not list it. */
static JsonObject *
find_bounds (GoldenRun *run, const char *name, const char **key)
{
  g_autofree char *full = g_strconcat (run->prefix, name, NULL);
  g_autoptr (GList) names = json_object_get_members (run->bounds);
  GList *link = g_list_find_custom (names, full, (GCompareFunc) strcmp);

  if (link == NULL)
    return NULL;
  *key = link->data;
  return json_object_get_object_member (run->bounds, *key);
}

const OsTensor *
golden_wanted (GoldenRun *run, const char *name)
{
  const char *key;

  if (find_bounds (run, name, &key) == NULL)
    return NULL;
  return golden_find (run, run->of->wanted, name);
}

static void
report (GoldenCase *golden, const char *name, const GoldenBounds *bounds,
    const GoldenDifference *difference, gint64 n, double got, double want)
{
  if (difference->n_outside > 0)
    golden_fail (golden,
        "%s: element %" G_GINT64_FORMAT " is %.9g, want %.9g within %.3g; "
        "%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " elements are outside",
        name, difference->worst, got, want,
        bounds->atol + bounds->rtol * ABS (want), difference->n_outside, n);
  else
    golden_fail (golden,
        "%s: %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT
        " elements differ, at most a share of %.3g may",
        name, difference->n_differing, n, bounds->share);
}

void
golden_output_doubles (
    GoldenRun *run, const char *name, gint64 n, const double *got)
{
  GoldenCase *golden = run->of;
  const char *key;
  JsonObject *json = find_bounds (run, name, &key);
  const OsTensor *tensor = golden_wanted (run, name);
  g_autofree double *want = NULL;
  GoldenDifference difference;
  GoldenBounds bounds;
  gint64 n_want;

  if (json == NULL || !os_compute_ok (run->compute))
    return;
  g_hash_table_add (run->seen, (gpointer) key);
  if (tensor == NULL || os_tensor_count (tensor) != n) {
    g_autofree char *shape =
        tensor != NULL ? os_tensor_describe (tensor) : g_strdup ("nothing");

    golden_fail (
        golden, "%s: %" G_GINT64_FORMAT " elements, want %s", name, n, shape);
    return;
  }
  want = golden_values (tensor, &n_want);
  bounds = golden_bounds_read (json);
  golden->n_compared++;
  if (!golden_compare (&bounds, n, got, want, &difference))
    report (golden, name, &bounds, &difference, n, got[difference.worst],
        want[difference.worst]);
  golden->max_abs = MAX (golden->max_abs, difference.max_abs);
  golden->max_rel = MAX (golden->max_rel, difference.max_rel);
  if (golden->setup->verbose)
    g_print ("  %-32s %.3g %.3g (atol %.3g, rtol %.3g)\n", name,
        difference.max_abs, difference.max_rel, bounds.atol, bounds.rtol);
}

void
golden_output_floats (
    GoldenRun *run, const char *name, gint64 n, const float *got)
{
  g_autofree double *values = g_new (double, n);

  for (gint64 i = 0; i < n; i++)
    values[i] = got[i];
  golden_output_doubles (run, name, n, values);
}

void
golden_output_u8 (GoldenRun *run, const char *name, gint64 n, const guint8 *got)
{
  g_autofree double *values = g_new (double, n);

  for (gint64 i = 0; i < n; i++)
    values[i] = got[i];
  golden_output_doubles (run, name, n, values);
}

void
golden_output (GoldenRun *run, const char *name, const OsTensor *got)
{
  const OsTensor *want = golden_wanted (run, name);
  g_autofree float *values = NULL;
  gint64 n;

  if (want == NULL || !os_compute_ok (run->compute))
    return;
  if (got->n_dims < 1 || want->n_dims < 1
      || got->shape[got->n_dims - 1] != want->shape[want->n_dims - 1]) {
    g_autofree char *is = os_tensor_describe (got);
    g_autofree char *should = os_tensor_describe (want);

    golden_fail (run->of, "%s: %s, want %s", name, is, should);
    return;
  }
  n = os_tensor_count (got);
  values = g_new (float, n);
  os_compute_download (run->compute, got, values);
  golden_output_floats (run, name, n, values);
}

void
golden_check (GoldenRun *run, gboolean ok, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  run->of->n_compared++;
  if (ok)
    return;
  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  golden_fail (run->of, "%s", message);
}

void
golden_needs (GoldenRun *run, const char *stem, const char *feature)
{
  g_autofree char *full = g_strconcat (run->prefix, stem, NULL);
  JsonObjectIter iter;
  const char *name;

  json_object_iter_init (&iter, run->bounds);
  while (json_object_iter_next (&iter, &name, NULL)) {
    if (!g_str_has_prefix (name, full))
      continue;
    g_hash_table_add (run->seen, (gpointer) name);
    g_ptr_array_add (run->of->missing, g_strdup (name));
    if (run->of->feature == NULL)
      run->of->feature = feature;
  }
}

static void
observe (const char *name, const OsTensor *tensor, gpointer data)
{
  GoldenRun *run = data;
  g_autofree char *full = g_strconcat (
      run->rename != NULL ? run->rename (run, name) : name, run->suffix, NULL);
  const OsTensor *want = golden_wanted (run, full);
  g_autoptr (OsTensor) view = NULL;

  if (want == NULL)
    return;
  view = run->view != NULL ? run->view (name, tensor, want)
                           : os_tensor_ref (tensor);
  golden_output (run, full, view);
}

void
golden_watch (GoldenRun *run, GoldenView view, const char *suffix)
{
  run->view = view;
  run->suffix = suffix;
  os_compute_set_probe (run->compute, observe, run);
}

void
golden_unwatch (GoldenRun *run)
{
  os_compute_set_probe (run->compute, NULL, NULL);
}
