/* SPDX-License-Identifier: Apache-2.0 */
/* GIF: what is written is read again by a decoder of the test's own, after the
 * specification; colours are exact where few are, near where many are. */

#include "../../src/cli/gif.h"
#include "../../src/cli/palette.h"

#include <string.h>

typedef struct {
  guint16 width, height, delay;
  guint n_colors;
  const guint8 *colors;
  GByteArray *codes; /* of the picture, blocks joined */
  guint min_bits;
} Picture;

static guint
take_u16 (const guint8 **at)
{
  const guint value = (*at)[0] | (*at)[1] << 8;

  *at += 2;
  return value;
}

/* A graphic control extension and the picture after it. */
static Picture
read_picture (const guint8 **at)
{
  Picture picture = { .codes = g_byte_array_new () };
  guint flags;

  g_assert_cmpmem (*at, 4, "\x21\xf9\x04\x00", 4);
  *at += 4;
  picture.delay = take_u16 (at);
  *at += 2;
  g_assert_cmpmem (*at, 5, ",\0\0\0\0", 5);
  *at += 5;
  picture.width = take_u16 (at);
  picture.height = take_u16 (at);
  flags = *(*at)++;
  g_assert_cmphex (flags & ~7, ==, 0x80);
  picture.n_colors = 2u << (flags & 7);
  picture.colors = *at;
  *at += 3 * picture.n_colors;
  picture.min_bits = *(*at)++;
  while (**at != 0) {
    g_byte_array_append (picture.codes, *at + 1, **at);
    *at += 1 + **at;
  }
  (*at)++;
  return picture;
}

static guint
get_code (const GByteArray *codes, gsize *bit, guint n_bits)
{
  guint code = 0;

  for (guint i = 0; i < n_bits; i++, (*bit)++) {
    g_assert_cmpuint (*bit / 8, <, codes->len);
    code |= (codes->data[*bit / 8] >> *bit % 8 & 1u) << i;
  }
  return code;
}

/* Appends the string of `code`; its first index. */
static guint8
append_string (GByteArray *out, const guint16 *prefix, const guint8 *last,
    guint code, guint clear)
{
  guint8 string[4096];
  guint n = 0;

  while (code >= clear) {
    string[n++] = last[code];
    code = prefix[code];
  }
  string[n++] = code;
  for (guint i = n; i > 0; i--)
    g_byte_array_append (out, &string[i - 1], 1);
  return code;
}

/* Appendix F, the decoder's side. */
static GByteArray *
decode (const Picture *picture)
{
  GByteArray *out = g_byte_array_new ();
  const guint clear = 1u << picture->min_bits;
  guint16 prefix[4097];
  guint8 last[4097];
  guint n_codes = clear + 2, n_bits = picture->min_bits + 1;
  guint code, previous = G_MAXUINT;
  gsize bit = 0;

  g_assert_cmpuint (get_code (picture->codes, &bit, n_bits), ==, clear);
  while ((code = get_code (picture->codes, &bit, n_bits)) != clear + 1) {
    if (code == clear) {
      n_codes = clear + 2;
      n_bits = picture->min_bits + 1;
      previous = G_MAXUINT;
      continue;
    }
    if (previous != G_MAXUINT && n_codes < 4096) {
      prefix[n_codes] = previous;
      g_assert_cmpuint (code, <=, n_codes);
      if (code == n_codes) {
        last[n_codes++] = append_string (out, prefix, last, previous, clear);
        g_byte_array_append (out, &last[n_codes - 1], 1);
      } else {
        last[n_codes++] = append_string (out, prefix, last, code, clear);
      }
    } else {
      append_string (out, prefix, last, code, clear);
    }
    if (n_codes == 1u << n_bits && n_bits < 12)
      n_bits++;
    previous = code;
  }
  g_assert_cmpuint ((bit + 7) / 8, ==, picture->codes->len);
  return out;
}

/* Writes a picture, reads it again, and returns the largest difference of a
 * channel. */
