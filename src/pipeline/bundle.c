/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the parts of a model. */
#include "pipeline/bundle.h"

#include "pipeline/inferred.h"
#include "weights/folder.h"

/* The folder or file of a part. */
static char *
get_path (const OsParts *parts, OsPartKind part)
{
  if (parts->paths[part])
    return g_strdup (parts->paths[part]);
  return g_build_filename (parts->folder, os_part_get_folder (part), NULL);
}

/* A file of 1.0 was made for a size that only its name tells. */
static void
set_published_size (OsFamily *family, const OsParts *parts)
{
  g_autofree char *path = get_path (parts, OS_PART_TRANSFORMER);
  g_autofree char *name = g_path_get_basename (path);
  const OsRelease *release = os_release_find_by_file (name);

  if (release && release->size > 0)
    family->width = family->height = release->size;
}

/* As it is, or a row of three after the other. */
static void
read_preview_map (OsFamily *family, OsConfig *config)
{
  double values[G_N_ELEMENTS (family->preview_map) * 3];
  const guint n =
      os_config_doubles (config, "preview_map", G_N_ELEMENTS (values), values);

  if (n == G_N_ELEMENTS (values)) {
    for (guint i = 0; i < n; i++)
      family->preview_map[i / 3][i % 3] = values[i];
  } else if (n > 0) {
    os_config_problem (config, "preview_map", "has %u values, %u expected", n,
        (guint) G_N_ELEMENTS (values));
  }
}

/* The threshold and the coefficients. */
static void
read_step_cache (OsFamily *family, OsConfig *config)
{
  OsStepCacheSettings *s = &family->step_cache;
  double values[1 + G_N_ELEMENTS (s->coefficients)];
  const guint n =
      os_config_doubles (config, "step_cache", G_N_ELEMENTS (values), values);

  if (n == G_N_ELEMENTS (values) && values[0] >= 0) {
    s->threshold = values[0];
    memcpy (s->coefficients, values + 1, sizeof s->coefficients);
  } else if (n > 0) {
    os_config_problem (config, "step_cache",
        "%u values, a threshold from 0 up and %u coefficients, are expected",
        (guint) G_N_ELEMENTS (values), (guint) G_N_ELEMENTS (s->coefficients));
  }
}

/* opensora.json: what this model was made for, where that differs from its
 * family. */
static gboolean
read_defaults (OsBundle *bundle, const OsParts *parts, GError **error)
{
  g_autofree char *path = g_build_filename (
      parts->folder ? parts->folder : "", "opensora.json", NULL);
  g_autoptr (OsConfig) config = NULL;
  const OsFamily *family;
  OsFamily *f = &bundle->family;

  config = parts->folder && g_file_test (path, G_FILE_TEST_EXISTS)
               ? os_config_load (path, error)
               : os_config_parse ("{}", -1, path, error);
  if (!config)
    return FALSE;
  family =
      os_family_find (os_config_string (config, "version",
                          parts->release ? parts->release->version : "1.2"),
          error);
  if (!family)
    return FALSE;

  *f = *family;
  set_published_size (f, parts);
  f->width = os_config_int (config, "width", f->width, 8, 8192);
  f->height = os_config_int (config, "height", f->height, 8, 8192);
  if ((f->width > 0) != (f->height > 0))
    os_config_problem (config, "width", "it takes height as well");
  if (f->width > 0)
    f->resolution = NULL;
  f->num_frames = os_config_int (config, "num_frames", f->num_frames, 1, 4096);
  f->steps = os_config_int (config, "num_sampling_steps", f->steps, 1, 1000);
  f->fps = os_config_double (config, "fps", f->fps, 0.1, 1000);
  f->guidance_scale =
      os_config_double (config, "cfg_scale", f->guidance_scale, 0, 100);
  f->aesthetic_score =
      os_config_double (config, "aes", f->aesthetic_score, 0, 100);
  if (os_config_has (config, "frame_mask"))
    f->frame_mask = os_config_bool (config, "frame_mask", FALSE)
                        ? OS_FRAME_MASK_ALWAYS
                        : OS_FRAME_MASK_GIVEN;
  f->timestep_transform =
      os_config_bool (config, "use_timestep_transform", f->timestep_transform);
  read_preview_map (f, config);
  read_step_cache (f, config);
  bundle->max_length = os_config_int (config, "model_max_length", 0, 1, 4096);
  bundle->prompt = g_strdup (os_config_string (config, "prompt", NULL));
  return os_config_check (config, error);
}

