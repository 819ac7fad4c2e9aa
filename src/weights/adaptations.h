/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints of other or older networks in the names and shapes that a network
 * asks for: what the reference's loaders do to them, as tables. */
#pragma once

#include "weights/checkpoint.h"

/* What the checkpoint has for `name`, under this or another name; NULL. */
const OsCheckpointEntry *os_adapt_find (
    const OsCheckpoint *checkpoint, const char *name);

/* Is it in published files and used by no network: tables of positions, which
 * are computed? */
gboolean os_adapt_is_dropped (const char *name);

/* `tensor`, row-major, in the shape that is asked for (transfer full); it is a
 * copy from `pool` only if it has to be. NULL without an error if nothing
 * makes it fit, with MEMORY if there is none. */
OsTensor *os_adapt_shape (const OsTensor *tensor, const char *name, int n_dims,
    const gint64 *shape, OsMemPool *pool, GError **error);
