/* SPDX-License-Identifier: Apache-2.0 */
/* Caps and buffers of opensorasrc: until the model is loaded the pad offers its
 * template, then the sizes that the model makes, and once a clip is planned
 * that size and rate. */
#include "gstopensorasrc-private.h"

#include "gstopensoracaps.h"

#define GST_CAT_DEFAULT gst_opensora_src_debug

static GstCaps *
get_template (GstOpensoraSrc *self)
{
  return gst_pad_get_pad_template_caps (GST_BASE_SRC_PAD (self));
}

static GstCaps *
gst_opensora_src_get_caps (GstBaseSrc *base, GstCaps *filter)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (base);
  GstCaps *caps = get_template (self);
  GstCaps *filtered;

  GST_OBJECT_LOCK (self);
  if (self->extent.size.width > 0)
    caps = gst_opensora_caps_set_size (caps, &self->extent.size);
  else if (self->extent.size.step > 0)
    caps = gst_opensora_caps_set_step (caps, self->extent.size.step);
  GST_OBJECT_UNLOCK (self);

  if (filter == NULL)
    return caps;
  filtered = gst_caps_intersect_full (filter, caps, GST_CAPS_INTERSECT_FIRST);
  gst_caps_unref (caps);
  return filtered;
}

/* Takes caps: what of them downstream can do too, as it prefers. */
static GstCaps *
intersect_with_peer (GstOpensoraSrc *self, GstCaps *caps)
{
  g_autoptr (GstCaps) ours = caps;
  g_autoptr (GstCaps) peer =
      gst_pad_peer_query_caps (GST_BASE_SRC_PAD (self), ours);

  return gst_caps_intersect_full (peer, ours, GST_CAPS_INTERSECT_FIRST);
}

/* Never waits: a source that is interrupted in here reports a failed
 * negotiation as an error. While no clip is planned there is nothing to
 * negotiate; create () calls this again. During a clip only the format may
 * change. */
static gboolean
gst_opensora_src_negotiate (GstBaseSrc *base)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (base);
  const GstOpensoraClip *clip = self->clip != NULL ? self->clip : self->next;
  g_autoptr (GError) error = NULL;
  GstCaps *caps;
  gboolean done;

  if (clip == NULL)
    return TRUE;

  caps = intersect_with_peer (
      self, gst_opensora_caps_set_size (get_template (self), &clip->size));
  if (gst_caps_is_empty (caps)) {
    gst_caps_unref (caps);
    if (GST_PAD_IS_FLUSHING (GST_BASE_SRC_PAD (base)))
      return FALSE;
    error = g_error_new (GST_CORE_ERROR, GST_CORE_ERROR_NEGOTIATION,
        "Downstream takes %dx%d at %d/%d in no format that is made here",
        clip->size.width, clip->size.height, clip->size.fps_n,
        clip->size.fps_d);
    gst_opensora_src_fail (self, error);
    return FALSE;
  }
  caps = gst_opensora_caps_fixate (caps, &clip->size);
  done = gst_base_src_set_caps (base, caps);
  gst_caps_unref (caps);
  return done;
}

static gboolean
gst_opensora_src_set_caps (GstBaseSrc *base, GstCaps *caps)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (base);
  GstVideoInfo info;

  if (!gst_video_info_from_caps (&info, caps))
    return FALSE;

  GST_INFO_OBJECT (self, "caps %" GST_PTR_FORMAT, caps);
  GST_OBJECT_LOCK (self);
  self->extent.info = info;
  GST_OBJECT_UNLOCK (self);
  gst_opensora_writer_set_output (&self->writer, &info);
  if (self->live.on)
    gst_element_post_message (
        GST_ELEMENT (self), gst_message_new_latency (GST_OBJECT (self)));
  return TRUE;
}

static gboolean
gst_opensora_src_decide_allocation (GstBaseSrc *base, GstQuery *query)
{
  GstOpensoraSrc *self = GST_OPENSORA_SRC (base);
  g_autofree char *name = g_strdup_printf ("%s-pool", GST_ELEMENT_NAME (self));
  GstCaps *caps;

  gst_query_parse_allocation (query, &caps, NULL);
  if (caps == NULL) /* nothing is negotiated before the model is loaded */
    return TRUE;
  gst_opensora_writer_configure_pool (&self->writer, query, caps, name);
  return GST_BASE_SRC_CLASS (
      g_type_class_peek_parent (G_OBJECT_GET_CLASS (base)))
      ->decide_allocation (base, query);
}

GstFlowReturn
gst_opensora_src_negotiate_again (GstOpensoraSrc *self)
{
  if (gst_base_src_negotiate (GST_BASE_SRC (self)))
    return GST_FLOW_OK;
  return GST_PAD_IS_FLUSHING (GST_BASE_SRC_PAD (self))
             ? GST_FLOW_FLUSHING
             : GST_FLOW_NOT_NEGOTIATED;
}

void
gst_opensora_src_set_size (GstOpensoraSrc *self, const GstOpensoraSize *size)
{
  GST_OBJECT_LOCK (self);
  self->extent.size = *size;
  GST_OBJECT_UNLOCK (self);
}

void
gst_opensora_src_install_negotiation (GstBaseSrcClass *klass)
{
  klass->get_caps = GST_DEBUG_FUNCPTR (gst_opensora_src_get_caps);
  klass->negotiate = GST_DEBUG_FUNCPTR (gst_opensora_src_negotiate);
  klass->set_caps = GST_DEBUG_FUNCPTR (gst_opensora_src_set_caps);
  klass->decide_allocation =
      GST_DEBUG_FUNCPTR (gst_opensora_src_decide_allocation);
}
