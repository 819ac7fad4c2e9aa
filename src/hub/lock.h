/* SPDX-License-Identifier: Apache-2.0 */
/* The lock of a file that is being downloaded: flock(), as Python's filelock
 * takes it, so that Python and this exclude each other. */
#pragma once

#include <gio/gio.h>

/* The descriptor that holds the lock, for close(); -1 on an error. *held is
 * FALSE if the file system has no locks. */
int os_hub_lock (const char *path, gboolean *held, GCancellable *cancellable,
    GError **error);
