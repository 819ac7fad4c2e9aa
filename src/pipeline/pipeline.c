/* SPDX-License-Identifier: Apache-2.0 */
/* OpensoraPipeline: a model, ready to generate. */
#include "pipeline/pipeline-private.h"

#include "pipeline/resolve.h"

/* Parts as configs call them. */
static const OpensoraConfigPart config_parts[OS_N_PARTS] = {
  [OS_PART_TRANSFORMER] = OPENSORA_CONFIG_PART_TRANSFORMER,
  [OS_PART_VAE] = OPENSORA_CONFIG_PART_VAE,
  [OS_PART_TEXT_ENCODER] = OPENSORA_CONFIG_PART_TEXT_ENCODER,
};

enum {
  PROP_TRANSFORMER = 1, /* in the order of OsPartKind */
  PROP_VAE,
  PROP_TEXT_ENCODER,
  PROP_REVISION,
  PROP_CACHE_DIR,
  PROP_LOCAL_FILES_ONLY,
  PROP_CONFIG,
  PROP_MEMORY_LIMIT,
};

G_DEFINE_FINAL_TYPE (OpensoraPipeline, opensora_pipeline, G_TYPE_OBJECT)

static void
opensora_pipeline_set_property (
    GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  OpensoraPipeline *self = OPENSORA_PIPELINE (object);

  switch (id) {
    case PROP_TRANSFORMER:
    case PROP_VAE:
    case PROP_TEXT_ENCODER:
      g_free (self->parts[id - PROP_TRANSFORMER]);
      self->parts[id - PROP_TRANSFORMER] = g_value_dup_string (value);
      break;
    case PROP_REVISION:
      g_free (self->revision);
      self->revision = g_value_dup_string (value);
      break;
    case PROP_CACHE_DIR:
      g_free (self->cache_dir);
      self->cache_dir = g_value_dup_string (value);
      break;
    case PROP_LOCAL_FILES_ONLY:
      self->local_files_only = g_value_get_boolean (value);
      break;
    case PROP_CONFIG:
      g_set_object (&self->config, g_value_get_object (value));
      break;
    case PROP_MEMORY_LIMIT:
      self->memory_limit = g_value_get_uint64 (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
}

static void
opensora_pipeline_get_property (
    GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  OpensoraPipeline *self = OPENSORA_PIPELINE (object);

  switch (id) {
    case PROP_TRANSFORMER:
    case PROP_VAE:
    case PROP_TEXT_ENCODER:
      g_value_set_string (value, self->parts[id - PROP_TRANSFORMER]);
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
    case PROP_CONFIG:
      g_value_set_object (value, self->config);
      break;
    case PROP_MEMORY_LIMIT:
      g_value_set_uint64 (value, self->memory_limit);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
}

static void
opensora_pipeline_finalize (GObject *object)
{
  OpensoraPipeline *self = OPENSORA_PIPELINE (object);

  if (self->preview_destroy)
    self->preview_destroy (self->preview_data);
  os_tail_clear (&self->tail);
  g_clear_pointer (&self->bundle, os_bundle_free);
  g_clear_pointer (&self->compute, os_compute_free);
  g_clear_object (&self->config);
  g_mutex_clear (&self->lock);
  g_mutex_clear (&self->tail_lock);
  g_free (self->model);
  for (int part = 0; part < OS_N_PARTS; part++) {
    g_free (self->parts[part]);
    g_free (self->configured[part]);
  }
  g_free (self->backend);
  g_free (self->revision);
  g_free (self->cache_dir);
  g_free (self->commit);
  G_OBJECT_CLASS (opensora_pipeline_parent_class)->finalize (object);
}

static void
opensora_pipeline_class_init (OpensoraPipelineClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;

  object_class->set_property = opensora_pipeline_set_property;
  object_class->get_property = opensora_pipeline_get_property;
  object_class->finalize = opensora_pipeline_finalize;

  /**
   * OpensoraPipeline:transformer:
   *
   * Another transformer than the model's: a folder, a file of weights, a
   * release or a repository, as for opensora_pipeline_new(). %NULL for that of
   * the model. Without a model it stands for one: the other parts are those of
   * its release. Used by opensora_pipeline_load().
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_TRANSFORMER,
      g_param_spec_string ("transformer", NULL, NULL, NULL, flags));
  /**
   * OpensoraPipeline:vae:
   *
   * Another video autoencoder than the model's: a folder, a file of weights, a
   * release or a repository. %NULL for that of the model. Used by
   * opensora_pipeline_load().
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_VAE,
      g_param_spec_string ("vae", NULL, NULL, NULL, flags));
  /**
   * OpensoraPipeline:text-encoder:
   *
   * Another text encoder than the model's: a folder, a file of weights, a
   * release or a repository. Its tokenizer comes from the same place. %NULL for
   * that of the model. Used by opensora_pipeline_load().
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_TEXT_ENCODER,
      g_param_spec_string ("text-encoder", NULL, NULL, NULL, flags));
  /**
   * OpensoraPipeline:revision:
   *
   * Branch, tag or commit of the model's repository on the Hugging Face hub;
   * %NULL for `main`. Of a release in several repositories it is that of the
   * transformer. Used by opensora_pipeline_load().
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_REVISION,
      g_param_spec_string ("revision", NULL, NULL, NULL, flags));
  /**
   * OpensoraPipeline:cache-dir:
   *
   * Folder of the cache of the Hugging Face hub; %NULL for the one that the
   * environment says, as for #OpensoraHub. Used by opensora_pipeline_load().
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_CACHE_DIR,
      g_param_spec_string ("cache-dir", NULL, NULL, NULL, flags));
  /**
   * OpensoraPipeline:local-files-only:
   *
   * Whether only the cache is asked, never the network. Used by
   * opensora_pipeline_load().
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_LOCAL_FILES_ONLY,
      g_param_spec_boolean ("local-files-only", NULL, NULL, FALSE, flags));
  /**
   * OpensoraPipeline:config:
   *
   * A config of Open-Sora, for the parts that it names (`from_pretrained`), the
   * caches that they are in (`cache_dir`), and how its model is sampled
   * (`scheduler`, `space_scale`, `time_scale`, `micro_batch_size`). What the
   * pipeline's other properties and its model say counts before; what else the
   * config has, opensora_config_apply() brings into parameters. Used by
   * opensora_pipeline_load().
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_CONFIG,
      g_param_spec_object ("config", NULL, NULL, OPENSORA_TYPE_CONFIG, flags));
  /**
   * OpensoraPipeline:memory-limit:
   *
   * How many bytes a clip may take for computing; 0: no limit. A clip that
   * needs more, by opensora_pipeline_estimate_memory(), is refused before
   * anything is computed; none takes more. Weights that are used in place, in
   * the mapped file, do not count: the system can take them back. Used by
   * opensora_pipeline_generate().
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_MEMORY_LIMIT,
      g_param_spec_uint64 (
          "memory-limit", NULL, NULL, 0, G_MAXUINT64, 0, flags));
}

static void
opensora_pipeline_init (OpensoraPipeline *self)
{
  g_mutex_init (&self->lock);
  g_mutex_init (&self->tail_lock);
}

/**
 * opensora_pipeline_new:
 * @model: (nullable): path of a model folder, or of a folder or a file that is
 *   the transformer of a release; a release such as "opensora-1.2"; a
 *   repository "org/name" on the Hugging Face hub; or %NULL for the bundled
 *   demo model. A path that exists always wins, and nothing but a release or
 *   "org/name" is looked up on the network
 * @backend: (nullable): matrix backend, "builtin", "openblas", "onednn" or
 *   "ref"; %NULL for the best there is
 * @n_threads: threads to compute with, 0 for all cores
 *
 * Makes a pipeline. Nothing is opened or downloaded before
 * opensora_pipeline_load().
 *
 * Returns: (transfer full): a pipeline
 *
 * Since: 0.1
 */
OpensoraPipeline *
opensora_pipeline_new (const char *model, const char *backend, guint n_threads)
{
  OpensoraPipeline *self = g_object_new (OPENSORA_TYPE_PIPELINE, NULL);

  self->model = g_strdup (model);
  self->backend = g_strdup (backend);
  self->n_threads = n_threads;
  return self;
}

static OsPartNames
get_names (OpensoraPipeline *self)
{
  OsPartNames names = { .model = self->model,
    .revision = self->revision,
    .local_files_only = self->local_files_only };

  for (int part = 0; part < OS_N_PARTS; part++) {
    names.parts[part] = self->parts[part];
    names.cache_dirs[part] = self->cache_dir;
    g_free (self->configured[part]);
    self->configured[part] = self->config ? os_config_model_find_part (
                                 self->config, config_parts[part])
                                          : NULL;
    names.configured[part] = self->configured[part];
    if (self->config && !self->cache_dir)
      names.cache_dirs[part] =
          opensora_config_get_cache_dir (self->config, config_parts[part]);
  }
  return names;
}

static gboolean
configure (OpensoraPipeline *self, OsBundle *bundle, GError **error)
{
  OsConfigModel model;

  return !self->config
         || (os_config_model_read (self->config, &model, error)
             && os_bundle_configure (bundle, &model, error));
}

/* With the lock held. */
static gboolean
load_locked (OpensoraPipeline *self, const OsTask *task, GError **error)
{
  const OsPartNames names = get_names (self);
  g_auto (OsParts) parts = { NULL };
  g_autoptr (OsBundle) bundle = NULL;

  if (self->bundle)
    return TRUE;
  if (!os_parts_locate (&parts, &names, task, error))
    return FALSE;
  if (!self->compute)
    self->compute = os_compute_new (self->backend, self->n_threads, error);
  if (!self->compute)
    return FALSE;
  bundle = os_bundle_open (&parts, task, error);
  if (!bundle || !configure (self, bundle, error))
    return FALSE;
  self->bundle = g_steal_pointer (&bundle);
  g_free (self->commit);
  self->commit = g_steal_pointer (&parts.commit);
  return TRUE;
}

/**
 * opensora_pipeline_load:
 * @self: a pipeline
 * @cancellable: (nullable): to cancel it
 * @progress: (nullable) (scope call) (closure user_data): told how far it is
 * @user_data: closure
 * @error: return location for a #GError
 *
 * Opens the model: downloads what is missing, reads its configuration, maps its
 * weights and checks that they fit. Blocks; run it in a thread of its own. Does
 * nothing if it is loaded already.
 *
 * Returns: %TRUE if the model is there; else @error is of %OPENSORA_ERROR,
 *   %OPENSORA_HUB_ERROR, or %G_IO_ERROR_CANCELLED
 *
 * Since: 0.1
 */
gboolean
opensora_pipeline_load (OpensoraPipeline *self, GCancellable *cancellable,
    OpensoraProgressFunc progress, gpointer user_data, GError **error)
{
  g_autoptr (OsTask) task = os_task_new (cancellable, progress, user_data);
  gboolean loaded;

  g_return_val_if_fail (OPENSORA_IS_PIPELINE (self), FALSE);
  g_mutex_lock (&self->lock);
  loaded = load_locked (self, task, error);
  g_mutex_unlock (&self->lock);
  return loaded;
}

/**
 * opensora_pipeline_get_model:
 * @self: a pipeline
 *
 * Returns: (transfer none) (nullable): the model that it was made with
 *
 * Since: 0.1
 */
const char *
opensora_pipeline_get_model (OpensoraPipeline *self)
{
  g_return_val_if_fail (OPENSORA_IS_PIPELINE (self), NULL);
  return self->model;
}

/**
 * opensora_pipeline_is_demo:
 * @self: a pipeline
 *
 * Returns: %TRUE if the model is the bundled one, which knows coloured shapes
 *   that move, and nothing else
 *
 * Since: 0.1
 */
gboolean
opensora_pipeline_is_demo (OpensoraPipeline *self)
{
  const char *transformer = NULL;

  g_return_val_if_fail (OPENSORA_IS_PIPELINE (self), FALSE);
  if (self->model)
    return g_str_equal (self->model, "demo");
  if (self->config)
    transformer = opensora_config_get_from_pretrained (
        self->config, OPENSORA_CONFIG_PART_TRANSFORMER);
  return !transformer && !self->parts[OS_PART_TRANSFORMER];
}

/**
 * opensora_pipeline_get_version:
 * @self: a pipeline
 *
 * Returns: (transfer none) (nullable): the release of Open-Sora that the model
 *   belongs to, such as "1.2"; %NULL before it is loaded
 *
 * Since: 0.1
 */
const char *
opensora_pipeline_get_version (OpensoraPipeline *self)
{
  g_return_val_if_fail (OPENSORA_IS_PIPELINE (self), NULL);
  return self->bundle ? self->bundle->family.version : NULL;
}

/**
 * opensora_pipeline_get_commit:
 * @self: a pipeline
 *
 * Returns: (transfer none) (nullable): the commit of the model's repository on
 *   the Hugging Face hub that was loaded; %NULL before that, and for a model
 *   that is not from there
 *
 * Since: 0.1
 */
const char *
opensora_pipeline_get_commit (OpensoraPipeline *self)
{
  g_return_val_if_fail (OPENSORA_IS_PIPELINE (self), NULL);
  return self->commit;
}

/**
 * opensora_pipeline_get_size_step:
 * @self: a pipeline
 *
 * Returns: what width and height are multiples of; 0 before it is loaded
 *
 * Since: 0.1
 */
guint
opensora_pipeline_get_size_step (OpensoraPipeline *self)
{
  g_return_val_if_fail (OPENSORA_IS_PIPELINE (self), 0);
  return self->bundle ? self->bundle->family.size_step : 0;
}

static gboolean
require_loaded (OpensoraPipeline *self, GError **error)
{
  if (self->bundle)
    return TRUE;
  g_set_error_literal (error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND,
      "The model is not loaded; call opensora_pipeline_load() first");
  return FALSE;
}

static OsTail
get_tail (OpensoraPipeline *self)
{
  OsTail tail = { NULL };

  g_mutex_lock (&self->tail_lock);
  os_tail_copy (&tail, &self->tail);
  g_mutex_unlock (&self->tail_lock);
  return tail;
}

static void
set_tail (OpensoraPipeline *self, const OsTail *tail)
{
  g_mutex_lock (&self->tail_lock);
  os_tail_copy (&self->tail, tail);
  g_mutex_unlock (&self->tail_lock);
}

/* With this clip before. */
static OpensoraParams *
resolve (OpensoraPipeline *self, OpensoraParams *params, const OsTail *tail,
    GError **error)
{
  OpensoraParams *resolved;

  if (!require_loaded (self, error))
    return NULL;
  resolved = os_resolve (self->bundle, params, error);
  if (resolved && !os_tail_fits (tail, os_params_peek (resolved)))
    g_object_set (resolved, "continue-previous", FALSE, NULL);
  return resolved;
}

/**
 * opensora_pipeline_resolve:
 * @self: a loaded pipeline
 * @params: parameters
 * @error: return location for a #GError
 *
 * Fills in what @params leave to the model, and checks the rest: what
 * opensora_pipeline_generate() will do, if no other clip is completed before.
 *
 * Returns: (transfer full): parameters without defaults in them, or %NULL and
 *   %OPENSORA_ERROR_SETTINGS, which names the values that are possible
 *
 * Since: 0.1
 */
OpensoraParams *
opensora_pipeline_resolve (
    OpensoraPipeline *self, OpensoraParams *params, GError **error)
{
  g_auto (OsTail) tail = { NULL };

  g_return_val_if_fail (OPENSORA_IS_PIPELINE (self), NULL);
  g_return_val_if_fail (OPENSORA_IS_PARAMS (params), NULL);
  tail = get_tail (self);
  return resolve (self, params, &tail, error);
}

/**
 * opensora_pipeline_forget_previous:
 * @self: a pipeline
 *
 * Forgets the clip that was completed last: the next one to begin starts
 * afresh, also if [property@Params:continue-previous] is set.
 *
 * Since: 0.1
 */
void
opensora_pipeline_forget_previous (OpensoraPipeline *self)
{
  g_return_if_fail (OPENSORA_IS_PIPELINE (self));
  set_tail (self, &(OsTail){ NULL });
}

/**
 * opensora_pipeline_count_frames:
 * @self: a loaded pipeline
 * @resolved: what opensora_pipeline_resolve() returned
 *
 * Returns: how many frames opensora_pipeline_generate() makes of them, those of
 *   all loops; 0 before the model is loaded
 *
 * Since: 0.1
 */
guint
opensora_pipeline_count_frames (
    OpensoraPipeline *self, OpensoraParams *resolved)
{
  g_return_val_if_fail (OPENSORA_IS_PIPELINE (self), 0);
  g_return_val_if_fail (OPENSORA_IS_PARAMS (resolved), 0);
  return self->bundle ? os_resolve_count_frames (
             &self->bundle->family, os_params_peek (resolved))
                      : 0;
}

/**
 * opensora_pipeline_set_preview_func:
 * @self: a pipeline
 * @interval_steps: sampling steps from one preview to the next; 0 for none
 * @func: (nullable) (scope notified) (closure data) (destroy destroy): receives
 *   the previews; %NULL for none
 * @data: closure of @func
 * @destroy: called when @func is replaced, or with the end of the pipeline
 *
 * Has clips shown while they are denoised: as what the model predicts in every
 * so many steps, in small pictures, which cost next to nothing. Their colours
 * are those of a linear map of the latents, `preview_map` of a model's
 * opensora.json, or else of its release.
 *
 * The frames of a clip are the same with and without. A clip that is being made
 * is waited for.
 *
 * Since: 0.1
 */
void
opensora_pipeline_set_preview_func (OpensoraPipeline *self,
    guint interval_steps, OpensoraPreviewFunc func, gpointer data,
    GDestroyNotify destroy)
{
  GDestroyNotify old_destroy;
  gpointer old_data;

  g_return_if_fail (OPENSORA_IS_PIPELINE (self));
  g_mutex_lock (&self->lock);
  old_destroy = self->preview_destroy;
  old_data = self->preview_data;
  self->preview_interval = interval_steps;
  self->preview = func;
  self->preview_data = data;
  self->preview_destroy = destroy;
  g_mutex_unlock (&self->lock);
  if (old_destroy)
    old_destroy (old_data);
}

/* With the lock held. What the clip before left behind is replaced when this
 * one is complete. */
static gboolean
generate_locked (OpensoraPipeline *self, OpensoraParams *params,
    OpensoraFrameFunc frame, gpointer frame_data, GError **error)
{
  g_auto (OsTail) tail = get_tail (self);
  g_autoptr (OpensoraParams) resolved = resolve (self, params, &tail, error);

  if (!resolved || !os_budget_check (self, resolved, error))
    return FALSE;
  os_mem_pool_set_limit (
      os_compute_get_pool (self->compute), self->memory_limit);
  if (!os_generate_clip (self->bundle, self->compute, resolved, &tail, frame,
          frame_data, error))
    return FALSE;
  set_tail (self, &tail);
  return TRUE;
}

/**
 * opensora_pipeline_generate:
 * @self: a loaded pipeline
 * @params: what to generate
 * @frame: (scope call) (closure frame_data): receives the frames
 * @frame_data: closure of @frame
 * @progress: (nullable) (scope call) (closure progress_data): told how far it
 *   is
 * @progress_data: closure of @progress
 * @cancellable: (nullable): to cancel it; seen within 200 ms
 * @error: return location for a #GError
 *
 * Generates one clip; its loops are one video. Blocks for as long as it takes;
 * run it in a thread of its own. The latents of the clip are kept, for the next
 * may go on from it.
 *
 * Returns: %TRUE when @frame has seen all frames; else @error is of
 *   %OPENSORA_ERROR, or %G_IO_ERROR_CANCELLED
 *
 * Since: 0.1
 */
gboolean
opensora_pipeline_generate (OpensoraPipeline *self, OpensoraParams *params,
    OpensoraFrameFunc frame, gpointer frame_data, OpensoraProgressFunc progress,
    gpointer progress_data, GCancellable *cancellable, GError **error)
{
  g_autoptr (OsTask) task = os_task_new (cancellable, progress, progress_data);
  gboolean done = FALSE;

  g_return_val_if_fail (OPENSORA_IS_PIPELINE (self), FALSE);
  g_return_val_if_fail (OPENSORA_IS_PARAMS (params), FALSE);
  g_return_val_if_fail (frame != NULL, FALSE);

  g_mutex_lock (&self->lock);
  if (require_loaded (self, error)) {
    os_task_set_preview (
        task, self->preview_interval, self->preview, self->preview_data);
    os_compute_set_task (self->compute, task);
    done = generate_locked (self, params, frame, frame_data, error);
    os_compute_set_task (self->compute, NULL);
    os_compute_check (self->compute, NULL);
    os_mem_pool_trim (os_compute_get_pool (self->compute));
  }
  g_mutex_unlock (&self->lock);
  return done;
}
