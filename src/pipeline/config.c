/* SPDX-License-Identifier: Apache-2.0 */
/* OpensoraConfig: an inference config of Open-Sora. */
#include <math.h>
#include <opensora/opensora.h>

#include "base/json.h"
#include "pipeline/config-apply.h"
#include "settings/config-file.h"
#include "settings/config-keys.h"
#include "settings/json-text.h"
#include "settings/prompt-file.h"

struct _OpensoraConfig {
  GObject parent_instance;
  JsonObject *root;
  const char *version;
  char **unknown_keys;
  char **ignored_keys;
};

G_DEFINE_FINAL_TYPE (OpensoraConfig, opensora_config, G_TYPE_OBJECT)

JsonObject *
os_config_peek (OpensoraConfig *self)
{
  return self->root;
}

static void
opensora_config_finalize (GObject *object)
{
  OpensoraConfig *self = OPENSORA_CONFIG (object);

  g_clear_pointer (&self->root, json_object_unref);
  g_strfreev (self->unknown_keys);
  g_strfreev (self->ignored_keys);
  G_OBJECT_CLASS (opensora_config_parent_class)->finalize (object);
}

static void
opensora_config_class_init (OpensoraConfigClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = opensora_config_finalize;
}

static void
opensora_config_init (OpensoraConfig *self)
{
}

/* --- Loading --- */

static const char *
get_text (OpensoraConfig *self, const char *key)
{
  return os_config_text (self->root, key, 0);
}

/* 1.3 has the transformer of 1.2 and another VAE. */
static const char *
find_version (OpensoraConfig *self)
{
  static const struct {
    const char *model, *version;
  } models[] = { { "STDiT-", "1.0" }, { "STDiT2-", "1.1" },
    { "STDiT3-", "1.2" }, { "flux", "2.0" } };
  const char *model = get_text (self, "model.type");

  if (model == NULL)
    return NULL;
  if (g_str_has_prefix (model, "STDiT3-")
      && g_strcmp0 (get_text (self, "vae.type"), "OpenSoraVAE_V1_3") == 0)
    return "1.3";
  for (guint i = 0; i < G_N_ELEMENTS (models); i++) {
    if (g_str_has_prefix (model, models[i].model))
      return models[i].version;
  }
  return NULL;
}

/**
 * opensora_config_load:
 * @path: (type filename): a config, `.py` or `.json`
 * @error: return location for an error
 *
 * Reads a config and the files that it names in `_base_`. Python is not needed
 * and nothing is run: a file may assign literals to names, with the names
 * assigned before, `dict()`, and `/` and `//` between numbers.
 *
 * Returns: (transfer full): the config, or %NULL with
 *   %OPENSORA_ERROR_NOT_FOUND, %OPENSORA_ERROR_READ,
 *   %OPENSORA_ERROR_UNSUPPORTED or %OPENSORA_ERROR_FORMAT, whose message names
 *   file, line and column
 *
 * Since: 0.1
 */
OpensoraConfig *
opensora_config_load (const char *path, GError **error)
{
  g_autoptr (OpensoraConfig) self = NULL;
  JsonObject *root;

  g_return_val_if_fail (path != NULL, NULL);
  root = os_config_file_load (path, error);
  if (root == NULL)
    return NULL;
  self = g_object_new (OPENSORA_TYPE_CONFIG, NULL);
  self->root = root;
  self->version = find_version (self);
  self->unknown_keys = os_config_keys_unknown (root);
  self->ignored_keys = os_config_keys_ignored (root);
  return g_steal_pointer (&self);
}

/**
 * opensora_config_get_version:
 * @self: a config
 *
 * Returns: (transfer none) (nullable): the version of Open-Sora that the
 *   config's `model` belongs to, such as "1.2"; %NULL: it names none, or one
 *   that belongs to no version
 *
 * Since: 0.1
 */
const char *
opensora_config_get_version (OpensoraConfig *self)
{
  g_return_val_if_fail (OPENSORA_IS_CONFIG (self), NULL);
  return self->version;
}

