/* SPDX-License-Identifier: Apache-2.0 */
/* Which key sets which property. Where 2.0 has another name for a key, both are
 * looked up; its aliases at the top come before its sections, as in its
 * parse_alias(). */
#include "pipeline/config-apply.h"

#include <string.h>

#include "base/json.h"
#include "settings/config-file.h"
#include "settings/resolution.h"

typedef struct {
  const char *property;
  const char *keys[3]; /* the first that is there counts */
  const char *fallback;
} Setting;

/* The fallbacks are what the scripts and schedulers of 1.2 and 1.3 take when
 * the key is missing; NULL: what the property is by itself. */
static const Setting settings[] = {
  { "seed", { "sampling_option.seed", "seed" }, "1024" },
  { "steps",
      { "scheduler.num_sampling_steps", "num_steps",
          "sampling_option.num_steps" },
      "10" },
  { "guidance-scale",
      { "scheduler.cfg_scale", "guidance", "sampling_option.guidance" },
      "4.0" },
  { "loop", { "loop" }, NULL },
  { "condition-frame-length", { "condition_frame_length" }, "5" },
  { "condition-frame-edit", { "condition_frame_edit" }, NULL },
  { "align", { "align" }, "0" },
  { "aesthetic-score", { "aes" }, "0" },
  { "motion-score", { "flow" }, NULL },
  { "camera-motion", { "camera_motion" }, NULL },
};

static gboolean
fail (const char *key, JsonNode *node, GError **error, const char *wanted)
{
  g_autofree char *value = json_to_string (node, FALSE);

  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
      "%s of the config is %s; %s", key, value, wanted);
  return FALSE;
}

/* The first of the keys that has a value; *found is set to its name. */
static JsonNode *
find_first (JsonObject *config, const char *const keys[3], const char **found)
{
  for (guint i = 0; i < 3 && keys[i] != NULL; i++) {
    JsonNode *node = os_config_file_find (config, keys[i]);

    *found = keys[i];
    if (node != NULL)
      return node;
  }
  *found = keys[0];
  return NULL;
}

/* --- Values --- */

/* Into a value of the type it was made for. */
static gboolean
read_value (JsonNode *node, GValue *value)
{
  const gboolean is_int = os_json_holds (node, G_TYPE_INT64);
  const gint64 number = is_int ? json_node_get_int (node) : 0;

  if (!JSON_NODE_HOLDS_VALUE (node))
    return FALSE;
  switch (G_VALUE_TYPE (value)) {
    case G_TYPE_STRING:
      g_value_set_string (value, json_node_get_string (node));
      return os_json_holds (node, G_TYPE_STRING);
    case G_TYPE_DOUBLE:
      g_value_set_double (value, json_node_get_double (node));
      return is_int || os_json_holds (node, G_TYPE_DOUBLE);
    case G_TYPE_INT64:
      g_value_set_int64 (value, number);
      return is_int;
    case G_TYPE_INT:
      g_value_set_int (value, CLAMP (number, G_MININT, G_MAXINT));
      return is_int && number == g_value_get_int (value);
    case G_TYPE_UINT:
      g_value_set_uint (value, CLAMP (number, 0, G_MAXUINT));
      return is_int && number == g_value_get_uint (value);
    default:
      return FALSE;
  }
}

static gboolean
set_property (OpensoraParams *params, const char *property, const char *key,
    JsonNode *node, GError **error)
{
  GParamSpec *spec =
      g_object_class_find_property (G_OBJECT_GET_CLASS (params), property);
  g_auto (GValue) value = G_VALUE_INIT;

  g_value_init (&value, spec->value_type);
  if (!read_value (node, &value) || g_param_value_validate (spec, &value)) {
    g_autofree char *wanted =
        g_strdup_printf ("that is no value of the property %s, a %s", property,
            g_type_name (spec->value_type));

    return fail (key, node, error, wanted);
  }
  g_object_set_property (G_OBJECT (params), property, &value);
  return TRUE;
}

static gboolean
apply_setting (JsonObject *config, const Setting *setting, gboolean complete,
    OpensoraParams *params, GError **error)
{
  const char *key;
  JsonNode *node = find_first (config, setting->keys, &key);
  g_autoptr (JsonNode) fallback = NULL;

  if (node == NULL && setting->fallback != NULL
      && (complete || json_object_has_member (config, key)))
    node = fallback = json_from_string (setting->fallback, NULL);
  return node == NULL
         || set_property (params, setting->property, key, node, error);
}

/* The rate is that of the training videos, which the model is told; it has seen
 * one of their frames in frame_interval, and these are its own. */
