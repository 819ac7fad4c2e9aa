/* SPDX-License-Identifier: Apache-2.0 */
/* opensora generate: a prompt becomes a file, through the pipeline
 *
 *   opensorasrc ! caps ! encoder and muxer of the file type ! sink
 *
 * Every property of the element is an option of the same name, with the same
 * range and description; size and frame rate, which are caps, come on top. */

#include "cli.h"
#include "progress.h"

#include <glib-unix.h>
#include <glib/gstdio.h>
#include <gst/gst.h>

/* Of the element's caps. */
#define SIZE_STEP 8

typedef struct {
  const char *extension;
  /* Descriptions of the part behind the element; the first whose elements are
   * installed is taken. 4:2:0 is what players can show. */
  const char *chains[3];
  const char *packages; /* in Debian */
} FileType;

static const FileType file_types[] = {
  { ".mp4",
      { "capsfilter caps=video/x-raw,format=I420 ! x264enc ! mp4mux",
          "capsfilter caps=video/x-raw,format=I420 ! openh264enc ! h264parse "
          "! mp4mux" },
      "gstreamer1.0-plugins-ugly and gstreamer1.0-plugins-good" },
  { ".mkv",
      { "capsfilter caps=video/x-raw,format=I420 ! x264enc ! matroskamux",
          "vp9enc deadline=100000 ! matroskamux" },
      "gstreamer1.0-plugins-ugly and gstreamer1.0-plugins-good" },
  { ".webm",
      { "capsfilter caps=video/x-raw,format=I420 ! vp9enc deadline=100000 "
        "! webmmux" },
      "gstreamer1.0-plugins-good" },
  { ".y4m", { "capsfilter caps=video/x-raw,format=I420 ! y4menc" },
      "gstreamer1.0-plugins-good" },
  { ".png", { "pngenc" }, "gstreamer1.0-plugins-good" },
};

typedef struct {
  char *output;
  int width, height;
  double fps;
  GHashTable *properties; /* name -> text, those that were given */

  GstElement *pipeline, *source;
  GMainLoop *loop;
  char *partial; /* the file while it is written; NULL for a pattern */
  CliProgress progress;
  gint64 seed;     /* of the last clip */
  guint n_clips;   /* that are complete */
  gint64 position; /* of the stream, when it was last looked at */
  gboolean interrupted;
  gboolean failed;
} Generate;

static void
generate_clear (Generate *self)
{
  if (self->pipeline != NULL)
    gst_element_set_state (self->pipeline, GST_STATE_NULL);
  g_clear_object (&self->pipeline);
  g_clear_pointer (&self->loop, g_main_loop_unref);
  g_clear_pointer (&self->properties, g_hash_table_unref);
  g_free (self->output);
  g_free (self->partial);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Generate, generate_clear)

/* --- Options --- */

static gboolean
keep_property (
    const char *option, const char *value, gpointer data, GError **error)
{
  Generate *self = data;

  g_hash_table_replace (
      self->properties, g_strdup (option + strlen ("--")), g_strdup (value));
  return TRUE;
}

static gboolean
is_given (const Generate *self, const char *property)
{
  return g_hash_table_contains (self->properties, property);
}

/* Options for the properties that the element itself defines. The strings
 * belong to the class. */
static void
add_property_options (Generate *self, GOptionContext *context)
{
  g_autoptr (GArray) entries = g_array_new (TRUE, TRUE, sizeof (GOptionEntry));
  GObjectClass *class = G_OBJECT_GET_CLASS (self->source);
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
        && !g_str_equal (specs[i]->name, "prompt"))
      g_array_append_val (entries, entry);
  }
  group = g_option_group_new ("model", NULL, NULL, self, NULL);
  g_option_group_add_entries (group, (GOptionEntry *) entries->data);
  g_option_context_set_main_group (context, group);
}

static gboolean
parse_options (Generate *self, char **args, GError **error)
{
  const GOptionEntry entries[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &self->output,
        "File to write: .mp4, .mkv, .webm, .y4m, or .png (a pattern such as "
        "frame-%04d.png for more than one frame)",
        "FILE" },
    { "width", 0, 0, G_OPTION_ARG_INT, &self->width,
        "Width in pixels (default: the model's)", "N" },
    { "height", 0, 0, G_OPTION_ARG_INT, &self->height,
        "Height in pixels (default: the model's)", "N" },
    { "fps", 0, 0, G_OPTION_ARG_DOUBLE, &self->fps,
        "Frames a second (default: the model's)", "N" },
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &self->progress.quiet,
        "Report nothing but errors", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("[\"PROMPT\"]");

  add_property_options (self, context);
  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_set_summary (
      context, "Makes a video or pictures from a prompt.");
  if (!g_option_context_parse_strv (context, &args, error))
    return FALSE;
  if (self->output == NULL || (args[1] != NULL && args[2] != NULL)
      || (args[1] == NULL && !is_given (self, "prompt-path")
          && !is_given (self, "config"))) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
        "one prompt (in quotes) and -o FILE are needed, or --prompt-path or "
        "--config for the prompt; see opensora generate --help");
    return FALSE;
  }
  if (self->width < 0 || self->height < 0 || self->fps < 0) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
        "--width, --height and --fps must not be negative");
    return FALSE;
  }
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

