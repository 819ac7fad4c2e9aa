/* SPDX-License-Identifier: Apache-2.0 */
/* opensora generate: a prompt becomes a file, through the pipeline
 *
 *   opensorasrc ! caps ! encoder and muxer of the file type ! sink
 *
 * What is written how is the recorder's, what is shown the window's. */

#include "cli.h"
#include "generate-options.h"
#include "gifenc.h"
#include "progress.h"
#include "recorder.h"
#include "window.h"

#include <glib-unix.h>

/* Of the element's caps. */
#define SIZE_STEP 8

typedef struct {
  GenerateOptions options;
  GstElement *pipeline, *source;
  Recorder recorder;
  Window *window; /* NULL: none */
  GMainLoop *loop;
  CliProgress progress;
  gint64 seed;     /* of the last clip */
  guint n_clips;   /* that are complete */
  gboolean later;  /* messages tell of clips after the first */
  gint64 position; /* of the stream, when it was last looked at */
  gboolean interrupted;
  gboolean failed;
  gboolean ended; /* the stream, not the window */
} Generate;

static void
generate_clear (Generate *self)
{
  if (self->pipeline != NULL)
    gst_element_set_state (self->pipeline, GST_STATE_NULL);
  g_clear_pointer (&self->window, window_free);
  g_clear_object (&self->pipeline);
  g_clear_pointer (&self->loop, g_main_loop_unref);
  generate_options_clear (&self->options);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Generate, generate_clear)

/* --- Pipeline --- */

/* A file of one picture; the element makes one unless it is told otherwise. */
static gboolean
check_picture (Generate *self, GError **error)
{
  const GenerateOptions *options = &self->options;
  guint n_frames = 1;

  if (generate_options_has (options, "num-frames"))
    g_object_get (self->source, "num-frames", &n_frames, NULL);
  else
    g_object_set (self->source, "num-frames", 1, NULL);
  if (n_frames == 1 && !generate_options_has (options, "num-clips")
      && !generate_options_has (options, "prompt-path"))
    return TRUE;
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
      "%s holds one picture; for more give a pattern such as frame-%%04d.png",
      options->output);
  return FALSE;
}

