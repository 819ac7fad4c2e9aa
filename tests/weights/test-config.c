/* SPDX-License-Identifier: Apache-2.0 */
/* Values, defaults and the report of problems of config.json. */
#include <opensora/opensora.h>
#include <string.h>

#include "weights/config.h"

#define TEXT                                                                   \
  "{\"depth\": 28, \"ratio\": 4, \"eps\": 1e-6, \"norm\": true,"               \
  " \"name\": \"STDiT3\", \"patch\": [1, 2, 2], \"scale\": [0.5, 2],"          \
  " \"flags\": [true, false], \"none\": null, \"empty\": [],"                  \
  " \"vae\": {\"config\": {\"layers\": 2}}}"

static OsConfig *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  OsConfig *config = os_config_parse (text, -1, "x/config.json", &error);

  g_assert_no_error (error);
  return config;
}

static void
test_values (void)
{
  g_autoptr (OsConfig) config = parse (TEXT);

  g_assert_cmpstr (os_config_get_origin (config), ==, "x/config.json");
  g_assert_cmpint (os_config_int (config, "depth", 1, 1, 100), ==, 28);
  g_assert_cmpfloat (os_config_double (config, "ratio", 1, 0, 9), ==, 4);
  g_assert_cmpfloat (os_config_double (config, "eps", 1, 0, 1), ==, 1e-6);
  g_assert_true (os_config_bool (config, "norm", FALSE));
  g_assert_cmpstr (os_config_string (config, "name", ""), ==, "STDiT3");
  g_assert_cmpint (os_config_int (config, "vae.config.layers", 1, 1, 9), ==, 2);
  g_assert_true (os_config_check (config, NULL));
}

static void
test_lists (void)
{
  g_autoptr (OsConfig) config = parse (TEXT);
  gint64 ints[3];
  double doubles[4];
  gboolean bools[2];

  g_assert_cmpuint (os_config_ints (config, "patch", 1, 9, 3, ints), ==, 3);
  g_assert_cmpint (ints[0], ==, 1);
  g_assert_cmpint (ints[2], ==, 2);
  g_assert_cmpuint (os_config_doubles (config, "scale", 4, doubles), ==, 2);
  g_assert_cmpfloat (doubles[0], ==, 0.5);
  g_assert_cmpfloat (doubles[1], ==, 2);
  g_assert_cmpuint (os_config_bools (config, "flags", 2, bools), ==, 2);
  g_assert_true (bools[0]);
  g_assert_false (bools[1]);
  g_assert_cmpuint (os_config_ints (config, "empty", 1, 9, 3, ints), ==, 0);
  g_assert_true (os_config_check (config, NULL));
}

static void
test_missing (void)
{
  static const char *const keys[] = { "absent", "none", "vae.absent", "depth.x",
    "vae.config.layers.x" };
  g_autoptr (OsConfig) config = parse (TEXT);
  gint64 ints[3];

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++) {
    g_assert_false (os_config_has (config, keys[i]));
    /* A default need not be in the range. */
    g_assert_cmpint (os_config_int (config, keys[i], -7, 0, 9), ==, -7);
    g_assert_cmpfloat (os_config_double (config, keys[i], -7, 0, 9), ==, -7);
    g_assert_true (os_config_bool (config, keys[i], TRUE));
    g_assert_null (os_config_string (config, keys[i], NULL));
    g_assert_cmpuint (os_config_ints (config, keys[i], 0, 9, 3, ints), ==, 0);
  }
  g_assert_true (os_config_has (config, "vae.config.layers"));
  g_assert_true (os_config_check (config, NULL));
}

static void
test_problems (void)
{
  g_autoptr (OsConfig) config = parse (TEXT);
  g_autoptr (GError) error = NULL;
  gint64 ints[3];
  double doubles[1];

  g_assert_cmpint (os_config_int (config, "depth", 5, 1, 27), ==, 5);
  g_assert_cmpint (os_config_int (config, "eps", 5, 0, 9), ==, 5);
  g_assert_cmpfloat (os_config_double (config, "ratio", 1, 0, 3), ==, 1);
  g_assert_false (os_config_bool (config, "name", FALSE));
  g_assert_cmpstr (os_config_string (config, "patch", "x"), ==, "x");
  g_assert_cmpuint (os_config_ints (config, "patch", 1, 9, 2, ints), ==, 0);
  g_assert_cmpuint (os_config_ints (config, "scale", 1, 9, 3, ints), ==, 0);
  g_assert_cmpuint (os_config_doubles (config, "norm", 1, doubles), ==, 0);
  os_config_problem (config, "heads", "does not divide %d", 1152);

  g_assert_false (os_config_check (config, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
  g_assert_cmpstr (error->message, ==,
      "x/config.json: depth: is 28, 1 to 27 expected; "
      "eps: is 9.9999999999999995e-07, an integer expected; "
      "ratio: is 4, 0 to 3 expected; "
      "name: is \"STDiT3\", true or false expected; "
      "patch: is [1,2,2], a string expected; "
      "patch: has 3 values, at most 2 expected; "
      "scale: is 0.5, an integer expected; "
      "norm: is true, a list expected; "
      "heads: does not divide 1152");
}

static void
test_load (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (
      g_getenv ("OPENSORA_TEST_DATA"), "weights", "README.md", NULL);

  g_assert_null (os_config_load ("/nonexistent/config.json", &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_null (os_config_load ("/", &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_READ);
  g_clear_error (&error);
  g_assert_null (os_config_load (path, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_FORMAT);
  g_assert_nonnull (strstr (error->message, path));
}

/* Keys of a section, and its name in messages. */
static void
test_section (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (OsConfig) config = os_config_parse (
      "{\"depth\": 1, \"vae\": {\"config\": {\"depth\": 2, \"bad\": true}}}",
      -1, "section.json", &error);

  g_assert_no_error (error);
  os_config_set_section (config, "vae.config");
  g_assert_cmpint (os_config_int (config, "depth", 0, 0, 9), ==, 2);
  os_config_int (config, "bad", 0, 0, 9);
  os_config_set_section (config, "nowhere");
  g_assert_cmpint (os_config_int (config, "depth", 7, 0, 9), ==, 7);
  os_config_set_section (config, NULL);
  g_assert_cmpint (os_config_int (config, "depth", 0, 0, 9), ==, 1);
  g_assert_false (os_config_check (config, &error));
  g_assert_nonnull (strstr (error->message, "vae.config.bad"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/weights/config/values", test_values);
  g_test_add_func ("/weights/config/lists", test_lists);
  g_test_add_func ("/weights/config/missing", test_missing);
  g_test_add_func ("/weights/config/problems", test_problems);
  g_test_add_func ("/weights/config/load", test_load);
  g_test_add_func ("/weights/config/section", test_section);
  return g_test_run ();
}
