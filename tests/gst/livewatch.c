/* SPDX-License-Identifier: Apache-2.0 */
#include "livewatch.h"

#include <string.h>

#include "gsttest.h"

#define TIMEOUT_SECONDS 60

/* Red, green or blue: the strongest of what is not grey. */
static char
get_colour (const guint8 *rgb, gsize n)
{
  guint64 sum[3] = { 0 };

  for (gsize i = 0; i < n; i += 3)
    for (gsize c = 0; c < 3; c++)
      sum[c] += rgb[i + c] - MIN (MIN (rgb[i], rgb[i + 1]), rgb[i + 2]);
  if (sum[0] > MAX (sum[1], sum[2]))
    return 'r';
  return sum[1] > sum[2] ? 'g' : 'b';
}

static void
note_colour (LiveWatch *self, char colour)
{
  const gsize len = self->colours->len;

  if (len == 0 || self->colours->str[len - 1] != colour)
    g_string_append_c (self->colours, colour);
}

static void
check_time (LiveWatch *self, GstBuffer *buffer)
{
  const gint64 length = GST_BUFFER_DURATION (buffer);

  self->n_closed += !self->open;
  g_assert_cmpuint (self->n_closed, <=, 1);
  g_assert_cmpint (ABS (length - (gint64) GST_SECOND / LIVEWATCH_RATE), <=, 1);
  if (self->n_frames > 0 && !self->holes) {
    g_assert_cmpuint (GST_BUFFER_PTS (buffer), ==, self->end);
    g_assert_cmpuint (GST_BUFFER_OFFSET (buffer), ==, self->offset);
  }
  self->begin = GST_BUFFER_PTS (buffer);
  self->end = self->begin + length;
  self->offset = GST_BUFFER_OFFSET_END (buffer);
  self->n_frames++;
}

static gboolean
is_last (const LiveWatch *self, const GstMapInfo *map)
{
  if (self->last != NULL)
    return g_bytes_get_size (self->last) == map->size
           && memcmp (g_bytes_get_data (self->last, NULL), map->data, map->size)
                  == 0;
  for (gsize i = 0; i < map->size; i++)
    if (map->data[i] != 0)
      return FALSE;
  return TRUE;
}

static void
check_picture (LiveWatch *self, GstBuffer *buffer)
{
  GstMapInfo map;

  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
  if (gst_buffer_get_custom_meta (buffer, "GstOpensoraPreviewMeta") != NULL) {
    g_assert_false (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_GAP));
    self->n_previews++;
  } else if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_GAP)) {
    g_assert_true (is_last (self, &map));
    self->n_repeated++;
  } else {
    g_clear_pointer (&self->last, g_bytes_unref);
    self->last = g_bytes_new (map.data, map.size);
    g_ptr_array_add (self->hashes,
        g_compute_checksum_for_data (G_CHECKSUM_SHA256, map.data, map.size));
    note_colour (self, get_colour (map.data, map.size));
  }
  gst_buffer_unmap (buffer, &map);
}

static GstPadProbeReturn
on_flow (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  LiveWatch *self = data;

  g_mutex_lock (&self->lock);
  if (info->type & GST_PAD_PROBE_TYPE_BUFFER) {
    check_time (self, GST_PAD_PROBE_INFO_BUFFER (info));
    check_picture (self, GST_PAD_PROBE_INFO_BUFFER (info));
  } else if (GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info))
             == GST_EVENT_CAPS) {
    self->n_caps++;
  }
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
  return GST_PAD_PROBE_OK;
}

void
livewatch_init (LiveWatch *self, GstElement *pipeline)
{
  g_autoptr (GstElement) src = gst_bin_get_by_name (GST_BIN (pipeline), "src");
  g_autoptr (GstPad) pad = gst_element_get_static_pad (src, "src");

  *self = (LiveWatch){ .colours = g_string_new (NULL),
    .hashes = g_ptr_array_new_with_free_func (g_free) };
  g_mutex_init (&self->lock);
  g_cond_init (&self->cond);
  gst_pad_add_probe (pad,
      GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_flow,
      self, NULL);
}

void
livewatch_clear (LiveWatch *self)
{
  g_string_free (self->colours, TRUE);
  g_ptr_array_unref (self->hashes);
  g_clear_pointer (&self->last, g_bytes_unref);
  g_cond_clear (&self->cond);
  g_mutex_clear (&self->lock);
}

void
livewatch_set_open (LiveWatch *self, gboolean open)
{
  g_mutex_lock (&self->lock);
  self->open = open;
  self->n_closed = 0;
  g_mutex_unlock (&self->lock);
}

/* For the next frame; none is a failure. */
static void
wait_locked (LiveWatch *self)
{
  const gint64 end = g_get_monotonic_time ()
                     + gst_test_limit (TIMEOUT_SECONDS) * G_USEC_PER_SEC;
  const guint before = self->n_frames;

  while (self->n_frames == before)
    g_assert_true (g_cond_wait_until (&self->cond, &self->lock, end));
}

void
livewatch_wait_frames (LiveWatch *self, guint n)
{
  g_mutex_lock (&self->lock);
  for (n += self->n_frames; self->n_frames < n;)
    wait_locked (self);
  g_mutex_unlock (&self->lock);
}

void
livewatch_wait_colour (LiveWatch *self, char colour)
{
  g_mutex_lock (&self->lock);
  while (self->colours->len == 0
         || self->colours->str[self->colours->len - 1] != colour)
    wait_locked (self);
  g_mutex_unlock (&self->lock);
}
