/* SPDX-License-Identifier: Apache-2.0 */
/* OpensoraConfig: what of a config sets which parameter, its prompts, its
 * parts. */
#include <glib/gstdio.h>
#include <opensora/opensora.h>
#include <string.h>

/* A config of the keys that the inference scripts of 1.2 need, and `more`. */
#define WHOLE(more)                                                            \
  "resolution = '240p'\naspect_ratio = '9:16'\nnum_frames = 51\nfps = 24\n"    \
  "multi_resolution = 'STDiT2'\n"                                              \
  "model = dict(type='STDiT3-XL/2', from_pretrained='org/model')\n"            \
  "vae = dict(type='OpenSoraVAE_V1_2', from_pretrained='org/vae')\n"           \
  "text_encoder = dict(type='t5', from_pretrained='org/t5')\n"                 \
  "scheduler = dict(type='rflow', use_timestep_transform=True)\n" more

static OpensoraConfig *
load (const char *text)
{
  g_autofree char *folder = g_dir_make_tmp ("opensora-config-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "config.py", NULL);
  g_autoptr (GError) error = NULL;
  OpensoraConfig *config;

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  config = opensora_config_load (path, &error);
  g_assert_no_error (error);
  g_remove (path);
  g_rmdir (folder);
  return config;
}

/* The value of a property that a config sets, as text. */
static char *
apply (const char *text, const char *property)
{
  g_autoptr (OpensoraConfig) config = load (text);
  g_autoptr (OpensoraParams) params = opensora_params_new ();
  g_autoptr (GError) error = NULL;
  g_auto (GValue) value = G_VALUE_INIT;

  opensora_config_apply (config, params, &error);
  g_assert_no_error (error);
  g_object_get_property (G_OBJECT (params), property, &value);
  if (G_VALUE_HOLDS_STRING (&value))
    return g_value_dup_string (&value);
  if (G_VALUE_HOLDS_ENUM (&value)) {
    g_autoptr (GEnumClass) names = g_type_class_ref (G_VALUE_TYPE (&value));

    return g_strdup (
        g_enum_get_value (names, g_value_get_enum (&value))->value_nick);
  }
  return g_strdup_value_contents (&value);
}

static void
assert_applied (const char *text, const char *property, const char *wanted)
{
  g_autofree char *found = apply (text, property);

  g_test_message ("%s of %s", property, text);
  g_assert_cmpstr (found, ==, wanted);
}

static void
test_settings (void)
{
  static const struct {
    const char *text, *property, *value;
  } settings[] = { { "seed = 7", "seed", "7" },
    { "fps = 12", "fps", "12.000000" }, { "fps = 12.5", "fps", "12.500000" },
    { "fps = 12", "frame-interval", "1" },
    { "fps = 12\nframe_interval = 3", "fps", "4.000000" },
    { "fps = 12\nframe_interval = 3", "frame-interval", "3" },
    { "frame_interval = 3", "frame-interval", "3" },
    { "frame_interval = 3", "fps", "0.000000" }, { "loop = 3", "loop", "3" },
    { "scheduler = dict(num_sampling_steps=11)", "steps", "11" },
    { "scheduler = dict(cfg_scale=3)", "guidance-scale", "3.000000" },
    { "condition_frame_length = 10", "condition-frame-length", "10" },
    { "condition_frame_edit = 0.25", "condition-frame-edit", "0.250000" },
    { "align = 5", "align", "5" },
    { "aes = 6.5", "aesthetic-score", "6.500000" },
    { "flow = 4", "motion-score", "4.000000" },
    { "camera_motion = 'zoom in'", "camera-motion", "zoom in" },
    { "dtype = 'bf16'", "noise-dtype", "bf16" },
    { "dtype = 'fp16'", "noise-dtype", "f16" },
    { "dtype = 'fp32'", "noise-dtype", "f32" },
    { "num_frames = 17", "num-frames", "17" },
    { "num_frames = '17'", "num-frames", "17" },
    { "num_frames = '4s'", "num-frames", "102" },
    { "resolution = '480p'", "resolution", "480p" },
    { "aspect_ratio = '3:4'", "aspect-ratio", "3:4" },
    { "image_size = (240, 426)", "resolution", "426x240" },
    { "image_size = [240, 426]\nresolution = '720p'", "resolution", "426x240" },
    { "prompt = ['a', 'b']", "prompt", "a" },
    { "prompt = 'a b'", "prompt", "a b" },
    { "reference_path = ['x.png;y.mp4', 'z.png']", "reference-path",
        "x.png;y.mp4" },
    { "mask_strategy = ['0;0,1,0,-1,1']", "mask-strategy", "0;0,1,0,-1,1" } };

  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    assert_applied (settings[i].text, settings[i].property, settings[i].value);
}

/* A file with a key or two changes nothing else. */
static void
test_partial (void)
{
  g_autoptr (OpensoraConfig) config = load ("aes = None\nfps = None\n");
  g_autoptr (OpensoraParams) params = opensora_params_new ();
  double aesthetic_score, guidance_scale, fps;
  guint steps;
  guint frame_interval;
  gint64 seed;
  gint align;

  g_assert_null (opensora_config_get_version (config));
  g_object_set (params, "fps", 9.0, "seed", (gint64) 5, NULL);
  g_assert_true (opensora_config_apply (config, params, NULL));
  g_object_get (params, "aesthetic-score", &aesthetic_score, "guidance-scale",
      &guidance_scale, "steps", &steps, "seed", &seed, "align", &align, "fps",
      &fps, "frame-interval", &frame_interval, NULL);
  g_assert_cmpfloat (aesthetic_score, ==, 0);
  g_assert_cmpfloat (guidance_scale, ==, -1);
  g_assert_cmpuint (steps, ==, 0);
  g_assert_cmpint (seed, ==, 5);
  g_assert_cmpint (align, ==, -1);
  g_assert_cmpfloat (fps, ==, 9);
  g_assert_cmpuint (frame_interval, ==, 0);
}

/* With a model, what is missing is what the reference falls back to. */
static void
test_fallbacks (void)
{
  static const char *const fallbacks[][2] = { { "seed", "1024" },
    { "steps", "10" }, { "guidance-scale", "4.000000" }, { "align", "0" },
    { "aesthetic-score", "0.000000" }, { "motion-score", "-1.000000" },
    { "condition-frame-length", "5" }, { "loop", "1" },
    { "noise-dtype", "bf16" } };

  for (guint i = 0; i < G_N_ELEMENTS (fallbacks); i++)
    assert_applied (WHOLE (""), fallbacks[i][0], fallbacks[i][1]);
  assert_applied (WHOLE ("aes = 5\n"), "aesthetic-score", "5.000000");
  assert_applied (WHOLE ("seed = 42\n"), "seed", "42");
}

#define V2                                                                     \
  "model = dict(type='flux')\nfps_save = 16\nref = 'a.png'\n"                  \
  "sampling_option = dict(resolution='256px', aspect_ratio='16:9', "           \
  "num_frames=129, num_steps=50, guidance=7.5, seed=3)\n"

/* Open-Sora 2.0 has other names, and aliases at the top. */
static void
test_other_names (void)
{
  assert_applied (V2, "resolution", "256px");
  assert_applied (V2, "aspect-ratio", "9:16");
  assert_applied (V2, "num-frames", "129");
  assert_applied (V2, "steps", "50");
  assert_applied (V2, "guidance-scale", "7.500000");
  assert_applied (V2, "seed", "3");
  assert_applied (V2, "fps", "16.000000");
  assert_applied (V2, "reference-path", "a.png");
  assert_applied (V2 "num_frames = 65\n", "num-frames", "65");
  assert_applied (V2 "aspect_ratio = '1:1'\n", "aspect-ratio", "1:1");
  assert_applied (V2 "num_steps = 9\nguidance = 2\n", "steps", "9");
}

static void
test_refuses (void)
{
  static const struct {
    const char *text, *word;
  } configs[] = { { "seed = 'x'", "seed" }, { "seed = 1.5", "seed" },
    { "loop = 0", "loop" }, { "loop = 2.0", "loop" }, { "fps = -1", "fps" },
    { "fps = [24]", "fps" }, { "frame_interval = 0", "frame_interval" },
    { "scheduler = dict(num_sampling_steps=-1)",
        "scheduler.num_sampling_steps of the config is -1" },
    { "scheduler = dict(num_sampling_steps=4294967297)", "4294967297" },
    { "align = 9999999999", "align" }, { "camera_motion = 1", "camera_motion" },
    { "aes = 'good'", "aes of the config is \"good\"" },
    { "dtype = 'int8'", "bf16, fp16 and fp32" }, { "dtype = [1]", "dtype" },
    { "num_frames = '3s'", "3s" }, { "num_frames = -1", "num_frames" },
    { "image_size = 240", "image_size" }, { "image_size = (1,)", "image_size" },
    { "image_size = (1.5, 2)", "image_size" },
    { "aspect_ratio = 1.5", "aspect_ratio" },
    { "num_sample = 0", "num_sample" }, { "batch_size = 'a'", "batch_size" },
    { WHOLE ("multi_resolution = 'PixArtMS'\n"), "multi_resolution" },
    { WHOLE ("multi_resolution = None\n"), "multi_resolution" } };

  for (guint i = 0; i < G_N_ELEMENTS (configs); i++) {
    g_autoptr (OpensoraConfig) config = load (configs[i].text);
    g_autoptr (OpensoraParams) params = opensora_params_new ();
    g_autoptr (GError) error = NULL;

    g_test_message ("%s", configs[i].text);
    g_assert_false (opensora_config_apply (config, params, &error));
    g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_SETTINGS);
    g_test_message ("%s", error->message);
    g_assert_nonnull (strstr (error->message, configs[i].word));
  }
}

