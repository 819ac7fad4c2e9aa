/* SPDX-License-Identifier: Apache-2.0 */
/* After reparameter() of Open-Sora's utils/ckpt_utils.py and the renaming of
 * attention in diffusers 0.17 (models/attention_processor.py). */
#include "weights/adaptations.h"

#include <string.h>

#include "weights/gather.h"

/* Names: `wanted` in a name that is not there is replaced by `found`, a match
 * at the beginning or behind a dot. */
static const struct {
  const char *wanted;
  const char *found;
} renamed[] = {
  /* PixArt's only blocks are the spatial ones. */
  { "spatial_blocks.", "blocks." },
  /* diffusers before 0.17: sd-vae-ft-ema and its like. */
  { "to_q.", "query." },
  { "to_k.", "key." },
  { "to_v.", "value." },
  { "to_out.0.", "proj_attn." },
};

static const char *const dropped[] = { "pos_embed", "pos_embed_temporal",
  "pos_embed_spatial", "temp_embed", NULL };

/* Where `part` begins a component of the name; NULL. */
static const char *
find_part (const char *name, const char *part)
{
  for (const char *at = strstr (name, part); at; at = strstr (at + 1, part)) {
    if (at == name || at[-1] == '.')
      return at;
  }
  return NULL;
}

const OsCheckpointEntry *
os_adapt_find (const OsCheckpoint *checkpoint, const char *name)
{
  const OsCheckpointEntry *entry = os_checkpoint_find (checkpoint, name);

  for (guint i = 0; entry == NULL && i < G_N_ELEMENTS (renamed); i++) {
    const char *part = find_part (name, renamed[i].wanted);
    g_autofree char *other = NULL;

    if (part == NULL)
      continue;
    other = g_strdup_printf ("%.*s%s%s", (int) (part - name), name,
        renamed[i].found, part + strlen (renamed[i].wanted));
    entry = os_checkpoint_find (checkpoint, other);
  }
  return entry;
}

gboolean
os_adapt_is_dropped (const char *name)
{
  return g_strv_contains (dropped, name);
}

/* Shapes. */

static OsTensor *
make_row_major (const OsTensor *tensor, OsMemPool *pool, GError **error)
{
  OsTensor *copy;

  if (os_tensor_is_contiguous (tensor))
    return os_tensor_ref (tensor);
  copy =
      os_tensor_new (pool, tensor->dtype, tensor->n_dims, tensor->shape, error);
  if (copy != NULL)
    os_gather (tensor, 0, os_tensor_count (tensor), os_tensor_data (copy));
  return copy;
}

/* A two-dimensional patch embedding [C, c, h, w] is one of single frames
 * [C, c, 1, h, w]. */
static OsTensor *
add_time_axis (const OsTensor *tensor, int n_dims, const gint64 *shape,
    OsMemPool *pool, GError **error)
{
  g_autoptr (OsTensor) whole = NULL;

  if (tensor->n_dims != 4 || n_dims != 5 || shape[2] != 1
      || memcmp (tensor->shape, shape, 2 * sizeof *shape) != 0
      || memcmp (tensor->shape + 2, shape + 3, 2 * sizeof *shape) != 0)
    return NULL;
  whole = make_row_major (tensor, pool, error);
  return whole != NULL ? os_tensor_reshape (whole, n_dims, shape) : NULL;
}

/* The null caption [length, C] for another length of text: cut, or its last row
 * repeated. */
static OsTensor *
resize_rows (const OsTensor *tensor, int n_dims, const gint64 *shape,
    OsMemPool *pool, GError **error)
{
  gint64 rows = tensor->shape[0], row_size;
  OsTensor *longer;
  guint8 *data;

  if (tensor->n_dims != 2 || n_dims != 2 || tensor->shape[1] != shape[1]
      || rows == 0)
    return NULL;
  if (rows >= shape[0]) {
    g_autoptr (OsTensor) cut = os_tensor_slice (tensor, 0, 0, shape[0]);
    return make_row_major (cut, pool, error);
  }
  longer = os_tensor_new (pool, tensor->dtype, n_dims, shape, error);
  if (longer == NULL)
    return NULL;
  data = os_tensor_data (longer);
  row_size = shape[1] * (gint64) os_dtype_size (tensor->dtype);
  os_gather (tensor, 0, os_tensor_count (tensor), data);
  for (gint64 i = rows; i < shape[0]; i++)
    memcpy (data + i * row_size, data + (rows - 1) * row_size, row_size);
  return longer;
}

static const struct {
  const char *name; /* how the tensor's name ends */
  OsTensor *(*adapt) (const OsTensor *tensor, int n_dims, const gint64 *shape,
      OsMemPool *pool, GError **error);
} reshaped[] = {
  { "x_embedder.proj.weight", add_time_axis },
  { "y_embedder.y_embedding", resize_rows },
};

OsTensor *
os_adapt_shape (const OsTensor *tensor, const char *name, int n_dims,
    const gint64 *shape, OsMemPool *pool, GError **error)
{
  if (os_tensor_has_shape (tensor, n_dims, shape))
    return make_row_major (tensor, pool, error);
  for (guint i = 0; i < G_N_ELEMENTS (reshaped); i++) {
    if (g_str_has_suffix (name, reshaped[i].name))
      return reshaped[i].adapt (tensor, n_dims, shape, pool, error);
  }
  return NULL;
}
