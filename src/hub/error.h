/* SPDX-License-Identifier: Apache-2.0 */
/* Errors of the hub that come from the local file system. */
#pragma once

#include <gio/gio.h>

/* Reports errno as NO_SPACE or IO. `what` says what cannot be done to path:
 * "written". Always FALSE. */
gboolean os_hub_fail_io (GError **error, const char *path, const char *what);

/* Sleeps; FALSE and G_IO_ERROR_CANCELLED when cancelled meanwhile. */
gboolean os_hub_wait (
    guint milliseconds, GCancellable *cancellable, GError **error);
