/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the parts of the pickle decoder: the table of values (pickle.c),
 * the opcodes (pickle-machine.c), names and what they stand for
 * (pickle-globals.c). */
#pragma once

#include "weights/pickle.h"

/* Bounds on memory and time, far above any checkpoint. */
#define OS_PICKLE_MAX_VALUES (1u << 19)
#define OS_PICKLE_MAX_TENSORS 100000u
#define OS_PICKLE_MAX_OPCODES (1u << 22)
#define OS_PICKLE_MAX_MARKS 1000u
#define OS_PICKLE_MAX_KEY 255

typedef struct {
  OsPickleKind kind;
  /* TEXT: bytes; STORAGE, TENSOR, GLOBAL: index; TUPLE: can it be the key of a
   * dict? Noted, because a tuple may be used a million times. */
  guint32 n;
  union {
    gint64 integer;
    double real;
    const char *text;
    struct {
      OsPickleItem first, last;
    } items;
  };
} OsPickleCell;

typedef struct {
  OsPickleValue value;
  OsPickleItem next;
} OsPickleLink;

struct _OsPickle {
  GArray *cells;      /* of OsPickleCell */
  GArray *links;      /* of OsPickleLink */
  GArray *storages;   /* of OsPickleStorage */
  GArray *tensors;    /* of OsPickleTensor */
  GStringChunk *keys; /* of storages */
  OsPickleValue root;
};

static inline OsPickleCell *
os_pickle_cell (const OsPickle *pickle, OsPickleValue value)
{
  return &g_array_index (pickle->cells, OsPickleCell, value);
}

OsPickle *os_pickle_new (void);
/* Can it be the key of a dict? */
gboolean os_pickle_is_key (const OsPickle *pickle, OsPickleValue value);
/* An element at the end of a list, tuple or dict. */
void os_pickle_append (
    OsPickle *pickle, OsPickleValue container, OsPickleValue value);

/* Index of a name on the list, or -1 and an error. Names are not terminated. */
int os_pickle_find_global (const char *module, gsize module_length,
    const char *name, gsize name_length, GError **error);

/* What calling a global (`is_new`: making an object of a class) with a tuple of
 * arguments describes: a cell, or a value that exists already. */
typedef struct {
  gboolean exists;
  OsPickleValue value;
  OsPickleCell cell;
} OsPickleResult;
gboolean os_pickle_call (OsPickle *pickle, OsPickleValue callable,
    OsPickleValue args, gboolean is_new, OsPickleResult *result,
    GError **error);
/* The storage that a persistent id stands for. */
gboolean os_pickle_load_storage (
    OsPickle *pickle, OsPickleValue id, OsPickleCell *cell, GError **error);
