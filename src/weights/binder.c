/* SPDX-License-Identifier: Apache-2.0 */
/* Binding a network to its tensors. Problems are collected, not returned: a
 * network binds hundreds of tensors in a row without checking any, and one
 * report at the end tells everything that does not fit. */
#include "weights/binder.h"

#include <math.h>
#include <opensora/opensora.h>
#include <string.h>

#include "base/half.h"
#include "base/size.h"
#include "weights/adaptations.h"
#include "weights/gather.h"
#include "weights/manifest.h"

/* Names that the report spells out of each kind. */
#define MAX_NAMES 5

#define RANDOM_BIAS 0.02

struct _OsBinder {
  OsCheckpoint *checkpoint; /* NULL: random */
  OsMemPool *pool;          /* of random weights and adapted ones */
  guint64 seed;
  GError *error; /* the first that is no mismatch: memory */

  GString *prefix;
  GArray *prefix_lengths; /* of gsize */
  OsWeightSet *weights;
  gboolean streamed;
  GHashTable *known;  /* set of char *: names asked for */
  GHashTable *used;   /* set of the checkpoint's names that answered them */
  GPtrArray *ignored; /* of char *: prefixes */
  GPtrArray *missing; /* of char * */
  GPtrArray *misfits; /* of char *: "x is [4, 4] F32, [8, 4] expected" */
};

static OsBinder *
binder_new (void)
{
  OsBinder *binder = g_new0 (OsBinder, 1);

  binder->prefix = g_string_new (NULL);
  binder->prefix_lengths = g_array_new (FALSE, FALSE, sizeof (gsize));
  binder->weights =
      g_ptr_array_new_with_free_func ((GDestroyNotify) os_weight_free);
  binder->known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  binder->used = g_hash_table_new (g_str_hash, g_str_equal);
  binder->ignored = g_ptr_array_new_with_free_func (g_free);
  binder->missing = g_ptr_array_new_with_free_func (g_free);
  binder->misfits = g_ptr_array_new_with_free_func (g_free);
  return binder;
}

OsBinder *
os_binder_new (OsCheckpoint *checkpoint)
{
  OsBinder *binder = binder_new ();

  binder->checkpoint = os_checkpoint_ref (checkpoint);
  binder->pool = os_mem_pool_new ();
  return binder;
}

OsBinder *
os_binder_new_random (OsMemPool *pool, gint64 seed)
{
  OsBinder *binder = binder_new ();

  binder->pool = os_mem_pool_ref (pool);
  binder->seed = (guint64) seed;
  return binder;
}

void
os_binder_free (OsBinder *binder)
{
  if (binder == NULL)
    return;
  g_clear_pointer (&binder->checkpoint, os_checkpoint_unref);
  g_clear_pointer (&binder->pool, os_mem_pool_unref);
  g_clear_pointer (&binder->weights, g_ptr_array_unref);
  g_clear_error (&binder->error);
  g_string_free (binder->prefix, TRUE);
  g_array_unref (binder->prefix_lengths);
  g_hash_table_unref (binder->known);
  g_hash_table_unref (binder->used);
  g_ptr_array_unref (binder->ignored);
  g_ptr_array_unref (binder->missing);
  g_ptr_array_unref (binder->misfits);
  g_free (binder);
}

void
os_binder_push (OsBinder *binder, const char *format, ...)
{
  const gsize length = binder->prefix->len;
  va_list args;

  g_array_append_val (binder->prefix_lengths, length);
  va_start (args, format);
  g_string_append_vprintf (binder->prefix, format, args);
  va_end (args);
  if (binder->prefix->len > length)
    g_string_append_c (binder->prefix, '.');
}

void
os_binder_pop (OsBinder *binder)
{
  guint depth = binder->prefix_lengths->len;

  g_return_if_fail (depth > 0);
  g_string_truncate (
      binder->prefix, g_array_index (binder->prefix_lengths, gsize, depth - 1));
  g_array_set_size (binder->prefix_lengths, depth - 1);
}

static char *
full_name (const OsBinder *binder, const char *name)
{
  return g_strconcat (binder->prefix->str, name, NULL);
}

/* Random weights. */

