/* SPDX-License-Identifier: Apache-2.0 */
/* References and mask strategies, as scripts/inference.py of Open-Sora 1.2 has
 * them (opensora/utils/inference_utils.py apply_mask_strategy,
 * append_generated). */
#include "pipeline/condition.h"

#include "settings/mask-strategy.h"

struct _OsConditions {
  GArray *groups; /* of OsMaskGroup: from outside, then that of this loop */
  guint n_groups; /* from outside */
  guint align;
  gboolean fit;       /* of groups that are too long */
  GPtrArray *latents; /* NULL for a clip that is not needed any more */
  GArray *n_frames;   /* gint64: of each, which are known for good */
  guint n_given;      /* from outside; the clips of the loops follow */
};

OsConditions *
os_conditions_new (
    const char *mask_strategy, guint align, gboolean fit, GError **error)
{
  GArray *groups = os_mask_strategy_parse (mask_strategy, error);
  OsConditions *self;

  if (!groups)
    return NULL;
  self = g_new0 (OsConditions, 1);
  self->groups = groups;
  self->n_groups = groups->len;
  self->align = align;
  self->fit = fit;
  self->latents = g_ptr_array_new ();
  self->n_frames = g_array_new (FALSE, FALSE, sizeof (gint64));
  return self;
}

static void
release_latents (OsConditions *self, guint index)
{
  OsTensor **latents = (OsTensor **) &g_ptr_array_index (self->latents, index);

  g_clear_pointer (latents, os_tensor_unref);
}

void
os_conditions_free (OsConditions *self)
{
  for (guint i = 0; i < self->latents->len; i++)
    release_latents (self, i);
  g_ptr_array_unref (self->latents);
  g_array_unref (self->n_frames);
  g_array_unref (self->groups);
  g_free (self);
}

static void
append (OsConditions *self, const OsTensor *latents)
{
  g_ptr_array_add (self->latents, os_tensor_ref (latents));
  g_array_append_val (self->n_frames, latents->shape[2]);
}

void
os_conditions_add (OsConditions *self, const OsTensor *latents)
{
  append (self, latents);
  self->n_given++;
}

gboolean
os_conditions_any (const OsConditions *self)
{
  return self->latents->len > 0 || self->groups->len > 0;
}

/* Whether a group from outside needs this reference in a loop from `loop` on.
 * In each the list of references is longer by one, which is what negative
 * numbers count from. */
static gboolean
is_needed (const OsConditions *self, guint index, guint loop)
{
  for (guint i = 0; i < self->n_groups; i++) {
    const OsMaskGroup *group = &g_array_index (self->groups, OsMaskGroup, i);
    const gint64 n = self->n_given + group->loop;
    const gint64 reference =
        group->reference < 0 ? n + group->reference : group->reference;

    if (group->loop >= loop && reference == index)
      return TRUE;
  }
  return FALSE;
}

void
os_conditions_continue (OsConditions *self, guint loop, const OsTensor *latents,
    gint64 length, double edit)
{
  const OsMaskGroup group = {
    .loop = loop,
    .reference = self->latents->len,
    .reference_start = -length,
    .length = length,
    .edit = edit,
  };

  for (guint i = self->n_given; i < self->latents->len; i++)
    if (!is_needed (self, i, loop))
      release_latents (self, i);
  append (self, latents);
  g_array_set_size (self->groups, self->n_groups);
  g_array_append_val (self->groups, group);
  if (loop > 0)
    return;
  /* A clip of before is there for all loops. */
  self->n_given++;
  self->n_groups++;
}

gboolean
os_conditions_check (
    const OsConditions *self, guint n_loops, gint64 T, GError **error)
{
  g_autofree OsMaskSource *source = g_new (OsMaskSource, T);
  g_autofree float *mask = g_new (float, T);
  g_autoptr (GArray) n_frames = g_array_copy (self->n_frames);

  for (guint loop = 0; loop < n_loops; loop++) {
    if (!os_mask_strategy_apply (self->groups, loop, self->align, self->fit, T,
            (const gint64 *) n_frames->data, n_frames->len, source, mask,
            error))
      return FALSE;
    g_array_append_val (n_frames, T);
  }
  return TRUE;
}

OsTensor *
os_conditions_apply (const OsConditions *self, OsCompute *compute, guint loop,
    const OsTensor *z, float *mask, gboolean *given, GError **error)
{
  const gint64 T = z->shape[2];
  const int by_frame[] = { 2, 0, 1, 3, 4 }, back[] = { 1, 2, 0, 3, 4 };
  g_autofree OsMaskSource *source = g_new (OsMaskSource, T);
  g_autoptr (GPtrArray) frames =
      g_ptr_array_new_with_free_func ((GDestroyNotify) os_tensor_unref);
  g_autoptr (OsTensor) rows = NULL, view = NULL;

  *given = FALSE;
  if (!os_mask_strategy_apply (self->groups, loop, self->align, self->fit, T,
          (const gint64 *) self->n_frames->data, self->n_frames->len, source,
          mask, error))
    return NULL;
  for (gint64 t = 0; t < T; t++) {
    const gboolean noise = source[t].reference < 0;
    const OsTensor *from =
        noise ? z : g_ptr_array_index (self->latents, source[t].reference);
    g_autoptr (OsTensor) frame =
        os_tensor_slice (from, 2, noise ? t : source[t].frame, 1);

    *given |= !noise;
    g_ptr_array_add (frames, os_tensor_permute (frame, by_frame));
  }
  if (!*given)
    return os_tensor_ref (z);
  rows = os_concat (compute, (const OsTensor *const *) frames->pdata, T);
  view = os_tensor_permute (rows, back);
  return os_contiguous (compute, view);
}