static gboolean
set_properties (Generate *self, GError **error)
{
  GHashTableIter iter;
  gpointer name, text;

  g_hash_table_iter_init (&iter, self->properties);
  while (g_hash_table_iter_next (&iter, &name, &text)) {
    if (!set_property (self->source, name, text, error))
      return FALSE;
  }
  return TRUE;
}

/* --- Pipeline --- */

static const FileType *
find_file_type (const char *output, GError **error)
{
  g_autofree char *lower = g_ascii_strdown (output, -1);
  g_autoptr (GString) known = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (file_types); i++) {
    if (g_str_has_suffix (lower, file_types[i].extension))
      return &file_types[i];
    g_string_append_printf (known, " %s", file_types[i].extension);
  }
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
      "%s: the ending of the file must be one of%s", output, known->str);
  return NULL;
}

static GstElement *
make_encoder (const FileType *type, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (type->chains); i++) {
    GstElement *encoder;

    if (type->chains[i] == NULL)
      break;
    encoder = gst_parse_bin_from_description_full (
        type->chains[i], TRUE, NULL, GST_PARSE_FLAG_FATAL_ERRORS, NULL);
    if (encoder != NULL)
      return encoder;
  }
  g_set_error (error, GST_CORE_ERROR, GST_CORE_ERROR_MISSING_PLUGIN,
      "cannot write %s: GStreamer lacks an element of '%s' "
      "(in Debian: packages %s)",
      type->extension, type->chains[0], type->packages);
  return NULL;
}

/* A file of one picture; the element makes one unless it is told otherwise. */
static gboolean
check_picture (Generate *self, GError **error)
{
  if (!is_given (self, "num-frames"))
    keep_property ("--num-frames", "1", self, NULL);
  if (atoi (g_hash_table_lookup (self->properties, "num-frames")) == 1
      && !is_given (self, "num-clips") && !is_given (self, "prompt-path"))
    return TRUE;
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
      "%s holds one picture; for more give a pattern such as frame-%%04d.png",
      self->output);
  return FALSE;
}

/* A sink for one file, written under another name until it is complete, or for
 * a file a frame. */
static GstElement *
make_sink (Generate *self, const FileType *type, GError **error)
{
  const gboolean is_picture = g_str_equal (type->extension, ".png");
  const gboolean is_pattern = strchr (self->output, '%') != NULL;
  GstElement *sink;

  if (is_pattern && !is_picture) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
        "%s: a pattern is for pictures; a file of this type holds all clips",
        self->output);
    return NULL;
  }
  if (is_picture && !is_pattern && !check_picture (self, error))
    return NULL;
  if (!is_pattern)
    self->partial = g_strconcat (self->output, ".part", NULL);
  sink = gst_element_factory_make (
      is_pattern ? "multifilesink" : "filesink", NULL);
  g_object_set (
      sink, "location", is_pattern ? self->output : self->partial, NULL);
  return sink;
}

static GstElement *
make_capsfilter (const Generate *self)
{
  GstElement *filter = gst_element_factory_make ("capsfilter", NULL);
  g_autoptr (GstCaps) caps = gst_caps_new_empty_simple ("video/x-raw");
  int numerator, denominator;

  if (self->width > 0)
    gst_caps_set_simple (caps, "width", G_TYPE_INT, self->width, NULL);
  if (self->height > 0)
    gst_caps_set_simple (caps, "height", G_TYPE_INT, self->height, NULL);
  if (self->fps > 0) {
    gst_util_double_to_fraction (self->fps, &numerator, &denominator);
    gst_caps_set_simple (
        caps, "framerate", GST_TYPE_FRACTION, numerator, denominator, NULL);
  }
  g_object_set (filter, "caps", caps, NULL);
  return filter;
}

