/* SPDX-License-Identifier: Apache-2.0 */
/* The report for networks that do not fit. */
#include "pipeline/compatibility.h"

#include <opensora/opensora.h>

/* Names of tensors that tell what an unknown file is. */
#define MAX_NAMES 3

static const OsManifest *
get_expected (const OsRelease *release, OsPartKind part)
{
  return os_manifest_find_published (release->repos[part]);
}

/* The part of the release that a network is; OS_N_PARTS if it is none. */
static OsPartKind
find_part (const OsRelease *release, const OsManifest *network)
{
  int part = 0;

  while (part < OS_N_PARTS && get_expected (release, part) != network)
    part++;
  return part;
}

static void
append_names (GString *report, const OsCheckpoint *checkpoint)
{
  const char *const *names = os_checkpoint_get_names (checkpoint);

  g_string_append (report, "no network that is known (tensors: ");
  if (!names[0])
    g_string_append (report, "none");
  for (guint i = 0; i < MAX_NAMES && names[i]; i++)
    g_string_append_printf (report, "%s%s", i > 0 ? ", " : "", names[i]);
  if (os_checkpoint_get_n_tensors (checkpoint) > MAX_NAMES)
    g_string_append (report, ", ...");
  g_string_append_c (report, ')');
}

static void
append_advice (GString *report, const OsPlace *place, OsPartKind belongs)
{
  const OsManifest *expected = get_expected (place->release, place->part);

  if (belongs < OS_N_PARTS)
    g_string_append_printf (report, " It belongs to the property %s.",
        os_part_get_property (belongs));
  g_string_append_printf (report,
      " The property %s takes the %s: set it to %s, or to a copy of that",
      place->property, expected->title, place->release->repos[place->part]);
}

/* found NULL: unknown, and the checkpoint says more. */
static gboolean
report_misplaced (const OsPlace *place, const char *where,
    const OsManifest *found, const OsCheckpoint *checkpoint, GError **error)
{
  OsPartKind belongs = found ? find_part (place->release, found) : OS_N_PARTS;
  g_autoptr (GString) report = g_string_new (NULL);

  g_string_append_printf (report, "%s is ", where);
  if (found)
    g_string_append_printf (report, "the %s", found->title);
  else
    append_names (report, checkpoint);
  if (found && checkpoint && found->repos[0])
    g_string_append_printf (report, ", as in %s", found->repos[0]);
  g_string_append_printf (report, ", not the %s of Open-Sora %s.",
      os_part_get_name (place->part), place->release->version);
  append_advice (report, place, belongs);
  g_set_error_literal (error, OPENSORA_ERROR,
      belongs < OS_N_PARTS ? OPENSORA_ERROR_MISMATCH
                           : OPENSORA_ERROR_UNSUPPORTED,
      report->str);
  return FALSE;
}

gboolean
os_compatibility_check (
    const OsPlace *place, const OsCheckpoint *checkpoint, GError **error)
{
  const OsManifest *found = os_manifest_find_for (checkpoint);

  if (found == get_expected (place->release, place->part))
    return TRUE;
  return report_misplaced (
      place, os_checkpoint_get_path (checkpoint), found, checkpoint, error);
}

gboolean
os_compatibility_check_repo (
    const OsPlace *place, const char *repo, GError **error)
{
  const OsManifest *found = os_manifest_find_published (repo);

  if (!found || found == get_expected (place->release, place->part))
    return TRUE;
  return report_misplaced (place, repo, found, NULL, error);
}
