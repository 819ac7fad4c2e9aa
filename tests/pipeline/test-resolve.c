/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters and a model, the demo model or any of Open-Sora 1.2: defaults, and
 * what is refused. */
#include <json-glib/json-glib.h>
#include <string.h>

#include "bundletest.h"
#include "pipeline/resolve.h"

static OsBundle *
open_demo (void)
{
  g_autofree char *folder = bundletest_demo ();
  g_autoptr (GError) error = NULL;
  OsBundle *bundle = os_bundle_open (&(OsParts){ folder }, NULL, &error);

  g_assert_no_error (error);
  return bundle;
}

/* What parameters are resolved with, as far as no network is asked. */
static OsBundle
new_1_2 (void)
{
  return (OsBundle){ .family = *os_family_find ("1.2", NULL) };
}

static void
assert_refused (
    const OsBundle *bundle, OpensoraParams *params, const char *const *words)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (os_resolve (bundle, params, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
  for (int i = 0; words[i]; i++)
    if (!strstr (error->message, words[i]))
      g_error ("\"%s\" lacks \"%s\"", error->message, words[i]);
}

static void
test_defaults (void)
{
  g_autoptr (OsBundle) bundle = open_demo ();
  g_autoptr (OpensoraParams) params = opensora_params_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (OpensoraParams) p = os_resolve (bundle, params, &error);

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
  g_autoptr (OpensoraParams) p = os_resolve (bundle, params, &error);

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
    g_autoptr (OpensoraParams) p = os_resolve (bundle, params, NULL);
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
    const char *words[4];
  } cases[] = {
    { "width", 100, { "width 100", "96 and 104", "multiples of 8" } },
    { "width", 97, { "width 97", "96 and 104" } },
    { "width", 103, { "width 103", "96 and 104" } },
    { "width", 8, { "width 8", "16 and 24" } },
    { "width", 1, { "width 1", "16 and 24" } },
    { "height", 12, { "height 12", "16 and 24" } },
    { "height", 4097, { "height 4097", "4088 and 4096" } },
    { "height", G_MAXINT, { "height 2147483647", "4088 and 4096" } },
    { "num-frames", 2, { "num-frames 2 ", "nearest are 1 and 17" } },
    { "num-frames", 16, { "num-frames 16 ", "nearest are 1 and 17" } },
  };
  g_autoptr (OsBundle) bundle = open_demo ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (OpensoraParams) params = opensora_params_new ();

    g_object_set (params, cases[i].property, cases[i].value, NULL);
    assert_refused (bundle, params, cases[i].words);
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
    p = os_resolve (bundle, params, NULL);
    g_assert_nonnull (p);
  }
  for (guint i = 0; i < G_N_ELEMENTS (frames); i++) {
    g_autoptr (OpensoraParams) p = NULL;

    opensora_params_set_num_frames (params, frames[i]);
    p = os_resolve (bundle, params, NULL);
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

  g_assert_null (os_resolve (bundle, params, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
  g_assert_nonnull (strstr (error->message, "set prompt"));
  g_clear_error (&error);
  opensora_params_set_prompt (params, "a \xff\xfe circle");
  g_assert_null (os_resolve (bundle, params, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
  g_assert_nonnull (strstr (error->message, "UTF-8"));

  g_clear_error (&error);
  g_object_set (params, "prompt", "a circle", "camera-motion", "\xff", NULL);
  g_assert_null (os_resolve (bundle, params, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
  g_assert_nonnull (strstr (error->message, "camera-motion"));
}

static const struct {
  const char *text;
  double threshold; /* -1: refused */
} step_caches[] = {
  { NULL, 0 },
  { "off", 0 },
  { "0", 0 },
  { "on", 0.1 },
  { "0.25", 0.25 },
  { "1e-3", 0.001 },
  { "", -1 },
  { "On", -1 },
  { "-0.1", -1 },
  { "nan", -1 },
  { "inf", -1 },
  { "0.1x", -1 },
  { "0,1", -1 },
};

static void
test_step_cache (void)
{
  const OsBundle bundle = new_1_2 ();
  const OsBundle other = { .family = *os_family_find ("1.1", NULL) };
  g_autoptr (OpensoraParams) params =
      g_object_new (OPENSORA_TYPE_PARAMS, "prompt", "x", NULL);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (step_caches); i++) {
    const double threshold = step_caches[i].threshold;
    g_autoptr (OpensoraParams) resolved = NULL;
    g_autoptr (GError) problem = NULL;
    OsStepCacheSettings settings;

    g_object_set (params, "step-cache", step_caches[i].text, NULL);
    resolved = os_resolve (&bundle, params, &problem);
    if (threshold < 0) {
      g_assert_error (problem, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
      g_assert_nonnull (strstr (problem->message, "step-cache"));
      continue;
    }
    g_assert_no_error (problem);
    g_assert_true (os_resolve_step_cache (
        &bundle.family, os_params_peek (resolved), &settings, NULL));
    g_assert_cmpfloat (settings.threshold, ==, threshold);
    g_assert_cmpfloat (settings.coefficients[2], ==, 26.8662585);
  }
  /* A network that was not calibrated takes a threshold alone. */
  g_object_set (params, "step-cache", "on", NULL);
  g_assert_null (os_resolve (&other, params, &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
  g_assert_nonnull (strstr (error->message, "calibrate"));
  g_object_set (params, "step-cache", "0.1", NULL);
  g_object_unref (os_resolve (&other, params, NULL));
}

/* What the published config says, and its size: 240 x 426 pixels, of which
 * 240 x 424 come out. */
static void
test_family_defaults (void)
{
  const OsBundle bundle = new_1_2 ();
  g_autoptr (OpensoraParams) params =
      g_object_new (OPENSORA_TYPE_PARAMS, "prompt", "x", NULL);
  g_autoptr (OpensoraParams) resolved = os_resolve (&bundle, params, NULL);
  const OsParams *p = os_params_peek (resolved);
  guint width, height;

  g_assert_cmpuint (p->num_frames, ==, 51);
  g_assert_cmpuint (p->steps, ==, 30);
  g_assert_cmpfloat (p->guidance_scale, ==, 7);
  g_assert_cmpfloat (p->fps, ==, 24);
  g_assert_cmpfloat (p->aesthetic_score, ==, 6.5);
  g_assert_cmpfloat (p->motion_score, ==, -1);
  g_assert_cmpint (p->align, ==, 5);
  g_assert_cmpint (p->condition_frame_length, ==, 5);
  g_assert_cmpuint (p->width, ==, 424);
  g_assert_cmpuint (p->height, ==, 240);
  g_assert_cmpstr (p->resolution, ==, "240p");
  g_assert_cmpstr (p->aspect_ratio, ==, "9:16");
  os_resolve_nominal_size (p, &width, &height);
  g_assert_cmpuint (width, ==, 426);
  g_assert_cmpuint (height, ==, 240);
  g_assert_true (bundle.family.frame_mask);
}

static void
set_size (OpensoraParams *params, const char *resolution, const char *ratio,
    guint width, guint height)
{
  g_object_set (params, "prompt", "x", "resolution", resolution, "aspect-ratio",
      ratio, "width", width, "height", height, NULL);
}

/* Twice resolved is once resolved. */
static void
assert_settled (const OsBundle *bundle, OpensoraParams *resolved)
{
  g_autoptr (OpensoraParams) again = os_resolve (bundle, resolved, NULL);
  g_autofree GParamSpec **specs = NULL;
  guint n;

  g_assert_nonnull (again);
  specs = g_object_class_list_properties (G_OBJECT_GET_CLASS (again), &n);
  for (guint i = 0; i < n; i++) {
    g_auto (GValue) a = G_VALUE_INIT, b = G_VALUE_INIT;

    g_value_init (&a, specs[i]->value_type);
    g_value_init (&b, specs[i]->value_type);
    g_object_get_property (G_OBJECT (resolved), specs[i]->name, &a);
    g_object_get_property (G_OBJECT (again), specs[i]->name, &b);
    g_assert_cmpint (g_param_values_cmp (specs[i], &a, &b), ==, 0);
  }
}

static void
test_sizes (void)
{
  static const struct {
    const char *resolution, *ratio;
    guint width, height;
    guint frame_width, frame_height, nominal_width, nominal_height;
  } cases[] = {
    /* Names, and parts of them. */
    { "480p", "9:16", 0, 0, 848, 480, 854, 480 },
    { "480p", "16:9", 0, 0, 480, 848, 480, 854 },
    { "480p", NULL, 0, 0, 848, 480, 854, 480 },
    { NULL, "1:1", 0, 0, 320, 320, 320, 320 },
    { "720p", "1:1", 0, 0, 960, 960, 960, 960 },
    /* In pixels. */
    { "426x240", NULL, 0, 0, 424, 240, 426, 240 },
    { "27x18", "1:1", 0, 0, 24, 16, 27, 18 },
    /* The frames of a named size keep its name. */
    { "480p", "9:16", 848, 480, 848, 480, 854, 480 },
    { NULL, NULL, 424, 240, 424, 240, 426, 240 },
    { NULL, NULL, 424, 0, 424, 240, 426, 240 },
    { "426x240", NULL, 424, 240, 424, 240, 426, 240 },
    /* Others are what they are. */
    { "480p", "9:16", 640, 360, 640, 360, 640, 360 },
    { "426x240", NULL, 432, 240, 432, 240, 432, 240 },
    { NULL, NULL, 432, 0, 432, 240, 432, 240 },
    { NULL, NULL, 0, 248, 424, 248, 424, 248 },
  };
  const OsBundle bundle = new_1_2 ();

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (OpensoraParams) params = opensora_params_new ();
    g_autoptr (OpensoraParams) resolved = NULL;
    g_autoptr (GError) error = NULL;
    guint width, height;

    set_size (params, cases[i].resolution, cases[i].ratio, cases[i].width,
        cases[i].height);
    resolved = os_resolve (&bundle, params, &error);
    g_assert_no_error (error);
    os_resolve_nominal_size (os_params_peek (resolved), &width, &height);
    g_assert_cmpuint (
        opensora_params_get_width (resolved), ==, cases[i].frame_width);
    g_assert_cmpuint (
        opensora_params_get_height (resolved), ==, cases[i].frame_height);
    g_assert_cmpuint (width, ==, cases[i].nominal_width);
    g_assert_cmpuint (height, ==, cases[i].nominal_height);
    assert_settled (&bundle, resolved);
  }
}

static void
test_sizes_refused (void)
{
  static const struct {
    const char *resolution, *ratio;
    guint width;
    const char *words[4];
  } cases[] = {
    { "240q", NULL, 0, { "240q", "144p", "720p" } },
    { "240p", "7:1", 0, { "7:1", "9:16" } },
    { "240p", NULL, 426, { "width 426", "424 and 432" } },
    { "0x240", NULL, 0, { "0x240" } },
    { "426x240x3", NULL, 0, { "426x240x3" } },
    { "8200x240", NULL, 0, { "width 8200", "4096" } },
    { "12x16", NULL, 0, { "width 8", "16 and 24" } },
  };
  const OsBundle bundle = new_1_2 ();

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (OpensoraParams) params = opensora_params_new ();

    set_size (params, cases[i].resolution, cases[i].ratio, cases[i].width, 0);
    assert_refused (&bundle, params, cases[i].words);
  }
}

/* A model whose own size has no name takes names all the same. */
static void
test_sizes_of_demo (void)
{
  g_autoptr (OsBundle) bundle = open_demo ();
  g_autoptr (OpensoraParams) params = opensora_params_new ();
  g_autoptr (OpensoraParams) named = NULL, plain = NULL;
  guint width, height;

  set_size (params, "240p", NULL, 0, 0);
  named = os_resolve (bundle, params, NULL);
  os_resolve_nominal_size (os_params_peek (named), &width, &height);
  g_assert_cmpuint (width, ==, 426);
  g_assert_cmpuint (opensora_params_get_width (named), ==, 424);

  set_size (params, NULL, NULL, 424, 240);
  plain = os_resolve (bundle, params, NULL);
  os_resolve_nominal_size (os_params_peek (plain), &width, &height);
  g_assert_cmpuint (width, ==, 424);
  assert_settled (bundle, plain);

  set_size (params, NULL, "9:16", 0, 0);
  assert_refused (bundle, params,
      (const char *const[]){ "aspect-ratio 9:16", "resolution", NULL });
}

static void
set_loop (OpensoraParams *params, guint loop, guint num_frames, gint length)
{
  g_object_set (params, "prompt", "x", "loop", loop, "num-frames", num_frames,
      "condition-frame-length", length, NULL);
}

static void
test_loops (void)
{
  static const struct {
    guint loop, num_frames;
    gint length;
    const char *words[3];
  } refused[] = {
    { 2, 51, 4, { "condition-frame-length 4", "0 and 5" } },
    { 2, 51, 6, { "condition-frame-length 6", "5 and 10" } },
    { 2, 51, 15, { "condition-frame-length 15", "num-frames 51" } },
    { 2, 17, 5, { "condition-frame-length 5", "num-frames 17" } },
    /* A picture has no end to go on from. */
    { 2, 1, -1, { "condition-frame-length 5", "num-frames 1:" } },
  };
  static const guint allowed[][3] = { { 1, 51, 7 }, { 1, 1, 5 }, { 2, 51, 10 },
    { 2, 18, 5 }, { 1000, 17, 0 } };
  const OsBundle bundle = new_1_2 ();

  for (gsize i = 0; i < G_N_ELEMENTS (refused); i++) {
    g_autoptr (OpensoraParams) params = opensora_params_new ();

    set_loop (
        params, refused[i].loop, refused[i].num_frames, refused[i].length);
    assert_refused (&bundle, params, refused[i].words);
  }
  for (gsize i = 0; i < G_N_ELEMENTS (allowed); i++) {
    g_autoptr (OpensoraParams) params = opensora_params_new ();
    g_autoptr (OpensoraParams) resolved = NULL;

    set_loop (params, allowed[i][0], allowed[i][1], allowed[i][2]);
    resolved = os_resolve (&bundle, params, NULL);
    g_assert_nonnull (resolved);
  }
}

/* What follows another clip is a further loop, of which something must be new;
 * by default as much as the model makes. */
static void
test_continue_previous (void)
{
  static const struct {
    guint default_frames, loop, num_frames, expected;
    gboolean previous;
    guint total;
  } cases[] = {
    { 17, 1, 0, 17, FALSE, 17 },
    { 17, 1, 0, 34, TRUE, 17 },
    { 17, 3, 0, 34, FALSE, 34 + 17 + 17 },
    { 17, 3, 0, 34, TRUE, 17 + 17 + 17 },
    { 18, 1, 0, 18, TRUE, 1 },
    { 51, 2, 0, 51, TRUE, 34 + 34 },
    { 17, 1, 18, 18, TRUE, 1 },
  };
  OsBundle bundle = new_1_2 ();
  g_autoptr (OpensoraParams) params = opensora_params_new ();

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (OpensoraParams) resolved = NULL;
    const OsParams *p;

    bundle.family.num_frames = cases[i].default_frames;
    set_loop (params, cases[i].loop, cases[i].num_frames, -1);
    g_object_set (params, "continue-previous", cases[i].previous, NULL);
    resolved = os_resolve (&bundle, params, NULL);
    p = os_params_peek (resolved);
    g_assert_cmpuint (p->num_frames, ==, cases[i].expected);
    g_assert_cmpuint (
        os_resolve_count_frames (&bundle.family, p), ==, cases[i].total);
  }
  set_loop (params, 1, 17, -1);
  assert_refused (&bundle, params,
      (const char *const[]){
          "condition-frame-length 5", "num-frames 17", NULL });
}

static void
test_total_frames (void)
{
  g_autofree char *path = g_build_filename (
      g_getenv ("OPENSORA_TEST_DATA"), "pipeline", "loops.json", NULL);
  const OsBundle bundle = new_1_2 ();
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  JsonArray *cases;

  json_parser_load_from_file (parser, path, &error);
  g_assert_no_error (error);
  cases = json_object_get_array_member (
      json_node_get_object (json_parser_get_root (parser)), "total_frames");
  g_assert_cmpuint (json_array_get_length (cases), ==, 4);
  for (guint i = 0; i < json_array_get_length (cases); i++) {
    JsonObject *one = json_array_get_object_element (cases, i);
    g_autoptr (OpensoraParams) params = opensora_params_new ();
    g_autoptr (OpensoraParams) resolved = NULL;

    set_loop (params, json_object_get_int_member (one, "loop"),
        json_object_get_int_member (one, "num_frames"),
        json_object_get_int_member (one, "condition_frame_length"));
    resolved = os_resolve (&bundle, params, NULL);
    g_assert_cmpuint (
        os_resolve_carried_frames (&bundle.family, os_params_peek (resolved)),
        ==, json_object_get_int_member (one, "dropped_per_clip"));
    g_assert_cmpuint (
        os_resolve_count_frames (&bundle.family, os_params_peek (resolved)), ==,
        json_object_get_int_member (one, "frames"));
  }
}

/* What is wrong in a text is found before anything is computed. */
static void
test_texts_refused (void)
{
  static const struct {
    const char *property, *text, *word;
  } cases[] = {
    { "prompt", "|0|a|x|b", "prompt" },
    { "prompt", "a{\"reference\": \"x.png\"}", "reference" },
    { "prompt", "a{\"mask_strategy\": \"0,1.5\"}", "1.5" },
    { "mask-strategy", "0;", "mask" },
    { "mask-strategy", "0,0,0,0,1,0,7", "mask" },
  };
  const OsBundle bundle = new_1_2 ();

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (OpensoraParams) params =
        g_object_new (OPENSORA_TYPE_PARAMS, "prompt", "x", NULL);

    g_object_set (params, cases[i].property, cases[i].text, NULL);
    assert_refused (
        &bundle, params, (const char *const[]){ cases[i].word, NULL });
  }
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
  g_test_add_func ("/pipeline/resolve/step-cache", test_step_cache);
  g_test_add_func ("/pipeline/resolve/family-defaults", test_family_defaults);
  g_test_add_func ("/pipeline/resolve/sizes", test_sizes);
  g_test_add_func ("/pipeline/resolve/sizes-refused", test_sizes_refused);
  g_test_add_func ("/pipeline/resolve/sizes-of-demo", test_sizes_of_demo);
  g_test_add_func ("/pipeline/resolve/loops", test_loops);
  g_test_add_func (
      "/pipeline/resolve/continue-previous", test_continue_previous);
  g_test_add_func ("/pipeline/resolve/total-frames", test_total_frames);
  g_test_add_func ("/pipeline/resolve/texts-refused", test_texts_refused);
  return g_test_run ();
}