/* splitmix64 (Steele, Lea, Flood 2014). */
static guint64
next_random (guint64 *state)
{
  guint64 z = *state += 0x9e3779b97f4a7c15u;

  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

/* The sum of four uniform numbers of 16 bits is close enough to normal, and a
 * billion of them takes seconds. Its variance is 4 (2^32 - 1) / 12. */
static void
fill_normal (float *out, gint64 n, double deviation, guint64 state)
{
  const double mean = 2.0 * 0xffff;
  const float unit = (float) (deviation / sqrt ((4294967296.0 - 1.0) / 3.0));

  for (gint64 i = 0; i < n; i++) {
    guint64 r = next_random (&state);
    guint32 sum =
        (r & 0xffff) + (r >> 16 & 0xffff) + (r >> 32 & 0xffff) + (r >> 48);
    out[i] = (float) (sum - mean) * unit;
  }
}

/* Matrices and kernels keep the variance of what goes through them; vectors
 * are biases, or gains of a norm. Values depend on seed and name alone. */
static void
fill_random (OsTensor *tensor, const char *name, guint64 seed)
{
  float *values = os_tensor_f32 (tensor);
  gint64 count = os_tensor_count (tensor);
  guint64 state = seed ^ (guint64) g_str_hash (name) << 32;

  if (tensor->n_dims > 1) {
    double in = (double) count / MAX (tensor->shape[0], 1);
    fill_normal (values, count, 1 / sqrt (MAX (in, 1)), state);
  } else if (g_str_has_suffix (name, "bias")) {
    fill_normal (values, count, RANDOM_BIAS, state);
  } else {
    for (gint64 i = 0; i < count; i++)
      values[i] = 1;
  }
}

static OsTensor *
random_tensor (
    OsBinder *binder, const char *name, int n_dims, const gint64 *shape)
{
  OsTensor *tensor = NULL;

  if (binder->error == NULL)
    tensor = os_tensor_new (
        binder->pool, OS_DTYPE_F32, n_dims, shape, &binder->error);
  if (tensor != NULL)
    fill_random (tensor, name, binder->seed);
  return tensor;
}

/* Tensors of the checkpoint. */

static gboolean
is_float (OsDType dtype)
{
  return dtype == OS_DTYPE_F32 || dtype == OS_DTYPE_F16
         || dtype == OS_DTYPE_BF16 || dtype == OS_DTYPE_F64;
}

/* What the checkpoint has for a name; NULL if nothing. */
static const OsCheckpointEntry *
use_entry (OsBinder *binder, const char *name)
{
  const OsCheckpointEntry *entry = os_adapt_find (binder->checkpoint, name);

  if (entry != NULL)
    g_hash_table_add (binder->used, entry->name);
  return entry;
}

static void
note_misfit (OsBinder *binder, const char *name, const OsTensor *tensor,
    int n_dims, const gint64 *shape)
{
  g_autofree char *found = os_tensor_describe (tensor);
  g_autofree char *expected = os_shape_to_string (n_dims, shape);

  g_ptr_array_add (binder->misfits,
      g_strdup_printf ("%s is %s, %s%s expected", name, found, expected,
          is_float (tensor->dtype) ? "" : " of a floating point type"));
}

/* NULL, and noted why, if it is missing or does not fit. */
static OsTensor *
lookup_tensor (
    OsBinder *binder, const char *name, int n_dims, const gint64 *shape)
{
  const OsCheckpointEntry *entry = use_entry (binder, name);
  OsTensor *tensor = NULL;

  if (entry == NULL) {
    g_ptr_array_add (binder->missing, g_strdup (name));
    return NULL;
  }
  if (binder->error != NULL)
    return NULL;
  if (is_float (entry->tensor->dtype))
    tensor = os_adapt_shape (
        entry->tensor, name, n_dims, shape, binder->pool, &binder->error);
  if (tensor == NULL && binder->error == NULL)
    note_misfit (binder, name, entry->tensor, n_dims, shape);
  return tensor;
}

/* The tensor `name`, or a placeholder; transfer full. */
static OsTensor *
bind (OsBinder *binder, const char *name, int n_dims, const gint64 *shape)
{
  g_autofree char *full = full_name (binder, name);
  OsTensor *tensor = binder->checkpoint != NULL
                         ? lookup_tensor (binder, full, n_dims, shape)
                         : random_tensor (binder, full, n_dims, shape);

  g_hash_table_add (binder->known, g_steal_pointer (&full));
  return tensor != NULL ? tensor
                        : os_tensor_new_hollow (OS_DTYPE_F32, n_dims, shape);
}

void
os_binder_stream (OsBinder *binder)
{
  binder->streamed = TRUE;
}

guint
os_binder_get_n_weights (const OsBinder *binder)
{
  return binder->weights->len;
}

/* Takes the weight into the set. */
static OsWeight *
keep (OsBinder *binder, OsWeight *weight)
{
  if (binder->streamed)
    os_weight_stream (weight);
  g_ptr_array_add (binder->weights, weight);
  return weight;
}

OsWeight *
os_binder_weight (
    OsBinder *binder, const char *name, int n_dims, const gint64 *shape)
{
  g_autoptr (OsTensor) tensor = bind (binder, name, n_dims, shape);

  return keep (binder, os_weight_new (tensor));
}

static OsWeight *
bind_bias (OsBinder *binder, const char *layer, gint64 n)
{
  g_autofree char *name = g_strconcat (layer, ".bias", NULL);

  return os_binder_weight (binder, name, OS_SHAPE (n));
}

OsLinear
os_binder_linear (
    OsBinder *binder, const char *name, gint64 in, gint64 out, gboolean bias)
{
  g_autofree char *weight = g_strconcat (name, ".weight", NULL);
  OsLinear linear = { NULL };

  linear.weight = os_binder_weight (binder, weight, OS_SHAPE (out, in));
  if (bias)
    linear.bias = bind_bias (binder, name, out);
  return linear;
}

OsNorm
os_binder_norm (OsBinder *binder, const char *name, gint64 C)
{
  g_autofree char *weight = g_strconcat (name, ".weight", NULL);
  OsNorm norm = { NULL };

  norm.weight = os_binder_weight (binder, weight, OS_SHAPE (C));
  norm.bias = bind_bias (binder, name, C);
  return norm;
}

OsConv
os_binder_conv (OsBinder *binder, const char *name, gint64 in, gint64 out,
    int n_kernel, const int kernel[3], gboolean bias)
{
  g_autofree char *weight = g_strconcat (name, ".weight", NULL);
  g_autoptr (OsTensor) tensor = NULL;
  gint64 shape[5] = { out, in };
  OsConv conv = { NULL };

  g_return_val_if_fail (n_kernel == 2 || n_kernel == 3, conv);
  for (int i = 0; i < n_kernel; i++)
    shape[2 + i] = kernel[3 - n_kernel + i];
  memcpy (conv.kernel, kernel, sizeof conv.kernel);
  tensor = bind (binder, weight, 2 + n_kernel, shape);
  conv.weight = keep (binder, os_weight_new_conv (tensor));
  if (bias)
    conv.bias = bind_bias (binder, name, out);
  return conv;
}

gboolean
os_binder_has (OsBinder *binder, const char *name)
{
  g_autofree char *full = full_name (binder, name);

  return binder->checkpoint == NULL
         || os_adapt_find (binder->checkpoint, full) != NULL;
}

/* An element at `data`, which may be unaligned. */
static float
element_to_f32 (OsDType dtype, const guint8 *data)
{
  guint16 half;
  float single;
  double wide;

  switch (dtype) {
    case OS_DTYPE_F16:
      memcpy (&half, data, sizeof half);
      return os_f16_to_f32 (half);
    case OS_DTYPE_BF16:
      memcpy (&half, data, sizeof half);
      return os_bf16_to_f32 (half);
    case OS_DTYPE_F64:
      memcpy (&wide, data, sizeof wide);
      return (float) wide;
    default:
      memcpy (&single, data, sizeof single);
      return single;
  }
}

gboolean
os_binder_values (OsBinder *binder, const char *name, gint64 n, float *out)
{
  g_autofree char *full = full_name (binder, name);
  const OsCheckpointEntry *entry = NULL;
  guint8 element[sizeof (double)];

  if (binder->checkpoint != NULL)
    entry = use_entry (binder, full);
  g_hash_table_add (binder->known, g_steal_pointer (&full));
  if (entry == NULL || os_tensor_count (entry->tensor) != n
      || !is_float (entry->tensor->dtype))
    return FALSE;
  for (gint64 i = 0; i < n; i++) {
    os_gather (entry->tensor, i, 1, element);
    out[i] = element_to_f32 (entry->tensor->dtype, element);
  }
  return TRUE;
}

void
os_binder_ignore (OsBinder *binder, const char *prefix)
{
  g_ptr_array_add (binder->ignored, g_strdup (prefix));
}

/* The report. */

static gboolean
is_expected (const OsBinder *binder, const char *name)
{
  if (g_hash_table_contains (binder->used, name) || os_adapt_is_dropped (name))
    return TRUE;
  for (guint i = 0; i < binder->ignored->len; i++) {
    if (g_str_has_prefix (name, g_ptr_array_index (binder->ignored, i)))
      return TRUE;
  }
  return FALSE;
}

/* Names of the checkpoint that nobody asked for; they stay its own. */
static GPtrArray *
find_unexpected (const OsBinder *binder)
{
  const char *const *names = os_checkpoint_get_names (binder->checkpoint);
  GPtrArray *unexpected = g_ptr_array_new ();

  for (guint i = 0; names[i] != NULL; i++) {
    if (!is_expected (binder, names[i]))
      g_ptr_array_add (unexpected, (gpointer) names[i]);
  }
  return unexpected;
}

/* ", 3 tensors are missing (a, b, c)"; nothing for an empty list. */
static void
append_kind (
    GString *report, const GPtrArray *names, const char *one, const char *many)
{
  if (names->len == 0)
    return;
  if (report->len > 0)
    g_string_append (report, ", ");
  g_string_append_printf (
      report, "%u %s (", names->len, names->len == 1 ? one : many);
  for (guint i = 0; i < MIN (names->len, MAX_NAMES); i++)
    g_string_append_printf (report, "%s%s", i > 0 ? ", " : "",
        (const char *) g_ptr_array_index (names, i));
  g_string_append (report, names->len > MAX_NAMES ? ", ...)" : ")");
}

static gboolean
set_has (gconstpointer names, const char *name)
{
  return g_hash_table_contains ((GHashTable *) names, name);
}

/* Whose weights they are, and whose were asked for, as far as is known. */
static void
append_versions (GString *report, const OsBinder *binder)
{
  const OsManifest *found = os_manifest_find_for (binder->checkpoint);
  const OsManifest *expected =
      os_manifest_find_nearest (set_has, binder->known);

  if (found != NULL && found == expected)
    g_string_append_printf (report,
        "; these are %s weights, but incomplete or of another size than the "
        "configuration: take both from the same place, such as %s",
        found->title, found->repos[0]);
  else if (found != NULL)
    g_string_append_printf (report, "; these are %s weights", found->title);
  if (expected != NULL && found != expected)
    g_string_append_printf (report, "; this model expects %s (such as %s)",
        expected->title, expected->repos[0]);
}

static gboolean
check_fit (OsBinder *binder, GError **error)
{
  const char *path = os_checkpoint_get_path (binder->checkpoint);
  g_autoptr (GPtrArray) unexpected = find_unexpected (binder);
  g_autoptr (GString) report = g_string_new (NULL);

  append_kind (
      report, binder->missing, "tensor is missing", "tensors are missing");
  append_kind (
      report, binder->misfits, "has another shape", "have other shapes");
  append_kind (report, unexpected, "is not known", "are not known");
  if (binder->missing->len == 0 && binder->misfits->len == 0) {
    if (unexpected->len > 0)
      g_info ("%s: of its tensors, %s", path, report->str);
    return TRUE;
  }
  append_versions (report, binder);
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MISMATCH,
      "%s does not fit its configuration: %s", path, report->str);
  return FALSE;
}

