/* SPDX-License-Identifier: Apache-2.0 */
/* OsDecoder: the 8-bit RGB frames of a picture or video file, one at a time, in
 * their own size.
 *
 * decoder.c does it with GStreamer; decoder-none.c stands in where the library
 * is built without. Colours are those of Pillow and of torchvision, which
 * Open-Sora reads with: alpha is dropped, orientation tags and colour profiles
 * are not looked at. */
#pragma once

#include "media/media.h"
#include "media/resize.h"

typedef struct _OsDecoder OsDecoder;

OsDecoder *os_decoder_open (
    const char *path, gboolean is_video, const OsTask *task, GError **error);
void os_decoder_free (OsDecoder *decoder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsDecoder, os_decoder_free)

/* The picture is the decoder's until the next call. */
OsMediaResult os_decoder_next (
    OsDecoder *decoder, OsPicture *picture, GError **error);
