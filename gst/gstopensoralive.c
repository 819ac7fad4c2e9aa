/* SPDX-License-Identifier: Apache-2.0 */
/* Live streams. Nothing here waits but for the clock; only until there is a
 * first clip to be made, and with it a size and a rate, the worker is waited
 * for. */
#include "gstopensoralive.h"

#include <string.h>

#include "gstopensorapreview.h"
#include "gstopensorasrc-private.h"

#define GST_CAT_DEFAULT gst_opensora_src_debug

/* A pause in which the clock went on for longer than this leaves a hole in the
 * stream; a delay leaves none. */
#define MAX_LATENESS GST_SECOND

void
gst_opensora_live_clear (GstOpensoraLive *self)
{
  g_clear_pointer (&self->timeline, gst_opensora_clip_unref);
  gst_clear_buffer (&self->last);
  self->place = 0;
  self->n_repeated = self->n_previews = 0;
}

GstClockTime
gst_opensora_live_get_time (const GstOpensoraLive *self)
{
  return self->timeline != NULL
             ? gst_opensora_clip_get_time (self->timeline, self->place)
             : GST_CLOCK_TIME_NONE;
}

static void
set_timeline (GstOpensoraLive *self, GstOpensoraClip *clip)
{
  g_clear_pointer (&self->timeline, gst_opensora_clip_unref);
  self->timeline = gst_opensora_clip_ref (clip);
}

void
gst_opensora_live_place (GstOpensoraLive *self, GstOpensoraClip *clip)
{
  gst_opensora_clip_place (clip, self->timeline, self->place);
  set_timeline (self, clip);
}

/* ---- the clock ---- */

static GstClock *
get_clock (GstOpensoraSrc *self, GstClockTime *base_time)
{
  GstClock *clock = gst_element_get_clock (GST_ELEMENT (self));

  *base_time = gst_element_get_base_time (GST_ELEMENT (self));
  return clock != NULL ? clock : gst_system_clock_obtain ();
}

static GstClockTime
get_running_time (GstOpensoraSrc *self)
{
  GstClockTime base_time;
  g_autoptr (GstClock) clock = get_clock (self, &base_time);
  const GstClockTime now = gst_clock_get_time (clock);

  return now > base_time ? now - base_time : 0;
}

/* FALSE if that was interrupted. */
static gboolean
wait_until (GstOpensoraSrc *self, GstClockTime running_time)
{
  GstClockTime base_time;
  g_autoptr (GstClock) clock = get_clock (self, &base_time);
  GstClockID id =
      gst_clock_new_single_shot_id (clock, base_time + running_time);
  gboolean flushing;

  GST_OBJECT_LOCK (self);
  flushing = self->flushing;
  if (!flushing)
    self->wait = id;
  GST_OBJECT_UNLOCK (self);
  if (!flushing)
    gst_clock_id_wait (id, NULL);

  GST_OBJECT_LOCK (self);
  self->wait = NULL;
  flushing = self->flushing;
  GST_OBJECT_UNLOCK (self);
  gst_clock_id_unref (id);
  return !flushing;
}

void
gst_opensora_src_interrupt_live (GstOpensoraSrc *self)
{
  if (self->wait != NULL)
    gst_clock_id_unschedule (self->wait);
}

/* After a pause in which the clock went on. TRUE if places were left out. */
static gboolean
catch_up (GstOpensoraSrc *self)
{
  GstOpensoraLive *live = &self->live;
  const GstClockTime now = get_running_time (self);
  const GstClockTime late = now - MIN (now, gst_opensora_live_get_time (live));
  const GstOpensoraSize *size = &live->timeline->size;

  live->resumes = FALSE;
  if (late <= MAX_LATENESS)
    return FALSE;
  live->place += gst_util_uint64_scale (
      late, size->fps_n, (guint64) size->fps_d * GST_SECOND);
  return TRUE;
}

/* ---- what is shown ---- */

/* Waits for the first clip to be planned: then the caps are known. */
static GstFlowReturn
begin (GstOpensoraSrc *self)
{
  GstOpensoraLive *live = &self->live;
  GstBuffer *none = NULL;
  GstFlowReturn ret;

  while (self->clip == NULL && self->next == NULL) {
    ret = gst_opensora_src_serve_worker (self, &none);
    if (ret != GST_OPENSORA_FLOW_SERVED)
      return ret;
  }
  if (live->timeline == NULL) {
    self->next->base_time = get_running_time (self);
    set_timeline (live, self->next);
    live->resumes = FALSE;
  }
  return GST_FLOW_OK;
}

