/* SPDX-License-Identifier: Apache-2.0 */
/* STDiT's forward pass. */
#include <string.h>

#include "models/stdit-private.h"

/* --- timesteps --- */

/* What the network makes of a timestep. */
typedef struct {
  OsTensor *t;        /* [B, C] */
  OsTensor *t_format; /* t + the clip's format */
  OsTensor *t6;       /* of blocks, [B, 6 C] */
  OsTensor *t_temp;   /* of attention across frames, [B, 3 C] or NULL */
} Timestep;

/* What is the same for several rows, [B / n, ...], for all of them: [B, ...].
 */
static OsTensor *
repeated (const OsStditClip *clip, OsCompute *compute, const OsTensor *x)
{
  gint64 shape[OS_MAX_DIMS];
  g_autoptr (OsTensor) view = os_tensor_as_strided (x, 0,
      OS_SHAPE (clip->B / x->shape[0], os_tensor_count (x)),
      (gint64[]){ 0, 1 });
  g_autoptr (OsTensor) rows = os_contiguous (compute, view);

  memcpy (shape, x->shape, sizeof shape);
  shape[0] = clip->B;
  return os_tensor_reshape (rows, x->n_dims, shape);
}

/* t + shift, or t without one. */
static OsTensor *
shifted (OsCompute *compute, const OsTensor *t, const OsTensor *shift)
{
  return shift ? os_add (compute, t, shift) : os_tensor_ref (t);
}

/* linear (silu (t)) */
static OsTensor *
modulation (OsCompute *compute, const OsLinear *linear, const OsTensor *t,
    const char *name, const char *call)
{
  g_autoptr (OsTensor) active = os_activate (compute, t, OS_ACT_SILU);
  OsTensor *rows = os_linear (compute, linear, active, OS_ACT_NONE);

  os_probe (compute, rows, "%s%s", name, call);
  return rows;
}

/* n timesteps; call: the end of the probes' names. */
static Timestep
embed_timestep (const OsStditClip *clip, OsCompute *compute,
    const float *timestep, gint64 n, const char *call)
{
  OS_PROFILE_PART (compute, "embedders");
  const OsStdit *m = clip->stdit;
  g_autoptr (OsTensor) t = NULL;
  Timestep out = { NULL };

  t = os_scalar_embed (&m->t_embedder, compute, timestep, n);
  out.t = repeated (clip, compute, t);
  os_probe (compute, out.t, "t_embedder%s", call);
  out.t_format = shifted (compute, out.t, clip->format);
  out.t6 = modulation (compute, &m->t_block, out.t_format, "t_block", call);
  if (clip->length) {
    g_autoptr (OsTensor) t_length = shifted (compute, out.t, clip->length);

    out.t_temp =
        modulation (compute, &m->t_block_temp, t_length, "t_block_temp", call);
  }
  return out;
}