OsWeightSet *
os_binder_finish (OsBinder *binder, GError **error)
{
  if (binder->error != NULL) {
    g_propagate_error (error, g_steal_pointer (&binder->error));
    return NULL;
  }
  if (binder->checkpoint != NULL && !check_fit (binder, error))
    return NULL;
  return g_steal_pointer (&binder->weights);
}

void
os_weight_set_read_ahead (OsWeightSet *set, guint first, guint last)
{
  for (guint i = first; i < last; i++)
    os_weight_read_ahead (g_ptr_array_index (set, i));
}

void
os_weight_set_drop (OsWeightSet *set, guint first, guint last)
{
  for (guint i = first; i < last; i++)
    os_weight_drop (g_ptr_array_index (set, i));
}

guint64
os_weight_set_get_bytes (const OsWeightSet *set, guint first, guint last)
{
  guint64 bytes = 0;

  for (guint i = first; i < last; i++)
    bytes += os_weight_get_bytes (g_ptr_array_index (set, i));
  return bytes;
}

gint64
os_weight_set_get_largest (const OsWeightSet *set, guint first, guint last)
{
  gint64 largest = 0;

  for (guint i = first; i < last; i++)
    largest = MAX (largest, os_weight_count (g_ptr_array_index (set, i)));
  return largest;
}