/* The config and the weights of one part, and the files that they are in. */
typedef struct {
  OsConfig *config;
  OsBinder *binder;
  char **files;
} Part;

static void
part_clear (Part *part)
{
  g_clear_pointer (&part->config, os_config_free);
  g_clear_pointer (&part->binder, os_binder_free);
  g_clear_pointer (&part->files, g_strfreev);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Part, part_clear)

/* Where config.json is, if it is there: in the folder, or beside a file that is
 * the one that the folder stands for. */
static char *
find_config (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *checkpoint = NULL;

  if (g_file_test (path, G_FILE_TEST_IS_DIR))
    return g_build_filename (path, "config.json", NULL);
  checkpoint = os_folder_find_checkpoint (folder, NULL);
  return g_strcmp0 (checkpoint, path) == 0
             ? g_build_filename (folder, "config.json", NULL)
             : NULL;
}

/* config: NULL for none. */
static char **
list_files (const OsCheckpoint *checkpoint, const char *config)
{
  const GPtrArray *entries = os_checkpoint_get_entries (checkpoint);
  g_autoptr (GStrvBuilder) files = g_strv_builder_new ();
  const char *last = config;

  if (config)
    g_strv_builder_add (files, config);
  for (guint i = 0; i < entries->len; i++) {
    const OsCheckpointEntry *entry = g_ptr_array_index (entries, i);

    if (g_strcmp0 (entry->file, last) != 0)
      g_strv_builder_add (files, entry->file);
    last = entry->file;
  }
  return g_strv_builder_end (files);
}

/* What was found, for those who look for what is wrong. */
static void
log_part (const OsCheckpoint *checkpoint)
{
  const GPtrArray *entries = os_checkpoint_get_entries (checkpoint);
  g_autoptr (GString) counts = g_string_new (NULL);
  guint n[OS_N_DTYPES] = { 0 };

  for (guint i = 0; i < entries->len; i++) {
    const OsCheckpointEntry *entry = g_ptr_array_index (entries, i);

    n[entry->tensor->dtype]++;
  }
  for (guint dtype = 0; dtype < OS_N_DTYPES; dtype++) {
    if (n[dtype] > 0)
      g_string_append_printf (
          counts, ", %u %s", n[dtype], os_dtype_name (dtype));
  }
  g_debug ("%s: %u tensors of %s%s", os_checkpoint_get_path (checkpoint),
      entries->len, os_checkpoint_get_format (checkpoint), counts->str);
}

static gboolean
part_open (Part *part, const OsParts *parts, OsPartKind kind, GError **error)
{
  g_autofree char *path = get_path (parts, kind);
  g_autofree char *config = find_config (path);
  g_autoptr (OsCheckpoint) checkpoint = os_checkpoint_open (path, error);

  if (!checkpoint)
    return FALSE;
  if (config && !g_file_test (config, G_FILE_TEST_EXISTS))
    g_clear_pointer (&config, g_free);
  part->config = config ? os_config_load (config, error)
                        : os_inferred_config (kind, checkpoint, error);
  if (!part->config)
    return FALSE;
  log_part (checkpoint);
  part->binder = os_binder_new (checkpoint);
  part->files = list_files (checkpoint, config);
  return TRUE;
}

static gboolean
open_text_encoder (OsBundle *bundle, const OsParts *parts, GError **error)
{
  g_autofree char *tokenizer =
      parts->tokenizer ? g_strdup (parts->tokenizer)
                       : g_build_filename (parts->folder, "tokenizer", NULL);
  g_auto (Part) part = { NULL };

  bundle->tokenizer = os_t5_tokenizer_open (tokenizer, error);
  if (!bundle->tokenizer
      || !part_open (&part, parts, OS_PART_TEXT_ENCODER, error))
    return FALSE;
  bundle->text_encoder = os_t5_new (part.config, part.binder, error);
  if (!bundle->text_encoder)
    return FALSE;
  if (os_t5_tokenizer_size (bundle->tokenizer)
      > os_t5_get_vocab_size (bundle->text_encoder)) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MISMATCH,
        "%s: the tokenizer knows %u tokens, the text encoder %" G_GINT64_FORMAT
        "; they do not belong together",
        tokenizer, os_t5_tokenizer_size (bundle->tokenizer),
        os_t5_get_vocab_size (bundle->text_encoder));
    return FALSE;
  }
  bundle->text_states =
      os_embedding_cache_new ((const char *const *) part.files,
          os_t5_get_d_model (bundle->text_encoder), NULL);
  return TRUE;
}

