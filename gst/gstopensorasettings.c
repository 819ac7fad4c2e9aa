/* SPDX-License-Identifier: Apache-2.0 */
/* The values of opensorasrc's properties. Only those that were set are kept:
 * they count more than a config, also when they are what the default is. */
#include "gstopensorasettings.h"

#include <gst/gst.h>
#include <string.h>

static void
free_value (gpointer data)
{
  g_boxed_free (G_TYPE_VALUE, data);
}

void
gst_opensora_settings_init (GstOpensoraSettings *self, GObjectClass *klass)
{
  self->klass = klass;
  g_mutex_init (&self->lock);
  self->values =
      g_hash_table_new_full (g_str_hash, g_str_equal, NULL, free_value);
}

void
gst_opensora_settings_clear (GstOpensoraSettings *self)
{
  g_hash_table_unref (self->values);
  g_free (self->pipeline_key);
  g_mutex_clear (&self->lock);
}

void
gst_opensora_settings_get (
    GstOpensoraSettings *self, GParamSpec *spec, GValue *value)
{
  const GValue *set;

  g_mutex_lock (&self->lock);
  set = g_hash_table_lookup (self->values, spec->name);
  if (set != NULL)
    g_value_copy (set, value);
  else
    g_param_value_set_default (spec, value);
  g_mutex_unlock (&self->lock);
}

void
gst_opensora_settings_set (
    GstOpensoraSettings *self, GParamSpec *spec, const GValue *value)
{
  g_mutex_lock (&self->lock);
  g_hash_table_replace (
      self->values, (gpointer) spec->name, g_boxed_copy (G_TYPE_VALUE, value));
  g_mutex_unlock (&self->lock);
}

/* ---- single values ---- */

static void
read_value (GstOpensoraSettings *self, const char *name, GValue *value)
{
  GParamSpec *spec = g_object_class_find_property (self->klass, name);

  g_value_init (value, spec->value_type);
  gst_opensora_settings_get (self, spec, value);
}

char *
gst_opensora_settings_dup_string (GstOpensoraSettings *self, const char *name)
{
  g_auto (GValue) value = G_VALUE_INIT;

  read_value (self, name, &value);
  return g_value_dup_string (&value);
}

guint
gst_opensora_settings_get_uint (GstOpensoraSettings *self, const char *name)
{
  g_auto (GValue) value = G_VALUE_INIT;

  read_value (self, name, &value);
  return g_value_get_uint (&value);
}

gboolean
gst_opensora_settings_get_boolean (GstOpensoraSettings *self, const char *name)
{
  g_auto (GValue) value = G_VALUE_INIT;

  read_value (self, name, &value);
  return g_value_get_boolean (&value);
}

gint
gst_opensora_settings_get_enum (GstOpensoraSettings *self, const char *name)
{
  g_auto (GValue) value = G_VALUE_INIT;

  read_value (self, name, &value);
  return g_value_get_enum (&value);
}

gboolean
gst_opensora_settings_get_int (
    GstOpensoraSettings *self, const char *name, gint *value)
{
  const GValue *set;

  g_mutex_lock (&self->lock);
  set = g_hash_table_lookup (self->values, name);
  if (set != NULL)
    *value = g_value_get_int (set);
  g_mutex_unlock (&self->lock);
  return set != NULL;
}

/* ---- the library's objects ---- */

char *
gst_opensora_aspect_ratio_to_text (const GValue *fraction)
{
  gint width = gst_value_get_fraction_numerator (fraction);
  gint height = gst_value_get_fraction_denominator (fraction);

  return width > 0 ? g_strdup_printf ("%d:%d", height, width) : NULL;
}

static void
apply_value (GObject *object, const char *name, const GValue *value)
{
  g_autofree char *text = NULL;

  if (!GST_VALUE_HOLDS_FRACTION (value)) {
    g_object_set_property (object, name, value);
    return;
  }
  text = gst_opensora_aspect_ratio_to_text (value);
  g_object_set (object, name, text, NULL);
}

void
gst_opensora_settings_apply (GstOpensoraSettings *self, GObject *object)
{
  GHashTableIter iter;
  gpointer name, value;

  g_mutex_lock (&self->lock);
  g_hash_table_iter_init (&iter, self->values);
  while (g_hash_table_iter_next (&iter, &name, &value)) {
    const GParamSpec *spec =
        g_object_class_find_property (G_OBJECT_GET_CLASS (object), name);

    /* A config is a path here and an object there. */
    if (spec != NULL
        && g_value_type_transformable (G_VALUE_TYPE (value), spec->value_type))
      apply_value (object, name, value);
  }
  g_mutex_unlock (&self->lock);
}

