/* SPDX-License-Identifier: Apache-2.0 */
/* The properties of opensorasrc. "Model default" is a value of its own (0, -1
 * or NULL) and reads back as such: what a clip was made with is in the
 * messages. */
#include "gstopensorasettings.h"

#include <gst/gst.h>

#define DEFAULT_PROMPT NULL
#define DEFAULT_MODEL NULL
#define DEFAULT_REVISION NULL
#define DEFAULT_CACHE_DIR NULL
#define DEFAULT_LOCAL_FILES_ONLY FALSE
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
  PROP_REVISION,
  PROP_CACHE_DIR,
  PROP_LOCAL_FILES_ONLY,
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
  /**
   * GstOpensoraSrc:model:
   *
   * Folder of a model of the Open-Sora family, a release such as
   * `opensora-1.2`, or a repository `org/name` on the Hugging Face hub. %NULL
   * means the bundled demo model. A path that exists always wins; what begins
   * with `/`, `.` or `~` or has more than one `/` is never looked up on the
   * network.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_MODEL,
      g_param_spec_string ("model", "Model",
          "Folder of an Open-Sora model, a release such as opensora-1.2, or a "
          "Hugging Face repository org/name (NULL = the bundled demo model)",
          DEFAULT_MODEL, flags));
  /**
   * GstOpensoraSrc:revision:
   *
   * Branch, tag or commit of the model's repository. The commit that is used is
   * reported in the element messages.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_REVISION,
      g_param_spec_string ("revision", "Revision",
          "Branch, tag or commit of the model's Hugging Face repository (NULL "
          "= main)",
          DEFAULT_REVISION, flags));
  /**
   * GstOpensoraSrc:cache-dir:
   *
   * Folder of downloaded models. It has the layout of Python's huggingface_hub
   * and is shared with it.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_CACHE_DIR,
      g_param_spec_string ("cache-dir", "Cache folder",
          "Folder of downloaded models (NULL = HF_HUB_CACHE, else HF_HOME/hub, "
          "else ~/.cache/huggingface/hub)",
          DEFAULT_CACHE_DIR, flags));
  /**
   * GstOpensoraSrc:local-files-only:
   *
   * Use no network at all, as if the environment variable `HF_HUB_OFFLINE` were
   * set. A model that is whole in the cache starts without network in any case.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_LOCAL_FILES_ONLY,
      g_param_spec_boolean ("local-files-only", "Local files only",
          "Use no network: the model must be in the cache already",
          DEFAULT_LOCAL_FILES_ONLY, flags));
}

static void
install_compute_properties (GObjectClass *klass, GParamFlags flags)
{
  GType backend_type = gst_opensora_backend_get_type ();

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
  install_compute_properties (klass, flags | GST_PARAM_MUTABLE_READY);
}

void
gst_opensora_settings_init (GstOpensoraSettings *self)
{
  g_mutex_init (&self->lock);
  self->prompt = g_strdup (DEFAULT_PROMPT);
  self->model = g_strdup (DEFAULT_MODEL);
  self->revision = g_strdup (DEFAULT_REVISION);
  self->cache_dir = g_strdup (DEFAULT_CACHE_DIR);
  self->local_files_only = DEFAULT_LOCAL_FILES_ONLY;
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
  g_free (self->revision);
  g_free (self->cache_dir);
  g_mutex_clear (&self->lock);
}

/* A string that the loaded model depends on. */
static void
set_model_string (GstOpensoraSettings *self, char **field, const GValue *value)
{
  const char *text = g_value_get_string (value);

  if (g_strcmp0 (*field, text) == 0)
    return;
  g_free (*field);
  *field = g_strdup (text);
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
      set_model_string (self, &self->model, value);
      break;
    case PROP_REVISION:
      set_model_string (self, &self->revision, value);
      break;
    case PROP_CACHE_DIR:
      set_model_string (self, &self->cache_dir, value);
      break;
    case PROP_LOCAL_FILES_ONLY:
      self->model_changed |=
          self->local_files_only != g_value_get_boolean (value);
      self->local_files_only = g_value_get_boolean (value);
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
    case PROP_REVISION:
      g_value_set_string (value, self->revision);
      break;
    case PROP_CACHE_DIR:
      g_value_set_string (value, self->cache_dir);
      break;
    case PROP_LOCAL_FILES_ONLY:
      g_value_set_boolean (value, self->local_files_only);
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
  g_object_set (*pipeline, "revision", self->revision, "cache-dir",
      self->cache_dir, "local-files-only", self->local_files_only, NULL);
  self->model_changed = FALSE;
  g_mutex_unlock (&self->lock);
}