static gboolean
open_transformer (OsBundle *bundle, const OsParts *parts, GError **error)
{
  g_autofree char *path = get_path (parts, OS_PART_TRANSFORMER);
  g_auto (Part) part = { NULL };
  gint64 width = os_t5_get_d_model (bundle->text_encoder);
  gint64 expected;

  if (!part_open (&part, parts, OS_PART_TRANSFORMER, error))
    return FALSE;
  bundle->transformer = os_stdit_new (part.config, part.binder, error);
  if (!bundle->transformer)
    return FALSE;
  expected = os_stdit_get_caption_channels (bundle->transformer);
  if (expected != width) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_MISMATCH,
        "%s: the transformer expects text states of width %" G_GINT64_FORMAT
        ", the text encoder makes %" G_GINT64_FORMAT
        "; they do not belong together",
        path, expected, width);
    return FALSE;
  }
  /* The null caption has a row for each token of the prompt. */
  if (bundle->max_length == 0
      || bundle->max_length > os_stdit_get_max_length (bundle->transformer))
    bundle->max_length = os_stdit_get_max_length (bundle->transformer);
  return TRUE;
}

static gboolean
open_vae (OsBundle *bundle, const OsParts *parts, GError **error)
{
  g_auto (Part) part = { NULL };

  if (!part_open (&part, parts, OS_PART_VAE, error))
    return FALSE;
  bundle->vae = os_vae12_new (part.config, part.binder, error);
  return bundle->vae != NULL;
}

OsBundle *
os_bundle_open (const OsParts *parts, const OsTask *task, GError **error)
{
  static gboolean (*const steps[]) (OsBundle *, const OsParts *, GError **) = {
    read_defaults, open_text_encoder, open_transformer, open_vae
  };
  g_autoptr (OsBundle) bundle = g_new0 (OsBundle, 1);

  for (gsize i = 0; i < G_N_ELEMENTS (steps); i++) {
    if (!os_task_check (task, error) || !steps[i](bundle, parts, error))
      return NULL;
    os_task_progress (task, OPENSORA_STAGE_LOAD, i + 1, G_N_ELEMENTS (steps));
  }
  return g_steal_pointer (&bundle);
}

static gboolean
configure_sampler (
    OsBundle *bundle, const OsConfigModel *config, GError **error)
{
  const gint64 C = os_stdit_get_in_channels (bundle->transformer);
  OsFamily *f = &bundle->family;
  const OsSamplerInfo *own = os_sampler_get_info (f->sampler);
  const OsSamplerInfo *other = os_sampler_get_info (config->sampler);

  if (other->predicts_noise != own->predicts_noise) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
        "scheduler.type of the config is \"%s\", which the network of "
        "Open-Sora %s was not trained for; use \"%s\"",
        other->name, f->version, own->name);
    return FALSE;
  }
  if (config->n_guided > 2 * C) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
        "scheduler.cfg_channel of the config is %u; the network has "
        "%" G_GINT64_FORMAT " channels",
        config->n_guided, 2 * C);
    return FALSE;
  }
  f->sampler = config->sampler;
  if (f->guides_any_channels)
    f->n_guided = config->n_guided > 0 ? config->n_guided : C;
  return TRUE;
}

gboolean
os_bundle_configure (
    OsBundle *bundle, const OsConfigModel *config, GError **error)
{
  if (g_strcmp0 (config->version, bundle->family.version) != 0)
    return TRUE;
  if (config->sampler < OS_N_SAMPLERS
      && !configure_sampler (bundle, config, error))
    return FALSE;
  if (os_stdit_get_version (bundle->transformer) == OS_STDIT_1)
    os_stdit_set_scales (
        bundle->transformer, config->space_scale, config->time_scale);
  os_vae12_set_micro_batch_size (bundle->vae, config->micro_batch_size);
  if (config->max_length > 0)
    bundle->max_length = MIN (bundle->max_length, config->max_length);
  return TRUE;
}

void
os_bundle_free (OsBundle *bundle)
{
  g_clear_pointer (&bundle->tokenizer, os_t5_tokenizer_free);
  g_clear_pointer (&bundle->text_states, os_embedding_cache_free);
  g_clear_pointer (&bundle->text_encoder, os_t5_free);
  g_clear_pointer (&bundle->transformer, os_stdit_free);
  g_clear_pointer (&bundle->vae, os_vae12_free);
  g_free (bundle->prompt);
  g_free (bundle);
}
