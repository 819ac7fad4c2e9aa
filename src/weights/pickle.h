/* SPDX-License-Identifier: Apache-2.0 */
/* A decoder of what torch.save() writes in pickle protocol 2: it builds
 * descriptions of tensors, dicts, lists and plain values. It is no interpreter:
 * nothing is imported or called; a name that is not on its list is an error.
 *
 * Values are numbers of a table, lists may contain themselves: whoever walks
 * over them has to limit depth and steps (state-dict.h). */
#pragma once

#include "tensor/tensor.h"

typedef struct _OsPickle OsPickle;
typedef guint32 OsPickleValue;

typedef enum {
  OS_PICKLE_NONE,
  OS_PICKLE_BOOL,
  OS_PICKLE_INT,
  OS_PICKLE_FLOAT,
  OS_PICKLE_TEXT,
  OS_PICKLE_LIST,
  OS_PICKLE_TUPLE,
  OS_PICKLE_DICT,
  OS_PICKLE_ORDERED_DICT,
  OS_PICKLE_STORAGE, /* a persistent id */
  OS_PICKLE_TENSOR,
  OS_PICKLE_GLOBAL, /* one of the list */
  OS_PICKLE_BIG_INT,
  OS_PICKLE_OPAQUE, /* known to exist, not looked at */
} OsPickleKind;

/* ("storage", class, key, location, count, view) */
typedef struct {
  const char *key; /* NUL-terminated, belongs to the pickle */
  OsDType dtype;
  gboolean untyped; /* count is in bytes */
  gint64 count;
  /* Legacy files: the part of the storage that this id stands for; all of it
   * for size -1. */
  gint64 view_offset;
  gint64 view_size;
} OsPickleStorage;

typedef struct {
  guint storage; /* index */
  OsDType dtype;
  gint64 offset;
  int n_dims;
  gint64 shape[OS_MAX_DIMS];
  gint64 stride[OS_MAX_DIMS];
} OsPickleTensor;

/* Decodes the pickle at `data`, which may be followed by other bytes; *used
 * receives its length. Errors: FORMAT, UNSUPPORTED (tensors of kinds that
 * PyTorch has and nothing here can use); `origin` names it in messages. */
OsPickle *os_pickle_decode (const guint8 *data, gsize size, const char *origin,
    gsize *used, GError **error);
void os_pickle_free (OsPickle *pickle);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsPickle, os_pickle_free)

OsPickleValue os_pickle_get_root (const OsPickle *pickle);
OsPickleKind os_pickle_get_kind (const OsPickle *pickle, OsPickleValue value);
/* DICT or ORDERED_DICT? */
gboolean os_pickle_is_dict (const OsPickle *pickle, OsPickleValue value);
/* BOOL, INT. */
gint64 os_pickle_get_int (const OsPickle *pickle, OsPickleValue value);
/* FLOAT. */
double os_pickle_get_float (const OsPickle *pickle, OsPickleValue value);
/* TEXT, not terminated. */
const char *os_pickle_get_text (
    const OsPickle *pickle, OsPickleValue value, gsize *length);
/* TENSOR. */
const OsPickleTensor *os_pickle_get_tensor (
    const OsPickle *pickle, OsPickleValue value);
/* All persistent ids, in their order. */
guint os_pickle_get_n_storages (const OsPickle *pickle);
const OsPickleStorage *os_pickle_get_storage (
    const OsPickle *pickle, guint index);

/* Elements of a LIST or TUPLE, or keys and values in turn of a dict. */
typedef guint32 OsPickleItem;
#define OS_PICKLE_NO_ITEM G_MAXUINT32
OsPickleItem os_pickle_first_item (const OsPickle *pickle, OsPickleValue value);
OsPickleItem os_pickle_next_item (const OsPickle *pickle, OsPickleItem item);
OsPickleValue os_pickle_get_item (const OsPickle *pickle, OsPickleItem item);