static void
test_version (void)
{
  static const char *const versions[][2] = { { "STDiT-XL/2", "1.0" },
    { "STDiT2-XL/2", "1.1" }, { "STDiT3-XL/2", "1.2" },
    { "STDiT3-3B/2", "1.2" }, { "flux", "2.0" }, { "PixArt-XL/2", NULL } };
  g_autoptr (OpensoraConfig) config =
      load ("model = dict(type='STDiT3-XL/2')\n"
            "vae = dict(type='OpenSoraVAE_V1_3')\n");

  g_assert_cmpstr (opensora_config_get_version (config), ==, "1.3");
  for (guint i = 0; i < G_N_ELEMENTS (versions); i++) {
    g_autofree char *text =
        g_strdup_printf ("model = dict(type='%s')\n", versions[i][0]);
    g_autoptr (OpensoraConfig) other = load (text);

    g_assert_cmpstr (opensora_config_get_version (other), ==, versions[i][1]);
  }
}

static void
test_parts (void)
{
  g_autoptr (OpensoraConfig) config =
      load ("model = dict(from_pretrained='m', cache_dir='c1')\n"
            "vae = dict(from_pretrained='v', cache_dir=None)\n"
            "text_encoder = dict(from_pretrained='t', cache_dir='c3')\n");
  g_autoptr (OpensoraConfig) other =
      load ("model = dict(from_pretrained='m')\nckpt_path = 'k'\n"
            "ae = dict(from_pretrained='a')\nt5 = dict(from_pretrained='t')\n"
            "clip = dict(from_pretrained='c')\n");
  static const char *const paths[][2] = { { "m", "k" }, { "v", "a" },
    { "t", "t" }, { NULL, "c" } };
  static const char *const cache_dirs[] = { "c1", NULL, "c3", NULL };

  for (OpensoraConfigPart part = OPENSORA_CONFIG_PART_TRANSFORMER;
       part <= OPENSORA_CONFIG_PART_CLIP; part++) {
    g_assert_cmpstr (
        opensora_config_get_from_pretrained (config, part), ==, paths[part][0]);
    g_assert_cmpstr (
        opensora_config_get_from_pretrained (other, part), ==, paths[part][1]);
    g_assert_cmpstr (
        opensora_config_get_cache_dir (config, part), ==, cache_dirs[part]);
  }
}