static guint
get_error (const guint8 *rgb, guint width, guint height, gsize stride)
{
  g_autoptr (GByteArray) gif = g_byte_array_new ();
  g_autoptr (GByteArray) indices = NULL;
  const GifFrame frame = {
    .width = width,
    .height = height,
    .rgb = rgb,
    .stride = stride,
    .delay = 7,
  };
  const guint8 *at;
  Picture picture;
  guint worst = 0;

  gif_write_frame (gif, &frame);
  at = gif->data;
  picture = read_picture (&at);
  g_assert_true (at == gif->data + gif->len);
  g_assert_cmpuint (picture.width, ==, width);
  g_assert_cmpuint (picture.height, ==, height);
  g_assert_cmpuint (picture.delay, ==, 7);

  indices = decode (&picture);
  g_assert_cmpuint (indices->len, ==, width * height);
  for (guint i = 0; i < indices->len; i++) {
    const guint8 *pixel = rgb + i / width * stride + i % width * 3;

    g_assert_cmpuint (indices->data[i], <, picture.n_colors);
    for (guint c = 0; c < 3; c++)
      worst = MAX (worst,
          (guint) ABS (picture.colors[3 * indices->data[i] + c] - pixel[c]));
  }
  g_byte_array_unref (picture.codes);
  return worst;
}

/* Few colours stay as they are, one included; rows have padding. */
static void
test_exact (void)
{
  static const guint8 colors[5][3] = { { 255, 0, 0 }, { 0, 0, 255 },
    { 17, 200, 90 }, { 255, 255, 255 }, { 1, 2, 3 } };
  guint8 rgb[16 * 64];

  for (guint n_colors = 1; n_colors <= 5; n_colors++) {
    memset (rgb, 0xee, sizeof rgb);
    for (guint y = 0; y < 16; y++)
      for (guint x = 0; x < 20; x++)
        memcpy (rgb + y * 64 + x * 3, colors[(x * y + x) % n_colors], 3);
    g_assert_cmpuint (get_error (rgb, 20, 16, 64), ==, 0);
  }
  g_assert_cmpuint (get_error (rgb, 1, 1, 3), ==, 0);
}

/* Enough codes to fill the table several times, and to end at every length. */
static void
test_long (void)
{
  const guint width = 300, height = 200;
  g_autofree guint8 *rgb = g_new (guint8, 3 * width * height);
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);

  for (guint i = 0; i < width * height; i++) {
    const guint value = g_rand_int_range (rand, 0, 32);

    rgb[3 * i] = 8 * value;
    rgb[3 * i + 1] = 255 - 8 * value;
    rgb[3 * i + 2] = 8 * (value / 2);
  }
  g_assert_cmpuint (get_error (rgb, width, height, 3 * width), ==, 0);
  for (guint n = 1; n < 2000; n += n < 600 ? 1 : 37)
    g_assert_cmpuint (get_error (rgb, n, 1, 3 * width), ==, 0);
}

/* A grey ramp has more colours than a palette tells apart. */
static void
test_near (void)
{
  g_autofree guint8 *rgb = g_new (guint8, 3 * 256 * 256);
  Palette palette;

  for (guint i = 0; i < 256 * 256; i++)
    memset (rgb + 3 * i, i % 256, 3);
  palette_make (&palette, rgb, 256, 256, 3 * 256);
  g_assert_cmpuint (palette.n_colors, ==, 32);
  g_assert_cmpuint (get_error (rgb, 256, 256, 3 * 256), <=, 4);

  /* All over the cube: boxes of 32 / 6.3 bins a side. */
  for (guint i = 0; i < 256 * 256; i++) {
    rgb[3 * i] = i % 32 * 8;
    rgb[3 * i + 1] = i / 32 % 32 * 8;
    rgb[3 * i + 2] = i / 1024 % 32 * 8;
  }
  palette_make (&palette, rgb, 256, 256, 3 * 256);
  g_assert_cmpuint (palette.n_colors, ==, 256);
  g_assert_cmpuint (get_error (rgb, 256, 256, 3 * 256), <=, 32);
}

static void
test_frame_of_file (void)
{
  g_autoptr (GByteArray) gif = g_byte_array_new ();

  gif_write_header (gif, 0x120, 8);
  gif_write_trailer (gif);
  g_assert_cmpmem (gif->data, gif->len,
      "GIF89a\x20\x01\x08\x00\x70\x00\x00"
      "\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00;",
      33);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/gif/frame-of-file", test_frame_of_file);
  g_test_add_func ("/gif/exact", test_exact);
  g_test_add_func ("/gif/long", test_long);
  g_test_add_func ("/gif/near", test_near);
  return g_test_run ();
}
