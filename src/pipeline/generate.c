/* SPDX-License-Identifier: Apache-2.0 */
/* The generate loop (scripts/inference.py of Open-Sora 1.0 to 1.2,
 * inference-long.py of 1.1). The order in which
 * random numbers are drawn is a part of it: references, and for each loop the
 * clip before, the latents, one tensor a step. */
#include "pipeline/generate.h"

#include <math.h>

#include "pipeline/condition.h"
#include "pipeline/denoise.h"
#include "pipeline/frames.h"
#include "pipeline/references.h"
#include "pipeline/resolve.h"
#include "settings/prompt.h"

struct _OsClip {
  OsBundle *bundle;
  OsCompute *compute;
  OpensoraParams *resolved;
  const OsParams *params;
  const OsSources *sources;
  OsTail *tail;

  OsPrompt *prompt;
  OsConditions *conditions;
  gint64 T, H, W; /* of the latents */
};

/* Where frames go, and how many have gone there. */
typedef struct {
  OpensoraFrameFunc frame;
  gpointer user_data;
  guint index;
} Receiver;

/* --- What a clip is made from --- */

/* The clip before is one more reference. */
static gboolean
go_on (OsClip *self, GError **error)
{
  const OsParams *p = self->params;
  g_autoptr (OsTensor) latents = NULL;

  if (!p->continue_previous)
    return TRUE;
  latents = os_tail_encode (
      self->tail, self->bundle, self->compute, self->sources, p);
  if (!os_compute_check (self->compute, error))
    return FALSE;
  os_conditions_continue (self->conditions, 0, latents,
      p->condition_frame_length, p->condition_frame_edit);
  return TRUE;
}

/* The prompt may bring references and a mask strategy of its own. A reference
 * that nothing is said about is the first frame. */
static gboolean
load_conditions (OsClip *self, GError **error)
{
  const OsParams *p = self->params;
  const OsPrompt *prompt = self->prompt;
  const char *paths =
      prompt->reference_path ? prompt->reference_path : p->reference_path;
  const char *strategy =
      prompt->mask_strategy ? prompt->mask_strategy : p->mask_strategy;
  guint width, height;

  if (paths && *paths && !strategy)
    strategy = "0";
  self->conditions = os_conditions_new (
      strategy, p->align, self->bundle->family.fits_groups, error);
  if (!self->conditions)
    return FALSE;
  os_resolve_nominal_size (p, &width, &height);
  return (!paths
             || os_references_load (self->conditions, self->bundle,
                 self->compute, self->sources, paths, width, height, error))
         && go_on (self, error)
         && os_conditions_check (self->conditions, p->loop, self->T, error);
}

OsClip *
os_clip_new (OsBundle *bundle, OsCompute *compute, OpensoraParams *resolved,
    const OsSources *sources, OsTail *tail, GError **error)
{
  g_autoptr (OsClip) self = g_new0 (OsClip, 1);
  const OsParams *p = os_params_peek (resolved);

  self->bundle = bundle;
  self->compute = compute;
  self->resolved = g_object_ref (resolved);
  self->params = p;
  self->sources = sources;
  self->tail = tail;
  self->T = os_vae12_latent_frames (bundle->vae, p->num_frames);
  self->H = p->height / OS_VAE12_SPACE_FACTOR;
  self->W = p->width / OS_VAE12_SPACE_FACTOR;
  self->prompt =
      os_prompt_parse (p->prompt, bundle->family.prompt_grammar, error);
  if (!self->prompt || !load_conditions (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
os_clip_free (OsClip *self)
{
  g_clear_pointer (&self->prompt, os_prompt_free);
  g_clear_pointer (&self->conditions, os_conditions_free);
  g_object_unref (self->resolved);
  g_free (self);
}

/* The states of the loop's text, [L, d_model]. */
static OsTensor *
encode_text (OsClip *self, guint loop)
{
  const OsPromptScores scores = {
    .aesthetic_score =
        self->params->aesthetic_score > 0 ? self->params->aesthetic_score : -1,
    .motion_score = self->params->motion_score,
    .camera_motion = self->params->camera_motion,
  };
  g_autofree char *text = os_prompt_text (self->prompt, loop, &scores);

  return self->sources->encode_text (self->compute, text, self->sources->data);
}

/* Whether the sampler of a loop gets its mask. */
static gboolean
passes_mask (const OsClip *self, gboolean given)
{
  switch (self->bundle->family.frame_mask) {
    case OS_FRAME_MASK_ALWAYS:
      return TRUE;
    case OS_FRAME_MASK_CONDITIONED:
      return self->params->loop > 1 || os_conditions_any (self->conditions);
    case OS_FRAME_MASK_GIVEN:
    default:
      return given;
  }
}

/* The latents of a loop; NULL on error. */
static OsTensor *
sample (OsClip *self, guint loop, GError **error)
{
  g_autoptr (OsTensor) text = encode_text (self, loop);
  g_autoptr (OsTensor) noise =
      self->sources->draw (self->compute, OS_DRAW_LATENTS,
          OS_SHAPE (1, os_stdit_get_in_channels (self->bundle->transformer),
              self->T, self->H, self->W),
          self->sources->data);
  g_autofree float *mask = g_new (float, self->T);
  gboolean given;
  g_autoptr (OsTensor) z = os_conditions_apply (
      self->conditions, self->compute, loop, noise, mask, &given, error);
  g_autoptr (OsTensor) latents = NULL;

  if (!z)
    return NULL;
  latents = os_denoise (self->bundle, self->compute, self->params,
      self->sources, z, text, passes_mask (self, given) ? mask : NULL);
  os_probe (self->compute, latents, "latents");
  return os_compute_check (self->compute, error) ? g_steal_pointer (&latents)
                                                 : NULL;
}

/* --- What becomes of it --- */

/* One picture [1, 1, H, W, 3] to the receiver. */
static gboolean
emit_frame (
    OsClip *self, const OsTensor *picture, Receiver *receiver, GError **error)
{
  const gint64 n = os_tensor_count (picture);
  g_autofree float *values = g_try_new (float, n);
  g_autofree guint8 *rgb = g_try_malloc (n);
  g_autoptr (GBytes) bytes = NULL;

  if (!values || !rgb) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MEMORY,
        "No memory for a frame of %" G_GINT64_FORMAT " values", n);
    return FALSE;
  }
  os_compute_download (self->compute, picture, values);
  for (gint64 i = 0; i < n; i++) {
    if (!isfinite (values[i])) {
      g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_NUMERIC,
          "Frame %u has values that are not finite; the weights may be "
          "damaged",
          receiver->index);
      return FALSE;
    }
  }
  os_frames_to_u8 (values, n, OS_DTYPE_F32, rgb);
  bytes = g_bytes_new_take (g_steal_pointer (&rgb), n);
  if (!receiver->frame (bytes, picture->shape[3], picture->shape[2],
          receiver->index++, receiver->user_data)) {
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED,
        "The receiver of the frames stopped the clip");
    return FALSE;
  }
  return TRUE;
}

