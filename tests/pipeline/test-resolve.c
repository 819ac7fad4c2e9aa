/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters and the demo model: defaults, and what is refused. */
#include <opensora/opensora.h>
#include <string.h>

#include "bundletest.h"
#include "pipeline/generate.h"

static OsBundle *
open_demo (void)
{
  g_autofree char *folder = bundletest_demo ();
  g_autoptr (GError) error = NULL;
  OsBundle *bundle = os_bundle_open (&(OsParts){ folder }, NULL, &error);

  g_assert_no_error (error);
  return bundle;
}

static void
test_defaults (void)
{
  g_autoptr (OsBundle) bundle = open_demo ();
  g_autoptr (OpensoraParams) params = opensora_params_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (OpensoraParams) p = os_generate_resolve (bundle, params, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (opensora_params_get_prompt (p), ==, bundle->prompt);
  g_assert_cmpint (opensora_params_get_seed (p), ==, 42);
  g_assert_cmpuint (opensora_params_get_steps (p), ==, 30);
  g_assert_cmpfloat (opensora_params_get_guidance_scale (p), ==, 7);
  g_assert_cmpuint (opensora_params_get_num_frames (p), ==, 17);
  g_assert_cmpuint (opensora_params_get_width (p), ==, 32);
  g_assert_cmpuint (opensora_params_get_height (p), ==, 32);
  g_assert_cmpfloat (opensora_params_get_fps (p), ==, 8);
  /* What was asked with is left alone. */
  g_assert_null (opensora_params_get_prompt (params));
  g_assert_cmpuint (opensora_params_get_width (params), ==, 0);
}

static void
test_kept (void)
{
  g_autoptr (OsBundle) bundle = open_demo ();
  g_autoptr (OpensoraParams) params = g_object_new (OPENSORA_TYPE_PARAMS,
      "prompt", "", "seed", (gint64) 1 << 40, "steps", 1, "guidance-scale", 0.0,
      "num-frames", 1, "width", 16, "height", 4096, "fps", 23.976, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (OpensoraParams) p = os_generate_resolve (bundle, params, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (opensora_params_get_prompt (p), ==, "");
  g_assert_cmpint (opensora_params_get_seed (p), ==, (gint64) 1 << 40);
  g_assert_cmpuint (opensora_params_get_steps (p), ==, 1);
  g_assert_cmpfloat (opensora_params_get_guidance_scale (p), ==, 0);
  g_assert_cmpuint (opensora_params_get_num_frames (p), ==, 1);
  g_assert_cmpuint (opensora_params_get_width (p), ==, 16);
  g_assert_cmpuint (opensora_params_get_height (p), ==, 4096);
  g_assert_cmpfloat (opensora_params_get_fps (p), ==, 23.976);
}

/* -1 is another seed each time, and never negative. */
static void
test_random_seed (void)
{
  g_autoptr (OsBundle) bundle = open_demo ();
  g_autoptr (OpensoraParams) params = opensora_params_new ();
  g_autoptr (GHashTable) seeds = g_hash_table_new (NULL, NULL);

  opensora_params_set_seed (params, -1);
  for (int i = 0; i < 8; i++) {
    g_autoptr (OpensoraParams) p = os_generate_resolve (bundle, params, NULL);
    const gint64 seed = opensora_params_get_seed (p);

    g_assert_cmpint (seed, >=, 0);
    g_hash_table_add (seeds, GSIZE_TO_POINTER (seed));
  }
  g_assert_cmpuint (g_hash_table_size (seeds), >=, 7);
}

static void
test_refused (void)
{
  static const struct {
    const char *property;
    guint value;
    const char *words[3];
  } cases[] = {
    { "width", 100, { "width 100", "96 and 104", "multiples of 8" } },
    { "width", 97, { "width 97", "96 and 104" } },
    { "width", 103, { "width 103", "96 and 104" } },
    { "width", 8, { "width 8", "16 and 24" } },
    { "width", 1, { "width 1", "16 and 24" } },
    { "height", 12, { "height 12", "16 and 24" } },
    { "height", 4097, { "height 4097", "4088 and 4096" } },
    { "height", G_MAXINT, { "height 2147483647", "4088 and 4096" } },
    { "num-frames", 2, { "num-frames 2", "(1)", "17" } },
    { "num-frames", 5, { "num-frames 5", "(1)", "17" } },
    { "num-frames", 16, { "num-frames 16", "(1)", "17" } },
  };
  g_autoptr (OsBundle) bundle = open_demo ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (OpensoraParams) params = opensora_params_new ();
    g_autoptr (GError) error = NULL;

    g_object_set (params, cases[i].property, cases[i].value, NULL);
    g_assert_null (os_generate_resolve (bundle, params, &error));
    g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
    for (int j = 0; j < 3 && cases[i].words[j]; j++) {
      if (!strstr (error->message, cases[i].words[j]))
        g_error ("\"%s\" lacks \"%s\"", error->message, cases[i].words[j]);
    }
  }
}

static void
test_allowed (void)
{
  static const guint frames[] = { 1, 17, 18, 34, 51, 102, 4096 };
  g_autoptr (OsBundle) bundle = open_demo ();
  g_autoptr (OpensoraParams) params = opensora_params_new ();

  for (guint size = 16; size <= 4096; size += 8) {
    g_autoptr (OpensoraParams) p = NULL;

    opensora_params_set_width (params, size);
    p = os_generate_resolve (bundle, params, NULL);
    g_assert_nonnull (p);
  }
  for (guint i = 0; i < G_N_ELEMENTS (frames); i++) {
    g_autoptr (OpensoraParams) p = NULL;

    opensora_params_set_num_frames (params, frames[i]);
    p = os_generate_resolve (bundle, params, NULL);
    g_assert_nonnull (p);
  }
}

static void
test_prompts (void)
{
  g_autofree char *folder = bundletest_copy ();
  g_autoptr (OpensoraParams) params = opensora_params_new ();
  g_autoptr (OsBundle) bundle = NULL;
  g_autoptr (GError) error = NULL;

  bundletest_edit (folder, "opensora.json",
      "\"prompt\": \"a yellow star spinning at night\",", "");
  bundle = os_bundle_open (&(OsParts){ folder }, NULL, &error);
  g_assert_no_error (error);
  bundletest_remove (folder);

  g_assert_null (os_generate_resolve (bundle, params, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
  g_assert_nonnull (strstr (error->message, "set prompt"));
  g_clear_error (&error);
  opensora_params_set_prompt (params, "a \xff\xfe circle");
  g_assert_null (os_generate_resolve (bundle, params, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
  g_assert_nonnull (strstr (error->message, "UTF-8"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pipeline/resolve/defaults", test_defaults);
  g_test_add_func ("/pipeline/resolve/kept", test_kept);
  g_test_add_func ("/pipeline/resolve/random-seed", test_random_seed);
  g_test_add_func ("/pipeline/resolve/refused", test_refused);
  g_test_add_func ("/pipeline/resolve/allowed", test_allowed);
  g_test_add_func ("/pipeline/resolve/prompts", test_prompts);
  return g_test_run ();
}
