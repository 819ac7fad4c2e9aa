/* SPDX-License-Identifier: Apache-2.0 */
/* Classifier-free guidance (arXiv 2207.12598). */
#pragma once

#include "compute/ops.h"

/* prediction [2 B, C, T, H, W], rows of the prompts, then unconditional ones
 * -> [B, C, T, H, W]: unconditional + scale (prompt - unconditional) in the
 * first n_guided channels, the others those of the prompts. */
OsTensor *os_guide (OsCompute *compute, const OsTensor *prediction,
    gint64 n_guided, float scale);
