/* SPDX-License-Identifier: Apache-2.0 */
/* The sizes and frame counts that Open-Sora 1.1 and 1.2 have names for. */
#include "settings/resolution.h"

#include <opensora/opensora.h>
#include <string.h>

#include "base/text.h"

/* Height:width. */
static const char *const ratios[] = { "3:8", "9:21", "12:25", "1:2", "9:17",
  "27:50", "9:16", "5:8", "2:3", "3:4", "1:1", "4:3", "3:2", "16:9", "17:9",
  "2:1", "50:27" };

/* The one ratio that the square-based resolutions have under a name. */
#define R12_25 2

/* Heights and widths at each of these ratios, 0 where there is none. They are
 * numbers chosen by hand for training, about equal in area within a row: no
 * formula gives them. "2880" has a row in Open-Sora too, with no ratio that has
 * a name. */
static const struct {
  const char *name;
  struct {
    guint16 height, width;
  } sizes[G_N_ELEMENTS (ratios)];
} resolutions[] = {
  { "144p",
      { { 117, 312 }, { 125, 291 }, { 133, 277 }, { 135, 270 }, { 139, 262 },
          { 141, 260 }, { 144, 256 }, { 151, 241 }, { 156, 234 }, { 166, 221 },
          { 192, 192 }, { 221, 165 }, { 235, 156 }, { 256, 144 }, { 263, 139 },
          { 271, 135 }, { 277, 132 } } },
  { "256", { [R12_25] = { 176, 368 } } },
  { "240p",
      { { 196, 522 }, { 210, 490 }, { 222, 462 }, { 226, 452 }, { 232, 438 },
          { 236, 436 }, { 240, 426 }, { 252, 404 }, { 262, 393 }, { 276, 368 },
          { 320, 320 }, { 370, 278 }, { 392, 262 }, { 426, 240 }, { 440, 232 },
          { 452, 226 }, { 462, 222 } } },
  { "360p",
      { { 294, 784 }, { 314, 732 }, { 332, 692 }, { 340, 680 }, { 350, 662 },
          { 352, 652 }, { 360, 640 }, { 380, 608 }, { 392, 588 }, { 416, 554 },
          { 480, 480 }, { 554, 416 }, { 588, 392 }, { 640, 360 }, { 660, 350 },
          { 678, 340 }, { 692, 332 } } },
  { "512", { [R12_25] = { 352, 736 } } },
  { "480p",
      { { 392, 1046 }, { 420, 980 }, { 444, 925 }, { 452, 904 }, { 466, 880 },
          { 470, 870 }, { 480, 854 }, { 506, 810 }, { 522, 784 }, { 554, 738 },
          { 640, 640 }, { 740, 555 }, { 784, 522 }, { 854, 480 }, { 880, 466 },
          { 906, 454 }, { 924, 444 } } },
  { "720p", { { 588, 1568 }, { 628, 1466 }, { 666, 1388 }, { 678, 1356 },
                { 698, 1318 }, { 706, 1306 }, { 720, 1280 }, { 758, 1212 },
                { 784, 1176 }, { 832, 1110 }, { 960, 960 }, { 1108, 832 },
                { 1176, 784 }, { 1280, 720 }, { 1320, 698 }, { 1358, 680 },
                { 1386, 666 } } },
  { "1024", { [R12_25] = { 704, 1472 } } },
  { "1080p", { { 882, 2352 }, { 942, 2198 }, { 998, 2080 }, { 1018, 2036 },
                 { 1048, 1980 }, { 1058, 1958 }, { 1080, 1920 }, { 1138, 1820 },
                 { 1176, 1764 }, { 1248, 1664 }, { 1440, 1440 }, { 1662, 1246 },
                 { 1764, 1176 }, { 1920, 1080 }, { 1980, 1048 }, { 2036, 1018 },
                 { 2078, 998 } } },
  { "2k", { { 1176, 3136 }, { 1256, 2930 }, { 1330, 2770 }, { 1358, 2716 },
              { 1398, 2640 }, { 1412, 2612 }, { 1440, 2560 }, { 1518, 2428 },
              { 1568, 2352 }, { 1662, 2216 }, { 1920, 1920 }, { 2218, 1664 },
              { 2352, 1568 }, { 2560, 1440 }, { 2638, 1396 }, { 2716, 1358 },
              { 2772, 1330 } } },
  { "2048", { [R12_25] = { 1408, 2944 } } },
  { "4k", { { 1764, 4704 }, { 1886, 4400 }, { 1996, 4158 }, { 2036, 4072 },
              { 2096, 3960 }, { 2118, 3918 }, { 2160, 3840 }, { 2276, 3642 },
              { 2352, 3528 }, { 2494, 3326 }, { 2880, 2880 }, { 3326, 2494 },
              { 3528, 2352 }, { 3840, 2160 }, { 3958, 2096 }, { 4072, 2036 },
              { 4156, 1994 } } },
};

