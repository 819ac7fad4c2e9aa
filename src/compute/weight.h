/* SPDX-License-Identifier: Apache-2.0 */
/* OsWeight: a checkpoint tensor prepared for computing, on first use.
 *
 * Prepared means float32, contiguous and aligned; a float32 tensor of a mapped
 * file that is so already is used in place. Convolution kernels are reordered
 * from [C_out, C_in, kt, kh, kw] to [C_out, kt, kh, kw, C_in], for
 * channels-last activations. */
#pragma once

#include "compute/compute.h"

typedef struct _OsWeight OsWeight;

/* Keeps a reference to `source` (F32, F16, BF16 or F64) until prepared, or for
 * good if it is streamed. */
OsWeight *os_weight_new (OsTensor *source);
/* 4-D (no kt) and 5-D convolution kernels. */
OsWeight *os_weight_new_conv (OsTensor *source);
void os_weight_free (OsWeight *weight);

/* What becomes of a weight after use.
 *
 * Resident (the default): prepared once and kept. Streamed: os_weight_drop()
 * gives it back, and the next use prepares it again; a network much larger than
 * memory then needs that of one block at a time. */
void os_weight_stream (OsWeight *weight);
/* Both do nothing for resident weights. */
void os_weight_read_ahead (const OsWeight *weight);
void os_weight_drop (OsWeight *weight);

/* Shape in the checkpoint. */
gint64 os_weight_dim (const OsWeight *weight, int dim);
gint64 os_weight_count (const OsWeight *weight);
/* What preparing it takes: nothing where the file is used in place. */
gsize os_weight_get_bytes (const OsWeight *weight);

/* The prepared values, which belong to the weight. Not to be read if that
 * failed: os_compute_ok() is then FALSE. */
const OsTensor *os_weight_get (OsWeight *weight, OsCompute *compute);
/* The values as the checkpoint has them, in float32 and contiguous (transfer
 * full), for ops that make something of their own of them: convolutions. */
OsTensor *os_weight_read (const OsWeight *weight, OsCompute *compute);

/* Layers as networks hold them; the weights belong to an OsWeightSet. */
typedef struct {
  OsWeight *weight; /* [out, in] */
  OsWeight *bias;   /* [out] or NULL */
} OsLinear;

typedef struct {
  OsWeight *weight; /* [C] */
  OsWeight *bias;   /* [C] or NULL */
} OsNorm;

typedef struct {
  OsWeight *weight; /* [C_out, C_in, kt, kh, kw] or [C_out, C_in, kh, kw] */
  OsWeight *bias;   /* [C_out] or NULL */
  int kernel[3];    /* kt, kh, kw */
} OsConv;
