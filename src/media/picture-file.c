/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of PNG (chunks: IHDR is the first, IEND the last), of JPEG (ITU-T
 * T.81 annex B, markers: SOF has the size, SOS begins the data, EOI ends it)
 * and of BMP (its header has the length). What follows the end is of no
 * interest. */
#include "media/picture-file.h"

#include <opensora/opensora.h>
#include <string.h>

#include "media/resize.h"

#define PNG_SIZE_OFFSET 16
/* The last chunk has no data, so its checksum is always this one. */
#define PNG_END "IEND\xae\x42\x60\x82"

#define JPEG_SOS 0xda
#define JPEG_EOI "\xff\xd9"

#define BMP_LENGTH_OFFSET 2
#define BMP_SIZE_OFFSET 18

typedef struct {
  const guint8 *at, *end;
} Bytes;

/* The size that a file says; FALSE if the file is not whole. */
typedef gboolean (*Scan) (Bytes bytes, guint32 *width, guint32 *height);

static gboolean
contains (Bytes bytes, const char *text)
{
  return memmem (bytes.at, bytes.end - bytes.at, text, strlen (text)) != NULL;
}

static guint32
read_be16 (const guint8 *at)
{
  return at[0] << 8 | at[1];
}

static guint32
read_be32 (const guint8 *at)
{
  return read_be16 (at) << 16 | read_be16 (at + 2);
}

static guint32
read_le32 (const guint8 *at)
{
  return GUINT32_SWAP_LE_BE (read_be32 (at));
}

static gboolean
scan_png (Bytes bytes, guint32 *width, guint32 *height)
{
  if (bytes.end - bytes.at < PNG_SIZE_OFFSET + 8)
    return FALSE;
  *width = read_be32 (bytes.at + PNG_SIZE_OFFSET);
  *height = read_be32 (bytes.at + PNG_SIZE_OFFSET + 4);
  return contains (bytes, PNG_END);
}

/* Frame headers: C0 to CF without DHT, JPG and DAC. */
static gboolean
is_sof (guint8 marker)
{
  return (marker & 0xf0) == 0xc0 && marker != 0xc4 && marker != 0xc8
         && marker != 0xcc;
}

/* Pictures inside of the picture are inside of a segment, and skipped. */
static gboolean
scan_jpeg (Bytes bytes, guint32 *width, guint32 *height)
{
  bytes.at += 2;
  while (bytes.end - bytes.at >= 9 && bytes.at[0] == 0xff) {
    guint8 marker = bytes.at[1];
    guint32 length = read_be16 (bytes.at + 2);

    if (marker == 0xff) { /* it may be repeated */
      bytes.at++;
      continue;
    }
    if (marker == JPEG_SOS)
      return contains (bytes, JPEG_EOI);
    if (is_sof (marker)) {
      *height = read_be16 (bytes.at + 5);
      *width = read_be16 (bytes.at + 7);
    }
    bytes.at += MIN (2 + length, bytes.end - bytes.at);
  }
  return FALSE;
}

static gboolean
scan_bmp (Bytes bytes, guint32 *width, guint32 *height)
{
  if (bytes.end - bytes.at < BMP_SIZE_OFFSET + 8)
    return FALSE;
  *width = read_le32 (bytes.at + BMP_SIZE_OFFSET);
  *height = read_le32 (bytes.at + BMP_SIZE_OFFSET + 4);
  if (*height > G_MAXINT32) /* negative: from the top down */
    *height = -*height;
  return read_le32 (bytes.at + BMP_LENGTH_OFFSET) <= bytes.end - bytes.at;
}

static const struct {
  const char *signature;
  gsize length;
  Scan scan;
} formats[] = {
  { "\x89PNG\r\n\x1a\n", 8, scan_png },
  { "\xff\xd8\xff", 3, scan_jpeg },
  { "BM", 2, scan_bmp },
  { "II*\0", 4, NULL },
  { "MM\0*", 4, NULL },
};

static gboolean
check_scan (Scan scan, Bytes bytes, const char *path, GError **error)
{
  guint32 width = 0, height = 0;

  if (!scan (bytes, &width, &height)) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
        "%s: the picture is damaged or ends early", path);
    return FALSE;
  }
  if (MAX (width, height) > OS_PICTURE_MAX_SIDE) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_UNSUPPORTED,
        "%s: %u x %u pixels; sides of up to %d can be used", path, width,
        height, OS_PICTURE_MAX_SIDE);
    return FALSE;
  }
  return TRUE;
}

gboolean
os_picture_file_check (const char *path, gboolean *known, GError **error)
{
  g_autoptr (GError) why = NULL;
  g_autoptr (GMappedFile) file = g_mapped_file_new (path, FALSE, &why);
  const char *contents;
  gsize length;

  if (file == NULL) {
    g_set_error_literal (
        error, OPENSORA_ERROR, OPENSORA_ERROR_READ, why->message);
    return FALSE;
  }
  contents = g_mapped_file_get_contents (file);
  length = g_mapped_file_get_length (file);
  for (guint i = 0; i < G_N_ELEMENTS (formats); i++) {
    Scan scan = formats[i].scan;
    Bytes bytes = { (const guint8 *) contents,
      (const guint8 *) contents + length };

    if (length < formats[i].length
        || memcmp (contents, formats[i].signature, formats[i].length) != 0)
      continue;
    *known = TRUE;
    return !scan || check_scan (scan, bytes, path, error);
  }
  *known = FALSE;
  return TRUE;
}