static void
timestep_clear (Timestep *timestep)
{
  g_clear_pointer (&timestep->t, os_tensor_unref);
  g_clear_pointer (&timestep->t_format, os_tensor_unref);
  g_clear_pointer (&timestep->t6, os_tensor_unref);
  g_clear_pointer (&timestep->t_temp, os_tensor_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Timestep, timestep_clear)

/* A row a frame, [B, n] -> [B T, n]: of `rows` where the frame is generated,
 * else of `rows0`. */
static OsTensor *
rows_per_frame (const OsStditClip *clip, OsCompute *compute,
    const OsTensor *rows, const OsTensor *rows0, const guint8 *x_mask)
{
  const gint64 n = clip->B * clip->t, width = rows->shape[1];
  const gint64 shape[] = { clip->B, clip->t, width };
  const gint64 stride[] = { width, 0, 1 };
  g_autoptr (OsTensor) view = os_tensor_as_strided (rows, 0, 3, shape, stride);
  g_autoptr (OsTensor) view0 =
      os_tensor_as_strided (rows0, 0, 3, shape, stride);
  g_autoptr (OsTensor) all = os_contiguous (compute, view);
  g_autoptr (OsTensor) all0 = os_contiguous (compute, view0);
  g_autoptr (OsTensor) frames = os_tensor_reshape (all, OS_SHAPE (n, width));
  g_autoptr (OsTensor) frames0 = os_tensor_reshape (all0, OS_SHAPE (n, width));

  return os_select_rows (compute, x_mask, frames, frames0);
}

/* --- the pass --- */

/* [B, C_in, T, H, W] -> tokens [B, t, h w, C] with their positions. */
static OsTensor *
embed_latents (const OsStditClip *clip, OsCompute *compute, const OsTensor *x)
{
  OS_PROFILE_PART (compute, "embedders");
  const OsStditConfig *c = &clip->stdit->config;
  g_autoptr (OsTensor) patches = os_patchify (compute, x, c->patch);
  g_autoptr (OsTensor) tokens =
      os_linear (compute, &clip->stdit->x_embedder, patches, OS_ACT_NONE);
  g_autoptr (OsTensor) placed = os_add (compute, tokens, clip->position);
  g_autoptr (OsTensor) all = repeated (clip, compute, placed);

  os_probe (compute, tokens, "x_embedder");
  return os_tensor_reshape (
      all, OS_SHAPE (clip->B, clip->t, clip->h * clip->w, c->hidden_size));
}

static void
run_blocks (const OsStditClip *clip, OsCompute *compute, OsTensor *x,
    const OsTensor *t6, const OsTensor *t_temp)
{
  const OsStdit *m = clip->stdit;
  const guint n_lists = m->variant->n_lists;
  OsStditBlockInput input = { .t6 = t6,
    .t_temp = t_temp,
    .rope = clip->rope,
    .frame_position = clip->frame_position };

  for (guint i = 0; i < m->n_blocks && os_compute_ok (compute); i++) {
    const char *list = m->variant->lists[i % n_lists].name;

    input.kv = clip->kv->pdata[i];
    os_probe_push (compute, "%s.%u", list, i / n_lists);
    os_stdit_block_forward (&m->blocks[i], compute, x, &input);
    os_probe_pop (compute);
    os_probe (compute, x, "%s.%u", list, i / n_lists);
    input.frame_position = NULL;
  }
}

/* The same, or in steps that can do without them what they did before. */
static void
transform (const OsStditClip *clip, OsCompute *compute, OsTensor *x,
    const OsTensor *t6, const OsTensor *t_temp, const guint8 *x_mask)
{
  g_autoptr (OsTensor) seen = NULL;
  g_autoptr (OsTensor) input = NULL;
  const OsTensor *residual;

  if (!clip->step_cache) {
    run_blocks (clip, compute, x, t6, t_temp);
    return;
  }
  seen = os_stdit_block_see (&clip->stdit->blocks[0], compute, x, t6);
  residual = os_step_cache_reuse (
      clip->step_cache, compute, seen, x_mask, clip->B * clip->t);
  if (residual) {
    os_add_inplace (compute, x, residual);
    return;
  }
  input = os_lerp (compute, x, 1, x, 0);
  run_blocks (clip, compute, x, t6, t_temp);
  os_step_cache_keep (clip->step_cache, compute, input, x);
}

/* STDiT2's final layer sees the clip's size only where frames are given, as the
 * reference has it. */
static OsTensor *
run_final_layer (const OsStditClip *clip, OsCompute *compute,
    const OsTensor *tokens, const Timestep *now, const Timestep *zero,
    const guint8 *x_mask)
{
  const OsStdit *m = clip->stdit;
  const OsStditConfig *c = &m->config;
  g_autoptr (OsTensor) out = os_final_layer_forward (&m->final_layer, compute,
      tokens, m->variant->final_layer_sees_fps ? now->t_format : now->t,
      zero->t_format, x_mask);

  os_probe (compute, out, "final_layer");
  return os_unpatchify (
      compute, out, c->patch, c->out_channels, clip->T, clip->H, clip->W);
}

/* Frames that are given are modulated by timestep 0. But not in STDiT's
 * attention across frames, whose modulation is not a frame's. */
static OsTensor *
forward_masked (const OsStditClip *clip, OsCompute *compute, const OsTensor *x,
    const Timestep *now, const guint8 *x_mask)
{
  g_auto (Timestep) zero =
      embed_timestep (clip, compute, (float[]){ 0 }, 1, ".call2");
  g_autoptr (OsTensor) t6 =
      rows_per_frame (clip, compute, now->t6, zero.t6, x_mask);
  g_autoptr (OsTensor) t_temp = now->t_temp ? rows_per_frame (clip, compute,
                                    now->t_temp, zero.t_temp, x_mask)
                                            : os_tensor_ref (now->t6);
  g_autoptr (OsTensor) tokens = embed_latents (clip, compute, x);

  transform (clip, compute, tokens, t6, t_temp, x_mask);
  return run_final_layer (clip, compute, tokens, now, &zero, x_mask);
}

/* A mask that leaves every frame to be generated says nothing. */
static gboolean
has_given_frames (const guint8 *x_mask, gint64 n)
{
  return x_mask && memchr (x_mask, 0, n) != NULL;
}

/* x of all rows or of one half of guidance, timesteps of all rows or one. */
static OsTensor *
forward (const OsStditClip *clip, OsCompute *compute, const OsTensor *x,
    const float *timesteps, gint64 n_timesteps, const guint8 *x_mask)
{
  g_auto (Timestep) now =
      embed_timestep (clip, compute, timesteps, n_timesteps, "");
  g_autoptr (OsTensor) tokens = NULL;

  if (has_given_frames (x_mask, clip->B * clip->t))
    return forward_masked (clip, compute, x, &now, x_mask);
  tokens = embed_latents (clip, compute, x);
  transform (
      clip, compute, tokens, now.t6, now.t_temp ? now.t_temp : now.t6, NULL);
  return run_final_layer (clip, compute, tokens, &now, &now, NULL);
}

OsTensor *
os_stdit_forward (OsStditClip *clip, OsCompute *compute, const OsTensor *x,
    const float *timestep, const guint8 *x_mask)
{
  return forward (clip, compute, x, timestep, clip->B, x_mask);
}

OsTensor *
os_stdit_forward_guided (OsStditClip *clip, OsCompute *compute,
    const OsTensor *x, float timestep, const guint8 *x_mask)
{
  const gint64 half = clip->B / 2 * clip->t;
  g_autofree guint8 *masks = NULL;

  if (x_mask) {
    masks = g_new (guint8, 2 * half);
    memcpy (masks, x_mask, half);
    memcpy (masks + half, x_mask, half);
  }
  return forward (clip, compute, x, &timestep, 1, masks);
}
