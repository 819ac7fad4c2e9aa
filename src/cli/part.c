/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a part of a model folder. */
#include "cli/part.h"

gboolean
part_open (Part *part, const char *path, const char *name, GError **error)
{
  g_autofree char *weights = g_build_filename (path, name, NULL);
  g_autofree char *folder = g_file_test (weights, G_FILE_TEST_IS_DIR)
                                ? g_strdup (weights)
                                : g_path_get_dirname (weights);
  g_autofree char *config = g_build_filename (folder, "config.json", NULL);
  g_autoptr (OsCheckpoint) checkpoint = os_checkpoint_open (weights, error);

  if (checkpoint == NULL)
    return FALSE;
  /* A file without one has the sizes of the published network. */
  part->config =
      g_file_test (config, G_FILE_TEST_EXISTS) || g_str_equal (folder, weights)
          ? os_config_load (config, error)
          : os_config_parse ("{}", -1, weights, error);
  if (part->config == NULL)
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
