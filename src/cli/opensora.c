/* SPDX-License-Identifier: Apache-2.0 */
/* opensora: the command-line tool. Finds the command and hands over to it. */

#include "cli.h"

#include <locale.h>
#include <opensora/opensora.h>

typedef struct {
  const char *name;
  int (*run) (char **args);
  const char *summary;
} Command;

static const Command commands[] = {
  { "generate", cli_generate, "make a video or pictures from a prompt" },
  { "inspect", cli_inspect, "list the tensors of a checkpoint" },
  { "convert", cli_convert, "write a checkpoint as safetensors" },
  { "config", cli_config, "print a config file of Open-Sora as JSON" },
  { "download", cli_download, "fetch files from the Hugging Face hub" },
  { "verify", cli_verify, "check the hashes of downloaded files" },
  { "cache", cli_cache, "list what was downloaded, remove what is outdated" },
};

int
cli_fail (const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_printerr ("opensora: %s\n", message);
  return 1;
}

int
cli_fail_error (const GError *error)
{
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return CLI_INTERRUPTED;
  if (error->domain != OPENSORA_HUB_ERROR)
    return cli_fail ("%s", error->message);
  g_printerr ("error: %s: %s\n", opensora_hub_error_get_name (error->code),
      error->message);
  return 1;
}

static char *
usage (void)
{
  GString *text = g_string_new ("Usage: opensora COMMAND [OPTION...]\n"
                                "\n"
                                "Commands:\n");

  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    g_string_append_printf (
        text, "  %-12s %s\n", commands[i].name, commands[i].summary);
  g_string_append (text,
      "\n"
      "opensora COMMAND --help lists the options of a command,\n"
      "opensora --version prints the version.\n");
  return g_string_free (text, FALSE);
}

static int
run (char **args)
{
  g_autofree char *help = usage ();
  const char *name = args[0];

  if (name == NULL) {
    g_printerr ("%s", help);
    return 1;
  }
  if (g_str_equal (name, "--help") || g_str_equal (name, "-h")) {
    g_print ("%s", help);
    return 0;
  }
  if (g_str_equal (name, "--version")) {
    g_print ("opensora %s\n", OPENSORA_VERSION_STRING);
    return 0;
  }
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++) {
    if (g_str_equal (name, commands[i].name))
      return commands[i].run (args);
  }
  return cli_fail ("unknown command '%s'\n\n%s", name, help);
}

int
main (int argc, char **argv)
{
  /* A copy: parsing options moves pointers within the array. */
  g_auto (GStrv) args = NULL;

  setlocale (LC_ALL, "");
  args = g_strdupv (argv);
  return argc > 0 ? run (args + 1) : 1;
}
