/* SPDX-License-Identifier: Apache-2.0 */
/* The properties of OpensoraParams that every program meets, as functions. */
#include "pipeline/params.h"

/**
 * opensora_params_get_prompt:
 * @self: parameters
 *
 * Returns: (transfer none) (nullable): the prompt
 *
 * Since: 0.1
 */
const char *
opensora_params_get_prompt (OpensoraParams *self)
{
  g_return_val_if_fail (OPENSORA_IS_PARAMS (self), NULL);
  return os_params_peek (self)->prompt;
}

/**
 * opensora_params_set_prompt:
 * @self: parameters
 * @prompt: (nullable): what to show
 *
 * Since: 0.1
 */
void
opensora_params_set_prompt (OpensoraParams *self, const char *prompt)
{
  g_return_if_fail (OPENSORA_IS_PARAMS (self));
  g_object_set (self, "prompt", prompt, NULL);
}

/**
 * opensora_params_get_seed:
 * @self: parameters
 *
 * Returns: the seed, or -1
 *
 * Since: 0.1
 */
gint64
opensora_params_get_seed (OpensoraParams *self)
{
  g_return_val_if_fail (OPENSORA_IS_PARAMS (self), 0);
  return os_params_peek (self)->seed;
}

/**
 * opensora_params_set_seed:
 * @self: parameters
 * @seed: a seed, or -1 for another one each time
 *
 * Since: 0.1
 */
void
opensora_params_set_seed (OpensoraParams *self, gint64 seed)
{
  g_return_if_fail (OPENSORA_IS_PARAMS (self));
  g_object_set (self, "seed", seed, NULL);
}

/**
 * opensora_params_get_steps:
 * @self: parameters
 *
 * Returns: the number of sampling steps, 0 for the model's default
 *
 * Since: 0.1
 */
guint
opensora_params_get_steps (OpensoraParams *self)
{
  g_return_val_if_fail (OPENSORA_IS_PARAMS (self), 0);
  return os_params_peek (self)->steps;
}

/**
 * opensora_params_set_steps:
 * @self: parameters
 * @steps: sampling steps, 0 for the model's default
 *
 * Since: 0.1
 */
void
opensora_params_set_steps (OpensoraParams *self, guint steps)
{
  g_return_if_fail (OPENSORA_IS_PARAMS (self));
  g_object_set (self, "steps", steps, NULL);
}

/**
 * opensora_params_get_guidance_scale:
 * @self: parameters
 *
 * Returns: the guidance scale, -1 for the model's default
 *
 * Since: 0.1
 */
double
opensora_params_get_guidance_scale (OpensoraParams *self)
{
  g_return_val_if_fail (OPENSORA_IS_PARAMS (self), 0);
  return os_params_peek (self)->guidance_scale;
}

/**
 * opensora_params_set_guidance_scale:
 * @self: parameters
 * @guidance_scale: guidance scale, -1 for the model's default
 *
 * Since: 0.1
 */
void
opensora_params_set_guidance_scale (OpensoraParams *self, double guidance_scale)
{
  g_return_if_fail (OPENSORA_IS_PARAMS (self));
  g_object_set (self, "guidance-scale", guidance_scale, NULL);
}

/**
 * opensora_params_get_num_frames:
 * @self: parameters
 *
 * Returns: the number of frames, 0 for the model's default
 *
 * Since: 0.1
 */
guint
opensora_params_get_num_frames (OpensoraParams *self)
{
  g_return_val_if_fail (OPENSORA_IS_PARAMS (self), 0);
  return os_params_peek (self)->num_frames;
}

/**
 * opensora_params_set_num_frames:
 * @self: parameters
 * @num_frames: number of frames, 0 for the model's default
 *
 * Since: 0.1
 */
void
opensora_params_set_num_frames (OpensoraParams *self, guint num_frames)
{
  g_return_if_fail (OPENSORA_IS_PARAMS (self));
  g_object_set (self, "num-frames", num_frames, NULL);
}

/**
 * opensora_params_get_width:
 * @self: parameters
 *
 * Returns: the width in pixels, 0 for the model's default
 *
 * Since: 0.1
 */
guint
opensora_params_get_width (OpensoraParams *self)
{
  g_return_val_if_fail (OPENSORA_IS_PARAMS (self), 0);
  return os_params_peek (self)->width;
}

/**
 * opensora_params_set_width:
 * @self: parameters
 * @width: width in pixels, 0 for the model's default
 *
 * Since: 0.1
 */
void
opensora_params_set_width (OpensoraParams *self, guint width)
{
  g_return_if_fail (OPENSORA_IS_PARAMS (self));
  g_object_set (self, "width", width, NULL);
}

/**
 * opensora_params_get_height:
 * @self: parameters
 *
 * Returns: the height in pixels, 0 for the model's default
 *
 * Since: 0.1
 */
guint
opensora_params_get_height (OpensoraParams *self)
{
  g_return_val_if_fail (OPENSORA_IS_PARAMS (self), 0);
  return os_params_peek (self)->height;
}

/**
 * opensora_params_set_height:
 * @self: parameters
 * @height: height in pixels, 0 for the model's default
 *
 * Since: 0.1
 */
void
opensora_params_set_height (OpensoraParams *self, guint height)
{
  g_return_if_fail (OPENSORA_IS_PARAMS (self));
  g_object_set (self, "height", height, NULL);
}

/**
 * opensora_params_get_fps:
 * @self: parameters
 *
 * Returns: frames a second, 0 for the model's default
 *
 * Since: 0.1
 */
double
opensora_params_get_fps (OpensoraParams *self)
{
  g_return_val_if_fail (OPENSORA_IS_PARAMS (self), 0);
  return os_params_peek (self)->fps;
}

/**
 * opensora_params_set_fps:
 * @self: parameters
 * @fps: frames a second, 0 for the model's default
 *
 * Since: 0.1
 */
void
opensora_params_set_fps (OpensoraParams *self, double fps)
{
  g_return_if_fail (OPENSORA_IS_PARAMS (self));
  g_object_set (self, "fps", fps, NULL);
}
