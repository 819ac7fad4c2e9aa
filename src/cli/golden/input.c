/* SPDX-License-Identifier: Apache-2.0 */
/* What a golden case gives to handlers: tensors, configuration, weights. */
#include "cli/golden/golden.h"

#include <math.h>
#include <string.h>

#include "base/half.h"

OsTensor *
golden_find (GoldenRun *run, const OsCheckpoint *checkpoint, const char *name)
{
  g_autofree char *full = g_strconcat (run->prefix, name, NULL);

  return checkpoint != NULL ? os_checkpoint_get (checkpoint, full) : NULL;
}

static double
read_value (OsDType dtype, const guint8 *at)
{
#define AS(type)                                                               \
  ({                                                                           \
    type value;                                                                \
    memcpy (&value, at, sizeof value);                                         \
    value;                                                                     \
  })
  switch (dtype) {
    case OS_DTYPE_F32:
      return AS (float);
    case OS_DTYPE_F64:
      return AS (double);
    case OS_DTYPE_F16:
      return os_f16_to_f32 (AS (guint16));
    case OS_DTYPE_BF16:
      return os_bf16_to_f32 (AS (guint16));
    case OS_DTYPE_I64:
      return AS (gint64);
    case OS_DTYPE_I32:
      return AS (gint32);
    case OS_DTYPE_I16:
      return AS (gint16);
    case OS_DTYPE_I8:
      return AS (gint8);
    case OS_DTYPE_U8:
    case OS_DTYPE_BOOL:
      return *at;
    default: /* No golden has them; NaN never passes. */
      return NAN;
  }
#undef AS
}

double *
golden_values (const OsTensor *tensor, gint64 *n)
{
  gsize size = os_dtype_size (tensor->dtype);
  const guint8 *data = os_tensor_data (tensor);
  double *values;

  *n = os_tensor_count (tensor);
  values = g_new (double, *n);
  for (gint64 i = 0; i < *n; i++)
    values[i] = read_value (tensor->dtype, data + i * size);
  return values;
}

static float *
read_floats (const OsTensor *tensor, gint64 *n)
{
  g_autofree double *values = golden_values (tensor, n);
  float *floats = g_new (float, *n);

  for (gint64 i = 0; i < *n; i++)
    floats[i] = values[i];
  return floats;
}

gboolean
golden_has_input (GoldenRun *run, const char *name)
{
  return golden_find (run, run->of->inputs, name) != NULL;
}

OsTensor *
golden_input (GoldenRun *run, const char *name)
{
  const OsTensor *tensor = golden_find (run, run->of->inputs, name);
  gint64 n;
  g_autofree float *values = read_floats (tensor, &n);

  return os_compute_upload (
      run->compute, values, tensor->n_dims, tensor->shape);
}

float *
golden_input_floats (GoldenRun *run, const char *name, gint64 *n)
{
  return read_floats (golden_find (run, run->of->inputs, name), n);
}

gint32 *
golden_input_ints (GoldenRun *run, const char *name, gint64 *n)
{
  g_autofree double *values =
      golden_values (golden_find (run, run->of->inputs, name), n);
  gint32 *ints = g_new (gint32, *n);

  for (gint64 i = 0; i < *n; i++)
    ints[i] = values[i];
  return ints;
}

guint8 *
golden_input_mask (GoldenRun *run, const char *name, gint64 *n)
{
  g_autofree double *values =
      golden_values (golden_find (run, run->of->inputs, name), n);
  guint8 *mask = g_new (guint8, *n);

  for (gint64 i = 0; i < *n; i++)
    mask[i] = values[i] > 0.5;
  return mask;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

GPtrArray *
golden_input_names (GoldenRun *run, const char *stem)
{
  g_autofree char *full = g_strconcat (run->prefix, stem, NULL);
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);

  if (run->of->inputs == NULL)
    return names;
  for (const char *const *name = os_checkpoint_get_names (run->of->inputs);
       *name != NULL; name++)
    if (g_str_has_prefix (*name, full))
      g_ptr_array_add (names, g_strdup (*name + strlen (full)));
  g_ptr_array_sort (names, compare_names);
  return names;
}

OsConfig *
golden_config (GoldenRun *run, const char *path, GError **error)
{
  g_auto (GStrv) keys = g_strsplit (path, ".", -1);
  JsonNode *node = json_parser_get_root (run->of->parser);
  g_autofree char *text = NULL;

  for (char **key = keys; *key != NULL; key++) {
    JsonObject *object =
        JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;

    if (object == NULL || !json_object_has_member (object, *key)) {
      g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
          "%s/case.json has no \"%s\"", run->of->folder, path);
      return NULL;
    }
    node = json_object_get_member (object, *key);
  }
  text = json_to_string (node, FALSE);
  return os_config_parse (text, -1, run->of->folder, error);
}

OsBinder *
golden_binder (GoldenRun *run, GError **error)
{
  OsBinder *binder;

  if (run->of->weights == NULL) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND,
        "%s has no weights", run->of->folder);
    return NULL;
  }
  binder = os_binder_new (run->of->weights);
  /* Cases of one op use a part of a network's weights. */
  os_binder_ignore (binder, "");
  return binder;
}

float *
golden_weight_floats (
    GoldenRun *run, const char *name, gint64 n, GError **error)
{
  const OsTensor *tensor = run->of->weights != NULL
                               ? os_checkpoint_get (run->of->weights, name)
                               : NULL;
  gint64 count;

  if (tensor == NULL || os_tensor_count (tensor) != n) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MISMATCH,
        "%s: weight %s with %" G_GINT64_FORMAT " values was expected",
        run->of->folder, name, n);
    return NULL;
  }
  return read_floats (tensor, &count);
}
