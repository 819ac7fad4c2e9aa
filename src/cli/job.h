/* SPDX-License-Identifier: Apache-2.0 */
/* Long work of a command: in a thread, so that Ctrl-C can cancel it. */
#pragma once

#include <gio/gio.h>

typedef gboolean (*CliJobFunc) (
    gpointer data, GCancellable *cancellable, GError **error);

/* Runs `func` in a thread until it is done; SIGINT and SIGTERM cancel it. */
gboolean cli_job_run (CliJobFunc func, gpointer data, GError **error);