static void
test_rates (void)
{
  static const struct {
    const char *text;
    double fps;
  } rates[] = { { "", 0 }, { "fps = 24", 24 }, { "fps = 24\nsave_fps = 8", 8 },
    { "fps = 25\nframe_interval = 3", 8 }, { "fps_save = 16", 16 },
    { "fps = 24\nframe_interval = 0", 24 }, { "fps = 'x'", 0 } };

  for (guint i = 0; i < G_N_ELEMENTS (rates); i++) {
    g_autoptr (OpensoraConfig) config = load (rates[i].text);

    g_assert_cmpfloat (opensora_config_get_save_fps (config), ==, rates[i].fps);
  }
}

static void
test_counts (void)
{
  g_autoptr (OpensoraConfig) config = load ("num_sample = 3\nbatch_size = 2\n");
  g_autoptr (OpensoraConfig) none = load ("");

  g_assert_cmpuint (opensora_config_get_num_sample (config), ==, 3);
  g_assert_cmpuint (opensora_config_get_batch_size (config), ==, 2);
  g_assert_cmpuint (opensora_config_get_num_sample (none), ==, 1);
  g_assert_cmpuint (opensora_config_get_batch_size (none), ==, 1);
}

static void
assert_prompts (const char *text, const char *wanted)
{
  g_autoptr (OpensoraConfig) config = load (text);
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) prompts = opensora_config_load_prompts (config, &error);
  g_autofree char *joined = NULL;

  g_assert_no_error (error);
  joined = g_strjoinv ("|", prompts);
  g_assert_cmpstr (joined, ==, wanted);
}

static void
assert_no_prompts (const char *text, int code)
{
  g_autoptr (OpensoraConfig) config = load (text);
  g_autoptr (GError) error = NULL;

  g_assert_null (opensora_config_load_prompts (config, &error));
  g_assert_error (error, OPENSORA_ERROR, code);
}

