/* SPDX-License-Identifier: Apache-2.0 */
/* What the inputs of a case say to a network: text states and formats. */
#include "cli/golden/golden.h"

#include <string.h>

static GPtrArray *
tensor_array_new (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) os_tensor_unref);
}

/* --- captions --- */

void
golden_add_caption (
    GoldenRun *run, GPtrArray *captions, const OsTensor *y, const guint8 *mask)
{
  gint64 L = y->shape[0], C = y->shape[1], n = 0;
  g_autofree float *rows = g_new (float, L *C);

  os_compute_download (run->compute, y, rows);
  for (gint64 i = 0; i < L; i++)
    if (mask[i])
      memmove (rows + n++ * C, rows + i * C, C * sizeof *rows);
  g_ptr_array_add (
      captions, os_compute_upload (run->compute, rows, OS_SHAPE (n, C)));
}

void
golden_add_null_captions (GoldenRun *run, OsStdit *stdit, GPtrArray *captions,
    const guint8 *masks, gint64 n_rows)
{
  gint64 L = os_stdit_get_max_length (stdit);
  g_autoptr (OsTensor) null_caption =
      os_stdit_null_caption (stdit, run->compute, L);

  for (gint64 b = 0; b < n_rows; b++)
    golden_add_caption (run, captions, null_caption, masks + b * L);
}

/* Of n_rows captions of length L, fewer than there are or as many; without a
 * mask all tokens count. */
static guint8 *
read_text_mask (GoldenRun *run, gint64 B, gint64 L, gint64 *n_rows)
{
  gint64 n = B * L;
  guint8 *mask;

  if (golden_has_input (run, "mask")) {
    mask = golden_input_mask (run, "mask", &n);
  } else {
    mask = g_new (guint8, n);
    memset (mask, 1, n);
  }
  *n_rows = n / L;
  return mask;
}

GPtrArray *
golden_captions (GoldenRun *run, OsStdit *stdit)
{
  GPtrArray *captions = tensor_array_new ();
  g_autoptr (OsTensor) y = golden_input (run, "y"); /* [B, 1, L, C] */
  gint64 B = y->shape[0], L = y->shape[2], C = y->shape[3], n_rows;
  g_autoptr (OsTensor) rows = os_tensor_reshape (y, OS_SHAPE (B, L, C));
  g_autofree guint8 *mask = read_text_mask (run, B, L, &n_rows);

  for (gint64 b = 0; b < B; b++) {
    g_autoptr (OsTensor) row = os_tensor_select (rows, 0, b);

    golden_add_caption (run, captions, row, mask + b % n_rows * L);
  }
  if (stdit != NULL)
    golden_add_null_captions (run, stdit, captions, mask, n_rows);
  return captions;
}

GPtrArray *
golden_text_kv (GoldenRun *run, const OsCrossAttention *cross,
    const char *input, JsonArray *lengths)
{
  GPtrArray *kv = tensor_array_new ();
  g_autoptr (OsTensor) packed = golden_input (run, input);
  g_autoptr (OsTensor) texts = os_tensor_select (packed, 0, 0);
  gint64 start = 0;

  for (guint b = 0; b < json_array_get_length (lengths); b++) {
    gint64 length = json_array_get_int_element (lengths, b);
    g_autoptr (OsTensor) text = os_tensor_slice (texts, 0, start, length);

    g_ptr_array_add (
        kv, os_linear (run->compute, &cross->kv_linear, text, OS_ACT_NONE));
    start += length;
  }
  return kv;
}

/* --- formats --- */

GArray *
golden_formats (GoldenRun *run, const OsTensor *x)
{
  static const struct {
    const char *input;
    gsize offset;
  } members[] = {
    { "height", G_STRUCT_OFFSET (OsStditFormat, height) },
    { "width", G_STRUCT_OFFSET (OsStditFormat, width) },
    { "num_frames", G_STRUCT_OFFSET (OsStditFormat, num_frames) },
    { "fps", G_STRUCT_OFFSET (OsStditFormat, fps) },
  };
  GArray *formats = g_array_new (FALSE, TRUE, sizeof (OsStditFormat));

  g_array_set_size (formats, x->shape[0]);
  for (guint i = 0; i < G_N_ELEMENTS (members); i++) {
    g_autofree float *values = NULL;
    gint64 n;

    if (!golden_has_input (run, members[i].input))
      continue;
    values = golden_input_floats (run, members[i].input, &n);
    for (guint b = 0; b < formats->len; b++)
      G_STRUCT_MEMBER (float, &g_array_index (formats, OsStditFormat, b),
          members[i].offset) = values[b % n];
  }
  return formats;
}