/* The frames of a loop; those that it shares with the loop before are left out.
 * The next loop goes on from what is decoded, unclamped, which is encoded as it
 * comes: no more than some frames are held at any time. */
static gboolean
decode (OsClip *self, guint loop, const OsTensor *latents, Receiver *receiver,
    GError **error)
{
  const OsParams *p = self->params;
  const OsTask *task = os_compute_get_task (self->compute);
  const guint shared =
      os_resolve_shared_frames (&self->bundle->family, p, loop);
  g_autoptr (OsVae12Decoder) decoder =
      os_vae12_decoder_new (self->bundle->vae, latents, p->num_frames);
  g_autoptr (OsVae12Encoder) encoder =
      loop + 1 < p->loop
          ? os_references_encoder_new (self->bundle, self->sources)
          : NULL;
  g_autoptr (OsTensor) encoded = NULL;

  os_task_progress (task, OPENSORA_STAGE_DECODE, 0, p->num_frames);
  for (guint i = 0; i < p->num_frames; i++) {
    g_autoptr (OsTensor) picture =
        os_vae12_decoder_next (decoder, self->compute);

    os_probe (self->compute, picture, "frame");
    if (encoder) {
      g_autoptr (OsTensor) frame = os_tensor_select (picture, 0, 0);

      os_vae12_encoder_push (encoder, self->compute, frame);
    }
    if (!os_compute_check (self->compute, error)
        || (i >= shared && !emit_frame (self, picture, receiver, error)))
      return FALSE;
    os_task_progress (task, OPENSORA_STAGE_DECODE, i + 1, p->num_frames);
  }
  if (!encoder)
    return TRUE;
  encoded = os_vae12_encoder_finish (encoder, self->compute, 1);
  os_conditions_continue (self->conditions, loop + 1, encoded,
      p->condition_frame_length, p->condition_frame_edit);
  return os_compute_check (self->compute, error);
}

gboolean
os_clip_generate (
    OsClip *self, OpensoraFrameFunc frame, gpointer user_data, GError **error)
{
  Receiver receiver = { frame, user_data, 0 };
  g_autoptr (OsTensor) latents = NULL;

  for (guint loop = 0; loop < self->params->loop; loop++) {
    g_clear_pointer (&latents, os_tensor_unref);
    latents = sample (self, loop, error);
    if (!latents || !decode (self, loop, latents, &receiver, error))
      return FALSE;
  }
  if (self->tail)
    os_tail_set (self->tail, latents, self->params->num_frames);
  return TRUE;
}

gboolean
os_generate_clip (OsBundle *bundle, OsCompute *compute,
    OpensoraParams *resolved, OsTail *tail, OpensoraFrameFunc frame,
    gpointer user_data, GError **error)
{
  g_autoptr (OsSources) sources = os_sources_new (
      bundle, os_params_peek (resolved), os_compute_get_task (compute));
  g_autoptr (OsClip) clip =
      os_clip_new (bundle, compute, resolved, sources, tail, error);
  const gint64 begin = g_get_monotonic_time ();

  if (!clip || !os_clip_generate (clip, frame, user_data, error))
    return FALSE;
  g_debug ("A clip in %.2f s; at most %" G_GUINT64_FORMAT " MB in use so far",
      (g_get_monotonic_time () - begin) * 1e-6,
      os_mem_pool_get_peak (os_compute_get_pool (compute)) / 1000000);
  return TRUE;
}
