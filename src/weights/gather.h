/* SPDX-License-Identifier: Apache-2.0 */
/* The row-major bytes of a tensor with any strides, a piece at a time. */
#pragma once

#include "tensor/tensor.h"

/* Copies elements `first` to `first` + `n`, counted in row-major order. */
void os_gather (const OsTensor *tensor, gint64 first, gint64 n, gpointer out);
