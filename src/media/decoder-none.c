/* SPDX-License-Identifier: Apache-2.0 */
/* The decoder of a library that was built without GStreamer: none. */
#include <opensora/opensora.h>

#include "media/decoder.h"

OsDecoder *
os_decoder_open (
    const char *path, gboolean is_video, const OsTask *task, GError **error)
{
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_UNSUPPORTED,
      "%s: this libopensora was built without GStreamer, which reads pictures "
      "and videos",
      path);
  return NULL;
}

void
os_decoder_free (OsDecoder *decoder)
{
}

OsMediaResult
os_decoder_next (OsDecoder *decoder, OsPicture *picture, GError **error)
{
  return OS_MEDIA_END;
}
