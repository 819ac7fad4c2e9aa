/* SPDX-License-Identifier: Apache-2.0 */
#include "tensorfile.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  GString *header;
  guint64 size;     /* of the data */
  GRand *random;    /* NULL: zeros */
  GByteArray *data; /* of random numbers */
} File;

static void
begin (File *file)
{
  *file = (File){ .header = g_string_new ("{") };
}

/* Such that activations stay about 1: norms multiply by 1, products have no
 * gain. */
static void
add_random (File *file, const char *name, const char *const *sizes)
{
  const gboolean is_norm =
      strstr (name, "norm") && g_str_has_suffix (name, "weight");
  guint64 n = 1, fan_in = 1;

  for (guint i = 0; sizes[i] != NULL; i++) {
    n *= g_ascii_strtoull (sizes[i], NULL, 10);
    if (i > 0)
      fan_in *= g_ascii_strtoull (sizes[i], NULL, 10);
  }
  for (guint64 i = 0; i < n; i++) {
    const double spread = sizes[1] != NULL ? sqrt (3.0 / fan_in) : 0.1;
    const float value =
        is_norm + g_rand_double_range (file->random, -spread, spread);

    g_byte_array_append (file->data, (const guint8 *) &value, sizeof value);
  }
}

/* shape: sizes behind spaces. */
static void
add (File *file, const char *name, const char *shape)
{
  g_auto (GStrv) sizes = g_strsplit (shape, " ", -1);
  g_autofree char *list = g_strjoinv (",", sizes);
  guint64 bytes = sizeof (float);

  for (guint i = 0; sizes[i] != NULL; i++)
    bytes *= g_ascii_strtoull (sizes[i], NULL, 10);
  g_string_append_printf (file->header,
      "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":["
      "%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT "]}",
      file->header->len > 1 ? "," : "", name, list, file->size,
      file->size + bytes);
  file->size += bytes;
  if (file->random != NULL)
    add_random (file, name, (const char *const *) sizes);
}

static void
finish (File *file, const char *path)
{
  guint64 length;

  g_string_append_c (file->header, '}');
  while (file->header->len % 8 != 0)
    g_string_append_c (file->header, ' ');
  length = GUINT64_TO_LE (file->header->len);
  g_string_prepend_len (file->header, (const char *) &length, sizeof length);
  if (file->random != NULL) {
    g_string_append_len (
        file->header, (const char *) file->data->data, file->data->len);
    file->size = 0;
  }
  g_assert_true (
      g_file_set_contents (path, file->header->str, file->header->len, NULL));
  g_assert_cmpint (truncate (path, file->header->len + file->size), ==, 0);
  g_string_free (file->header, TRUE);
}

/* "name shape" or, for # in the name, "name first-last shape". */
static void
add_line (File *file, const char *line)
{
  g_auto (GStrv) words = g_strsplit (line, " ", 3);
  char *hash = strchr (words[0], '#');
  guint first, last;

  if (hash == NULL) {
    add (file, words[0], words[2]);
    return;
  }
  g_assert_cmpint (sscanf (words[1], "%u-%u", &first, &last), ==, 2);
  for (guint i = first; i <= last; i++) {
    g_autofree char *name = g_strdup_printf (
        "%.*s%u%s", (int) (hash - words[0]), words[0], i, hash + 1);
    add (file, name, words[2]);
  }
}

/* The tensors of a list in a folder of the test data. */
static void
add_list (File *file, const char *folder, const char *name)
{
  g_autofree char *base = g_strconcat (name, ".txt", NULL);
  g_autofree char *list =
      g_build_filename (g_getenv ("OPENSORA_TEST_DATA"), folder, base, NULL);
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  g_assert_true (g_file_get_contents (list, &text, NULL, NULL));
  lines = g_strsplit (g_strchomp (text), "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    add_line (file, lines[i]);
}

void
tensorfile_write_published (const char *path, const char *name)
{
  File file;

  begin (&file);
  add_list (&file, "weights/published", name);
  finish (&file, path);
}

void
tensorfile_write_random (const char *path, const char *name)
{
  File file;

  begin (&file);
  file.random = g_rand_new_with_seed (g_str_hash (name));
  file.data = g_byte_array_new ();
  add_list (&file, "pipeline", name);
  finish (&file, path);
  g_rand_free (file.random);
  g_byte_array_unref (file.data);
}

void
tensorfile_write (const char *path, const char *const *names)
{
  File file;

  begin (&file);
  for (; *names != NULL; names++)
    add (&file, *names, "1");
  finish (&file, path);
}