/* 51 frames are 3 chunks of the VAE, about 2 seconds at 24 frames a second. */
static const struct {
  const char *name;
  guint n;
} frame_counts[] = { { "1x", 51 }, { "2x", 102 }, { "4x", 204 }, { "8x", 408 },
  { "16x", 816 }, { "2s", 51 }, { "4s", 102 }, { "8s", 204 }, { "16s", 408 },
  { "32s", 816 } };

/* Takes `name` into the list of what there is. */
static void
list_name (GString *list, const char *name)
{
  g_string_append_printf (list, "%s%s", list->len > 0 ? ", " : "", name);
}

static gboolean
parse_ratio (const char *text, guint64 *height, guint64 *width)
{
  g_auto (GStrv) sides = g_strsplit (text, ":", 3);

  return g_strv_length (sides) == 2
         && g_ascii_string_to_unsigned (sides[0], 10, 1, G_MAXINT, height, NULL)
         && g_ascii_string_to_unsigned (sides[1], 10, 1, G_MAXINT, width, NULL);
}

/* Index of an aspect ratio, or -1. "3:7" is "9:21". */
static gint
find_ratio (const char *aspect_ratio)
{
  guint64 height, width, h, w;

  if (!parse_ratio (aspect_ratio, &height, &width))
    return -1;
  for (guint i = 0; i < G_N_ELEMENTS (ratios); i++)
    if (parse_ratio (ratios[i], &h, &w) && height * w == width * h)
      return i;
  return -1;
}

/* Index of a resolution, or -1 and an error. */
static gint
find_resolution (const char *resolution, GError **error)
{
  g_autoptr (GString) known = g_string_new (NULL);
  g_autofree char *excerpt = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (resolutions); i++) {
    if (g_str_equal (resolution, resolutions[i].name))
      return i;
    list_name (known, resolutions[i].name);
  }
  excerpt = os_text_excerpt (resolution, strlen (resolution));
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
      "resolution \"%s\" is unknown; there are %s", excerpt, known->str);
  return -1;
}

gboolean
os_resolution_find (const char *resolution, const char *aspect_ratio,
    guint *width, guint *height, GError **error)
{
  gint row = find_resolution (resolution, error);
  gint ratio = find_ratio (aspect_ratio);
  g_autoptr (GString) known = g_string_new (NULL);
  g_autofree char *excerpt = NULL;

  if (row < 0)
    return FALSE;
  if (ratio >= 0 && resolutions[row].sizes[ratio].width > 0) {
    *width = resolutions[row].sizes[ratio].width;
    *height = resolutions[row].sizes[ratio].height;
    return TRUE;
  }
  for (guint i = 0; i < G_N_ELEMENTS (ratios); i++)
    if (resolutions[row].sizes[i].width > 0)
      list_name (known, ratios[i]);
  excerpt = os_text_excerpt (aspect_ratio, strlen (aspect_ratio));
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
      "aspect-ratio \"%s\" (height:width) is none of resolution %s; it has %s",
      excerpt, resolutions[row].name, known->str);
  return FALSE;
}

gboolean
os_frames_find (const char *text, guint *n, GError **error)
{
  g_autoptr (GString) known = g_string_new (NULL);
  g_autofree char *number = g_strstrip (g_strdup (text));
  g_autofree char *excerpt = NULL;
  guint64 value;

  for (guint i = 0; i < G_N_ELEMENTS (frame_counts); i++) {
    if (g_str_equal (text, frame_counts[i].name)) {
      *n = frame_counts[i].n;
      return TRUE;
    }
    list_name (known, frame_counts[i].name);
  }
  if (g_ascii_string_to_unsigned (number, 10, 1, G_MAXINT, &value, NULL)) {
    *n = value;
    return TRUE;
  }
  excerpt = os_text_excerpt (text, strlen (text));
  g_set_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS,
      "num-frames \"%s\" is neither a number of frames nor one of %s", excerpt,
      known->str);
  return FALSE;
}