/* Which of the two sides is wrong, and what is right. */
static void
set_size_error (const Generate *self, GError **error)
{
  const int sides[] = { self->width, self->height };
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (sides); i++) {
    const int below = MAX (sides[i] / SIZE_STEP * SIZE_STEP, 2 * SIZE_STEP);

    if (sides[i] > 0 && sides[i] % SIZE_STEP != 0)
      g_string_append_printf (text, "; nearest to %s %d are %d and %d",
          i == 0 ? "width" : "height", sides[i], below, below + SIZE_STEP);
  }
  g_set_error (error, GST_CORE_ERROR, GST_CORE_ERROR_NEGOTIATION,
      "no model makes this size and frame rate: width and height must be "
      "multiples of %d%s",
      SIZE_STEP, text->str);
}

static gboolean
build_pipeline (Generate *self, GError **error)
{
  const FileType *type = find_file_type (self->output, error);
  GstElement *encoder, *sink, *filter;

  if (type == NULL)
    return FALSE;
  sink = make_sink (self, type, error);
  if (sink == NULL)
    return FALSE;
  gst_bin_add (GST_BIN (self->pipeline), sink);
  encoder = make_encoder (type, error);
  if (encoder == NULL || !set_properties (self, error))
    return FALSE;

  filter = make_capsfilter (self);
  gst_bin_add_many (GST_BIN (self->pipeline), filter, encoder, NULL);
  if (!gst_element_link_many (self->source, filter, encoder, sink, NULL)) {
    set_size_error (self, error);
    return FALSE;
  }
  return TRUE;
}

/* The plugin may be installed where GStreamer does not look by itself. */
static gboolean
make_source (Generate *self, GError **error)
{
  GstElement *source;

  gst_init (NULL, NULL);
  source = gst_element_factory_make ("opensorasrc", NULL);
  if (source == NULL) {
    gst_registry_scan_path (gst_registry_get (), OPENSORA_PLUGIN_DIR);
    source = gst_element_factory_make ("opensorasrc", NULL);
  }
  if (source == NULL) {
    g_set_error (error, GST_CORE_ERROR, GST_CORE_ERROR_MISSING_PLUGIN,
        "GStreamer does not find the element opensorasrc; set GST_PLUGIN_PATH "
        "to the folder of libgstopensora.so, or see gst-inspect-1.0 -b");
    return FALSE;
  }
  self->source = source;
  self->pipeline = gst_object_ref_sink (gst_pipeline_new (NULL));
  gst_bin_add (GST_BIN (self->pipeline), source);
  return TRUE;
}

/* --- Progress --- */

static void
on_progress (Generate *self, GstMessage *message)
{
  g_autofree char *code = NULL, *text = NULL;
  GstProgressType type;
  int percent = 0;

  gst_message_parse_progress (message, &type, &code, &text);
  gst_structure_get_int (
      gst_message_get_structure (message), "percent", &percent);
  if (type == GST_PROGRESS_TYPE_START || type == GST_PROGRESS_TYPE_CONTINUE)
    cli_progress_show (&self->progress, code, text, percent / 100.0);
}

/* The seed, the end of a clip, and the progress of those after the first. */
static void
on_element (Generate *self, GstMessage *message)
{
  const GstStructure *structure = gst_message_get_structure (message);
  g_autofree char *text = NULL;
  guint64 step, steps;
  guint clip;

  gst_structure_get_int64 (structure, "seed", &self->seed);
  self->n_clips += gst_structure_has_name (structure, "opensora-clip-done");
  if (!gst_structure_has_name (structure, "opensora-progress")
      || !gst_structure_get (structure, "clip", G_TYPE_UINT, &clip, "step",
          G_TYPE_UINT64, &step, "steps", G_TYPE_UINT64, &steps, NULL))
    return;
  text =
      g_strdup_printf ("clip %u, %s: %" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT,
          clip + 1, gst_structure_get_string (structure, "phase"), step, steps);
  cli_progress_show (&self->progress,
      gst_structure_get_string (structure, "phase"), text,
      (double) step / steps);
}

/* How far the stream has come, while it moves: the first clip's own messages
 * end with the first frame. */
static gboolean
on_tick (gpointer data)
{
  Generate *self = data;
  g_autofree char *text = NULL;
  gint64 position, duration;

  if (!gst_element_query_position (self->source, GST_FORMAT_TIME, &position)
      || !gst_element_query_duration (self->source, GST_FORMAT_TIME, &duration)
      || position <= self->position || duration <= 0)
    return G_SOURCE_CONTINUE;

  self->position = position;
  text = g_strdup_printf ("frames: %.1f of %.1f s",
      (double) position / GST_SECOND, (double) duration / GST_SECOND);
  cli_progress_show (
      &self->progress, "frames", text, (double) position / duration);
  return G_SOURCE_CONTINUE;
}

