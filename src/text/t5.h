/* SPDX-License-Identifier: Apache-2.0 */
/* T5 v1.1 encoder (gated GELU, relative position bias), arXiv 1910.10683 and
 * transformers' T5EncoderModel. */
#pragma once

#include "compute/ops.h"
#include "weights/binder.h"
#include "weights/config.h"

typedef struct _OsT5 OsT5;

OsT5 *os_t5_new (OsConfig *config, OsBinder *binder, GError **error);
void os_t5_free (OsT5 *t5);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsT5, os_t5_free)

gint64 os_t5_get_d_model (const OsT5 *t5);
gint64 os_t5_get_vocab_size (const OsT5 *t5);

/* About how many bytes encoding L tokens takes. */
guint64 os_t5_estimate_bytes (const OsT5 *t5, gint64 L);

/* Last hidden state [B, L, d_model] of ids [B, L] (each below the vocabulary
 * size). mask [B, L], 0 = never attended; NULL: all attended. Callers that
 * ignore padding pass the real tokens only. */
OsTensor *os_t5_encode (OsT5 *t5, OsCompute *compute, const gint32 *ids,
    const guint8 *mask, gint64 B, gint64 L);

/* Bucket of relative position r = key - query, 0..31. */
int os_t5_position_bucket (gint64 r);
