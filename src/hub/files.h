/* SPDX-License-Identifier: Apache-2.0 */
/* Which files of a repository make a component, as from_pretrained() of the
 * transformers and diffusers packages chooses them. */
#pragma once

#include <opensora/opensora.h>

#include "hub/listing.h"

/* Paths of the files: the configuration, weights or their index, shards. */
char **os_hub_fetch_component (const OsHubRequest *request,
    const char *subfolder, OpensoraHubComponent component, const char *variant,
    GError **error);
