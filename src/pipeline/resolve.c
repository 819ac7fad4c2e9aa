/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters meet a model: defaults filled in, what cannot be made refused. */
#include "pipeline/resolve.h"

#include <math.h>
#include <string.h>

#include "settings/mask-strategy.h"
#include "settings/prompt.h"
#include "settings/resolution.h"

#define MAX_SIZE 4096
#define MAX_PIXELS (1 << 20) /* of a side, before it is refused */

/* --- Sizes --- */

/* "426x240", width first. */
static gboolean
parse_pixels (const char *text, guint *width, guint *height)
{
  g_auto (GStrv) sides = g_strsplit (text, "x", 3);
  guint64 w, h;

  if (g_strv_length (sides) != 2
      || !g_ascii_string_to_unsigned (sides[0], 10, 1, MAX_PIXELS, &w, NULL)
      || !g_ascii_string_to_unsigned (sides[1], 10, 1, MAX_PIXELS, &h, NULL))
    return FALSE;
  *width = w;
  *height = h;
  return TRUE;
}

static gboolean
find_nominal (const char *resolution, const char *aspect_ratio, guint *width,
    guint *height, GError **error)
{
  return parse_pixels (resolution, width, height)
         || os_resolution_find (resolution, aspect_ratio, width, height, error);
}

void
os_resolve_nominal_size (const OsParams *params, guint *width, guint *height)
{
  *width = params->width;
  *height = params->height;
  if (params->resolution)
    find_nominal (
        params->resolution, params->aspect_ratio, width, height, NULL);
}

/* Sizes that are given win over names, and a name that is asked for over the
 * model's own size. */
static gboolean
fill_size (const OsFamily *f, OpensoraParams *params, GError **error)
{
  const OsParams *p = os_params_peek (params);
  const char *resolution = p->resolution ? p->resolution : f->resolution;
  const char *ratio = p->aspect_ratio ? p->aspect_ratio : f->aspect_ratio;
  guint nominal_width = f->width, nominal_height = f->height;
  guint width, height;

  if (resolution
      && !find_nominal (
          resolution, ratio, &nominal_width, &nominal_height, error))
    return FALSE;
  if (!resolution && p->aspect_ratio) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
        "aspect-ratio %s is one of a named size, and this model's own size has "
        "no name; set resolution as well",
        p->aspect_ratio);
    return FALSE;
  }
  width = nominal_width / f->size_step * f->size_step;
  height = nominal_height / f->size_step * f->size_step;
  if ((p->width && p->width != width) || (p->height && p->height != height))
    resolution = NULL;
  if (!resolution || strchr (resolution, 'x'))
    ratio = NULL;
  g_object_set (params, "width", p->width ? p->width : width, "height",
      p->height ? p->height : height, "resolution", resolution, "aspect-ratio",
      ratio, NULL);
  return TRUE;
}

static gboolean
check_size (
    const OsFamily *family, const char *name, guint size, GError **error)
{
  const guint step = family->size_step;
  const guint below = CLAMP (size / step * step, 2 * step, MAX_SIZE);
  const guint above = MIN (below + step, MAX_SIZE);

  if (size % step == 0 && size >= 2 * step && size <= MAX_SIZE)
    return TRUE;
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
      "%s %u is not possible: Open-Sora %s makes multiples of %u from %u to "
      "%u; the nearest are %u and %u",
      name, size, family->version, step, 2 * step, MAX_SIZE,
      size > MAX_SIZE ? MAX_SIZE - step : below, above);
  return FALSE;
}

/* --- Frames --- */

static gboolean
check_frames (const OsFamily *family, guint num_frames, GError **error)
{
  if (num_frames == 1 || num_frames >= family->min_video_frames)
    return TRUE;
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
      "num-frames %u is not possible: Open-Sora %s makes pictures (1) and "
      "videos of at least %u frames; the nearest are 1 and %u",
      num_frames, family->version, family->min_video_frames,
      family->min_video_frames);
  return FALSE;
}

