/* SPDX-License-Identifier: Apache-2.0 */
/* Mask strategies as Open-Sora 1.1 has them: mask_strategy, apply_mask. */
#include "cli/golden/golden.h"

#include "pipeline/condition.h"
#include "pipeline/family.h"
#include "settings/mask-strategy.h"

/* --- mask_strategy --- */

static void
check_group (
    GoldenRun *run, const char *text, const OsMaskGroup *group, JsonArray *want)
{
  const gint64 got[] = { group->loop, group->reference, group->reference_start,
    group->target_start, group->length };

  for (guint i = 0; i < G_N_ELEMENTS (got); i++)
    golden_check (run, got[i] == json_array_get_int_element (want, i),
        "\"%s\": number %u is %" G_GINT64_FORMAT, text, i, got[i]);
  golden_check (run, group->edit == json_array_get_double_element (want, 5),
      "\"%s\": the edit ratio is %g", text, group->edit);
}

/* The reference refuses an empty text; here it is no strategy. */
static void
check_strategy (GoldenRun *run, JsonObject *entry)
{
  const char *text = json_object_get_string_member (entry, "text");
  g_autoptr (GArray) groups = os_mask_strategy_parse (text, NULL);
  JsonArray *want;

  if (json_object_has_member (entry, "error")) {
    golden_check (
        run, groups == NULL || groups->len == 0, "\"%s\" is not refused", text);
    return;
  }
  want = json_object_get_array_member (entry, "tuples");
  golden_check (run,
      groups != NULL && groups->len == json_array_get_length (want),
      "\"%s\" is refused, or has not as many groups", text);
  for (guint i = 0; groups != NULL && i < groups->len; i++)
    check_group (run, text, &g_array_index (groups, OsMaskGroup, i),
        json_array_get_array_element (want, i));
}

gboolean
golden_mask_strategy (GoldenRun *run, GError **error)
{
  JsonArray *cases = json_object_get_array_member (run->json, "cases");

  for (guint i = 0; i < json_array_get_length (cases); i++)
    check_strategy (run, json_array_get_object_element (cases, i));
  return TRUE;
}

/* --- apply_mask --- */

static OsConditions *
load_conditions (
    GoldenRun *run, const char *strategy, guint row, GError **error)
{
  const OsFamily *family = os_family_find ("1.1", NULL);
  OsConditions *conditions =
      os_conditions_new (strategy, family->align, family->fits_groups, error);

  for (guint k = 0; conditions != NULL; k++) {
    g_autofree char *name = g_strdup_printf ("ref_%u_%u", row, k);
    g_autoptr (OsTensor) latents = NULL;
    g_autoptr (OsTensor) batch = NULL;

    if (!golden_has_input (run, name))
      break;
    latents = golden_input (run, name);
    batch = os_tensor_split (latents, 0, OS_SHAPE (1, latents->shape[0]));
    os_conditions_add (conditions, batch);
  }
  return conditions;
}

/* The rows of z with their strategies, and mask [B, T]; NULL if one of them
 * cannot be followed. */
static OsTensor *
apply (GoldenRun *run, JsonObject *entry, guint loop, const OsTensor *z,
    float *mask, GError **error)
{
  JsonArray *strategies = json_object_get_array_member (entry, "strategies");
  g_autoptr (GPtrArray) rows =
      g_ptr_array_new_with_free_func ((GDestroyNotify) os_tensor_unref);

  for (guint row = 0; row < json_array_get_length (strategies); row++) {
    JsonNode *strategy = json_array_get_element (strategies, row);
    g_autoptr (OsConditions) conditions = load_conditions (run,
        JSON_NODE_HOLDS_NULL (strategy) ? NULL
                                        : json_node_get_string (strategy),
        row, error);
    g_autoptr (OsTensor) noise = os_tensor_slice (z, 0, row, 1);
    gboolean given;
    OsTensor *applied =
        conditions != NULL ? os_conditions_apply (conditions, run->compute,
            loop, noise, mask + row * z->shape[2], &given, error)
                           : NULL;

    if (applied == NULL)
      return NULL;
    g_ptr_array_add (rows, applied);
  }
  return os_concat (
      run->compute, (const OsTensor *const *) rows->pdata, rows->len);
}

static gboolean
run_case (GoldenRun *run, JsonObject *entry, const OsTensor *z, GError **error)
{
  const guint name = json_object_get_int_member (entry, "name");
  const guint loop = json_object_get_int_member (entry, "loop");
  const gint64 n = z->shape[0] * z->shape[2];
  g_autofree char *z_name = g_strdup_printf ("z_%u", name);
  g_autofree char *mask_name = g_strdup_printf ("mask_%u", name);
  g_autofree float *mask = g_new (float, n);
  g_autoptr (OsTensor) applied = apply (run, entry, loop, z, mask, error);

  if (applied == NULL)
    return FALSE;
  golden_output (run, z_name, applied);
  golden_output_floats (run, mask_name, n, mask);
  return TRUE;
}

gboolean
golden_apply_mask (GoldenRun *run, GError **error)
{
  JsonObject *args = json_object_get_object_member (run->json, "args");
  JsonArray *cases = json_object_get_array_member (args, "cases");
  JsonArray *refused = json_object_get_array_member (args, "refused");
  g_autoptr (OsTensor) z = golden_input (run, "z");
  g_autofree float *mask = g_new (float, z->shape[0] * z->shape[2]);

  for (guint i = 0; i < json_array_get_length (cases); i++)
    if (!run_case (run, json_array_get_object_element (cases, i), z, error))
      return FALSE;
  for (guint i = 0; i < json_array_get_length (refused); i++) {
    g_autoptr (OsTensor) applied = apply (
        run, json_array_get_object_element (refused, i), 0, z, mask, NULL);

    golden_check (run, applied == NULL, "refused strategy %u is not", i);
  }
  return TRUE;
}
