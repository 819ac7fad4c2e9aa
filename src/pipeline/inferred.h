/* SPDX-License-Identifier: Apache-2.0 */
/* The config.json that a network would have, by the shapes of its tensors:
 * checkpoints travel alone. What shapes do not tell is as published. */
#pragma once

#include "pipeline/family.h"
#include "weights/config.h"

OsConfig *os_inferred_config (
    OsPartKind part, const OsCheckpoint *checkpoint, GError **error);
