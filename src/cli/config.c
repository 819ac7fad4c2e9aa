/* SPDX-License-Identifier: Apache-2.0 */
/* opensora config: what an inference config of Open-Sora says, as JSON. */

#include "cli.h"

#include <opensora/opensora.h>
#include <stdio.h>

static OpensoraConfig *
open_config (char **args, GError **error)
{
  g_autoptr (GOptionContext) context = g_option_context_new ("FILE");

  g_option_context_set_summary (context,
      "Prints the keys and values of an inference config of Open-Sora as "
      "JSON.\nFILE is a .py or .json file; Python is read, not run.");
  if (!g_option_context_parse_strv (context, &args, error))
    return NULL;
  if (args[1] == NULL || args[2] != NULL) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
        "one config file is needed; see opensora config --help");
    return NULL;
  }
  return opensora_config_load (args[1], error);
}

static void
warn (const char *const *keys, const char *problem)
{
  for (; *keys != NULL; keys++)
    g_printerr ("warning: %s %s\n", *keys, problem);
}

int
cli_config (char **args)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (OpensoraConfig) config = open_config (args, &error);
  g_autofree char *json = NULL;

  if (config == NULL)
    return cli_fail_error (error);
  warn (opensora_config_get_unknown_keys (config),
      "is a key that no version of Open-Sora has");
  warn (opensora_config_get_ignored_keys (config), "has no effect here");
  json = opensora_config_to_json (config);
  /* Not g_print(), which turns it into the character set of the terminal. */
  printf ("%s\n", json);
  if (fflush (stdout) != 0 || ferror (stdout))
    return cli_fail ("standard output cannot be written");
  return 0;
}
