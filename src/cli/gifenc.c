/* SPDX-License-Identifier: Apache-2.0 */
/* A GstVideoEncoder around gif.c. Delays are differences of rounded timestamps,
 * so that their sum stays right: 24 frames a second are no whole number of
 * hundredths. */

#include "gifenc.h"

#include "gif.h"

#include <gst/video/video.h>

struct _CliGifEnc {
  GstVideoEncoder parent;

  GstVideoInfo info;
  gboolean begun; /* the header is written */
};

G_DECLARE_FINAL_TYPE (CliGifEnc, cli_gif_enc, CLI, GIF_ENC, GstVideoEncoder)
G_DEFINE_TYPE (CliGifEnc, cli_gif_enc, GST_TYPE_VIDEO_ENCODER)
GST_ELEMENT_REGISTER_DEFINE (
    cligifenc, "cligifenc", GST_RANK_NONE, cli_gif_enc_get_type ())

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK, GST_PAD_ALWAYS,
        GST_STATIC_CAPS ("video/x-raw, format=RGB, width=[1,65535], "
                         "height=[1,65535], framerate=(fraction)[0,max]"));
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE (
    "src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS ("image/gif"));

static gboolean
cli_gif_enc_start (GstVideoEncoder *encoder)
{
  CLI_GIF_ENC (encoder)->begun = FALSE;
  return TRUE;
}

static gboolean
cli_gif_enc_set_format (GstVideoEncoder *encoder, GstVideoCodecState *state)
{
  CliGifEnc *self = CLI_GIF_ENC (encoder);
  GstVideoCodecState *output;

  if (self->begun
      && (GST_VIDEO_INFO_WIDTH (&state->info)
              != GST_VIDEO_INFO_WIDTH (&self->info)
          || GST_VIDEO_INFO_HEIGHT (&state->info)
                 != GST_VIDEO_INFO_HEIGHT (&self->info)))
    return FALSE;
  self->info = state->info;
  output = gst_video_encoder_set_output_state (
      encoder, gst_caps_new_empty_simple ("image/gif"), state);
  gst_video_codec_state_unref (output);
  return TRUE;
}

static guint16
get_delay (const GstVideoCodecFrame *frame)
{
  const guint64 hundredth = GST_SECOND / 100;
  const GstClockTime duration =
      GST_CLOCK_TIME_IS_VALID (frame->duration) ? frame->duration : 0;
  const GstClockTime end = frame->pts + duration + hundredth / 2;

  return MIN (
      end / hundredth - (frame->pts + hundredth / 2) / hundredth, G_MAXUINT16);
}

static GstBuffer *
wrap (GByteArray *bytes)
{
  const gsize size = bytes->len;

  return gst_buffer_new_wrapped (g_byte_array_free (bytes, FALSE), size);
}

static GstFlowReturn
cli_gif_enc_handle_frame (GstVideoEncoder *encoder, GstVideoCodecFrame *frame)
{
  CliGifEnc *self = CLI_GIF_ENC (encoder);
  GstVideoFrame picture;
  GByteArray *bytes;
  GifFrame gif;

  if (!gst_video_frame_map (
          &picture, &self->info, frame->input_buffer, GST_MAP_READ)) {
    GST_ELEMENT_ERROR (
        self, RESOURCE, READ, (NULL), ("The frame cannot be mapped"));
    gst_video_codec_frame_unref (frame);
    return GST_FLOW_ERROR;
  }
  gif = (GifFrame){ .width = GST_VIDEO_FRAME_WIDTH (&picture),
    .height = GST_VIDEO_FRAME_HEIGHT (&picture),
    .rgb = GST_VIDEO_FRAME_PLANE_DATA (&picture, 0),
    .stride = GST_VIDEO_FRAME_PLANE_STRIDE (&picture, 0),
    .delay = get_delay (frame) };
  bytes = g_byte_array_new ();
  if (!self->begun)
    gif_write_header (bytes, gif.width, gif.height);
  self->begun = TRUE;
  gif_write_frame (bytes, &gif);
  gst_video_frame_unmap (&picture);

  frame->output_buffer = wrap (bytes);
  GST_VIDEO_CODEC_FRAME_SET_SYNC_POINT (frame);
  return gst_video_encoder_finish_frame (encoder, frame);
}

static GstFlowReturn
cli_gif_enc_finish (GstVideoEncoder *encoder)
{
  GByteArray *bytes;

  if (!CLI_GIF_ENC (encoder)->begun)
    return GST_FLOW_OK;
  bytes = g_byte_array_new ();
  gif_write_trailer (bytes);
  return gst_pad_push (GST_VIDEO_ENCODER_SRC_PAD (encoder), wrap (bytes));
}

static void
cli_gif_enc_init (CliGifEnc *self)
{
}

static void
cli_gif_enc_class_init (CliGifEncClass *klass)
{
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstVideoEncoderClass *encoder_class = GST_VIDEO_ENCODER_CLASS (klass);

  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
  gst_element_class_set_static_metadata (element_class, "GIF encoder",
      "Encoder/Video", "Encodes video as an animated GIF",
      "The opensorasrc developers");

  encoder_class->start = GST_DEBUG_FUNCPTR (cli_gif_enc_start);
  encoder_class->set_format = GST_DEBUG_FUNCPTR (cli_gif_enc_set_format);
  encoder_class->handle_frame = GST_DEBUG_FUNCPTR (cli_gif_enc_handle_frame);
  encoder_class->finish = GST_DEBUG_FUNCPTR (cli_gif_enc_finish);
}
