/* SPDX-License-Identifier: Apache-2.0 */
/* OsTensor: shape, strides and dtype over a reference to storage. Immutable but
 * for its values; reference counted; a view shares storage and copies nothing.
 *
 * Letters for dimensions, everywhere in this library:
 *   B batch, T frames, H W height and width, S tokens of a frame, L text
 * length, C channels, N heads, D head size, R rows of a modulation table.
 */
#pragma once

#include <glib.h>

#include "base/memory.h"

#define OS_MAX_DIMS 8

typedef enum {
  OS_DTYPE_F32,
  OS_DTYPE_F16,
  OS_DTYPE_BF16,
  OS_DTYPE_F64,
  OS_DTYPE_I64,
  OS_DTYPE_I32,
  OS_DTYPE_I16,
  OS_DTYPE_I8,
  OS_DTYPE_U8,
  OS_DTYPE_BOOL,
  /* In checkpoints only: listed and copied, never computed on. */
  OS_DTYPE_F8_E4M3,
  OS_DTYPE_F8_E5M2,
  OS_DTYPE_U16,
  OS_DTYPE_U32,
  OS_DTYPE_U64,
} OsDType;

#define OS_N_DTYPES (OS_DTYPE_U64 + 1)

gsize os_dtype_size (OsDType dtype);
/* The name in safetensors headers: "F32", "BF16", ... */
const char *os_dtype_name (OsDType dtype);

/* Read-only outside tensor.c. Strides and offset count elements; strides may be
 * negative or 0. */
typedef struct {
  gatomicrefcount refs;
  OsDType dtype;
  int n_dims;
  gint64 shape[OS_MAX_DIMS];
  gint64 stride[OS_MAX_DIMS];
  gint64 offset;
  struct _OsStorage *storage;
} OsTensor;

/* A shape as two arguments: os_tensor_reshape (x, OS_SHAPE (B, T, C)). */
#define OS_SHAPE(...)                                                          \
  (int) (sizeof ((gint64[]){ __VA_ARGS__ }) / sizeof (gint64)),                \
      (const gint64[])                                                         \
  {                                                                            \
    __VA_ARGS__                                                                \
  }

/* Uninitialised, from the pool; NULL and OPENSORA_ERROR_MEMORY on failure or
 * when the size overflows. */
OsTensor *os_tensor_new (OsMemPool *pool, OsDType dtype, int n_dims,
    const gint64 *shape, GError **error);
/* A tensor without memory, to carry a shape through a computation that has
 * already failed. Never read or written. */
OsTensor *os_tensor_new_hollow (OsDType dtype, int n_dims, const gint64 *shape);
/* Over `data`, row-major, which `owner_free (owner)` releases with the last
 * view. The bytes need no alignment. */
OsTensor *os_tensor_new_wrapped (OsDType dtype, int n_dims, const gint64 *shape,
    gpointer data, gpointer owner, GDestroyNotify owner_free);

OsTensor *os_tensor_ref (const OsTensor *tensor);
void os_tensor_unref (OsTensor *tensor);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsTensor, os_tensor_unref)

/* Views; programmer errors if the arguments do not fit. */
OsTensor *os_tensor_reshape (/* of a contiguous tensor */
    const OsTensor *tensor, int n_dims, const gint64 *shape);
OsTensor *os_tensor_slice (
    const OsTensor *tensor, int dim, gint64 start, gint64 length);
/* Index `index` of `dim`, which disappears. */
OsTensor *os_tensor_select (const OsTensor *tensor, int dim, gint64 index);
/* Dimension i of the result is dimension order[i]. */
OsTensor *os_tensor_permute (const OsTensor *tensor, const int *order);
/* Replaces `dim` by the dimensions of `shape`, whose product it is. */
OsTensor *os_tensor_split (
    const OsTensor *tensor, int dim, int n_dims, const gint64 *shape);
/* Any strides over the same storage; `offset` counts from this tensor's. */
OsTensor *os_tensor_as_strided (const OsTensor *tensor, gint64 offset,
    int n_dims, const gint64 *shape, const gint64 *stride);

gint64 os_tensor_count (const OsTensor *tensor);
gboolean os_tensor_is_contiguous (const OsTensor *tensor);
gboolean os_tensor_has_shape (
    const OsTensor *tensor, int n_dims, const gint64 *shape);
/* "[2, 30, 1152] F32", for messages. */
char *os_tensor_describe (const OsTensor *tensor);
char *os_shape_to_string (int n_dims, const gint64 *shape);

/* First element; NULL for a hollow tensor. May be unaligned if wrapped. */
gpointer os_tensor_data (const OsTensor *tensor);
/* The same for code that computes on F32, aligned to 4 bytes. */
float *os_tensor_f32 (const OsTensor *tensor);

/* Gives the memory from the first to the last element back to the system if it
 * is part of a mapped file (wrapped, with an OsMappedFile as its owner), which
 * is read again when it is needed; other memory stays. For data that are used
 * once. */
void os_tensor_release (const OsTensor *tensor);
/* Has the same memory read in the background, to be there when it is needed. */
void os_tensor_read_ahead (const OsTensor *tensor);