static gboolean
apply_fps (JsonObject *config, OpensoraParams *params, GError **error)
{
  static const char *const keys[3] = { "fps", "fps_save" };
  const char *key;
  JsonNode *node = find_first (config, keys, &key);
  guint interval = 0;
  double fps;

  if (!os_config_count (config, "frame_interval", &interval, error)
      || (node != NULL && !set_property (params, "fps", key, node, error)))
    return FALSE;
  if (node != NULL) {
    interval = MAX (interval, 1);
    g_object_get (params, "fps", &fps, NULL);
    g_object_set (params, "fps", fps / interval, NULL);
  }
  if (interval > 0)
    g_object_set (params, "frame-interval", interval, NULL);
  return TRUE;
}

/* The type that the reference draws its random numbers in; bf16 is what it
 * falls back to. */
static gboolean
apply_dtype (JsonObject *config, gboolean complete, OpensoraParams *params,
    GError **error)
{
  static const struct {
    const char *name;
    OpensoraNoiseDtype dtype;
  } dtypes[] = { { "bf16", OPENSORA_NOISE_DTYPE_BF16 },
    { "fp16", OPENSORA_NOISE_DTYPE_F16 },
    { "fp32", OPENSORA_NOISE_DTYPE_F32 } };
  JsonNode *node = os_config_file_find (config, "dtype");
  const char *name = "bf16";

  if (node == NULL && !complete)
    return TRUE;
  if (node != NULL)
    name = os_json_holds (node, G_TYPE_STRING) ? json_node_get_string (node)
                                               : NULL;
  for (guint i = 0; i < G_N_ELEMENTS (dtypes); i++) {
    if (g_strcmp0 (name, dtypes[i].name) == 0) {
      g_object_set (params, "noise-dtype", dtypes[i].dtype, NULL);
      return TRUE;
    }
  }
  return fail ("dtype", node, error, "bf16, fp16 and fp32 are possible");
}

/* --- Size and length --- */

static gboolean
apply_frames (JsonObject *config, OpensoraParams *params, GError **error)
{
  static const char *const keys[3] = { "num_frames",
    "sampling_option.num_frames" };
  const char *key;
  JsonNode *node = find_first (config, keys, &key);
  guint n;

  if (node == NULL)
    return TRUE;
  if (!os_json_holds (node, G_TYPE_STRING))
    return set_property (params, "num-frames", key, node, error);
  if (!os_frames_find (json_node_get_string (node), &n, error))
    return FALSE;
  g_object_set (params, "num-frames", n, NULL);
  return TRUE;
}

/* 2.0 writes width:height, the property is height:width. */
static char *
turn_ratio (const char *ratio)
{
  const char *colon = strchr (ratio, ':');

  return colon != NULL ? g_strdup_printf (
             "%s:%.*s", colon + 1, (int) (colon - ratio), ratio)
                       : g_strdup (ratio);
}

static gboolean
apply_named_size (JsonObject *config, const char *version,
    OpensoraParams *params, GError **error)
{
  static const char *const resolution_keys[3] = { "resolution",
    "sampling_option.resolution" };
  static const char *const ratio_keys[3] = { "aspect_ratio",
    "sampling_option.aspect_ratio" };
  const char *key;
  JsonNode *resolution = find_first (config, resolution_keys, &key);
  JsonNode *ratio;

  if (resolution != NULL
      && !set_property (params, "resolution", key, resolution, error))
    return FALSE;
  ratio = find_first (config, ratio_keys, &key);
  if (ratio == NULL)
    return TRUE;
  if (!os_json_holds (ratio, G_TYPE_STRING))
    return fail (key, ratio, error, "it has to be a text such as \"9:16\"");
  if (g_strcmp0 (version, "2.0") == 0) {
    g_autofree char *turned = turn_ratio (json_node_get_string (ratio));

    g_object_set (params, "aspect-ratio", turned, NULL);
    return TRUE;
  }
  return set_property (params, "aspect-ratio", key, ratio, error);
}

static void
set_size (OpensoraParams *params, gint64 width, gint64 height)
{
  g_autofree char *size =
      g_strdup_printf ("%" G_GINT64_FORMAT "x%" G_GINT64_FORMAT, width, height);

  g_object_set (params, "resolution", size, "aspect-ratio", NULL, NULL);
}