/**
 * opensora_config_to_json:
 * @self: a config
 *
 * Returns: (transfer full): all keys and values, those of the bases included,
 *   as an indented JSON object
 *
 * Since: 0.1
 */
char *
opensora_config_to_json (OpensoraConfig *self)
{
  g_return_val_if_fail (OPENSORA_IS_CONFIG (self), NULL);
  return os_json_text (self->root);
}

/**
 * opensora_config_get_unknown_keys:
 * @self: a config
 *
 * Keys that no version of Open-Sora reads, such as misspelled ones; those in a
 * section are named "section.key".
 *
 * Returns: (transfer none) (array zero-terminated=1): the keys
 *
 * Since: 0.1
 */
const char *const *
opensora_config_get_unknown_keys (OpensoraConfig *self)
{
  g_return_val_if_fail (OPENSORA_IS_CONFIG (self), NULL);
  return (const char *const *) self->unknown_keys;
}

/**
 * opensora_config_get_ignored_keys:
 * @self: a config
 *
 * Keys whose values would make Open-Sora do something that this library does
 * not, such as `llm_refine = True`. Keys that only say where files go or how a
 * graphics card is used are not among them.
 *
 * Returns: (transfer none) (array zero-terminated=1): the keys
 *
 * Since: 0.1
 */
const char *const *
opensora_config_get_ignored_keys (OpensoraConfig *self)
{
  g_return_val_if_fail (OPENSORA_IS_CONFIG (self), NULL);
  return (const char *const *) self->ignored_keys;
}

/* --- Settings --- */

/**
 * opensora_config_apply:
 * @self: a config
 * @params: parameters that are set to what the config says
 * @error: return location for an error
 *
 * Sets sizes, lengths, seed, sampling, scores, conditions and, if the config
 * itself has prompts, the first of them with its references. What the config
 * does not say stays as it is; a config with the model of 1.2 or 1.3 is taken
 * as a whole, and what it lacks is what Open-Sora then falls back to.
 *
 * Returns: %FALSE with %OPENSORA_ERROR_SETTINGS if a value is not possible; the
 *   message names its key
 *
 * Since: 0.1
 */
gboolean
opensora_config_apply (
    OpensoraConfig *self, OpensoraParams *params, GError **error)
{
  g_return_val_if_fail (OPENSORA_IS_CONFIG (self), FALSE);
  g_return_val_if_fail (OPENSORA_IS_PARAMS (params), FALSE);
  return os_config_apply (self->root, self->version, params, error);
}

/**
 * opensora_config_get_num_sample:
 * @self: a config
 *
 * Returns: clips to make of each prompt
 *
 * Since: 0.1
 */
guint
opensora_config_get_num_sample (OpensoraConfig *self)
{
  guint count = 1;

  g_return_val_if_fail (OPENSORA_IS_CONFIG (self), 1);
  os_config_count (self->root, "num_sample", &count, NULL);
  return count;
}

/**
 * opensora_config_get_batch_size:
 * @self: a config
 *
 * Returns: prompts that Open-Sora makes clips of at a time; they share its
 *   random numbers
 *
 * Since: 0.1
 */
guint
opensora_config_get_batch_size (OpensoraConfig *self)
{
  guint count = 1;

  g_return_val_if_fail (OPENSORA_IS_CONFIG (self), 1);
  os_config_count (self->root, "batch_size", &count, NULL);
  return count;
}

static double
get_rate (OpensoraConfig *self, const char *key)
{
  JsonNode *node = os_config_file_find (self->root, key);

  if (!os_json_holds (node, G_TYPE_INT64)
      && !os_json_holds (node, G_TYPE_DOUBLE))
    return 0;
  return MAX (json_node_get_double (node), 0);
}

/**
 * opensora_config_get_save_fps:
 * @self: a config
 *
 * The frame rate of the files that Open-Sora writes: `save_fps` (in 2.0
 * `fps_save`), or else `fps // frame_interval`.
 *
 * Returns: frames a second; 0: the config does not say
 *
 * Since: 0.1
 */
