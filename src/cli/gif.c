/* SPDX-License-Identifier: Apache-2.0 */
/* GIF as in CompuServe's "Graphics Interchange Format, Version 89a" (1990),
 * with the NETSCAPE2.0 extension, which repeats the animation. Every frame is
 * whole and has colours of its own. */

#include "gif.h"

#include "palette.h"

#include <string.h>

#define MAX_CODES 4096
#define MAX_BLOCK 255

/* The variable-length codes of appendix F, packed from the lowest bit on. */
typedef struct {
  GByteArray *out;
  guint32 bits; /* not yet written, n_bits of them */
  guint n_bits;
  guint code_bits; /* of the next code */
  guint8 block[MAX_BLOCK];
  guint n_block;
  guint clear; /* the code; the one after it is the end's */
  guint n_codes;
  /* What the code of a string becomes with one more index; 0: no code yet. */
  guint16 (*longer)[PALETTE_MAX];
} Lzw;

static void
put_u8 (GByteArray *out, guint8 value)
{
  g_byte_array_append (out, &value, 1);
}

static void
put_u16 (GByteArray *out, guint16 value)
{
  put_u8 (out, value & 0xff);
  put_u8 (out, value >> 8);
}

static void
put_text (GByteArray *out, const char *text)
{
  g_byte_array_append (out, (const guint8 *) text, strlen (text));
}

static void
flush_block (Lzw *lzw)
{
  if (lzw->n_block == 0)
    return;
  put_u8 (lzw->out, lzw->n_block);
  g_byte_array_append (lzw->out, lzw->block, lzw->n_block);
  lzw->n_block = 0;
}

static void
put_bits (Lzw *lzw, guint bits, guint n_bits)
{
  lzw->bits |= bits << lzw->n_bits;
  lzw->n_bits += n_bits;
  while (lzw->n_bits >= 8) {
    lzw->block[lzw->n_block++] = lzw->bits & 0xff;
    lzw->bits >>= 8;
    lzw->n_bits -= 8;
    if (lzw->n_block == MAX_BLOCK)
      flush_block (lzw);
  }
}

/* The decoder learns a string one code after the encoder, and codes grow when
 * the decoder has used up those of a length. */
static void
put_code (Lzw *lzw, guint code)
{
  put_bits (lzw, code, lzw->code_bits);
  if (lzw->n_codes == 1u << lzw->code_bits && lzw->n_codes < MAX_CODES)
    lzw->code_bits++;
}

static void
restart (Lzw *lzw)
{
  put_code (lzw, lzw->clear);
  memset (lzw->longer, 0, MAX_CODES * sizeof *lzw->longer);
  lzw->n_codes = lzw->clear + 2;
  lzw->code_bits = g_bit_storage (lzw->clear);
}

/* A string that was not seen yet gets the next code. */
static void
learn (Lzw *lzw, guint prefix, guint8 index)
{
  if (lzw->n_codes < MAX_CODES)
    lzw->longer[prefix][index] = lzw->n_codes++;
  else
    restart (lzw);
}

static void
write_pixels (GByteArray *out, const GifFrame *frame, const Palette *palette,
    guint min_bits)
{
  g_autofree guint16 *table = g_new (guint16, MAX_CODES * PALETTE_MAX);
  Lzw lzw = { .out = out,
    .clear = 1u << min_bits,
    .code_bits = min_bits + 1,
    .longer = (guint16 (*)[PALETTE_MAX]) table };
  guint prefix = palette->of_bin[palette_bin (frame->rgb)];

  put_u8 (out, min_bits);
  restart (&lzw);
  for (guint y = 0; y < frame->height; y++) {
    const guint8 *row = frame->rgb + y * frame->stride;

    for (guint x = y == 0 ? 1 : 0; x < frame->width; x++) {
      const guint8 index = palette->of_bin[palette_bin (row + 3 * x)];
      const guint longer = lzw.longer[prefix][index];

      if (longer == 0) {
        put_code (&lzw, prefix);
        learn (&lzw, prefix, index);
      }
      prefix = longer != 0 ? longer : index;
    }
  }
  put_code (&lzw, prefix);
  put_code (&lzw, lzw.clear + 1);
  put_bits (&lzw, 0, 7); /* fills the last byte */
  flush_block (&lzw);
  put_u8 (out, 0);
}

void
gif_write_header (GByteArray *out, guint16 width, guint16 height)
{
  put_text (out, "GIF89a");
  put_u16 (out, width);
  put_u16 (out, height);
  put_u8 (out, 0x70); /* eight bits a colour, no colours for all frames */
  put_u16 (out, 0);   /* background, shape of the pixels */
  put_u16 (out, 0xff21);
  put_u8 (out, 11);
  put_text (out, "NETSCAPE2.0");
  put_u16 (out, 0x0103);
  put_u16 (out, 0); /* times; 0: without end */
  put_u8 (out, 0);
}

void
gif_write_frame (GByteArray *out, const GifFrame *frame)
{
  Palette palette;
  guint bits;

  palette_make (
      &palette, frame->rgb, frame->width, frame->height, frame->stride);
  bits = CLAMP (g_bit_storage (palette.n_colors - 1), 1, 8);

  put_u16 (out, 0xf921); /* graphic control: a delay, nothing transparent */
  put_u16 (out, 0x0004);
  put_u16 (out, frame->delay);
  put_u16 (out, 0);

  put_u8 (out, ','); /* a picture, from the corner on */
  put_u16 (out, 0);
  put_u16 (out, 0);
  put_u16 (out, frame->width);
  put_u16 (out, frame->height);
  put_u8 (out, 0x80 | (bits - 1)); /* with its colours */
  for (guint i = 0; i < 1u << bits; i++)
    for (guint channel = 0; channel < 3; channel++)
      put_u8 (out, i < palette.n_colors ? palette.colors[i][channel] : 0);
  write_pixels (out, frame, &palette, MAX (bits, 2));
}

void
gif_write_trailer (GByteArray *out)
{
  put_u8 (out, ';');
}
