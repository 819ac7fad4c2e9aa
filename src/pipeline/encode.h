/* SPDX-License-Identifier: Apache-2.0 */
/* What a model makes of a text. */
#pragma once

#include "pipeline/bundle.h"

/* The states of a cleaned text, [L, d_model], L its tokens and the end token;
 * shared: not to be written to. A text that was seen before is not encoded. */
OsTensor *os_encode_text (
    OsBundle *bundle, OsCompute *compute, const char *text);
