/* SPDX-License-Identifier: Apache-2.0 */
/* What goes by on a pad. */
#include "streamlog.h"

#include <string.h>

static void
log_tags (Stream *self, GstEvent *event)
{
  GstTagList *tags;
  char *title = NULL;

  gst_event_parse_tag (event, &tags);
  gst_tag_list_get_string (tags, GST_TAG_TITLE, &title);
  g_ptr_array_add (self->titles, title);
}

static void
log_event (Stream *self, GstEvent *event)
{
  static const struct {
    GstEventType type;
    char sign;
  } signs[] = { { GST_EVENT_TAG, 't' }, { GST_EVENT_CUSTOM_DOWNSTREAM, 'k' },
    { GST_EVENT_SEGMENT, 's' }, { GST_EVENT_FLUSH_STOP, 'f' },
    { GST_EVENT_EOS, 'E' } };
  const GstEventType type = GST_EVENT_TYPE (event);

  for (guint i = 0; i < G_N_ELEMENTS (signs); i++)
    if (signs[i].type == type)
      g_string_append_c (self->log, signs[i].sign);
  if (type == GST_EVENT_TAG)
    log_tags (self, event);
  else if (type == GST_EVENT_SEGMENT)
    gst_event_copy_segment (event, &self->segment);
  else if (type == GST_EVENT_CUSTOM_DOWNSTREAM)
    g_assert_true (gst_event_has_name (event, "GstForceKeyUnit"));
}

static void
log_frame (Stream *self, GstBuffer *buffer)
{
  GstMapInfo map;

  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
  g_ptr_array_add (self->hashes,
      g_compute_checksum_for_data (G_CHECKSUM_SHA256, map.data, map.size));
  gst_buffer_unmap (buffer, &map);
  g_array_append_val (self->times, GST_BUFFER_PTS (buffer));
  g_array_append_val (self->offsets, GST_BUFFER_OFFSET (buffer));
  self->duration += GST_BUFFER_DURATION (buffer);
  g_string_append_c (self->log, 'b');
}

static GstPadProbeReturn
log_flow (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  if (info->type & GST_PAD_PROBE_TYPE_BUFFER)
    log_frame (data, GST_PAD_PROBE_INFO_BUFFER (info));
  else
    log_event (data, GST_PAD_PROBE_INFO_EVENT (info));
  return GST_PAD_PROBE_OK;
}

static Stream
new_log (void)
{
  return (Stream){
    .log = g_string_new (NULL),
    .titles = g_ptr_array_new_with_free_func (g_free),
    .hashes = g_ptr_array_new_with_free_func (g_free),
    .times = g_array_new (FALSE, FALSE, sizeof (GstClockTime)),
    .offsets = g_array_new (FALSE, FALSE, sizeof (guint64)),
  };
}

void
stream_init (Stream *self, GstElement *pipeline)
{
  g_autoptr (GstElement) src = gst_bin_get_by_name (GST_BIN (pipeline), "src");
  g_autoptr (GstPad) pad = gst_element_get_static_pad (src, "src");

  *self = new_log ();
  gst_pad_add_probe (pad,
      GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM
          | GST_PAD_PROBE_TYPE_EVENT_FLUSH,
      log_flow, self, NULL);
}

Stream
stream_take (Stream *self)
{
  const Stream taken = *self;

  *self = new_log ();
  return taken;
}

void
stream_clear (Stream *self)
{
  g_string_free (self->log, TRUE);
  g_ptr_array_unref (self->titles);
  g_ptr_array_unref (self->hashes);
  g_array_unref (self->times);
  g_array_unref (self->offsets);
}

gboolean
stream_same_frame (const Stream *a, guint i, const Stream *b, guint k)
{
  return strcmp (a->hashes->pdata[i], b->hashes->pdata[k]) == 0;
}

void
stream_check_frames (
    const Stream *self, const Stream *all, guint from, guint to)
{
  g_assert_cmpuint (self->hashes->len, ==, to - from);
  for (guint i = 0; i < to - from; i++) {
    const guint64 n = from + i;

    g_assert_cmpuint (g_array_index (self->offsets, guint64, i), ==, n);
    g_assert_cmpuint (g_array_index (self->times, GstClockTime, i), ==,
        gst_util_uint64_scale (n, GST_SECOND, 8));
    g_assert_true (stream_same_frame (self, i, all, n));
  }
}
