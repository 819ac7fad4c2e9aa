/* SPDX-License-Identifier: Apache-2.0 */
/* Latents as small pictures, without the autoencoder. */
#pragma once

#include "compute/compute.h"
#include "pipeline/family.h"

/* latents [1, C, T, H, W] -> T packed RGB pictures of W x H; channels that the
 * map does not know do not count. NULL if there is no memory for them. */
GBytes *os_preview_render (
    const OsFamily *family, OsCompute *compute, const OsTensor *latents);
