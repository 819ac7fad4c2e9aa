/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a part of a model folder. */
#include "cli/part.h"

gboolean
part_open (Part *part, const char *model, const char *name, GError **error)
{
  g_autofree char *folder = g_build_filename (model, name, NULL);
  g_autofree char *config = g_build_filename (folder, "config.json", NULL);
  g_autoptr (OsCheckpoint) checkpoint = NULL;

  part->config = os_config_load (config, error);
  if (part->config == NULL)
    return FALSE;
  checkpoint = os_checkpoint_open (folder, error);
  if (checkpoint == NULL)
    return FALSE;
  part->binder = os_binder_new (checkpoint);
  return TRUE;
}

void
part_clear (Part *part)
{
  g_clear_pointer (&part->binder, os_binder_free);
  g_clear_pointer (&part->config, os_config_free);
}
