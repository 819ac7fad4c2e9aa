/* SPDX-License-Identifier: Apache-2.0 */
/* An application on GStreamer alone: a prompt becomes a file, and everything
 * that the element tells on the bus is printed.
 *
 *   application PROMPT [FILE]       FILE: default out.mp4
 *
 * Ctrl-C ends the clip early; the file plays all the same. Build it with
 *   cc application.c $(pkg-config --cflags --libs gstreamer-1.0) -o application
 */

#include <glib-unix.h>
#include <gst/gst.h>

typedef struct {
  GstElement *pipeline;
  GMainLoop *loop;
  gboolean failed;
} Application;

/* ---- what is told ---- */

/* From the start to the first frame: the model is looked for, perhaps
 * downloaded, opened; the prompt is encoded, the clip denoised and decoded. */
static void
on_progress (GstMessage *message)
{
  const GstStructure *structure = gst_message_get_structure (message);
  g_autofree char *code = NULL, *text = NULL;
  GstProgressType type;
  gint percent = 0;
  gint64 eta = -1;

  gst_message_parse_progress (message, &type, &code, &text);
  gst_structure_get_int (structure, "percent", &percent);
  gst_structure_get_int64 (structure, "eta", &eta);
  if (type == GST_PROGRESS_TYPE_ERROR)
    g_print ("%s: failed\n", code);
  else if (type == GST_PROGRESS_TYPE_CONTINUE && eta >= 0)
    g_print ("%s: %d %%, %" G_GINT64_FORMAT " s left\n", code, percent,
        eta / GST_SECOND);
  else
    g_print ("%s: %s\n", code, text);
}

static void
on_clip_started (const GstStructure *structure)
{
  const char *prompt = gst_structure_get_string (structure, "prompt");
  guint clip, width, height, n_frames, steps;
  gint64 seed;
  double fps;

  if (gst_structure_get (structure, "clip", G_TYPE_UINT, &clip, "width",
          G_TYPE_UINT, &width, "height", G_TYPE_UINT, &height, "num-frames",
          G_TYPE_UINT, &n_frames, "steps", G_TYPE_UINT, &steps, "fps",
          G_TYPE_DOUBLE, &fps, "seed", G_TYPE_INT64, &seed, NULL))
    g_print ("clip %u begins: \"%s\", seed %" G_GINT64_FORMAT ", %ux%u, "
             "%u frames, %g a second, %u steps\n",
        clip, prompt, seed, width, height, n_frames, fps, steps);
}

static void
on_clip_done (const GstStructure *structure)
{
  guint64 encode, sample, decode;

  if (gst_structure_get (structure, "duration-encode", G_TYPE_UINT64, &encode,
          "duration-sample", G_TYPE_UINT64, &sample, "duration-decode",
          G_TYPE_UINT64, &decode, NULL))
    g_print ("clip ends: text %.2f s, denoising %.2f s, frames %.2f s\n",
        (double) encode / GST_SECOND, (double) sample / GST_SECOND,
        (double) decode / GST_SECOND);
}

/* Other elements post element messages, too. */
static void
on_element (GstMessage *message)
{
  const GstStructure *structure = gst_message_get_structure (message);

  if (gst_structure_has_name (structure, "opensora-clip-started"))
    on_clip_started (structure);
  else if (gst_structure_has_name (structure, "opensora-clip-done"))
    on_clip_done (structure);
}

/* Each clip has its tags. Sinks post them as messages; a muxer keeps them to
 * itself, which is why they are looked at in the stream. */
static GstPadProbeReturn
on_event (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  GstEvent *event = GST_PAD_PROBE_INFO_EVENT (info);
  g_autofree char *title = NULL, *comment = NULL;
  GstTagList *tags;

  if (GST_EVENT_TYPE (event) != GST_EVENT_TAG)
    return GST_PAD_PROBE_OK;
  gst_event_parse_tag (event, &tags);
  if (gst_tag_list_get_string (tags, GST_TAG_TITLE, &title))
    g_print ("title: %s\n", title);
  if (gst_tag_list_get_string (tags, GST_TAG_COMMENT, &comment))
    g_print ("to make it again: %s\n", comment);
  return GST_PAD_PROBE_OK;
}