guint
os_resolve_carried_frames (const OsFamily *family, const OsParams *params)
{
  return params->condition_frame_length / family->carried_latents
         * family->carried_frames;
}

guint
os_resolve_shared_frames (
    const OsFamily *family, const OsParams *params, guint loop)
{
  return loop > 0 || params->continue_previous
             ? os_resolve_carried_frames (family, params)
             : 0;
}

guint
os_resolve_count_frames (const OsFamily *family, const OsParams *params)
{
  return params->loop * params->num_frames
         - (params->loop - 1) * os_resolve_carried_frames (family, params)
         - os_resolve_shared_frames (family, params, 0);
}

/* A clip goes on from a part of the one before: what is left is new. */
static gboolean
check_loop (const OsFamily *f, const OsParams *p, GError **error)
{
  const guint length = p->condition_frame_length;
  const guint below = length / f->carried_latents * f->carried_latents;

  if (p->loop == 1 && !p->continue_previous)
    return TRUE;
  if (length != below) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
        "condition-frame-length %u is not possible: Open-Sora %s carries "
        "multiples of %u latent frames; the nearest are %u and %u",
        length, f->version, f->carried_latents, below,
        below + f->carried_latents);
    return FALSE;
  }
  if (os_resolve_carried_frames (f, p) < p->num_frames)
    return TRUE;
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
      "condition-frame-length %u is not possible with num-frames %u: it is %u "
      "frames, and nothing would be new; use a shorter one, or longer clips",
      length, p->num_frames, os_resolve_carried_frames (f, p));
  return FALSE;
}

/* --- Steps that are left out --- */

gboolean
os_resolve_step_cache (const OsFamily *f, const OsParams *p,
    OsStepCacheSettings *settings, GError **error)
{
  const char *text = p->step_cache ? p->step_cache : "off";
  char *end;

  *settings = f->step_cache;
  if (g_str_equal (text, "off")) {
    settings->threshold = 0;
    return TRUE;
  }
  if (g_str_equal (text, "on")) {
    if (settings->threshold > 0)
      return TRUE;
    g_set_error_literal (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
        "step-cache \"on\" is not possible: no threshold is known for this "
        "model; name one, such as 0.1, or calibrate the model and write "
        "step_cache into its opensora.json");
    return FALSE;
  }
  settings->threshold = g_ascii_strtod (text, &end);
  if (end != text && *end == '\0' && isfinite (settings->threshold)
      && settings->threshold >= 0)
    return TRUE;
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
      "step-cache \"%s\" is not possible: \"off\", \"on\" or a threshold from "
      "0 "
      "up is expected, such as 0.1",
      text);
  return FALSE;
}

/* --- Texts --- */

static gboolean
check_mask_strategy (const char *text, GError **error)
{
  g_autoptr (GArray) groups = os_mask_strategy_parse (text, error);

  return groups != NULL;
}

/* What is not a prompt, to a model that takes prompts alone. */
static gboolean
check_conditions (const OsFamily *f, const OsParams *p, const OsPrompt *prompt,
    GError **error)
{
  const OsSamplerInfo *sampler = os_sampler_get_info (f->sampler);
  const struct {
    const char *name;
    gboolean used;
  } conditions[] = {
    { "reference-path", p->reference_path && *p->reference_path },
    { "mask-strategy", p->mask_strategy && *p->mask_strategy },
    { "loop", p->loop > 1 },
    { "continue-previous", p->continue_previous },
    { "reference_path of the prompt", prompt->reference_path != NULL },
    { "mask_strategy of the prompt", prompt->mask_strategy != NULL },
  };

  if (f->takes_references && sampler->takes_frame_mask)
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (conditions); i++) {
    if (!conditions[i].used)
      continue;
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
        "%s is not possible: Open-Sora %s with the sampler %s makes clips from "
        "prompts alone; leave it out, or use opensora-1.1 or later",
        conditions[i].name, f->version, sampler->name);
    return FALSE;
  }
  return TRUE;
}

