/* SPDX-License-Identifier: Apache-2.0 */
/* OpensoraParams: what to generate. All of it is properties; the id of a
 * property is the offset of its value in the object, and its type says what
 * lies there. */
#include "pipeline/params.h"

struct _OpensoraParams {
  GObject parent_instance;
  OsParams values;
};

#define ID(field) G_STRUCT_OFFSET (OpensoraParams, values.field)

#define FLAGS                                                                  \
  (G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS              \
      | G_PARAM_EXPLICIT_NOTIFY)

G_DEFINE_FINAL_TYPE (OpensoraParams, opensora_params, G_TYPE_OBJECT)

static void
opensora_params_get_property (
    GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  gconstpointer field = G_STRUCT_MEMBER_P (object, id);

  switch (G_TYPE_FUNDAMENTAL (pspec->value_type)) {
    case G_TYPE_STRING:
      g_value_set_string (value, *(char *const *) field);
      break;
    case G_TYPE_INT64:
      g_value_set_int64 (value, *(const gint64 *) field);
      break;
    case G_TYPE_UINT:
      g_value_set_uint (value, *(const guint *) field);
      break;
    case G_TYPE_INT:
      g_value_set_int (value, *(const gint *) field);
      break;
    case G_TYPE_ENUM:
      g_value_set_enum (value, *(const gint *) field);
      break;
    case G_TYPE_DOUBLE:
      g_value_set_double (value, *(const double *) field);
      break;
    case G_TYPE_BOOLEAN:
      g_value_set_boolean (value, *(const gboolean *) field);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
}

static void
store (gpointer field, const GValue *value)
{
  switch (G_TYPE_FUNDAMENTAL (G_VALUE_TYPE (value))) {
    case G_TYPE_STRING:
      g_free (*(char **) field);
      *(char **) field = g_value_dup_string (value);
      break;
    case G_TYPE_INT64:
      *(gint64 *) field = g_value_get_int64 (value);
      break;
    case G_TYPE_UINT:
      *(guint *) field = g_value_get_uint (value);
      break;
    case G_TYPE_INT:
      *(gint *) field = g_value_get_int (value);
      break;
    case G_TYPE_ENUM:
      *(gint *) field = g_value_get_enum (value);
      break;
    case G_TYPE_DOUBLE:
      *(double *) field = g_value_get_double (value);
      break;
    case G_TYPE_BOOLEAN:
      *(gboolean *) field = g_value_get_boolean (value);
      break;
  }
}

static void
opensora_params_set_property (
    GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  g_auto (GValue) before = G_VALUE_INIT;

  g_value_init (&before, pspec->value_type);
  opensora_params_get_property (object, id, &before, pspec);
  if (g_param_values_cmp (pspec, &before, value) == 0)
    return;
  store (G_STRUCT_MEMBER_P (object, id), value);
  g_object_notify_by_pspec (object, pspec);
}

static void
opensora_params_finalize (GObject *object)
{
  OsParams *values = &OPENSORA_PARAMS (object)->values;

  g_free (values->prompt);
  g_free (values->camera_motion);
  g_free (values->resolution);
  g_free (values->aspect_ratio);
  g_free (values->reference_path);
  g_free (values->mask_strategy);
  g_free (values->step_cache);
  G_OBJECT_CLASS (opensora_params_parent_class)->finalize (object);
}

static void
install_prompt (GObjectClass *klass)
{
  /**
   * OpensoraParams:prompt:
   *
   * What to show, UTF-8. %NULL: the model's default prompt.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, ID (prompt),
      g_param_spec_string ("prompt", NULL, NULL, NULL, FLAGS));
  /**
   * OpensoraParams:aesthetic-score:
   *
   * How beautiful the pictures are to be, told to the model in the prompt; the
   * training pictures have scores of about 4 to 7. -1: the model's default; 0:
   * say nothing.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, ID (aesthetic_score),
      g_param_spec_double ("aesthetic-score", NULL, NULL, -1, 100, -1, FLAGS));
  /**
   * OpensoraParams:motion-score:
   *
   * How much is to move, told to the model in the prompt. -1: say nothing.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, ID (motion_score),
      g_param_spec_double ("motion-score", NULL, NULL, -1, 1000, -1, FLAGS));
  /**
   * OpensoraParams:camera-motion:
   *
   * How the camera is to move, told to the model in the prompt: "pan right",
   * "pan left", "tilt up", "tilt down", "zoom in", "zoom out" or "static" are
   * what Open-Sora was trained with. %NULL: say nothing.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, ID (camera_motion),
      g_param_spec_string ("camera-motion", NULL, NULL, NULL, FLAGS));
}

static void
install_sampling (GObjectClass *klass)
{
  /**
   * OpensoraParams:steps:
   *
   * Number of sampling steps. 0: the model's default.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, ID (steps),
      g_param_spec_uint ("steps", NULL, NULL, 0, 1000, 0, FLAGS));
  /**
   * OpensoraParams:step-cache:
   *
   * Whether steps that change little do without most of the network, by adding
   * what it did in an earlier step (TeaCache, arXiv 2411.19108): "off", "on",
   * which is a threshold that the model is known to do well with, or a
   * threshold. It is the change that may add up until a step is computed again:
   * 0 computes all of them, with the demo model 0.1 leaves half of 30 steps
   * out and 0.2 two thirds. %NULL: "off".
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, ID (step_cache),
      g_param_spec_string ("step-cache", NULL, NULL, NULL, FLAGS));
  /**
   * OpensoraParams:guidance-scale:
   *
   * How strongly the prompt is followed (classifier-free guidance); 1 is
   * without guidance. -1: the model's default.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, ID (guidance_scale),
      g_param_spec_double ("guidance-scale", NULL, NULL, -1, 100, -1, FLAGS));
  /**
   * OpensoraParams:seed:
   *
   * Seed of the random numbers; the same seed gives the same video. -1: another
   * one each time.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, ID (seed),
      g_param_spec_int64 ("seed", NULL, NULL, -1, G_MAXINT64, 42, FLAGS));
  /**
   * OpensoraParams:noise:
   *
   * Whose random numbers the seed starts: a seed found with Open-Sora on a
   * graphics card needs %OPENSORA_NOISE_CUDA.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, ID (noise),
      g_param_spec_enum (
          "noise", NULL, NULL, OPENSORA_TYPE_NOISE, OPENSORA_NOISE_CPU, FLAGS));
  /**
   * OpensoraParams:noise-dtype:
   *
   * The type that the random numbers are drawn in: the `dtype` of Open-Sora's
   * config.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, ID (noise_dtype),
      g_param_spec_enum ("noise-dtype", NULL, NULL, OPENSORA_TYPE_NOISE_DTYPE,
          OPENSORA_NOISE_DTYPE_F32, FLAGS));
}

static void
install_format (GObjectClass *klass)
{
  /**
   * OpensoraParams:resolution:
   *
   * A size by its name, such as "240p", of which [property@Params:aspect-ratio]
   * chooses the shape; or WIDTHxHEIGHT in pixels, such as "426x240". The model
   * is told this size; the frames are the next smaller ones that it can make.
   * Not used if both [property@Params:width] and [property@Params:height] say
   * something else. %NULL: the model's default.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, ID (resolution),
      g_param_spec_string ("resolution", NULL, NULL, NULL, FLAGS));
  /**
   * OpensoraParams:aspect-ratio:
   *
   * The shape of a [property@Params:resolution] with a name, as Open-Sora 1
   * writes it, height:width: "9:16" is wide. %NULL: the model's default.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, ID (aspect_ratio),
      g_param_spec_string ("aspect-ratio", NULL, NULL, NULL, FLAGS));
  /**
   * OpensoraParams:width:
   *
   * Width in pixels, a multiple of what opensora_pipeline_get_size_step()
   * returns. 0: what [property@Params:resolution] says.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, ID (width),
      g_param_spec_uint ("width", NULL, NULL, 0, G_MAXINT, 0, FLAGS));
  /**
   * OpensoraParams:height:
   *
   * Height in pixels, as the width.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, ID (height),
      g_param_spec_uint ("height", NULL, NULL, 0, G_MAXINT, 0, FLAGS));
  /**
   * OpensoraParams:num-frames:
   *
   * Length of the clip in frames; 1 is a still picture. 0: the model's default.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, ID (num_frames),
      g_param_spec_uint ("num-frames", NULL, NULL, 0, 4096, 0, FLAGS));
  /**
   * OpensoraParams:fps:
   *
   * Frames a second that the motion is made for. 0: the model's default.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, ID (fps),
      g_param_spec_double ("fps", NULL, NULL, 0, 1000, 0, FLAGS));
  /**
   * OpensoraParams:frame-interval:
   *
   * Of how many frames of its training videos the model takes each frame for
   * one: it is told [property@Params:fps] times this. 0: the model's default,
   * which is 3 for Open-Sora 1.1 and 1 for the others.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, ID (frame_interval),
      g_param_spec_uint ("frame-interval", NULL, NULL, 0, G_MAXINT, 0, FLAGS));
}

static void
install_conditions (GObjectClass *klass)
{
  /**
   * OpensoraParams:reference-path:
   *
   * Pictures and videos that the clip begins with, ends in or is made from:
   * paths of files, separated by ";". %NULL: none.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, ID (reference_path),
      g_param_spec_string ("reference-path", NULL, NULL, NULL, FLAGS));
  /**
   * OpensoraParams:mask-strategy:
   *
   * Which frames of the references go where, in latent frames (with Open-Sora
   * 1.2 17 frames are 5 of them, with 1.1 each is one): groups separated by
   * ";", each up to six numbers, loop, reference, first frame of the reference,
   * first frame of the clip, length, edit ratio. "0" begins with the first
   * frame of the first reference. %NULL: that, if there is a reference; the
   * empty text: nothing is given.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, ID (mask_strategy),
      g_param_spec_string ("mask-strategy", NULL, NULL, NULL, FLAGS));
  /**
   * OpensoraParams:align:
   *
   * What first frames of [property@Params:mask-strategy] are rounded to
   * multiples of, in latent frames. -1: the model's default; 0: not rounded.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, ID (align),
      g_param_spec_int ("align", NULL, NULL, -1, 4096, -1, FLAGS));
  /**
   * OpensoraParams:loop:
   *
   * How many clips are made, each but the first going on from the end of the
   * one before.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, ID (loop),
      g_param_spec_uint ("loop", NULL, NULL, 1, 1000, 1, FLAGS));
  /**
   * OpensoraParams:condition-frame-length:
   *
   * How much of a clip the next one goes on from, in latent frames: with
   * Open-Sora 1.2 a multiple of 5, which are 17 frames, with 1.1 any number of
   * frames. -1: the model's default.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, ID (condition_frame_length),
      g_param_spec_int (
          "condition-frame-length", NULL, NULL, -1, 4096, -1, FLAGS));
  /**
   * OpensoraParams:condition-frame-edit:
   *
   * How much of what a clip goes on from may change: 0 keeps it, 1 makes it
   * anew.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, ID (condition_frame_edit),
      g_param_spec_double ("condition-frame-edit", NULL, NULL, 0, 1, 0, FLAGS));
  /**
   * OpensoraParams:continue-previous:
   *
   * Whether the clip goes on from the last one that the pipeline completed, as
   * a further loop would: the same [property@Params:condition-frame-length] and
   * [property@Params:condition-frame-edit], and the frames that both share are
   * not given out again. Only the random numbers are not those of a loop, but
   * the ones that this clip's seed starts. Where there is no clip before, or
   * one of another size, or one that is shorter than what is carried, the clip
   * starts afresh: resolved parameters say which of the two it is.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, ID (continue_previous),
      g_param_spec_boolean ("continue-previous", NULL, NULL, FALSE, FLAGS));
}

static void
opensora_params_class_init (OpensoraParamsClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = opensora_params_set_property;
  object_class->get_property = opensora_params_get_property;
  object_class->finalize = opensora_params_finalize;
  install_prompt (object_class);
  install_sampling (object_class);
  install_format (object_class);
  install_conditions (object_class);
}

static void
opensora_params_init (OpensoraParams *self)
{
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
  g_autofree GParamSpec **specs = NULL;
  guint n;

  g_return_val_if_fail (OPENSORA_IS_PARAMS (self), NULL);
  copy = opensora_params_new ();
  specs = g_object_class_list_properties (G_OBJECT_GET_CLASS (self), &n);
  for (guint i = 0; i < n; i++) {
    g_auto (GValue) value = G_VALUE_INIT;

    g_value_init (&value, specs[i]->value_type);
    g_object_get_property (G_OBJECT (self), specs[i]->name, &value);
    g_object_set_property (G_OBJECT (copy), specs[i]->name, &value);
  }
  return copy;
}

const OsParams *
os_params_peek (OpensoraParams *self)
{
  return &self->values;
}
