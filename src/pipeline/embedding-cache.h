/* SPDX-License-Identifier: Apache-2.0 */
/* OsEmbeddingCache: the text states of prompts that a text encoder has seen
 * before, in memory and, for large encoders, on the disk.
 *
 * A state is found by the token ids and by the identity of the encoder: device,
 * inode, size, and times of last change of its files, the backend and kernels
 * that computed, and the version of this library. It is asked for at every
 * look: an encoder whose files have changed finds and leaves nothing.
 *
 * On the disk a prompt is a file in $XDG_CACHE_HOME/opensora/text-states, which
 * appears whole, has a checksum, and may be deleted at any time. Nothing that
 * goes wrong there is an error. Several processes may share the folder. */
#pragma once

#include "compute/compute.h"

typedef struct _OsEmbeddingCache OsEmbeddingCache;

/* What is kept. */
typedef struct {
  guint64 memory; /* most bytes of states */
  guint64 disk;   /* the same of files; the least recently used go first */
  /* Encoders of fewer bytes are fast, and keep nothing on the disk. */
  guint64 min_encoder;
  /* Microseconds since the last change of the encoder, within which the disk is
   * not used: a change just before or after it was opened might not show in its
   * times. */
  gint64 min_age;
} OsEmbeddingLimits;

/* For an encoder that has just been opened from `files` (NULL-terminated: all
 * of its weights and its configuration) and makes states of this width.
 * limits NULL: those of the product. */
OsEmbeddingCache *os_embedding_cache_new (
    const char *const *files, gint64 width, const OsEmbeddingLimits *limits);
void os_embedding_cache_free (OsEmbeddingCache *cache);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsEmbeddingCache, os_embedding_cache_free)

/* [n_ids, width], shared: not to be written to; NULL: it has to be computed. */
OsTensor *os_embedding_cache_lookup (OsEmbeddingCache *cache,
    OsCompute *compute, const gint32 *ids, guint n_ids);
/* The same that was computed; nothing happens if the computation failed. */
void os_embedding_cache_store (OsEmbeddingCache *cache, OsCompute *compute,
    const gint32 *ids, guint n_ids, const OsTensor *states);
