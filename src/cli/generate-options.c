/* SPDX-License-Identifier: Apache-2.0 */
/* From the command line to properties of the element; size and frame rate,
 * which are caps, come on top. */

#include "generate-options.h"

#include "file-types.h"

static gboolean
keep_property (
    const char *option, const char *value, gpointer data, GError **error)
{
  GenerateOptions *self = data;

  g_hash_table_replace (
      self->properties, g_strdup (option + strlen ("--")), g_strdup (value));
  return TRUE;
}

gboolean
generate_options_has (const GenerateOptions *self, const char *property)
{
  return g_hash_table_contains (self->properties, property);
}

/* Options for the properties that the element itself defines. The strings
 * belong to the class. A preview is a window here. */
static void
add_property_options (
    GenerateOptions *self, GstElement *source, GOptionContext *context)
{
  static const char *const others[] = { "prompt", "preview", "preview-interval",
    NULL };
  g_autoptr (GArray) entries = g_array_new (TRUE, TRUE, sizeof (GOptionEntry));
  GObjectClass *class = G_OBJECT_GET_CLASS (source);
  GOptionGroup *group;
  guint n;
  g_autofree GParamSpec **specs = g_object_class_list_properties (class, &n);

  for (guint i = 0; i < n; i++) {
    GOptionEntry entry = { .long_name = specs[i]->name,
      .arg = G_OPTION_ARG_CALLBACK,
      .arg_data = keep_property,
      .description = g_param_spec_get_blurb (specs[i]),
      .arg_description = "VALUE" };

    if (specs[i]->owner_type == G_OBJECT_CLASS_TYPE (class)
        && (specs[i]->flags & G_PARAM_WRITABLE)
        && !g_strv_contains (others, specs[i]->name))
      g_array_append_val (entries, entry);
  }
  group = g_option_group_new ("model", NULL, NULL, self, NULL);
  g_option_group_add_entries (group, (GOptionEntry *) entries->data);
  g_option_context_set_main_group (context, group);
}

/* What is wrong with them together. */
static gboolean
check (const GenerateOptions *self, char **args, GError **error)
{
  if ((self->output == NULL && !self->preview)
      || (args[1] != NULL && args[2] != NULL)
      || (args[1] == NULL && !generate_options_has (self, "prompt-path")
          && !generate_options_has (self, "config"))) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
        "one prompt (in quotes) and -o FILE or --preview are needed, or "
        "--prompt-path or --config for the prompt; see opensora generate "
        "--help");
    return FALSE;
  }
  if (self->width < 0 || self->height < 0 || self->fps < 0) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
        "--width, --height and --fps must not be negative");
    return FALSE;
  }
  return TRUE;
}

gboolean
generate_options_parse (
    GenerateOptions *self, GstElement *source, char **args, GError **error)
{
  g_autofree char *endings = file_type_list ();
  g_autofree char *output_help = g_strdup_printf (
      "File to write: %s; a pattern such as frame-%%04d.png makes a file a "
      "picture, clip-%%02d.mp4 one a clip",
      endings);
  const GOptionEntry entries[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &self->output, output_help,
        "FILE" },
    { "width", 0, 0, G_OPTION_ARG_INT, &self->width,
        "Width in pixels (default: the model's)", "N" },
    { "height", 0, 0, G_OPTION_ARG_INT, &self->height,
        "Height in pixels (default: the model's)", "N" },
    { "fps", 0, 0, G_OPTION_ARG_DOUBLE, &self->fps,
        "Frames a second (default: the model's)", "N" },
    { "preview", 0, 0, G_OPTION_ARG_NONE, &self->preview,
        "Show in a window what is being made, and the frames", NULL },
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &self->quiet,
        "Report nothing but errors", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("[\"PROMPT\"]");

  self->properties =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  add_property_options (self, source, context);
  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_set_summary (
      context, "Makes a video or pictures from a prompt.");
  if (!g_option_context_parse_strv (context, &args, error)
      || !check (self, args, error))
    return FALSE;
  if (args[1] != NULL)
    keep_property ("--prompt", args[1], self, NULL);
  return TRUE;
}

static gboolean
set_property (
    GstElement *source, const char *name, const char *text, GError **error)
{
  GParamSpec *spec =
      g_object_class_find_property (G_OBJECT_GET_CLASS (source), name);
  g_auto (GValue) value = G_VALUE_INIT;
  gboolean good = TRUE;

  g_value_init (&value, spec->value_type);
  if (G_VALUE_HOLDS_STRING (&value))
    g_value_set_string (&value, text);
  else
    good = gst_value_deserialize (&value, text);

  if (!good || g_param_value_validate (spec, &value)) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
        "--%s: '%s' is not a legal value (%s)", name, text,
        g_param_spec_get_blurb (spec));
    return FALSE;
  }
  g_object_set_property (G_OBJECT (source), name, &value);
  return TRUE;
}

gboolean
generate_options_apply (
    const GenerateOptions *self, GstElement *source, GError **error)
{
  GHashTableIter iter;
  gpointer name, text;

  g_hash_table_iter_init (&iter, self->properties);
  while (g_hash_table_iter_next (&iter, &name, &text)) {
    if (!set_property (source, name, text, error))
      return FALSE;
  }
  return TRUE;
}

void
generate_options_clear (GenerateOptions *self)
{
  g_clear_pointer (&self->output, g_free);
  g_clear_pointer (&self->properties, g_hash_table_unref);
}