double
opensora_config_get_save_fps (OpensoraConfig *self)
{
  double rate, interval;

  g_return_val_if_fail (OPENSORA_IS_CONFIG (self), 0);
  rate = get_rate (self, "save_fps");
  if (rate == 0)
    rate = get_rate (self, "fps_save");
  if (rate > 0)
    return rate;
  interval = get_rate (self, "frame_interval");
  return interval > 0 ? floor (get_rate (self, "fps") / interval)
                      : get_rate (self, "fps");
}

/* --- Prompts --- */

/* A text or a list of them. */
static gboolean
add_prompts (GStrvBuilder *prompts, JsonNode *node, GError **error)
{
  if (os_json_holds (node, G_TYPE_STRING)) {
    g_strv_builder_add (prompts, json_node_get_string (node));
    return TRUE;
  }
  if (JSON_NODE_HOLDS_ARRAY (node)) {
    JsonArray *list = json_node_get_array (node);
    guint i = 0;

    while (i < json_array_get_length (list)
           && os_json_holds (json_array_get_element (list, i), G_TYPE_STRING))
      g_strv_builder_add (prompts, json_array_get_string_element (list, i++));
    if (i == json_array_get_length (list))
      return TRUE;
  }
  g_set_error_literal (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
      "prompt of the config has to be a list of texts");
  return FALSE;
}

/* An index as Python's slices take it: negative ones count from the end. */
static gint64
get_index (OpensoraConfig *self, const char *key, gint64 n, gint64 fallback)
{
  JsonNode *node = os_config_file_find (self->root, key);
  gint64 index =
      os_json_holds (node, G_TYPE_INT64) ? json_node_get_int (node) : fallback;

  return CLAMP (index < 0 ? index + n : index, 0, n);
}

/* The lines of prompt_path from start_index to before end_index. */
static gboolean
add_prompt_file (OpensoraConfig *self, GStrvBuilder *prompts, const char *path,
    GError **error)
{
  g_auto (GStrv) lines = NULL;
  gint64 n, start, end;

  if (g_str_has_suffix (path, ".csv")) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_UNSUPPORTED,
        "%s: tables of prompts are not read; a text file has one prompt a line",
        path);
    return FALSE;
  }
  lines = os_prompt_file_load (path, error);
  if (lines == NULL)
    return FALSE;
  n = g_strv_length (lines);
  start = get_index (self, "start_index", n, 0);
  end = get_index (self, "end_index", n, n);
  for (gint64 i = start; i < end; i++)
    g_strv_builder_add (prompts, lines[i]);
  return TRUE;
}

/* Lists of references have an entry for each prompt. */
static gboolean
check_length (
    OpensoraConfig *self, const char *key, guint n_prompts, GError **error)
{
  JsonNode *node = os_config_file_find (self->root, key);
  guint n;

  if (node == NULL || !JSON_NODE_HOLDS_ARRAY (node))
    return TRUE;
  n = json_array_get_length (json_node_get_array (node));
  if (n == n_prompts)
    return TRUE;
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
      "%s of the config has %u entries for %u prompts", key, n, n_prompts);
  return FALSE;
}

/**
 * opensora_config_load_prompts:
 * @self: a config
 * @error: return location for an error
 *
 * All prompts: those of `prompt`, or else the lines of the file `prompt_path`
 * from `start_index` to before `end_index`, or else the one text of
 * `prompt_generator`, which Open-Sora repeats without end. Paths are relative
 * to the current folder.
 *
 * Returns: (transfer full) (array zero-terminated=1): the prompts, none if the
 *   config says nothing; %NULL with an error: the file cannot be read, or the
 *   config has not as many references as prompts
 *
 * Since: 0.1
 */