/* NULL if the worker has none now. It gets more to do on the way. */
static GstFlowReturn
poll_frame (GstOpensoraSrc *self, GstBuffer **rgb)
{
  GstFlowReturn ret;

  do
    ret = gst_opensora_src_serve_worker (
        self, gst_opensora_worker_has_frame (self->worker) ? rgb : NULL);
  while (ret == GST_OPENSORA_FLOW_SERVED);
  if (ret != GST_FLOW_OK || *rgb == NULL)
    return ret;

  if (GST_BUFFER_OFFSET (*rgb) == 0)
    ret = gst_opensora_src_enter_clip (self);
  self->at = GST_BUFFER_OFFSET (*rgb) + 1;
  return ret;
}

/* Of the next clip, if it is as large as what is shown: its pictures one after
 * the other, as long as they stand for, again and again. */
static GstBuffer *
get_preview (GstOpensoraSrc *self)
{
  const GstOpensoraClip *next = self->next;
  g_auto (GstOpensoraPreview) preview = { NULL };

  if (next == NULL
      || (self->clip != NULL
          && !gst_opensora_clip_has_size_of (next, self->clip)))
    return NULL;
  gst_opensora_worker_get_preview (self->worker, &preview);
  if (preview.rgb == NULL || preview.clip != next->index)
    return NULL;
  return gst_opensora_preview_make_buffer (&preview,
      (double) (self->live.n_previews++ % next->n_frames) / next->n_frames);
}

/* What was shown last, or black, of the size in the caps. */
static GstBuffer *
repeat (GstOpensoraSrc *self)
{
  GstOpensoraLive *live = &self->live;
  const gsize size =
      (gsize) 3 * self->extent.size.width * self->extent.size.height;

  if (live->last == NULL || gst_buffer_get_size (live->last) != size) {
    gst_clear_buffer (&live->last);
    live->last = gst_buffer_new_allocate (NULL, size, NULL);
    gst_buffer_memset (live->last, 0, 0, size);
  }
  live->n_repeated++;
  return gst_buffer_ref (live->last);
}

static GstFlowReturn
choose (GstOpensoraSrc *self, GstBuffer **rgb, gboolean *repeated)
{
  GstFlowReturn ret = poll_frame (self, rgb);

  *repeated = FALSE;
  if (ret != GST_FLOW_OK)
    return ret;
  if (*rgb != NULL) {
    gst_buffer_replace (&self->live.last, *rgb);
    return GST_FLOW_OK;
  }
  *rgb = get_preview (self);
  if (*rgb == NULL) {
    *rgb = repeat (self);
    *repeated = TRUE;
  }
  return GST_FLOW_OK;
}

/* ---- frame after frame ---- */

/* The clip has taken the places up to here. */
static void
end_clip (GstOpensoraSrc *self)
{
  GstOpensoraClip *clip = self->clip;
  GstOpensoraLive *live = &self->live;

  if (clip == NULL || self->clip_done || self->at < clip->n_frames)
    return;
  GST_OBJECT_LOCK (self);
  clip->n_frames = live->place - clip->first;
  clip->n_repeated = live->n_repeated;
  clip->n_previews = live->n_previews;
  GST_OBJECT_UNLOCK (self);
  live->n_repeated = live->n_previews = 0;
  self->at = clip->n_frames;
  gst_opensora_src_end_clip (self);
}

GstFlowReturn
gst_opensora_src_create_live (GstOpensoraSrc *self, GstBuffer **out)
{
  GstOpensoraLive *live = &self->live;
  g_autoptr (GstBuffer) rgb = NULL;
  gboolean repeated, skipped = FALSE;
  GstFlowReturn ret;

  end_clip (self);
  ret = begin (self);
  if (ret != GST_FLOW_OK)
    return ret;
  if (live->resumes)
    skipped = catch_up (self);
  if (!wait_until (self, gst_opensora_live_get_time (live)))
    return GST_FLOW_FLUSHING;

  ret = choose (self, &rgb, &repeated);
  if (ret == GST_FLOW_OK)
    ret = gst_opensora_src_make_buffer (
        self, rgb, live->timeline, live->place, out);
  if (ret != GST_FLOW_OK)
    return ret;
  live->place++;
  if (repeated)
    GST_BUFFER_FLAG_SET (*out, GST_BUFFER_FLAG_GAP);
  if (skipped)
    GST_BUFFER_FLAG_SET (*out, GST_BUFFER_FLAG_DISCONT);
  return GST_FLOW_OK;
}
