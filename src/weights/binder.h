/* SPDX-License-Identifier: Apache-2.0 */
/* OsBinder: a network asks it for its weights by name and shape. All missing
 * and mis-shaped tensors are reported together, with those that nobody asked
 * for, at the end.
 *
 *   os_binder_push (b, "spatial_blocks.%d", i);
 *   block->qkv = os_binder_linear (b, "attn.qkv", C, 3 * C, TRUE);
 *   os_binder_pop (b);
 */
#pragma once

#include "compute/weight.h"
#include "weights/checkpoint.h"

typedef struct _OsBinder OsBinder;

/* The weights of a network; free it with the network. */
typedef GPtrArray OsWeightSet;

OsBinder *os_binder_new (OsCheckpoint *checkpoint);
/* Instead of a checkpoint, normal random weights in memory: N(0, 1/in), norms
 * 1, biases small. For benchmarks. */
OsBinder *os_binder_new_random (OsMemPool *pool, gint64 seed);
void os_binder_free (OsBinder *binder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsBinder, os_binder_free)

/* Names from now on begin with this and a dot; "" changes nothing. */
void os_binder_push (OsBinder *binder, const char *format, ...)
    G_GNUC_PRINTF (2, 3);
void os_binder_pop (OsBinder *binder);

/* Weights bound from now on are streamed (compute/weight.h). */
void os_binder_stream (OsBinder *binder);
/* How many weights are bound; the index in the set of the next one. */
guint os_binder_get_n_weights (const OsBinder *binder);

/* A weight of exactly this shape. Never NULL: a placeholder stands in for a
 * tensor that does not fit, and os_binder_finish() fails. */
OsWeight *os_binder_weight (
    OsBinder *binder, const char *name, int n_dims, const gint64 *shape);
/* `name`.weight [out, in] and, if asked for, `name`.bias [out]. */
OsLinear os_binder_linear (
    OsBinder *binder, const char *name, gint64 in, gint64 out, gboolean bias);
/* `name`.weight and `name`.bias [C]. */
OsNorm os_binder_norm (OsBinder *binder, const char *name, gint64 C);
/* n_kernel 2: [out, in, kernel[1], kernel[2]] (kernel[0] is 1); 3: with kt. */
OsConv os_binder_conv (OsBinder *binder, const char *name, gint64 in,
    gint64 out, int n_kernel, const int kernel[3], gboolean bias);

/* Is there such a tensor (with the current prefix)? TRUE for random weights
 * unless `name` is one of what published files leave out. */
gboolean os_binder_has (OsBinder *binder, const char *name);
/* Values of a small tensor at once, as float32 (freqs, latent scale); FALSE if
 * it is missing or has another shape, which is no error here. */
gboolean os_binder_values (
    OsBinder *binder, const char *name, gint64 n, float *out);
/* Tensors with this prefix (from the root) are not unexpected. */
void os_binder_ignore (OsBinder *binder, const char *prefix);

/* Ends binding: the weights asked for, or NULL and OPENSORA_ERROR_MISMATCH with
 * the full report. Tensors that nobody asked for alone are logged, no error. */
OsWeightSet *os_binder_finish (OsBinder *binder, GError **error);

/* Bytes that weights `first` .. `last` - 1 take once prepared, and values of
 * the largest of them. */
guint64 os_weight_set_get_bytes (
    const OsWeightSet *set, guint first, guint last);
gint64 os_weight_set_get_largest (
    const OsWeightSet *set, guint first, guint last);
/* Weights `first` .. `last` - 1 of a set, a block of a network: read in the
 * background, and given back after use, if they are streamed. */
void os_weight_set_read_ahead (OsWeightSet *set, guint first, guint last);
void os_weight_set_drop (OsWeightSet *set, guint first, guint last);