static void
on_duration (Application *self)
{
  gint64 duration;

  if (gst_element_query_duration (self->pipeline, GST_FORMAT_TIME, &duration))
    g_print (
        "the stream takes %" GST_TIME_FORMAT "\n", GST_TIME_ARGS (duration));
}

/* The message says what to do; domain and code are for programs. */
static void
on_error (Application *self, GstMessage *message)
{
  g_autoptr (GError) error = NULL;

  gst_message_parse_error (message, &error, NULL);
  g_printerr ("%s: %s\n", GST_MESSAGE_SRC_NAME (message), error->message);
  if (g_error_matches (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND))
    g_printerr ("Something that a property names is not there.\n");
  self->failed = TRUE;
  g_main_loop_quit (self->loop);
}

static void
on_notice (GstMessage *message)
{
  g_autoptr (GError) notice = NULL;

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_WARNING)
    gst_message_parse_warning (message, &notice, NULL);
  else
    gst_message_parse_info (message, &notice, NULL);
  g_print ("%s\n", notice->message);
}

static gboolean
on_message (GstBus *bus, GstMessage *message, gpointer data)
{
  Application *self = data;

  switch (GST_MESSAGE_TYPE (message)) {
    case GST_MESSAGE_PROGRESS:
      on_progress (message);
      break;
    case GST_MESSAGE_ELEMENT:
      on_element (message);
      break;
    case GST_MESSAGE_DURATION_CHANGED:
      on_duration (self);
      break;
    case GST_MESSAGE_WARNING:
    case GST_MESSAGE_INFO:
      on_notice (message);
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

/* The source stops computing; the muxer writes its index. */
static gboolean
on_interrupt (gpointer data)
{
  Application *self = data;

  g_print ("ending the stream\n");
  gst_element_send_event (self->pipeline, gst_event_new_eos ());
  return G_SOURCE_CONTINUE;
}

/* ---- the pipeline ---- */

static GstElement *
build_pipeline (const char *prompt, const char *path)
{
  static const char *const names[] = { "opensorasrc", "x264enc", "mp4mux",
    "filesink" };
  GstElement *pipeline = gst_object_ref_sink (gst_pipeline_new (NULL));
  GstElement *elements[G_N_ELEMENTS (names)];
  g_autoptr (GstPad) pad = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    elements[i] = gst_element_factory_make (names[i], NULL);
    if (elements[i] == NULL) {
      g_printerr ("There is no element %s.\n", names[i]);
      gst_object_unref (pipeline);
      return NULL;
    }
    gst_bin_add (GST_BIN (pipeline), elements[i]);
  }
  g_object_set (elements[0], "prompt", prompt, NULL);
  g_object_set (elements[3], "location", path, NULL);
  gst_element_link_many (
      elements[0], elements[1], elements[2], elements[3], NULL);
  pad = gst_element_get_static_pad (elements[0], "src");
  gst_pad_add_probe (
      pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_event, NULL, NULL);
  return pipeline;
}

static void
run (Application *self)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (self->pipeline);
  guint watch = gst_bus_add_watch (bus, on_message, self);
  guint interrupt = g_unix_signal_add (SIGINT, on_interrupt, self);

  self->loop = g_main_loop_new (NULL, FALSE);
  /* Nothing is computed here: this never waits. What fails posts an error. */
  gst_element_set_state (self->pipeline, GST_STATE_PLAYING);
  g_main_loop_run (self->loop);
  gst_element_set_state (self->pipeline, GST_STATE_NULL);

  g_main_loop_unref (self->loop);
  g_source_remove (interrupt);
  g_source_remove (watch);
}

int
main (int argc, char **argv)
{
  Application self = { NULL };

  gst_init (&argc, &argv);
  if (argc < 2) {
    g_printerr ("Usage: application PROMPT [FILE]\n");
    return 2;
  }
  self.pipeline = build_pipeline (argv[1], argc > 2 ? argv[2] : "out.mp4");
  if (self.pipeline == NULL)
    return 1;
  run (&self);
  gst_object_unref (self.pipeline);
  return self.failed ? 1 : 0;
}