static GstElement *
make_capsfilter (const Generate *self)
{
  GstElement *filter = gst_element_factory_make ("capsfilter", NULL);
  g_autoptr (GstCaps) caps = gst_caps_new_empty_simple ("video/x-raw");
  int numerator, denominator;

  if (self->options.width > 0)
    gst_caps_set_simple (caps, "width", G_TYPE_INT, self->options.width, NULL);
  if (self->options.height > 0)
    gst_caps_set_simple (
        caps, "height", G_TYPE_INT, self->options.height, NULL);
  if (self->options.fps > 0) {
    gst_util_double_to_fraction (self->options.fps, &numerator, &denominator);
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
  const int sides[] = { self->options.width, self->options.height };
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

/* Behind the filter: the files, or nothing but a window. */
static gboolean
add_output (Generate *self, GstElement *filter, GError **error)
{
  GstElement *sink;

  if (self->options.output != NULL)
    return recorder_begin (&self->recorder, self->pipeline, filter,
               self->options.output, error)
           && (!self->recorder.type->is_picture || self->recorder.is_pattern
               || check_picture (self, error));
  sink = gst_element_factory_make ("fakesink", NULL);
  gst_bin_add (GST_BIN (self->pipeline), sink);
  gst_element_link (filter, sink);
  return TRUE;
}

static void
on_window_end (gpointer data)
{
  Generate *self = data;

  if (self->ended)
    g_main_loop_quit (self->loop);
}

static gboolean
add_window (Generate *self, GstElement *filter, GError **error)
{
  g_autoptr (GstPad) pad = gst_element_get_static_pad (filter, "src");

  g_object_set (self->source, "preview-interval", 1, NULL);
  self->window = window_new (pad, on_window_end, self, error);
  return self->window != NULL;
}

static gboolean
build_pipeline (Generate *self, GError **error)
{
  GstElement *filter = make_capsfilter (self);

  gst_bin_add (GST_BIN (self->pipeline), filter);
  if (!generate_options_apply (&self->options, self->source, error))
    return FALSE;
  if (!gst_element_link (self->source, filter)) {
    set_size_error (self, error);
    return FALSE;
  }
  return add_output (self, filter, error)
         && (!self->options.preview || add_window (self, filter, error));
}

/* The plugin may be installed where GStreamer does not look by itself. */
static gboolean
make_source (Generate *self, GError **error)
{
  GstElement *source;

  gst_init (NULL, NULL);
  GST_ELEMENT_REGISTER (cligifenc, NULL);
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

/* Nanoseconds that are left of a phase, -1: unknown. */
static gint64
get_eta (const GstStructure *structure)
{
  gint64 eta = -1;

  gst_structure_get_int64 (structure, "eta", &eta);
  return eta;
}

static void
on_progress (Generate *self, GstMessage *message)
{
  const GstStructure *structure = gst_message_get_structure (message);
  g_autofree char *code = NULL, *text = NULL;
  GstProgressType type;
  int percent = 0;

  gst_message_parse_progress (message, &type, &code, &text);
  gst_structure_get_int (structure, "percent", &percent);
  if (type == GST_PROGRESS_TYPE_START || type == GST_PROGRESS_TYPE_CONTINUE)
    cli_progress_show (
        &self->progress, code, text, percent / 100.0, get_eta (structure));
}

/* A clip after the first. */
static void
on_later_progress (Generate *self, const GstStructure *structure)
{
  const char *phase = gst_structure_get_string (structure, "phase");
  g_autofree char *text = NULL;
  guint64 step, steps;
  guint clip;

  if (!gst_structure_get (structure, "clip", G_TYPE_UINT, &clip, "step",
          G_TYPE_UINT64, &step, "steps", G_TYPE_UINT64, &steps, NULL))
    return;
  self->later = TRUE;
  text =
      g_strdup_printf ("clip %u, %s: %" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT,
          clip + 1, phase, step, steps);
  cli_progress_show (
      &self->progress, phase, text, (double) step / steps, get_eta (structure));
}

static void
on_preview (Generate *self, const GstStructure *structure)
{
  g_autoptr (GstSample) sample = NULL;

  gst_structure_get (structure, "sample", GST_TYPE_SAMPLE, &sample, NULL);
  window_show_preview (self->window, sample);
}

static void
fail (Generate *self, const char *message)
{
  cli_progress_end (&self->progress);
  cli_fail ("%s", message);
  self->failed = TRUE;
  g_main_loop_quit (self->loop);
}

/* The seed, the end of a clip, that of a file, and how far later clips are.
 * Previews are asked for with a window only. */
static void
on_element (Generate *self, GstMessage *message)
{
  const GstStructure *structure = gst_message_get_structure (message);
  g_autoptr (GError) error = NULL;

  gst_structure_get_int64 (structure, "seed", &self->seed);
  self->n_clips += gst_structure_has_name (structure, "opensora-clip-done");
  if (gst_structure_has_name (structure, "opensora-progress"))
    on_later_progress (self, structure);
  else if (gst_structure_has_name (structure, "opensora-preview"))
    on_preview (self, structure);
  else if (!recorder_handle (&self->recorder, structure, &error))
    fail (self, error->message);
}

/* How far the stream has come, while it moves: the first clip's own messages
 * end with the first frame. Those of later clips are followed instead. */
static gboolean
on_tick (gpointer data)
{
  Generate *self = data;
  g_autofree char *text = NULL;
  gint64 position, duration;

  if (self->later
      || !gst_element_query_position (self->source, GST_FORMAT_TIME, &position)
      || !gst_element_query_duration (self->source, GST_FORMAT_TIME, &duration)
      || position <= self->position || duration <= 0)
    return G_SOURCE_CONTINUE;

  self->position = position;
  text = g_strdup_printf ("frames: %.1f of %.1f s",
      (double) position / GST_SECOND, (double) duration / GST_SECOND);
  cli_progress_show (
      &self->progress, "frames", text, (double) position / duration, -1);
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

/* The window may be some frames behind. */
static void
on_eos (Generate *self)
{
  self->ended = TRUE;
  if (self->interrupted || self->window == NULL
      || !window_end_stream (self->window))
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
      on_eos (self);
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

  if (self->ended) {
    g_main_loop_quit (self->loop);
  } else if (self->interrupted) {
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

/* Files get their names, or are removed. */
static int
finish (Generate *self)
{
  const char *output = self->options.output;
  g_autoptr (GError) error = NULL;

  gst_element_set_state (self->pipeline, GST_STATE_NULL);
  if (!recorder_end (&self->recorder, !self->failed, &error))
    return cli_fail ("%s", error->message);
  if (self->interrupted)
    return CLI_INTERRUPTED;
  if (self->failed)
    return 1;
  if (self->progress.quiet || output == NULL)
    return 0;
  if (self->n_clips > 1)
    g_printerr ("%s: %u clips\n", output, self->n_clips);
  else
    g_printerr ("%s: seed %" G_GINT64_FORMAT "\n", output, self->seed);
  return 0;
}

int
cli_generate (char **args)
{
  g_auto (Generate) self = { { NULL } };
  g_autoptr (GError) error = NULL;

  cli_progress_init (&self.progress);
  if (!make_source (&self, &error)
      || !generate_options_parse (&self.options, self.source, args, &error)
      || !build_pipeline (&self, &error))
    return cli_fail ("%s", error->message);
  self.progress.quiet = self.options.quiet;
  run_pipeline (&self);
  return finish (&self);
}
