/* SPDX-License-Identifier: Apache-2.0 */
/* The properties of opensorasrc. "Model default" is a value of its own (0, -1
 * or NULL) and reads back as such: what a clip was made with is in the
 * messages. */
#include "gstopensorasettings.h"

#include <gst/gst.h>

#define DEFAULT_PROMPT NULL
#define DEFAULT_MODEL NULL
#define DEFAULT_SEED 42
#define DEFAULT_STEPS 0
#define DEFAULT_GUIDANCE_SCALE -1.0
#define DEFAULT_NUM_FRAMES 0
#define DEFAULT_N_THREADS 0
#define DEFAULT_BACKEND GST_OPENSORA_BACKEND_AUTO

enum {
  PROP_0,
  PROP_PROMPT,
  PROP_MODEL,
  PROP_SEED,
  PROP_STEPS,
  PROP_GUIDANCE_SCALE,
  PROP_NUM_FRAMES,
  PROP_N_THREADS,
  PROP_BACKEND,
};

static GType
gst_opensora_backend_get_type (void)
{
  static const GEnumValue values[] = {
    { GST_OPENSORA_BACKEND_AUTO, "The fastest one that is there", "auto" },
    { GST_OPENSORA_BACKEND_OPENBLAS, "OpenBLAS", "openblas" },
    { GST_OPENSORA_BACKEND_ONEDNN, "oneDNN", "onednn" },
    { 0, NULL, NULL },
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (
        &type, g_enum_register_static ("GstOpensoraBackend", values));
  return type;
}

static void
install_clip_properties (GObjectClass *klass, GParamFlags flags)
{
  /**
   * GstOpensoraSrc:prompt:
   *
   * The text to make a video of, in UTF-8. %NULL means the model's own default
   * prompt; a model without one reports an error. The empty text is legal.
   * Used from the next start on.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_PROMPT,
      g_param_spec_string ("prompt", "Prompt",
          "Text to make a video of, in UTF-8 (NULL = the model's default "
          "prompt, if it has one)",
          DEFAULT_PROMPT, flags));
  /**
   * GstOpensoraSrc:seed:
   *
   * Where the noise starts: one seed gives one video. With -1 every start
   * chooses another; the element message `opensora-clip-started` tells it.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_SEED,
      g_param_spec_int64 ("seed", "Seed",
          "Seed of the noise, one seed gives one video (-1 = another at every "
          "start)",
          -1, G_MAXINT64, DEFAULT_SEED, flags));
  /**
   * GstOpensoraSrc:steps:
   *
   * Number of denoising steps. More take longer and look better.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_STEPS,
      g_param_spec_uint ("steps", "Steps",
          "Number of denoising steps (0 = model's default)", 0, 1000,
          DEFAULT_STEPS, flags));
  /**
   * GstOpensoraSrc:guidance-scale:
   *
   * How strongly the prompt pulls, as a factor of classifier-free guidance.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_GUIDANCE_SCALE,
      g_param_spec_double ("guidance-scale", "Guidance scale",
          "Factor of classifier-free guidance, how strongly the prompt pulls "
          "(-1 = model's default)",
          -1.0, 100.0, DEFAULT_GUIDANCE_SCALE, flags));
  /**
   * GstOpensoraSrc:num-frames:
   *
   * Length of the clip in frames.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_NUM_FRAMES,
      g_param_spec_int ("num-frames", "Number of frames",
          "Length of the clip in frames (0 = model's default, 1 = still "
          "picture)",
          0, 4096, DEFAULT_NUM_FRAMES, flags));
}

static void
install_model_properties (GObjectClass *klass, GParamFlags flags)
{
  GType backend_type = gst_opensora_backend_get_type ();

  /**
   * GstOpensoraSrc:model:
   *
   * Folder of a model of the Open-Sora family. %NULL means the bundled demo
   * model.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_MODEL,
      g_param_spec_string ("model", "Model",
          "Folder with the weights of an Open-Sora model (NULL = the bundled "
          "demo model)",
          DEFAULT_MODEL, flags));
  /**
   * GstOpensoraSrc:n-threads:
   *
   * Number of threads that compute.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_N_THREADS,
      g_param_spec_uint ("n-threads", "Number of threads",
          "Number of threads that compute (0 = all usable cores)", 0, 1024,
          DEFAULT_N_THREADS, flags));
  /**
   * GstOpensoraSrc:backend:
   *
   * Library that multiplies matrices.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_BACKEND,
      g_param_spec_enum ("backend", "Backend",
          "Library that multiplies matrices", backend_type, DEFAULT_BACKEND,
          flags));
  gst_type_mark_as_plugin_api (backend_type, 0);
}

void
gst_opensora_settings_install (GObjectClass *klass)
{
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;

  install_clip_properties (klass, flags | GST_PARAM_MUTABLE_PLAYING);
  install_model_properties (klass, flags | GST_PARAM_MUTABLE_READY);
}

void
gst_opensora_settings_init (GstOpensoraSettings *self)
{
  g_mutex_init (&self->lock);
  self->prompt = g_strdup (DEFAULT_PROMPT);
  self->model = g_strdup (DEFAULT_MODEL);
  self->seed = DEFAULT_SEED;
  self->steps = DEFAULT_STEPS;
  self->guidance_scale = DEFAULT_GUIDANCE_SCALE;
  self->num_frames = DEFAULT_NUM_FRAMES;
  self->n_threads = DEFAULT_N_THREADS;
  self->backend = DEFAULT_BACKEND;
}

void
gst_opensora_settings_clear (GstOpensoraSettings *self)
{
  g_free (self->prompt);
  g_free (self->model);
  g_mutex_clear (&self->lock);
}

static void
set_model (GstOpensoraSettings *self, const char *model)
{
  if (g_strcmp0 (self->model, model) == 0)
    return;
  g_free (self->model);
  self->model = g_strdup (model);
  self->model_changed = TRUE;
}

gboolean
gst_opensora_settings_set (
    GstOpensoraSettings *self, guint id, const GValue *value)
{
  gboolean known = TRUE;

  g_mutex_lock (&self->lock);
  switch (id) {
    case PROP_PROMPT:
      g_free (self->prompt);
      self->prompt = g_value_dup_string (value);
      break;
    case PROP_MODEL:
      set_model (self, g_value_get_string (value));
      break;
    case PROP_SEED:
      self->seed = g_value_get_int64 (value);
      break;
    case PROP_STEPS:
      self->steps = g_value_get_uint (value);
      break;
    case PROP_GUIDANCE_SCALE:
      self->guidance_scale = g_value_get_double (value);
      break;
    case PROP_NUM_FRAMES:
      self->num_frames = g_value_get_int (value);
      break;
    case PROP_N_THREADS:
      self->model_changed |= self->n_threads != g_value_get_uint (value);
      self->n_threads = g_value_get_uint (value);
      break;
    case PROP_BACKEND:
      self->model_changed |= self->backend != g_value_get_enum (value);
      self->backend = g_value_get_enum (value);
      break;
    default:
      known = FALSE;
      break;
  }
  g_mutex_unlock (&self->lock);
  return known;
}

gboolean
gst_opensora_settings_get (GstOpensoraSettings *self, guint id, GValue *value)
{
  gboolean known = TRUE;

  g_mutex_lock (&self->lock);
  switch (id) {
    case PROP_PROMPT:
      g_value_set_string (value, self->prompt);
      break;
    case PROP_MODEL:
      g_value_set_string (value, self->model);
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
      g_value_set_int (value, self->num_frames);
      break;
    case PROP_N_THREADS:
      g_value_set_uint (value, self->n_threads);
      break;
    case PROP_BACKEND:
      g_value_set_enum (value, self->backend);
      break;
    default:
      known = FALSE;
      break;
  }
  g_mutex_unlock (&self->lock);
  return known;
}

static const char *
get_backend_name (GstOpensoraBackend backend)
{
  switch (backend) {
    case GST_OPENSORA_BACKEND_OPENBLAS:
      return "openblas";
    case GST_OPENSORA_BACKEND_ONEDNN:
      return "onednn";
    default:
      return NULL;
  }
}

OpensoraParams *
gst_opensora_settings_make_request (GstOpensoraSettings *self, GError **error)
{
  g_autoptr (OpensoraParams) request = opensora_params_new ();
  gboolean valid;

  g_mutex_lock (&self->lock);
  valid = self->prompt == NULL || g_utf8_validate (self->prompt, -1, NULL);
  if (valid)
    opensora_params_set_prompt (request, self->prompt);
  opensora_params_set_seed (request, self->seed);
  opensora_params_set_steps (request, self->steps);
  opensora_params_set_guidance_scale (request, self->guidance_scale);
  opensora_params_set_num_frames (request, self->num_frames);
  g_mutex_unlock (&self->lock);

  if (valid)
    return g_steal_pointer (&request);
  g_set_error_literal (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
      "The prompt is not valid UTF-8; convert it");
  return NULL;
}

void
gst_opensora_settings_update_pipeline (
    GstOpensoraSettings *self, OpensoraPipeline **pipeline)
{
  g_mutex_lock (&self->lock);
  if (self->model_changed)
    g_clear_object (pipeline);
  if (*pipeline == NULL)
    *pipeline = opensora_pipeline_new (
        self->model, get_backend_name (self->backend), self->n_threads);
  self->model_changed = FALSE;
  g_mutex_unlock (&self->lock);
}
