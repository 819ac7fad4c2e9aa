/* SPDX-License-Identifier: Apache-2.0 */
/* Files are changed between clips: the writer of the old one gets an EOS event,
 * behind which the tee gets a new branch. The writer finishes on its own, in
 * the thread of its queue, and is taken out when the bus tells. */

#include "recorder.h"

#include <errno.h>
#include <glib/gstdio.h>

#define PARTIAL ".part"

static char *
make_location (const Recorder *self)
{
  /* No literal, but checked by is_good_pattern (). */
  g_autofree char *path = self->is_pattern
                              ? g_strdup_printf (self->output, self->n_files)
                              : g_strdup (self->output);

  return g_strconcat (path, PARTIAL, NULL);
}

/* Adds the branch of the next file; timestamps in it begin at 0. */
static gboolean
add_writer (Recorder *self, GError **error)
{
  const gboolean many = self->is_pattern && self->type->is_picture;
  GstElement *writer = file_type_make_writer (
      self->type, many ? "multifilesink" : "filesink", error);
  g_autoptr (GstElement) sink = NULL;
  g_autoptr (GstPad) pad = NULL;
  g_autofree char *location = NULL;

  if (writer == NULL)
    return FALSE;
  location = many ? g_strdup (self->output) : make_location (self);
  sink = gst_bin_get_by_name (GST_BIN (writer), "file");
  g_object_set (sink, "location", location, NULL);
  gst_bin_add (GST_BIN (self->pipeline), writer);

  pad = gst_element_get_static_pad (writer, "sink");
  self->pad = gst_element_request_pad_simple (self->tee, "src_%u");
  gst_pad_set_offset (self->pad, -(gint64) self->end);
  gst_pad_link (self->pad, pad);
  gst_element_sync_state_with_parent (writer);
  g_atomic_pointer_set (&self->writer, writer);
  self->n_files++;
  self->n_frames = 0;
  return TRUE;
}

/* The next file comes first: with no writer left the pipeline would end. */
static void
change_file (Recorder *self)
{
  g_autoptr (GstPad) last = g_steal_pointer (&self->pad);

  /* Its elements are those of the file before: it cannot fail. */
  add_writer (self, NULL);
  gst_pad_push_event (last, gst_event_new_eos ());
  gst_element_release_request_pad (self->tee, last);
}

/* A clip begins with its tags, or with its caps, if they are new. */
static gboolean
begins_clip (GstEvent *event)
{
  return GST_EVENT_TYPE (event) == GST_EVENT_TAG
         || GST_EVENT_TYPE (event) == GST_EVENT_CAPS;
}

static GstPadProbeReturn
on_flow (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Recorder *self = data;

  if (info->type & GST_PAD_PROBE_TYPE_BUFFER) {
    GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);

    self->n_frames++;
    if (GST_BUFFER_DURATION_IS_VALID (buffer))
      self->end = GST_BUFFER_PTS (buffer) + GST_BUFFER_DURATION (buffer);
  } else if (self->is_pattern && !self->type->is_picture && self->n_frames > 0
             && begins_clip (GST_PAD_PROBE_INFO_EVENT (info))) {
    change_file (self);
  }
  return GST_PAD_PROBE_OK;
}

static gboolean
is_good_pattern (const char *output, GError **error)
{
  if (g_regex_match_simple ("^[^%]*%(0[1-9])?d[^%]*$", output, 0, 0))
    return TRUE;
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
      "%s: the number in the name of a file is written %%d or, of four digits, "
      "%%04d",
      output);
  return FALSE;
}

gboolean
recorder_begin (Recorder *self, GstElement *pipeline, GstElement *filter,
    const char *output, GError **error)
{
  g_autoptr (GstPad) pad = NULL;

  *self = (Recorder){ .pipeline = pipeline,
    .type = file_type_find (output, error),
    .output = output,
    .is_pattern = strchr (output, '%') != NULL };
  if (self->type == NULL
      || (self->is_pattern && !is_good_pattern (output, error)))
    return FALSE;

  self->tee = gst_element_factory_make ("tee", NULL);
  gst_bin_add (GST_BIN (pipeline), self->tee);
  gst_element_link (filter, self->tee);
  if (!add_writer (self, error))
    return FALSE;
  pad = gst_element_get_static_pad (self->tee, "sink");
  gst_pad_add_probe (pad,
      GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_flow,
      self, NULL);
  /* A bin that writes one of several files tells when it has ended. */
  g_object_set (pipeline, "message-forward", TRUE, NULL);
  return TRUE;
}

/* The name that the file is written under; NULL: `element` writes none, or one
 * a picture. */
static char *
get_partial (GstElement *element)
{
  g_autoptr (GstElement) sink = NULL;
  char *location = NULL;

  if (GST_IS_BIN (element))
    sink = gst_bin_get_by_name (GST_BIN (element), "file");
  if (sink != NULL)
    g_object_get (sink, "location", &location, NULL);
  if (location != NULL && !g_str_has_suffix (location, PARTIAL))
    g_clear_pointer (&location, g_free);
  return location;
}

/* Takes the writer out of the pipeline, whose file is closed with that. */
static gboolean
finish_file (
    Recorder *self, GstElement *writer, gboolean complete, GError **error)
{
  g_autofree char *partial = get_partial (writer);
  g_autofree char *path = NULL;

  if (partial == NULL)
    return TRUE;
  gst_element_set_state (writer, GST_STATE_NULL);
  gst_bin_remove (GST_BIN (self->pipeline), writer);
  if (!complete) {
    g_unlink (partial);
    return TRUE;
  }
  path = g_strndup (partial, strlen (partial) - strlen (PARTIAL));
  if (g_rename (partial, path) == 0)
    return TRUE;
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
      "cannot rename %s to %s: %s", partial, path, g_strerror (errno));
  return FALSE;
}

gboolean
recorder_handle (Recorder *self, const GstStructure *message, GError **error)
{
  g_autoptr (GstMessage) inner = NULL;

  if (!gst_structure_has_name (message, "GstBinForwarded"))
    return TRUE;
  gst_structure_get (message, "message", GST_TYPE_MESSAGE, &inner, NULL);
  /* Whether the current file is of use is known at the end. */
  if (GST_MESSAGE_TYPE (inner) != GST_MESSAGE_EOS
      || GST_MESSAGE_SRC (inner)
             == GST_OBJECT_CAST (g_atomic_pointer_get (&self->writer)))
    return TRUE;
  return finish_file (self, GST_ELEMENT (GST_MESSAGE_SRC (inner)), TRUE, error);
}

gboolean
recorder_end (Recorder *self, gboolean complete, GError **error)
{
  g_autoptr (GList) children = NULL;
  gboolean good = TRUE;

  if (self->pipeline == NULL)
    return TRUE;
  children = g_list_copy (GST_BIN_CHILDREN (self->pipeline));
  for (GList *child = children; child != NULL; child = child->next) {
    const gboolean is_empty =
        child->data == self->writer && self->n_frames == 0;

    good &= finish_file (
        self, child->data, complete && !is_empty, good ? error : NULL);
  }
  g_clear_object (&self->pad);
  return good;
}