static const char *
get_backend_name (GstOpensoraSettings *self)
{
  static const char *const names[] = {
    [GST_OPENSORA_BACKEND_AUTO] = NULL,
    [GST_OPENSORA_BACKEND_OPENBLAS] = "openblas",
    [GST_OPENSORA_BACKEND_ONEDNN] = "onednn",
    [GST_OPENSORA_BACKEND_BUILTIN] = "builtin",
  };

  return names[gst_opensora_settings_get_enum (self, "backend")];
}

static char *
describe_config (OpensoraConfig *config)
{
  return config != NULL ? opensora_config_to_json (config) : g_strdup ("");
}

/* All that a pipeline depends on. */
static char *
describe_pipeline (
    OpensoraPipeline *pipeline, const char *backend, guint n_threads)
{
  const char *model = opensora_pipeline_get_model (pipeline);
  GString *text = g_string_new (NULL);
  g_autofree GParamSpec **specs = NULL;
  guint n;

  g_string_printf (text, "%s\n%u\n%s%s", backend ? backend : "auto", n_threads,
      model ? "=" : "", model ? model : "");
  specs = g_object_class_list_properties (G_OBJECT_GET_CLASS (pipeline), &n);
  for (guint i = 0; i < n; i++) {
    g_auto (GValue) value = G_VALUE_INIT;
    g_autofree char *contents = NULL;

    g_object_get_property (G_OBJECT (pipeline), specs[i]->name, &value);
    if (G_VALUE_HOLDS_OBJECT (&value))
      contents = describe_config (g_value_get_object (&value));
    else
      contents = g_strdup_value_contents (&value);
    g_string_append_printf (text, "\n%s", contents);
  }
  return g_string_free (text, FALSE);
}

/* What is never looked up on the network has to be there. */
static gboolean
check_name (const char *property, const char *name, GError **error)
{
  const char *slash = name != NULL ? strchr (name, '/') : NULL;

  if (name == NULL || g_file_test (name, G_FILE_TEST_EXISTS))
    return TRUE;
  if (strchr ("/.~", *name) == NULL
      && (slash == NULL || strchr (slash + 1, '/') == NULL))
    return TRUE;
  g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND,
      "%s: there is no file or folder %s", property, name);
  return FALSE;
}

/* A config counts where there is no model. */
static gboolean
check_names (OpensoraPipeline *pipeline, OpensoraConfig *config, GError **error)
{
  static const struct {
    const char *property;
    OpensoraConfigPart part;
  } parts[] = {
    { "transformer", OPENSORA_CONFIG_PART_TRANSFORMER },
    { "vae", OPENSORA_CONFIG_PART_VAE },
    { "text-encoder", OPENSORA_CONFIG_PART_TEXT_ENCODER },
  };
  const char *model = opensora_pipeline_get_model (pipeline);

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++) {
    g_autofree char *name = NULL;

    g_object_get (pipeline, parts[i].property, &name, NULL);
    if (name == NULL && model == NULL && config != NULL)
      name = g_strdup (
          opensora_config_get_from_pretrained (config, parts[i].part));
    if (!check_name (parts[i].property, name, error))
      return FALSE;
  }
  return check_name ("model", model, error);
}

gboolean
gst_opensora_settings_update_pipeline (GstOpensoraSettings *self,
    OpensoraConfig *config, OpensoraPipeline **pipeline, GError **error)
{
  const char *backend = get_backend_name (self);
  const guint n_threads = gst_opensora_settings_get_uint (self, "n-threads");
  g_autofree char *model = gst_opensora_settings_dup_string (self, "model");
  g_autoptr (OpensoraPipeline) wanted =
      opensora_pipeline_new (model, backend, n_threads);
  g_autofree char *key = NULL;

  g_object_set (wanted, "config", config, NULL);
  gst_opensora_settings_apply (self, G_OBJECT (wanted));
  if (!check_names (wanted, config, error))
    return FALSE;
  key = describe_pipeline (wanted, backend, n_threads);
  if (*pipeline == NULL || !g_str_equal (key, self->pipeline_key)) {
    g_set_object (pipeline, wanted);
    g_free (self->pipeline_key);
    self->pipeline_key = g_steal_pointer (&key);
  }
  return TRUE;
}
