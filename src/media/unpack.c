/* SPDX-License-Identifier: Apache-2.0 */
/* Raw video frames as RGB, with the values that torchvision's reader gives (it
 * converts by libswscale's defaults): YCbCr is taken for ITU-R BT.601 whatever
 * the file says, the range is that of the file, and a chroma sample is that of
 * all pixels it covers. videoconvert would follow the file's matrix, which
 * shifts colours against what the models were trained and measured on. */
#include "media/unpack.h"

/* BT.601: R = Y + 2 (1 - Kr) Cr; G has what remains. */
#define KR 0.299f
#define KB 0.114f
#define KG (1.0f - KR - KB)

/* Y begins at `black`; `luma` and `chroma` widen both to 0 .. 255. */
typedef struct {
  float black, luma, chroma;
} Range;

static const Range full_range = { 0.0f, 1.0f, 1.0f };
static const Range limited_range = { 16.0f, 255.0f / 219.0f, 255.0f / 224.0f };

static inline guint8
to_u8 (float value)
{
  return CLAMP (value, 0.0f, 255.0f) + 0.5f;
}

static inline void
convert_yuv (const Range *range, float y, float cb, float cr, guint8 *rgb)
{
  y = (y - range->black) * range->luma;
  cb = (cb - 128.0f) * range->chroma;
  cr = (cr - 128.0f) * range->chroma;
  rgb[0] = to_u8 (y + 2 * (1 - KR) * cr);
  rgb[1] =
      to_u8 (y - 2 * (1 - KB) * KB / KG * cb - 2 * (1 - KR) * KR / KG * cr);
  rgb[2] = to_u8 (y + 2 * (1 - KB) * cb);
}

/* Component c of a pixel, alpha being the first, in units of 8 bits. */
static inline float
component (gconstpointer line, gboolean wide, gint x, gint c)
{
  return wide ? ((const guint16 *) line)[4 * x + c] / 256.0f
              : ((const guint8 *) line)[4 * x + c];
}

gboolean
os_unpack_rgb (const GstVideoFrame *frame, const OsTask *task, gpointer line,
    guint8 *rgb, GError **error)
{
  const GstVideoFormatInfo *format = frame->info.finfo;
  const GstVideoFormatInfo *unpacked =
      gst_video_format_get_info (format->unpack_format);
  gboolean wide = GST_VIDEO_FORMAT_INFO_BITS (unpacked) > 8;
  gboolean is_yuv = GST_VIDEO_FORMAT_INFO_IS_YUV (unpacked);
  const Range *range =
      frame->info.colorimetry.range == GST_VIDEO_COLOR_RANGE_0_255
          ? &full_range
          : &limited_range;
  gint width = GST_VIDEO_FRAME_WIDTH (frame);

  for (gint y = 0; y < GST_VIDEO_FRAME_HEIGHT (frame); y++) {
    if (!os_task_check (task, error))
      return FALSE;
    format->unpack_func (format, GST_VIDEO_PACK_FLAG_TRUNCATE_RANGE, line,
        frame->data, frame->info.stride, 0, y, width);
    for (gint x = 0; x < width; x++, rgb += 3) {
      float a = component (line, wide, x, 1), b = component (line, wide, x, 2);
      float c = component (line, wide, x, 3);

      if (is_yuv) {
        convert_yuv (range, a, b, c, rgb);
      } else {
        rgb[0] = a;
        rgb[1] = b;
        rgb[2] = c;
      }
    }
  }
  return TRUE;
}