/* image_size, height before width; it counts more than names of sizes. */
static gboolean
apply_image_size (JsonNode *node, OpensoraParams *params, GError **error)
{
  JsonArray *size =
      JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;

  if (size == NULL || json_array_get_length (size) != 2
      || !os_json_holds (json_array_get_element (size, 0), G_TYPE_INT64)
      || !os_json_holds (json_array_get_element (size, 1), G_TYPE_INT64))
    return fail ("image_size", node, error,
        "it has to be (height, width), two whole numbers");
  set_size (params, json_array_get_int_element (size, 1),
      json_array_get_int_element (size, 0));
  return TRUE;
}

/* 2.0 looks at its height and width only without names of sizes. */
static gboolean
apply_size (JsonObject *config, const char *version, OpensoraParams *params,
    GError **error)
{
  JsonNode *image_size = os_config_file_find (config, "image_size");
  guint width = 0, height = 0;

  if (image_size != NULL)
    return apply_image_size (image_size, params, error);
  if (!os_config_count (config, "sampling_option.width", &width, error)
      || !os_config_count (config, "sampling_option.height", &height, error))
    return FALSE;
  if (width > 0 && height > 0)
    set_size (params, width, height);
  return apply_named_size (config, version, params, error);
}

/* --- The rest --- */

/* The transformers of 1.1 to 1.3 are told size and frame rate only with this
 * key, and cannot do without. */
static gboolean
check_multi_resolution (JsonObject *config, const char *version, GError **error)
{
  static const char *const versions[] = { "1.1", "1.2", "1.3", NULL };
  JsonNode *node = json_object_get_member (config, "multi_resolution");
  const char *value;

  if (node == NULL || version == NULL || !g_strv_contains (versions, version))
    return TRUE;
  value =
      os_json_holds (node, G_TYPE_STRING) ? json_node_get_string (node) : NULL;
  return g_strcmp0 (value, "STDiT2") == 0 || g_strcmp0 (value, "OpenSora") == 0
         || fail (
             "multi_resolution", node, error, "this model needs \"STDiT2\"");
}

/* What the consumers of these keys would not tell. */
static gboolean
check_counts (JsonObject *config, GError **error)
{
  guint ignored;

  return os_config_count (config, "num_sample", &ignored, error)
         && os_config_count (config, "batch_size", &ignored, error);
}

static void
apply_prompt (JsonObject *config, OpensoraParams *params)
{
  const char *prompt = os_config_text (config, "prompt", 0);
  const char *reference = os_config_text (config, "reference_path", 0);
  const char *mask = os_config_text (config, "mask_strategy", 0);

  if (prompt != NULL)
    g_object_set (params, "prompt", prompt, NULL);
  if (reference == NULL)
    reference = os_config_text (config, "ref", 0);
  if (reference != NULL)
    g_object_set (params, "reference-path", reference, NULL);
  if (mask != NULL)
    g_object_set (params, "mask-strategy", mask, NULL);
}

gboolean
os_config_apply (JsonObject *config, const char *version,
    OpensoraParams *params, GError **error)
{
  /* A config that names its model says all; what is not in it is what the
   * reference falls back to. */
  const gboolean complete =
      g_strcmp0 (version, "1.2") == 0 || g_strcmp0 (version, "1.3") == 0;

  for (guint i = 0; i < G_N_ELEMENTS (settings); i++) {
    if (!apply_setting (config, &settings[i], complete, params, error))
      return FALSE;
  }
  apply_prompt (config, params);
  return apply_dtype (config, complete, params, error)
         && apply_fps (config, params, error)
         && apply_frames (config, params, error)
         && apply_size (config, version, params, error)
         && check_multi_resolution (config, version, error)
         && check_counts (config, error);
}

gboolean
os_config_count (
    JsonObject *config, const char *key, guint *count, GError **error)
{
  JsonNode *node = os_config_file_find (config, key);

  if (node == NULL)
    return TRUE;
  if (!os_json_holds (node, G_TYPE_INT64) || json_node_get_int (node) < 1
      || json_node_get_int (node) > G_MAXINT)
    return fail (key, node, error, "it has to be a whole number above 0");
  *count = json_node_get_int (node);
  return TRUE;
}

const char *
os_config_text (JsonObject *config, const char *key, guint index)
{
  JsonNode *node = os_config_file_find (config, key);

  if (node != NULL && JSON_NODE_HOLDS_ARRAY (node)) {
    JsonArray *texts = json_node_get_array (node);

    node = index < json_array_get_length (texts)
               ? json_array_get_element (texts, index)
               : NULL;
    index = 0;
  }
  if (node == NULL || index > 0 || !os_json_holds (node, G_TYPE_STRING))
    return NULL;
  return *json_node_get_string (node) != '\0' ? json_node_get_string (node)
                                              : NULL;
}
