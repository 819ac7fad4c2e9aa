/* SPDX-License-Identifier: Apache-2.0 */
/* OpensoraParams: what to generate. */
#include <opensora/opensora.h>

struct _OpensoraParams {
  GObject parent_instance;
  char *prompt;
  gint64 seed;
  guint steps;
  double guidance_scale;
  guint num_frames;
  guint width;
  guint height;
  double fps;
};

enum {
  PROP_PROMPT = 1,
  PROP_SEED,
  PROP_STEPS,
  PROP_GUIDANCE_SCALE,
  PROP_NUM_FRAMES,
  PROP_WIDTH,
  PROP_HEIGHT,
  PROP_FPS,
  N_PROPERTIES
};

static GParamSpec *properties[N_PROPERTIES];

G_DEFINE_FINAL_TYPE (OpensoraParams, opensora_params, G_TYPE_OBJECT)

static void
opensora_params_set_property (
    GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  OpensoraParams *self = OPENSORA_PARAMS (object);

  switch (id) {
    case PROP_PROMPT:
      opensora_params_set_prompt (self, g_value_get_string (value));
      break;
    case PROP_SEED:
      opensora_params_set_seed (self, g_value_get_int64 (value));
      break;
    case PROP_STEPS:
      opensora_params_set_steps (self, g_value_get_uint (value));
      break;
    case PROP_GUIDANCE_SCALE:
      opensora_params_set_guidance_scale (self, g_value_get_double (value));
      break;
    case PROP_NUM_FRAMES:
      opensora_params_set_num_frames (self, g_value_get_uint (value));
      break;
    case PROP_WIDTH:
      opensora_params_set_width (self, g_value_get_uint (value));
      break;
    case PROP_HEIGHT:
      opensora_params_set_height (self, g_value_get_uint (value));
      break;
    case PROP_FPS:
      opensora_params_set_fps (self, g_value_get_double (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
}

static void
opensora_params_get_property (
    GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  OpensoraParams *self = OPENSORA_PARAMS (object);

  switch (id) {
    case PROP_PROMPT:
      g_value_set_string (value, self->prompt);
      break;
    case PROP_SEED:
      g_value_set_int64 (value, self->seed);
      break;
    case PROP_STEPS:
      g_value_set_uint (value, self->steps);
      break;
    case PROP_GUIDANCE_SCALE:
      g_value_set_double (value, self->guidance_scale);
      break;
    case PROP_NUM_FRAMES:
      g_value_set_uint (value, self->num_frames);
      break;
    case PROP_WIDTH:
      g_value_set_uint (value, self->width);
      break;
    case PROP_HEIGHT:
      g_value_set_uint (value, self->height);
      break;
    case PROP_FPS:
      g_value_set_double (value, self->fps);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
}

static void
opensora_params_finalize (GObject *object)
{
  g_free (OPENSORA_PARAMS (object)->prompt);
  G_OBJECT_CLASS (opensora_params_parent_class)->finalize (object);
}

static void
opensora_params_class_init (OpensoraParamsClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags =
      G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->set_property = opensora_params_set_property;
  object_class->get_property = opensora_params_get_property;
  object_class->finalize = opensora_params_finalize;

  /**
   * OpensoraParams:prompt:
   *
   * What to show, UTF-8. %NULL: the model's default prompt.
   *
   * Since: 0.1
   */
  properties[PROP_PROMPT] =
      g_param_spec_string ("prompt", NULL, NULL, NULL, flags);
  /**
   * OpensoraParams:seed:
   *
   * Seed of the random numbers; the same seed gives the same video. -1: another
   * one each time.
   *
   * Since: 0.1
   */
  properties[PROP_SEED] =
      g_param_spec_int64 ("seed", NULL, NULL, -1, G_MAXINT64, 42, flags);
  /**
   * OpensoraParams:steps:
   *
   * Number of sampling steps. 0: the model's default.
   *
   * Since: 0.1
   */
  properties[PROP_STEPS] =
      g_param_spec_uint ("steps", NULL, NULL, 0, 1000, 0, flags);
  /**
   * OpensoraParams:guidance-scale:
   *
   * How strongly the prompt is followed (classifier-free guidance); 1 is
   * without guidance. -1: the model's default.
   *
   * Since: 0.1
   */
  properties[PROP_GUIDANCE_SCALE] =
      g_param_spec_double ("guidance-scale", NULL, NULL, -1, 100, -1, flags);
  /**
   * OpensoraParams:num-frames:
   *
   * Length of the clip in frames; 1 is a still picture. 0: the model's default.
   *
   * Since: 0.1
   */
  properties[PROP_NUM_FRAMES] =
      g_param_spec_uint ("num-frames", NULL, NULL, 0, 4096, 0, flags);
  /**
   * OpensoraParams:width:
   *
   * Width in pixels, a multiple of what opensora_pipeline_get_size_step()
   * returns. 0: the model's default.
   *
   * Since: 0.1
   */
  properties[PROP_WIDTH] =
      g_param_spec_uint ("width", NULL, NULL, 0, G_MAXINT, 0, flags);
  /**
   * OpensoraParams:height:
   *
   * Height in pixels, as the width.
   *
   * Since: 0.1
   */
  properties[PROP_HEIGHT] =
      g_param_spec_uint ("height", NULL, NULL, 0, G_MAXINT, 0, flags);
  /**
   * OpensoraParams:fps:
   *
   * Frames a second that the motion is made for. 0: the model's default.
   *
   * Since: 0.1
   */
  properties[PROP_FPS] =
      g_param_spec_double ("fps", NULL, NULL, 0, 1000, 0, flags);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
opensora_params_init (OpensoraParams *self)
{
  self->seed = 42;
  self->guidance_scale = -1;
}

/**
 * opensora_params_new:
 *
 * Returns: (transfer full): parameters at their defaults
 *
 * Since: 0.1
 */
OpensoraParams *
opensora_params_new (void)
{
  return g_object_new (OPENSORA_TYPE_PARAMS, NULL);
}

/**
 * opensora_params_copy:
 * @self: parameters
 *
 * Returns: (transfer full): a copy
 *
 * Since: 0.1
 */
OpensoraParams *
opensora_params_copy (OpensoraParams *self)
{
  OpensoraParams *copy;

  g_return_val_if_fail (OPENSORA_IS_PARAMS (self), NULL);
  copy = opensora_params_new ();
  copy->prompt = g_strdup (self->prompt);
  copy->seed = self->seed;
  copy->steps = self->steps;
  copy->guidance_scale = self->guidance_scale;
  copy->num_frames = self->num_frames;
  copy->width = self->width;
  copy->height = self->height;
  copy->fps = self->fps;
  return copy;
}

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
  return self->prompt;
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
  if (g_strcmp0 (self->prompt, prompt) == 0)
    return;
  g_free (self->prompt);
  self->prompt = g_strdup (prompt);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_PROMPT]);
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
  return self->seed;
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
  if (self->seed == seed)
    return;
  self->seed = seed;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_SEED]);
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
  return self->steps;
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
  if (self->steps == steps)
    return;
  self->steps = steps;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_STEPS]);
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
  return self->guidance_scale;
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
  if (self->guidance_scale == guidance_scale)
    return;
  self->guidance_scale = guidance_scale;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_GUIDANCE_SCALE]);
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
  return self->num_frames;
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
  if (self->num_frames == num_frames)
    return;
  self->num_frames = num_frames;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_NUM_FRAMES]);
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
  return self->width;
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
  if (self->width == width)
    return;
  self->width = width;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_WIDTH]);
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
  return self->height;
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
  if (self->height == height)
    return;
  self->height = height;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_HEIGHT]);
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
  return self->fps;
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
  if (self->fps == fps)
    return;
  self->fps = fps;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_FPS]);
}
