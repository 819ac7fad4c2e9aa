/* SPDX-License-Identifier: Apache-2.0 */
/* What a clip computes once: text, positions, size and frame rate. */
#include <math.h>

#include "base/size.h"
#include "models/stdit-private.h"

OsTensor *
os_stdit_null_caption (OsStdit *m, OsCompute *compute, gint64 n)
{
  return os_tensor_slice (
      os_weight_get (m->y_embedder.null_caption, compute), 0, 0, n);
}

/* --- text --- */

/* Keys and values of one block for every sample's text. */
static OsTensor **
text_kv (const OsStditBlock *block, OsCompute *compute, OsTensor *const *texts,
    gint64 B)
{
  OsTensor **kv = g_new0 (OsTensor *, B + 1);

  for (gint64 b = 0; b < B; b++)
    kv[b] = os_linear (
        compute, &block->cross_attn.kv_linear, texts[b], OS_ACT_NONE);
  return kv;
}

static void
free_tensors (OsTensor **tensors)
{
  for (OsTensor **t = tensors; *t; t++)
    os_tensor_unref (*t);
  g_free (tensors);
}

static void
embed_text (
    OsStditClip *clip, OsCompute *compute, const OsTensor *const *captions)
{
  const OsStdit *m = clip->stdit;
  OsTensor **texts = g_new0 (OsTensor *, clip->B + 1);

  for (gint64 b = 0; b < clip->B; b++)
    texts[b] = os_caption_embed (&m->y_embedder, compute, captions[b]);
  for (guint i = 0; i < m->n_blocks; i++)
    g_ptr_array_add (
        clip->kv, text_kv (&m->blocks[i], compute, texts, clip->B));
  free_tensors (texts);
}

/* --- positions --- */

/* Positions are those of the size asked for, as if the network had been trained
 * at one size: that of the first row, for all of them. */
static void
embed_positions (
    OsStditClip *clip, OsCompute *compute, const OsStditFormat *format)
{
  const OsStdit *m = clip->stdit;
  const OsStditConfig *c = &m->config;
  const double size = sqrt ((double) format->height * format->width);
  const double scale =
      c->space_scale > 0 ? c->space_scale : size / c->input_sq_size;
  const gint64 base_size =
      m->variant->stretches_positions ? rint (sqrt (clip->h * clip->w)) : 0;

  clip->position = os_position_embed_2d (compute, c->hidden_size, clip->h,
      clip->w, scale, base_size, m->variant->position_dtype);
  os_probe (compute, clip->position, "pos_embed");
  if (m->variant->has_rope) {
    clip->rope = os_rope_table (compute, m->rope_freqs,
        c->hidden_size / c->num_heads / 2, clip->t, OS_DTYPE_F32);
  } else {
    clip->frame_position =
        os_position_embed_1d (compute, c->hidden_size, clip->t, c->time_scale);
    os_probe (compute, clip->frame_position, "pos_embed_temporal");
  }
}

/* --- formats --- */

/* n scalars of every row, n B in all: [B, n width]. */
static OsTensor *
embed_scalars (const OsStditClip *clip, OsCompute *compute,
    const OsScalarEmbedder *embedder, const float *scalars, gint64 n,
    const char *name)
{
  g_autoptr (OsTensor) rows =
      os_scalar_embed (embedder, compute, scalars, n * clip->B);
  OsTensor *embedded =
      os_tensor_reshape (rows, OS_SHAPE (clip->B, n * rows->shape[1]));

  os_probe (compute, embedded, "%s", name);
  return embedded;
}

/* Height, width and their ratio side by side: [B, C]. csize [B, 2 C / 3], ar
 * [B, C / 3]. */
static OsTensor *
join_size (OsCompute *compute, const OsTensor *csize, const OsTensor *ar)
{
  const gint64 B = ar->shape[0], width = ar->shape[1];
  const int part_first[] = { 1, 0, 2 };
  g_autoptr (OsTensor) csize_parts =
      os_tensor_reshape (csize, OS_SHAPE (B, 2, width));
  g_autoptr (OsTensor) csize_view = os_tensor_permute (csize_parts, part_first);
  g_autoptr (OsTensor) ar_view = os_tensor_reshape (ar, OS_SHAPE (1, B, width));
  g_autoptr (OsTensor) parts =
      os_concat (compute, (const OsTensor *const[]){ csize_view, ar_view }, 2);
  g_autoptr (OsTensor) rows_view = os_tensor_permute (parts, part_first);
  g_autoptr (OsTensor) rows = os_contiguous (compute, rows_view);

  return os_tensor_reshape (rows, OS_SHAPE (B, 3 * width));
}

static void
embed_formats (
    OsStditClip *clip, OsCompute *compute, const OsStditClipInfo *info)
{
  const OsStdit *m = clip->stdit;
  const gint64 B = clip->B;
  g_autofree float *sizes = g_new (float, 2 * B);
  g_autofree float *ratios = g_new (float, B);
  g_autofree float *lengths = g_new (float, B);
  g_autofree float *rates = g_new (float, B);
  g_autoptr (OsTensor) fps = NULL;

  for (gint64 b = 0; b < B; b++) {
    const OsStditFormat *format = &info->formats[b % info->n_formats];

    sizes[2 * b] = format->height;
    sizes[2 * b + 1] = format->width;
    ratios[b] = format->height / format->width;
    lengths[b] = format->num_frames;
    rates[b] = format->fps;
  }
  if (m->variant->embeds_fps)
    fps = embed_scalars (
        clip, compute, &m->fps_embedder, rates, 1, "fps_embedder");
  if (m->variant->embeds_size) {
    g_autoptr (OsTensor) csize = embed_scalars (
        clip, compute, &m->csize_embedder, sizes, 2, "csize_embedder");
    g_autoptr (OsTensor) ar = embed_scalars (
        clip, compute, &m->ar_embedder, ratios, 1, "ar_embedder");
    g_autoptr (OsTensor) fl = embed_scalars (
        clip, compute, &m->fl_embedder, lengths, 1, "fl_embedder");

    clip->format = join_size (compute, csize, ar);
    clip->length = os_add (compute, fl, fps);
  } else {
    clip->format = g_steal_pointer (&fps);
  }
}

OsStditClip *
os_stdit_clip_new (OsStdit *m, OsCompute *compute, const OsStditClipInfo *info)
{
  const int *p = m->config.patch;
  OsStditClip *clip = g_new0 (OsStditClip, 1);

  clip->stdit = m;
  clip->B = info->B;
  clip->T = info->T;
  clip->H = info->H;
  clip->W = info->W;
  clip->t = os_div_up (info->T, p[0]);
  clip->h = os_div_up (info->H, p[1]);
  clip->w = os_div_up (info->W, p[2]);
  clip->kv = g_ptr_array_new_with_free_func ((GDestroyNotify) free_tensors);
  embed_text (clip, compute, info->captions);
  embed_positions (clip, compute, &info->formats[0]);
  embed_formats (clip, compute, info);
  if (info->step_cache)
    clip->step_cache = os_step_cache_new (info->step_cache, info->steps);
  return clip;
}

void
os_stdit_clip_free (OsStditClip *clip)
{
  g_ptr_array_unref (clip->kv);
  g_clear_pointer (&clip->position, os_tensor_unref);
  g_clear_pointer (&clip->frame_position, os_tensor_unref);
  g_clear_pointer (&clip->rope, os_tensor_unref);
  g_clear_pointer (&clip->format, os_tensor_unref);
  g_clear_pointer (&clip->length, os_tensor_unref);
  g_clear_pointer (&clip->step_cache, os_step_cache_free);
  g_free (clip);
}