char **
opensora_config_load_prompts (OpensoraConfig *self, GError **error)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) prompts = NULL;
  JsonNode *inline_prompts;
  const char *path, *generator;

  g_return_val_if_fail (OPENSORA_IS_CONFIG (self), NULL);
  inline_prompts = os_config_file_find (self->root, "prompt");
  path = get_text (self, "prompt_path");
  generator = get_text (self, "prompt_generator");
  if (inline_prompts != NULL) {
    if (!add_prompts (builder, inline_prompts, error))
      return NULL;
  } else if (path != NULL) {
    if (!add_prompt_file (self, builder, path, error))
      return NULL;
  } else if (generator != NULL) {
    g_strv_builder_add (builder, generator);
  }
  prompts = g_strv_builder_end (builder);
  if (!check_length (self, "reference_path", g_strv_length (prompts), error)
      || !check_length (self, "mask_strategy", g_strv_length (prompts), error))
    return NULL;
  return g_steal_pointer (&prompts);
}

/**
 * opensora_config_get_reference_path:
 * @self: a config
 * @index: number of the prompt, from 0
 *
 * Returns: (transfer none) (nullable): the pictures and videos that the prompt
 *   refers to, as [property@Params:reference-path] has them
 *
 * Since: 0.1
 */
const char *
opensora_config_get_reference_path (OpensoraConfig *self, guint index)
{
  const char *path;

  g_return_val_if_fail (OPENSORA_IS_CONFIG (self), NULL);
  path = os_config_text (self->root, "reference_path", index);
  return path != NULL ? path : os_config_text (self->root, "ref", index);
}

/**
 * opensora_config_get_mask_strategy:
 * @self: a config
 * @index: number of the prompt, from 0
 *
 * Returns: (transfer none) (nullable): which frames of the references go where,
 *   as [property@Params:mask-strategy] has it
 *
 * Since: 0.1
 */
const char *
opensora_config_get_mask_strategy (OpensoraConfig *self, guint index)
{
  g_return_val_if_fail (OPENSORA_IS_CONFIG (self), NULL);
  return os_config_text (self->root, "mask_strategy", index);
}

/* --- Parts --- */

/* A key of a part's section, whose name depends on the version. */
static const char *
get_part_text (OpensoraConfig *self, OpensoraConfigPart part, const char *key)
{
  static const char *const sections[][2] = { { "model", "model" },
    { "vae", "ae" }, { "text_encoder", "t5" }, { "clip", "clip" } };
  const char *text = NULL;

  for (guint i = 0; i < 2 && text == NULL; i++) {
    g_autofree char *full = g_strconcat (sections[part][i], ".", key, NULL);

    text = get_text (self, full);
  }
  return text;
}

/**
 * opensora_config_get_from_pretrained:
 * @self: a config
 * @part: a part of the model
 *
 * Where the weights of a part are. `ckpt_path` is that of the transformer, if
 * the config has it.
 *
 * Returns: (transfer none) (nullable): `from_pretrained` as it is written: a
 *   repository on the hub, or a path relative to the current folder
 *
 * Since: 0.1
 */
const char *
opensora_config_get_from_pretrained (
    OpensoraConfig *self, OpensoraConfigPart part)
{
  const char *path = NULL;

  g_return_val_if_fail (OPENSORA_IS_CONFIG (self), NULL);
  g_return_val_if_fail (part <= OPENSORA_CONFIG_PART_CLIP, NULL);
  if (part == OPENSORA_CONFIG_PART_TRANSFORMER)
    path = get_text (self, "ckpt_path");
  return path != NULL ? path : get_part_text (self, part, "from_pretrained");
}

/**
 * opensora_config_get_cache_dir:
 * @self: a config
 * @part: a part of the model
 *
 * Returns: (transfer none) (nullable): the folder that the part is downloaded
 *   to; %NULL: the usual one
 *
 * Since: 0.1
 */
const char *
opensora_config_get_cache_dir (OpensoraConfig *self, OpensoraConfigPart part)
{
  g_return_val_if_fail (OPENSORA_IS_CONFIG (self), NULL);
  g_return_val_if_fail (part <= OPENSORA_CONFIG_PART_CLIP, NULL);
  return get_part_text (self, part, "cache_dir");
}