static void
test_prompts (void)
{
  assert_prompts ("", "");
  assert_prompts ("prompt = 'a'", "a");
  assert_prompts ("prompt = ['a', 'b', '']\nprompt_path = '/nowhere'", "a|b|");
  assert_prompts ("prompt_generator = 'a cat'", "a cat");
  assert_prompts ("prompt = ['a', 'b']\nreference_path = ['x', '']", "a|b");
  assert_no_prompts ("prompt = 1", OPENSORA_ERROR_SETTINGS);
  assert_no_prompts ("prompt = ['a', 1]", OPENSORA_ERROR_SETTINGS);
  assert_no_prompts ("prompt_path = '/nowhere'", OPENSORA_ERROR_NOT_FOUND);
  assert_no_prompts ("prompt_path = '/a.csv'", OPENSORA_ERROR_UNSUPPORTED);
  assert_no_prompts (
      "prompt = ['a', 'b']\nreference_path = ['x']", OPENSORA_ERROR_SETTINGS);
  assert_no_prompts (
      "prompt = ['a']\nmask_strategy = ['0', '0']", OPENSORA_ERROR_SETTINGS);
}

static void
test_prompt_file (void)
{
  static const char *const slices[][2] = { { "", "a|b||c" },
    { "start_index = 1", "b||c" }, { "end_index = 2", "a|b" },
    { "start_index = 1\nend_index = 3", "b|" }, { "end_index = -1", "a|b|" },
    { "start_index = -2", "|c" }, { "start_index = 9", "" },
    { "start_index = 3\nend_index = 1", "" },
    { "start_index = None\nend_index = None", "a|b||c" } };
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("opensora-prompts-XXXXXX", &path, NULL);

  g_close (fd, NULL);
  g_assert_true (g_file_set_contents (path, "a\n b \n\nc", -1, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (slices); i++) {
    g_autofree char *text =
        g_strdup_printf ("prompt_path = '%s'\n%s\n", path, slices[i][0]);

    assert_prompts (text, slices[i][1]);
  }
  g_unlink (path);
}

static void
test_references (void)
{
  g_autoptr (OpensoraConfig) config = load ("reference_path = ['a', '', 'b']\n"
                                            "mask_strategy = '0'\n");

  g_assert_cmpstr (opensora_config_get_reference_path (config, 0), ==, "a");
  g_assert_null (opensora_config_get_reference_path (config, 1));
  g_assert_cmpstr (opensora_config_get_reference_path (config, 2), ==, "b");
  g_assert_null (opensora_config_get_reference_path (config, 3));
  g_assert_cmpstr (opensora_config_get_mask_strategy (config, 0), ==, "0");
  g_assert_null (opensora_config_get_mask_strategy (config, 1));
}

static void
test_keys (void)
{
  g_autoptr (OpensoraConfig) config =
      load ("colour = 1\nllm_refine = True\nfps = 24 // 3\n");
  g_autofree char *json = opensora_config_to_json (config);

  g_assert_cmpstr (json, ==,
      "{\n  \"colour\": 1,\n  \"llm_refine\": true,\n  \"fps\": 8\n}");
  g_assert_cmpstr (opensora_config_get_unknown_keys (config)[0], ==, "colour");
  g_assert_null (opensora_config_get_unknown_keys (config)[1]);
  g_assert_cmpstr (
      opensora_config_get_ignored_keys (config)[0], ==, "llm_refine");
  g_assert_null (opensora_config_get_ignored_keys (config)[1]);
}

static void
test_errors (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (opensora_config_load ("/nowhere/sample.py", &error));
  g_assert_error (error, OPENSORA_ERROR, OPENSORA_ERROR_NOT_FOUND);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pipeline/config/settings", test_settings);
  g_test_add_func ("/pipeline/config/partial", test_partial);
  g_test_add_func ("/pipeline/config/fallbacks", test_fallbacks);
  g_test_add_func ("/pipeline/config/other-names", test_other_names);
  g_test_add_func ("/pipeline/config/refuses", test_refuses);
  g_test_add_func ("/pipeline/config/version", test_version);
  g_test_add_func ("/pipeline/config/parts", test_parts);
  g_test_add_func ("/pipeline/config/rates", test_rates);
  g_test_add_func ("/pipeline/config/counts", test_counts);
  g_test_add_func ("/pipeline/config/prompts", test_prompts);
  g_test_add_func ("/pipeline/config/prompt-file", test_prompt_file);
  g_test_add_func ("/pipeline/config/references", test_references);
  g_test_add_func ("/pipeline/config/keys", test_keys);
  g_test_add_func ("/pipeline/config/errors", test_errors);
  return g_test_run ();
}
