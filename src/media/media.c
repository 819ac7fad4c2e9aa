/* SPDX-License-Identifier: Apache-2.0 */
/* Reference pictures and videos. */
#include "media/media.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <opensora/opensora.h>
#include <string.h>

#include "media/decoder.h"

/* What Open-Sora takes for a picture, and for a video; .webm is ours. */
#define PICTURES ".jpg .jpeg .png .ppm .bmp .pgm .tif .tiff .webp"
#define VIDEOS ".mp4 .avi .mov .mkv .webm"

struct _OsMediaReader {
  char *path;
  gboolean is_video, any;
  guint width, height;
  const OsTask *task;
  OsDecoder *decoder;
};

static gboolean
is_among (const char *suffix, const char *suffixes)
{
  g_auto (GStrv) all = g_strsplit (suffixes, " ", -1);

  return g_strv_contains ((const char *const *) all, suffix);
}

/* What kind of file the name says it is. */
static gboolean
check_name (const char *path, gboolean *is_video, GError **error)
{
  g_autofree char *lower = g_ascii_strdown (path, -1);
  g_autofree char *scheme = g_uri_parse_scheme (lower);
  g_autofree char *name = g_path_get_basename (lower);
  const char *dot = strrchr (name, '.');
  const char *suffix = dot ? dot : "";

  if (scheme && is_among (scheme, "http https ftp ftps")) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
        "%s: references are local files; download it first", path);
    return FALSE;
  }
  *is_video = is_among (suffix, VIDEOS);
  if (!*is_video && !is_among (suffix, PICTURES)) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_UNSUPPORTED,
        "%s: a reference is a picture (" PICTURES ") or a video (" VIDEOS ")",
        path);
    return FALSE;
  }
  return TRUE;
}

/* A pipe or a device could block forever. */
static gboolean
check_file (const char *path, GError **error)
{
  GStatBuf info;

  if (g_stat (path, &info) != 0) {
    int code = errno;

    g_set_error (error, OPENSORA_ERROR,
        code == ENOENT || code == ENOTDIR ? OPENSORA_ERROR_NOT_FOUND
                                          : OPENSORA_ERROR_READ,
        "%s: %s", path, g_strerror (code));
    return FALSE;
  }
  if (!S_ISREG (info.st_mode)) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_READ,
        "%s: not a regular file", path);
    return FALSE;
  }
  return TRUE;
}

OsMediaReader *
os_media_open (const char *path, guint width, guint height, const OsTask *task,
    GError **error)
{
  g_autoptr (OsMediaReader) reader = g_new0 (OsMediaReader, 1);

  g_return_val_if_fail (width > 0 && width <= OS_PICTURE_MAX_SIDE, NULL);
  g_return_val_if_fail (height > 0 && height <= OS_PICTURE_MAX_SIDE, NULL);

  reader->path = g_strdup (path);
  reader->width = width;
  reader->height = height;
  reader->task = task;
  if (!check_name (path, &reader->is_video, error) || !check_file (path, error))
    return NULL;
  reader->decoder = os_decoder_open (path, reader->is_video, task, error);
  return reader->decoder ? g_steal_pointer (&reader) : NULL;
}

void
os_media_free (OsMediaReader *reader)
{
  if (reader == NULL)
    return;
  g_clear_pointer (&reader->decoder, os_decoder_free);
  g_free (reader->path);
  g_free (reader);
}

OsMediaResult
os_media_next (OsMediaReader *reader, float *rgb, GError **error)
{
  OsPicture picture;
  OsMediaResult result;
  gboolean ok;

  if (reader->any && !reader->is_video)
    return OS_MEDIA_END;
  result = os_decoder_next (reader->decoder, &picture, error);
  if (result == OS_MEDIA_END && !reader->any) {
    g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT,
        "%s: there is not one whole frame in it", reader->path);
    return OS_MEDIA_ERROR;
  }
  if (result != OS_MEDIA_FRAME)
    return result;
  reader->any = TRUE;
  ok = (reader->is_video ? os_resize_frame : os_resize_picture) (
      &picture, reader->width, reader->height, reader->task, rgb, error);
  return ok ? OS_MEDIA_FRAME : OS_MEDIA_ERROR;
}
