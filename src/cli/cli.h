/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of the `opensora` tool. */
#pragma once

#include <gio/gio.h>

/* Exit status after Ctrl-C, as shells count it. */
#define CLI_INTERRUPTED 130

/* "opensora: message" on standard error; returns 1, the exit status of
 * failures. */
int cli_fail (const char *format, ...) G_GNUC_PRINTF (1, 2);

/* The same for a GError; returns the exit status. Failures of the hub say their
 * class, "error: Class: message"; a cancelled command says nothing. */
int cli_fail_error (const GError *error);

/* Each handles its own options; args[0] is its name; returns the exit status.
 */
int cli_generate (char **args);
int cli_inspect (char **args);
int cli_convert (char **args);
int cli_config (char **args);
int cli_download (char **args);
int cli_verify (char **args);
int cli_cache (char **args);
