/* SPDX-License-Identifier: Apache-2.0 */
/* Hashing a file again, and where it is written what its hash should be. */
#pragma once

#include "base/task.h"

/* Reads the file and compares its hash with the etag: INTEGRITY, IO, or
 * LOCAL_ENTRY_NOT_FOUND if the etag is no hash. */
gboolean os_hub_verify (
    const char *path, const char *etag, const OsTask *task, GError **error);

/* The etag of a file in a folder that "hf download --local-dir" made; NULL and
 * LOCAL_ENTRY_NOT_FOUND if it is not recorded. */
char *os_hub_local_etag (
    const char *folder, const char *filename, GError **error);
