/* SPDX-License-Identifier: Apache-2.0 */
/* From noise to latents: the transformer under the sampler of its release. */
#pragma once

#include "pipeline/sources.h"

/* z [1, C, T, H, W], text [L, d_model], mask [T] or NULL as the sampler has it;
 * parameters are resolved. Problems are the compute's sticky error. */
OsTensor *os_denoise (OsBundle *bundle, OsCompute *compute,
    const OsParams *params, const OsSources *sources, const OsTensor *z,
    const OsTensor *text, const float *mask);
