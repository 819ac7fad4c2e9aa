/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters meet a model: defaults filled in, what cannot be made refused. */
#include "pipeline/generate.h"

#define MAX_SIZE 4096

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

static gboolean
check_frames (const OsFamily *family, guint num_frames, GError **error)
{
  if (num_frames == 1 || num_frames >= family->min_video_frames)
    return TRUE;
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
      "num-frames %u is not possible: Open-Sora %s makes pictures (1) and "
      "videos of at least %u frames",
      num_frames, family->version, family->min_video_frames);
  return FALSE;
}

static gboolean
check_prompt (const char *prompt, GError **error)
{
  if (!prompt) {
    g_set_error_literal (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
        "No prompt is set, and this model has no default one; set prompt");
    return FALSE;
  }
  if (!g_utf8_validate (prompt, -1, NULL)) {
    g_set_error_literal (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
        "The prompt is not valid UTF-8; convert it");
    return FALSE;
  }
  return TRUE;
}

static void
fill_defaults (const OsBundle *bundle, OpensoraParams *p)
{
  const OsFamily *f = &bundle->family;

  if (!opensora_params_get_prompt (p))
    opensora_params_set_prompt (p, bundle->prompt);
  if (opensora_params_get_seed (p) < 0)
    opensora_params_set_seed (p, g_random_int () & G_MAXINT32);
  if (opensora_params_get_steps (p) == 0)
    opensora_params_set_steps (p, f->steps);
  if (opensora_params_get_guidance_scale (p) < 0)
    opensora_params_set_guidance_scale (p, f->guidance_scale);
  if (opensora_params_get_num_frames (p) == 0)
    opensora_params_set_num_frames (p, f->num_frames);
  if (opensora_params_get_width (p) == 0)
    opensora_params_set_width (p, f->width);
  if (opensora_params_get_height (p) == 0)
    opensora_params_set_height (p, f->height);
  if (opensora_params_get_fps (p) == 0)
    opensora_params_set_fps (p, f->fps);
}

OpensoraParams *
os_generate_resolve (
    const OsBundle *bundle, OpensoraParams *params, GError **error)
{
  g_autoptr (OpensoraParams) p = opensora_params_copy (params);
  const OsFamily *f = &bundle->family;

  fill_defaults (bundle, p);
  if (!check_prompt (opensora_params_get_prompt (p), error)
      || !check_size (f, "width", opensora_params_get_width (p), error)
      || !check_size (f, "height", opensora_params_get_height (p), error)
      || !check_frames (f, opensora_params_get_num_frames (p), error))
    return NULL;
  return g_steal_pointer (&p);
}