static gboolean
check_steps (const OsFamily *f, guint steps, GError **error)
{
  const OsSamplerInfo *sampler = os_sampler_get_info (f->sampler);

  if (steps >= sampler->min_steps)
    return TRUE;
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
      "steps %u is not possible: the sampler %s takes at least %u", steps,
      sampler->name, sampler->min_steps);
  return FALSE;
}

static gboolean
check_text (const char *property, const char *text, GError **error)
{
  if (!text || g_utf8_validate (text, -1, NULL))
    return TRUE;
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
      "The %s is not valid UTF-8; convert it", property);
  return FALSE;
}

static gboolean
check_prompt (const OsFamily *f, const OsParams *p, GError **error)
{
  const char *text = p->prompt;
  g_autoptr (OsPrompt) prompt = NULL;

  if (!text) {
    g_set_error_literal (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
        "No prompt is set, and this model has no default one; set prompt");
    return FALSE;
  }
  if (!check_text ("prompt", text, error)
      || !check_text ("camera-motion", p->camera_motion, error))
    return FALSE;
  prompt = os_prompt_parse (text, f->prompt_grammar, error);
  return prompt && os_prompt_check_loops (prompt, p->loop, error)
         && check_conditions (f, p, prompt, error)
         && check_mask_strategy (prompt->mask_strategy, error);
}

/* --- All --- */

/* What goes on has something new by default. */
static guint
get_default_frames (const OsFamily *f, const OsParams *p)
{
  const guint carried = os_resolve_carried_frames (f, p);

  if ((p->loop > 1 || p->continue_previous) && carried >= f->num_frames)
    return f->num_frames + carried;
  return f->num_frames;
}

static void
fill_defaults (const OsBundle *bundle, OpensoraParams *params)
{
  const OsFamily *f = &bundle->family;
  const OsParams *p = os_params_peek (params);

  if (p->condition_frame_length < 0)
    g_object_set (
        params, "condition-frame-length", f->condition_frame_length, NULL);
  g_object_set (params, "prompt", p->prompt ? p->prompt : bundle->prompt,
      "seed", p->seed < 0 ? (gint64) (g_random_int () & G_MAXINT32) : p->seed,
      "steps", p->steps ? p->steps : f->steps, "guidance-scale",
      p->guidance_scale < 0 ? f->guidance_scale : p->guidance_scale,
      "num-frames", p->num_frames ? p->num_frames : get_default_frames (f, p),
      "fps", p->fps == 0 ? f->fps : p->fps, "frame-interval",
      p->frame_interval ? p->frame_interval : f->frame_interval,
      "aesthetic-score",
      p->aesthetic_score < 0 ? f->aesthetic_score : p->aesthetic_score, "align",
      p->align < 0 ? (int) f->align : p->align, NULL);
}

OpensoraParams *
os_resolve (const OsBundle *bundle, OpensoraParams *params, GError **error)
{
  g_autoptr (OpensoraParams) resolved = opensora_params_copy (params);
  const OsParams *p = os_params_peek (resolved);
  const OsFamily *f = &bundle->family;
  OsStepCacheSettings step_cache;

  fill_defaults (bundle, resolved);
  if (!fill_size (f, resolved, error)
      || !check_size (f, "width", p->width, error)
      || !check_size (f, "height", p->height, error)
      || !check_steps (f, p->steps, error)
      || !os_resolve_step_cache (f, p, &step_cache, error)
      || !check_frames (f, p->num_frames, error) || !check_prompt (f, p, error)
      || !check_loop (f, p, error)
      || !check_mask_strategy (p->mask_strategy, error))
    return NULL;
  return g_steal_pointer (&resolved);
}
