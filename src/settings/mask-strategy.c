/* SPDX-License-Identifier: Apache-2.0 */
/* Mask strategies. Starts and lengths behave as slices of Python sequences, in
 * which Open-Sora does this: beyond an end they are cut, below zero they count
 * from the end once more. */
#include "settings/mask-strategy.h"

#include <opensora/opensora.h>
#include <math.h>
#include <string.h>

#include "base/text.h"

#define MAX_GROUPS 4096
#define N_FIELDS 6
/* Larger than any count of frames, and sums of several still fit. */
#define MAX_NUMBER ((gint64) 1 << 40)

/* Frames [start, stop) of a sequence. */
typedef struct {
  gint64 start, stop;
} Slice;

static gboolean
parse_int (const char *text, gint64 *value)
{
  const char *digits = text + (*text == '-' || *text == '+');
  const char *c;

  *value = 0;
  for (c = digits; g_ascii_isdigit (*c); c++)
    *value = MIN (*value * 10 + g_ascii_digit_value (*c), MAX_NUMBER);
  if (*text == '-')
    *value = -*value;
  return c > digits && *c == '\0';
}

static gboolean
parse_edit (const char *text, double *value)
{
  char *end;

  /* g_ascii_strtod() reads "nan" and hexadecimal numbers as well. */
  if (strspn (text, "0123456789+-.eE") != strlen (text))
    return FALSE;
  *value = g_ascii_strtod (text, &end);
  return end > text && *end == '\0' && isfinite (*value);
}

static gboolean
parse_group (const char *text, OsMaskGroup *group)
{
  gint64 *const numbers[N_FIELDS - 1] = { &group->loop, &group->reference,
    &group->reference_start, &group->target_start, &group->length };
  g_auto (GStrv) fields = g_strsplit (text, ",", N_FIELDS + 1);
  guint n = g_strv_length (fields);
  gboolean ok = n >= 1 && n <= N_FIELDS;

  *group = (OsMaskGroup){ .length = 1 };
  for (guint i = 0; ok && i < n; i++) {
    const char *field = g_strstrip (fields[i]);

    ok = i < N_FIELDS - 1 ? parse_int (field, numbers[i])
                          : parse_edit (field, &group->edit);
  }
  return ok;
}

GArray *
os_mask_strategy_parse (const char *text, GError **error)
{
  g_autoptr (GArray) groups = g_array_new (FALSE, FALSE, sizeof (OsMaskGroup));
  g_auto (GStrv) texts = g_strsplit (text ? text : "", ";", MAX_GROUPS + 1);
  guint n = g_strv_length (texts);

  if (n > MAX_GROUPS) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
        "mask-strategy has more than %d groups", MAX_GROUPS);
    return NULL;
  }
  for (guint i = 0; i < n; i++) {
    OsMaskGroup group;

    if (!parse_group (texts[i], &group)) {
      g_autofree char *excerpt = os_text_excerpt (texts[i], strlen (texts[i]));

      g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
          "mask-strategy: group %u of %u is \"%s\", not "
          "loop,reference,reference start,target start,length,edit: five whole "
          "numbers and a fraction, of which the last may be left out",
          i + 1, n, excerpt);
      return NULL;
    }
    g_array_append_val (groups, group);
  }
  return g_steal_pointer (&groups);
}

/* The nearest multiple of `align` to a start in n frames, but not the end. */
static gint64
align_start (gint64 start, gint64 align, gint64 n)
{
  gint64 rest = (start % align + align) % align;
  gint64 unit = (start - rest) / align;

  if (2 * rest > align && unit < n / align - 1)
    unit++;
  return unit * align;
}

/* Where a group's start is in n frames. */
static gint64
resolve_start (gint64 start, guint align, gint64 n)
{
  if (start < 0)
    start += n;
  return align > 0 ? align_start (start, align, n) : start;
}

/* sequence[start : start + length] of n frames. */
static Slice
slice (gint64 start, gint64 length, gint64 n)
{
  gint64 stop = start + length;

  if (start < 0)
    start += n;
  if (stop < 0)
    stop += n;
  start = CLAMP (start, 0, n);
  return (Slice){ start, CLAMP (stop, start, n) };
}

static gboolean
apply_group (const OsMaskGroup *group, guint align, gboolean fit, gint64 T,
    gint64 n, gint reference, OsMaskSource *source, float *mask)
{
  gint64 from = resolve_start (group->reference_start, align, n);
  gint64 to = resolve_start (group->target_start, align, T);
  gint64 length =
      fit ? MIN (group->length, MIN (T - to, n - from)) : group->length;
  Slice target = slice (to, length, T), given = slice (from, length, n);
  gint64 n_target = target.stop - target.start;
  gint64 n_given = given.stop - given.start;

  /* One frame fills as many as there are. */
  if (n_given != n_target && n_given != 1)
    return FALSE;
  for (gint64 i = 0; i < n_target; i++) {
    source[target.start + i] =
        (OsMaskSource){ reference, given.start + (n_given == 1 ? 0 : i) };
    mask[target.start + i] = group->edit;
  }
  return TRUE;
}

gboolean
os_mask_strategy_apply (const GArray *groups, guint loop, guint align,
    gboolean fit, gint64 T, const gint64 *reference_frames, guint n_references,
    OsMaskSource *source, float *mask, GError **error)
{
  for (gint64 t = 0; t < T; t++) {
    source[t] = (OsMaskSource){ -1, 0 };
    mask[t] = 1.0f;
  }
  for (guint i = 0; i < groups->len; i++) {
    const OsMaskGroup *group = &g_array_index (groups, OsMaskGroup, i);
    gint64 reference = group->reference;

    if (group->loop != loop)
      continue;
    if (reference < 0)
      reference += n_references;
    if (reference < 0 || reference >= n_references) {
      g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
          "mask-strategy: group %u uses reference %" G_GINT64_FORMAT
          ", and there are %u (the first is 0)",
          i + 1, group->reference, n_references);
      return FALSE;
    }
    if (!apply_group (group, align, fit, T, reference_frames[reference],
            reference, source, mask)) {
      g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
          "mask-strategy: group %u does not fit: reference %" G_GINT64_FORMAT
          " has %" G_GINT64_FORMAT " latent frames, the clip %" G_GINT64_FORMAT
          "; give it a place that both have",
          i + 1, reference, reference_frames[reference], T);
      return FALSE;
    }
  }
  return TRUE;
}