/* --- Running --- */

static void
on_notice (Generate *self, GstMessage *message)
{
  g_autoptr (GError) error = NULL;

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_WARNING)
    gst_message_parse_warning (message, &error, NULL);
  else
    gst_message_parse_info (message, &error, NULL);
  if (!self->progress.quiet) {
    cli_progress_end (&self->progress);
    g_printerr ("%s\n", error->message);
  }
}

static void
on_error (Generate *self, GstMessage *message)
{
  g_autoptr (GError) error = NULL;
  const GstStructure *details = NULL;
  const char *class = NULL;

  gst_message_parse_error (message, &error, NULL);
  gst_message_parse_error_details (message, &details);
  if (details != NULL)
    class = gst_structure_get_string (details, "hub-error");
  /* An encoder that was stopped before its first frame complains. */
  if (!self->interrupted && !self->failed) {
    cli_progress_end (&self->progress);
    if (class != NULL)
      g_printerr ("error: %s: %s\n", class, error->message);
    else
      cli_fail ("%s", error->message);
  }
  self->failed = TRUE;
  g_main_loop_quit (self->loop);
}

static gboolean
on_message (GstBus *bus, GstMessage *message, gpointer data)
{
  Generate *self = data;

  switch (GST_MESSAGE_TYPE (message)) {
    case GST_MESSAGE_PROGRESS:
      on_progress (self, message);
      break;
    case GST_MESSAGE_ELEMENT:
      on_element (self, message);
      break;
    case GST_MESSAGE_WARNING:
    case GST_MESSAGE_INFO:
      on_notice (self, message);
      break;
    case GST_MESSAGE_ERROR:
      on_error (self, message);
      break;
    case GST_MESSAGE_EOS:
      g_main_loop_quit (self->loop);
      break;
    default:
      break;
  }
  return G_SOURCE_CONTINUE;
}

/* The first Ctrl-C ends the clip so that the file gets its index; the second
 * gives up on the file too. */
static gboolean
on_interrupt (gpointer data)
{
  Generate *self = data;

  if (self->interrupted) {
    self->failed = TRUE;
    g_main_loop_quit (self->loop);
  } else {
    self->interrupted = TRUE;
    gst_element_send_event (self->pipeline, gst_event_new_eos ());
  }
  return G_SOURCE_CONTINUE;
}

static void
run_pipeline (Generate *self)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (self->pipeline);
  guint sources[4];

  self->loop = g_main_loop_new (NULL, FALSE);
  sources[0] = gst_bus_add_watch (bus, on_message, self);
  sources[1] = g_unix_signal_add (SIGINT, on_interrupt, self);
  sources[2] = g_unix_signal_add (SIGTERM, on_interrupt, self);
  sources[3] = g_timeout_add (250, on_tick, self);

  /* A failure to start posts an error, which ends the loop. */
  gst_element_set_state (self->pipeline, GST_STATE_PLAYING);
  g_main_loop_run (self->loop);

  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    g_source_remove (sources[i]);
  cli_progress_end (&self->progress);
}

/* Gives the file its name, or removes what is of no use. */
static int
finish (Generate *self)
{
  gint64 position = 0;

  gst_element_query_position (self->source, GST_FORMAT_TIME, &position);
  gst_element_set_state (self->pipeline, GST_STATE_NULL);

  if (self->partial != NULL) {
    if (self->failed || (self->interrupted && position <= 0))
      g_unlink (self->partial);
    else if (g_rename (self->partial, self->output) != 0)
      return cli_fail ("cannot rename %s to %s: %s", self->partial,
          self->output, g_strerror (errno));
  }
  if (self->interrupted)
    return CLI_INTERRUPTED;
  if (self->failed)
    return 1;
  if (self->progress.quiet)
    return 0;
  if (self->n_clips > 1)
    g_printerr ("%s: %u clips\n", self->output, self->n_clips);
  else
    g_printerr ("%s: seed %" G_GINT64_FORMAT "\n", self->output, self->seed);
  return 0;
}

int
cli_generate (char **args)
{
  g_auto (Generate) self = { NULL };
  g_autoptr (GError) error = NULL;

  cli_progress_init (&self.progress);
  self.properties =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  if (!make_source (&self, &error) || !parse_options (&self, args, &error)
      || !build_pipeline (&self, &error))
    return cli_fail ("%s", error->message);
  run_pipeline (&self);
  return finish (&self);
}
