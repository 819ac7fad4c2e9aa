/* SPDX-License-Identifier: Apache-2.0 */
/* Floating-point elements from one dtype to another, as PyTorch's Tensor.to()
 * has it: widening is exact, narrowing rounds to nearest even, and what is too
 * large becomes infinite. F64 to F16 rounds twice, by way of F32, as there. */
#pragma once

#include "tensor/tensor.h"

/* F64, F32, F16, BF16, F8_E4M3, F8_E5M2. */
gboolean os_dtype_is_float (OsDType dtype);

/* n elements; `from` is any floating-point dtype, `to` F32, F16 or BF16. The
 * two do not overlap; neither needs alignment. */
void os_cast (
    OsDType from, gconstpointer in, OsDType to, gpointer out, gsize n);
