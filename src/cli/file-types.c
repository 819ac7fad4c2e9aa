/* SPDX-License-Identifier: Apache-2.0 */
/* The table of file types and their encoders. */

#include "file-types.h"

#include <string.h>

/* What every player can show. */
#define YUV420 "capsfilter caps=video/x-raw,format=I420 ! "

static const FileType types[] = {
  { ".mp4", FALSE,
      { YUV420 "x264enc ! mp4mux",
          YUV420 "openh264enc ! h264parse ! mp4mux" } },
  { ".mkv", FALSE,
      { YUV420 "x264enc ! matroskamux",
          YUV420 "vp9enc deadline=100000 ! matroskamux" } },
  { ".webm", FALSE, { YUV420 "vp9enc deadline=100000 ! webmmux" } },
  { ".gif", FALSE, { "cligifenc" } },
  { ".y4m", FALSE, { YUV420 "y4menc" } },
  { ".png", TRUE, { "pngenc" } },
  { ".jpg", TRUE, { "jpegenc quality=95" } },
  { ".jpeg", TRUE, { "jpegenc quality=95" } },
};

char *
file_type_list (void)
{
  GString *list = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    g_string_append_printf (
        list, "%s%s", i == 0 ? "" : ", ", types[i].extension);
  return g_string_free (list, FALSE);
}

const FileType *
file_type_find (const char *path, GError **error)
{
  g_autofree char *lower = g_ascii_strdown (path, -1);
  g_autofree char *known = file_type_list ();

  for (guint i = 0; i < G_N_ELEMENTS (types); i++) {
    if (g_str_has_suffix (lower, types[i].extension))
      return &types[i];
  }
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
      "%s: the ending of the file must be one of %s", path, known);
  return NULL;
}

/* Debian's package of an element of the table. */
static const char *
find_package (const char *element)
{
  if (g_str_equal (element, "x264enc"))
    return "gstreamer1.0-plugins-ugly";
  return "gstreamer1.0-plugins-good";
}

/* What the first choice lacks. */
static void
set_missing_error (
    const FileType *self, GstParseContext *context, GError **error)
{
  g_auto (GStrv) missing = gst_parse_context_get_missing_elements (context);
  g_autofree char *names = NULL;
  g_autoptr (GString) packages = g_string_new (NULL);

  for (guint i = 0; missing != NULL && missing[i] != NULL; i++) {
    const char *package = find_package (missing[i]);

    if (strstr (packages->str, package) == NULL)
      g_string_append_printf (packages, " %s", package);
  }
  names = missing != NULL ? g_strjoinv (" and ", missing) : g_strdup ("");
  g_set_error (error, GST_CORE_ERROR, GST_CORE_ERROR_MISSING_PLUGIN,
      "cannot write %s files: GStreamer has no %s; in Debian: apt install%s",
      self->extension, names, packages->str);
}

/* The queue lets the next frame be made while this one is encoded. Without
 * async, a file that begins in the middle does not hold up the pipeline. */
static GstElement *
parse (const char *chain, const char *sink, GstParseContext *context)
{
  g_autofree char *description =
      g_strdup_printf ("queue ! %s ! %s name=file async=false", chain, sink);

  return gst_parse_bin_from_description_full (
      description, TRUE, context, GST_PARSE_FLAG_FATAL_ERRORS, NULL);
}

GstElement *
file_type_make_writer (const FileType *self, const char *sink, GError **error)
{
  g_autoptr (GstParseContext) context = gst_parse_context_new ();
  GstElement *writer = parse (self->chains[0], sink, context);

  if (writer == NULL && self->chains[1] != NULL)
    writer = parse (self->chains[1], sink, NULL);
  if (writer == NULL)
    set_missing_error (self, context, error);
  return writer;
}
