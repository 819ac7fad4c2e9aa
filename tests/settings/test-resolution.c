/* SPDX-License-Identifier: Apache-2.0 */
/* Names of sizes and frame counts; sizes.json is what Open-Sora 1.2 makes of
 * some. */
#include "settings/resolution.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <opensora/opensora.h>
#include <string.h>

static JsonArray *
load_cases (JsonParser *parser, const char *list)
{
  g_autofree char *path = g_build_filename (
      g_getenv ("OPENSORA_TEST_DATA"), "settings", "sizes.json", NULL);
  g_autoptr (GError) error = NULL;

  json_parser_load_from_file (parser, path, &error);
  g_assert_no_error (error);
  return json_object_get_array_member (
      json_node_get_object (json_parser_get_root (parser)), list);
}

static void
test_sizes (void)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonArray *cases = load_cases (parser, "space");

  for (guint i = 0; i < json_array_get_length (cases); i++) {
    JsonObject *object = json_array_get_object_element (cases, i);
    JsonArray *size = json_object_get_array_member (object, "size");
    guint width, height;

    g_assert_true (os_resolution_find (
        json_object_get_string_member (object, "resolution"),
        json_object_get_string_member (object, "aspect_ratio"), &width, &height,
        NULL));
    g_assert_cmpuint (height, ==, json_array_get_int_element (size, 0));
    g_assert_cmpuint (width, ==, json_array_get_int_element (size, 1));
  }
}

/* Every size has about the shape and the area that its name says. */
static void
test_table (void)
{
  static const struct {
    const char *name;
    guint pixels;
  } resolutions[] = { { "144p", 36864 }, { "240p", 102240 }, { "360p", 230400 },
    { "480p", 409920 }, { "720p", 921600 }, { "1080p", 2073600 },
    { "2k", 3686400 }, { "4k", 8294400 } };
  static const char *const ratios[] = { "3:8", "9:21", "12:25", "1:2", "9:17",
    "27:50", "9:16", "5:8", "2:3", "3:4", "1:1", "4:3", "3:2", "16:9", "17:9",
    "2:1" };

  for (guint i = 0; i < G_N_ELEMENTS (resolutions); i++) {
    for (guint k = 0; k < G_N_ELEMENTS (ratios); k++) {
      g_auto (GStrv) sides = g_strsplit (ratios[k], ":", 2);
      double ratio =
          g_ascii_strtod (sides[0], NULL) / g_ascii_strtod (sides[1], NULL);
      guint width, height;

      g_assert_true (os_resolution_find (
          resolutions[i].name, ratios[k], &width, &height, NULL));
      g_test_message ("%s %s", resolutions[i].name, ratios[k]);
      g_assert_cmpfloat (fabs (height / (width * ratio) - 1), <, 0.025);
      g_assert_cmpfloat (
          fabs ((double) width * height / resolutions[i].pixels - 1), <, 0.015);
    }
  }
}

static void
test_unknown (void)
{
  static const struct {
    const char *resolution, *ratio, *told;
  } cases[] = {
    { "241p", "9:16", "240p" },
    { "2880", "1:1", "2048" },
    { "", "9:16", "144p" },
    { "240p", "16:10", "9:16, 5:8" },
    { "240p", "0.56", "9:16" },
    { "512", "1:1", "it has 12:25" },
    { "\xff", "1:1", "720p" },
    { "240p", "\xff", "9:16" },
  };
  guint width, height;

  g_assert_true (os_resolution_find ("144p", "3:7", &width, &height, NULL));
  g_assert_cmpuint (width, ==, 291); /* of 9:21 */
  g_assert_true (os_resolution_find ("512", "12:25", &width, &height, NULL));
  g_assert_cmpuint (width, ==, 736);
  g_assert_cmpuint (height, ==, 352);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_false (os_resolution_find (
        cases[i].resolution, cases[i].ratio, &width, &height, &error));
    g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
    g_assert_nonnull (strstr (error->message, cases[i].told));
    g_assert_true (g_utf8_validate (error->message, -1, NULL));
  }
}

static void
test_frames (void)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonArray *cases = load_cases (parser, "num_frames_values");

  for (guint i = 0; i < json_array_get_length (cases); i++) {
    JsonObject *object = json_array_get_object_element (cases, i);
    JsonNode *value = json_object_get_member (object, "value");
    g_autoptr (GError) error = NULL;
    guint n;

    if (json_node_get_value_type (value) != G_TYPE_STRING)
      continue;
    if (os_frames_find (json_node_get_string (value), &n, &error))
      g_assert_cmpuint (n, ==, json_object_get_int_member (object, "result"));
    else
      g_assert_true (json_object_has_member (object, "error"));
  }
}

static void
test_frames_hostile (void)
{
  static const char *const refused[] = { "", " ", "0", "-1", "0x10", "1e3",
    "2s ", "99999999999999999999999", "2147483648", "\xff" };
  guint n;

  g_assert_true (os_frames_find (" 17\n", &n, NULL));
  g_assert_cmpuint (n, ==, 17);
  for (guint i = 0; i < G_N_ELEMENTS (refused); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_false (os_frames_find (refused[i], &n, &error));
    g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
    g_assert_nonnull (strstr (error->message, "16x"));
    g_assert_true (g_utf8_validate (error->message, -1, NULL));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/settings/resolution/sizes", test_sizes);
  g_test_add_func ("/settings/resolution/table", test_table);
  g_test_add_func ("/settings/resolution/unknown", test_unknown);
  g_test_add_func ("/settings/resolution/frames", test_frames);
  g_test_add_func ("/settings/resolution/frames-hostile", test_frames_hostile);
  return g_test_run ();
}
